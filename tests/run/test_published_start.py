"""A warm start that was published: named by hash, put in place byte for byte, verified."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from in_process import SUITE, Done, in_process, workplace  # noqa: F401

from srbench.errors import SuiteError, WeightsError
from srbench.files import file_sha256
from srbench.models.files import save_generator
from srbench.models.plugin import builtin_generator
from srbench.records import Record, read_record
from srbench.records.layout import OutFolder
from srbench.settings import parse_suite
from srbench.verify import pack_submission, verify_submission
from srbench.verify.identity import identity_differences
from srbench.weights.published import published_file

Cli = Callable[..., Done]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(workplace(tmp_path))
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SRBENCH_WEIGHTS", raising=False)
    return tmp_path


def pinned(sha256: str, where: str | None = None) -> str:
    """The suite, starting with that file."""
    told = f'iterations = 0\ncheckpoint_sha256 = "{sha256}"\n'
    told += "" if where is None else f'checkpoint = "{where}"\n'
    return SUITE.replace("[warm_start]\niterations = 1\n", f"[warm_start]\n{told}")


def records(out: Path) -> dict[str, Record]:
    found = (read_record(path) for path in OutFolder(out).records.glob("*.json"))
    return {record.loss.label: record for record in found}


def test_a_row_on_a_published_warm_start_is_that_of_the_trained_one_and_verifies(
    place: Path,
    in_process: Cli,  # noqa: F811
) -> None:
    assert in_process("run", "tiny.toml", "--out", "trained", "--loss", "l1").returncode == 0
    trained = records(place / "trained")
    start = trained["warm-start"].artifacts["generator"]
    shutil.copy(place / "trained" / start.path, place / "published.safetensors")
    (place / "pinned.toml").write_text(pinned(start.sha256, "published.safetensors"))
    done = in_process("run", "pinned.toml", "--out", "pinned", "--loss", "l1")
    assert done.returncode == 0, done.said
    rows = records(place / "pinned")
    row = rows["warm-start"]
    assert row.artifacts["generator"].sha256 == start.sha256
    assert "published generator, named in the suite" in row.notes[0]
    assert row.suite.document["warm_start"]["checkpoint_sha256"] == start.sha256
    # The same start, the same patches, the same bits; under conditions of their own.
    assert rows["l1"].artifacts["generator"].sha256 == trained["l1"].artifacts["generator"].sha256
    assert row.suite.conditions != trained["l1"].suite.conditions
    archive = pack_submission(place / "pinned", place / "submission.zip").path
    result = verify_submission(archive, data={"folder:TEST": place / "TEST"})
    assert result.verified
    marks = {r.facts.label: r.mark for r in result.rows}
    assert marks["warm-start"] == marks["l1"] == "scores-verified"
    other = trained["l1"].artifacts["generator"]
    forged = row.model_copy(update={"artifacts": {"generator": other}})
    assert list(identity_differences(row, None)) == []
    (difference,) = identity_differences(forged, None)
    assert f"named is the published {start.sha256[:12]}" in difference.message


@pytest.fixture
def generator(place: Path) -> Path:
    """Another kind than the suite's: twice the blocks."""
    found = builtin_generator("msrresnet", {"blocks": 2, "channels": 4}, 4)
    save_generator(found.build(seed=1), found, place / "other.safetensors")
    return place / "other.safetensors"


def test_another_kind_of_generator_is_refused_before_any_training(
    place: Path,
    generator: Path,
    in_process: Cli,  # noqa: F811
) -> None:
    (place / "pinned.toml").write_text(pinned(file_sha256(generator), generator.name))
    done = in_process("run", "pinned.toml", "--out", "out")
    assert done.returncode != 0
    assert "expected a published generator of the suite's kind" in done.said


def test_a_missing_or_changed_file_is_told_before_training(
    place: Path,
    generator: Path,
    in_process: Cli,  # noqa: F811
) -> None:
    (place / "pinned.toml").write_text(pinned("a" * 64))
    done = in_process("run", "pinned.toml", "--out", "out")
    assert done.returncode == 2
    assert "expected the published generator aaaaaaaaaaaa, got no file of its" in done.said
    (place / "pinned.toml").write_text(pinned("a" * 64, generator.name))
    done = in_process("run", "pinned.toml", "--out", "out")
    assert done.returncode == 2
    assert f"has sha256 {file_sha256(generator)}, pinned is aaaa" in done.said


def test_where_it_is_found(place: Path, generator: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By path, by URL, by name or hash in one's own folders; from then on in the cache."""
    sha256 = file_sha256(generator)
    kept = place / "cache" / "generators" / f"{sha256}.safetensors"
    own = place / "own"
    own.mkdir()
    shutil.copy(generator, own / "by-name.safetensors")
    with pytest.raises(WeightsError, match="got no file of its at 'by-name"):
        published_file(sha256, "by-name.safetensors")
    with pytest.raises(WeightsError, match="is not in the cache") as told:
        published_file(sha256, "https://example.org/by-name.safetensors", pull=False)
    assert "a run fetches it from https://example.org/by-name.safetensors" in str(told.value)
    for where, folder in (
        (str(generator), ""),
        (generator.as_uri(), ""),
        ("by-name.safetensors", str(own)),
        ("https://example.org/by-name.safetensors", str(own)),
    ):
        monkeypatch.setenv("SRBENCH_WEIGHTS", folder)
        assert published_file(sha256, where) == kept
        assert published_file(sha256) == kept
        assert kept.read_bytes() == generator.read_bytes()
        kept.unlink()
    shutil.copy(generator, own / kept.name)
    assert published_file(sha256, pull=False) == kept
    kept.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="pinned is"):
        published_file(sha256)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (pinned("a" * 63), "checkpoint_sha256"),
        (pinned("a" * 64).replace("iterations = 0", "iterations = 5", 1), "set iterations to 0"),
        (SUITE.replace("iterations = 1", 'iterations = 1\ncheckpoint = "x"', 1), "checkpoint_sha"),
    ],
)
def test_what_does_not_go_together_is_refused(text: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        parse_suite(text)


def test_the_conditions_name_the_hash_and_not_the_place() -> None:
    here, there, other = pinned("a" * 64), pinned("a" * 64, "elsewhere"), pinned("b" * 64)
    conditions = [parse_suite(text).conditions for text in (here, there, other)]
    assert conditions[0] == conditions[1] != conditions[2]
    curved = here.replace("seeds = [1]", "seeds = [1]\ninterpolation = [0.5]")
    assert parse_suite(curved).curve == (0.5,)
