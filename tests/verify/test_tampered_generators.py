"""Generators exchanged, or files under their names that are none."""

import json
import re
import resource
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from forging import (
    Files,
    messages,
    others_verified,
    record_name,
    replace_generator,
    row,
    sha256,
)
from safetensors.torch import save
from small_run import GENERATOR, SETTINGS

from srbench.errors import SubmissionError
from srbench.models.files import GENERATOR_FORMAT as FORMAT
from srbench.models.plugin import builtin_generator
from srbench.verify import Verification

Tamper = Callable[..., Path]
Verify = Callable[..., Verification]


def test_generators_swapped_under_their_names(tamper: Tamper, verify: Verify) -> None:
    def edit(files: Files) -> None:
        one, two = sorted(name for name in files if name.startswith("generators/"))[:2]
        files[one], files[two] = files[two], files[one]

    with pytest.raises(SubmissionError, match="named by another sha256 than its own"):
        verify(tamper(edit))


def test_a_generator_that_no_record_names(tamper: Tamper, verify: Verify) -> None:
    other = generator_bytes(GENERATOR.build(seed=9).state_dict())

    def edit(files: Files) -> None:
        files.pop(next(name for name in sorted(files) if name.startswith("generators/")))
        files[f"generators/{sha256(other)}.safetensors"] = other

    with pytest.raises(SubmissionError, match="belongs to none of the records"):
        verify(tamper(edit))


def test_a_swapped_generator(tamper: Tamper, verify: Verify) -> None:
    other = generator_bytes(GENERATOR.build(seed=9).state_dict())
    result = verify(tamper(lambda files: replace_generator(files, "first", other)))
    found = messages(result, "first")
    assert "2 of 2 images of 'folder:tiny' are not those whose hashes the record states" in found
    assert "it is not what the generator makes" in found
    assert others_verified(result, "first")


def generator_bytes(state: dict[str, torch.Tensor], **settings: Any) -> bytes:
    said = json.dumps({**SETTINGS, "scale": 4, **settings}, sort_keys=True)
    return save({name: t.contiguous() for name, t in state.items()}, {FORMAT: said})


def with_extra(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({**state, "hr_images": torch.zeros(3, 64, 72)})


def with_missing(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({k: v for k, v in state.items() if k != "conv_last.bias"})


def with_wider(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({**state, "conv_first.weight": torch.zeros(64, 3, 9, 9)})


def with_doubles(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({**state, "conv_last.bias": state["conv_last.bias"].double()})


def with_nan(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes({**state, "conv_last.bias": torch.tensor([0.0, float("nan"), 0.0])})


def with_another_network(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes(
        builtin_generator("srresnet", {"blocks": 1, "channels": 4}, 4).build().state_dict()
    )


def saying_another_network(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes(state, channels=512)


def edited_header(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def claiming_ten_gigabytes(state: dict[str, torch.Tensor]) -> bytes:
    def change(header: dict[str, Any]) -> None:
        header["conv_last.bias"]["shape"] = [2_500_000_000]

    return edited_header(generator_bytes(state), change)


def with_a_header_of_ten_gigabytes(state: dict[str, torch.Tensor]) -> bytes:
    data = generator_bytes(state)
    return (10_000_000_000).to_bytes(8, "little") + data[8:]


def with_overlap(state: dict[str, torch.Tensor]) -> bytes:
    def change(header: dict[str, Any]) -> None:
        first, second = sorted(
            (name for name in header if name != "__metadata__"),
            key=lambda name: header[name]["data_offsets"],
        )[:2]
        width = header[second]["data_offsets"][1] - header[second]["data_offsets"][0]
        begin = header[first]["data_offsets"][0]
        header[second]["data_offsets"] = [begin, begin + width]

    return edited_header(generator_bytes(state), change)


def with_a_tail(state: dict[str, torch.Tensor]) -> bytes:
    return generator_bytes(state) + bytes(64)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (with_extra, "1 tensors that this generator does not have: 'hr_images'"),
        (with_missing, "1 tensors are missing: 'conv_last.bias'"),
        (with_wider, r"expected conv_first.weight as F32 \[4, 3, 3, 3\]"),
        (with_doubles, "expected conv_last.bias as F32"),
        (with_nan, "conv_last.bias holds values that are not finite"),
        (with_another_network, "tensors that this generator does not have"),
        (saying_another_network, "the file says .*512"),
        (claiming_ten_gigabytes, "Error while deserializing"),
        (with_a_header_of_ten_gigabytes, "header too large"),
        (with_overlap, "invalid offset"),
        (with_a_tail, "not fully covered"),
    ],
)
def test_a_generator_that_is_not_the_suites(
    tamper: Tamper, verify: Verify, make: Callable[[Any], bytes], said: str
) -> None:
    data = make(GENERATOR.build(seed=2).state_dict())
    result = verify(tamper(lambda files: replace_generator(files, "first", data)))
    (difference,) = row(result, "first").differences
    assert difference.what == "generator"
    assert re.search(said, difference.message), difference.message
    assert others_verified(result, "first")


def test_ten_gigabytes_are_never_allocated(tamper: Callable[..., Path], verify: Verify) -> None:

    data = claiming_ten_gigabytes(GENERATOR.build(seed=2).state_dict())
    path = tamper(lambda files: replace_generator(files, "first", data))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    assert not verify(path).verified
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


@pytest.mark.parametrize("half", [rb"\ud800", rb"\\ud800"])
def test_a_lone_surrogate_in_a_generators_metadata_is_refused(
    tamper: Tamper, verify: Verify, half: bytes
) -> None:
    """In the file's header, and in the JSON that is a text in it."""

    def swap(files: dict[str, bytes]) -> None:
        document = json.loads(files[record_name(files, "first")])
        data = files[f"generators/{document['artifacts']['generator']['sha256']}.safetensors"]
        length = int.from_bytes(data[:8], "little")
        header = data[8 : 8 + length].replace(b"msrresnet", b"msr" + half)
        replace_generator(
            files, "first", len(header).to_bytes(8, "little") + header + data[8 + length :]
        )

    path = tamper(swap)
    result = verify(path)
    assert "the generator's file is refused" in messages(result, "first")
