"""pyiqa's metrics that are held to published hashes, small ones from a server of this machine.

The reference is pyiqa's own class, filled by torch; the networks are narrow, with random weights.
"""

from __future__ import annotations

import functools
import io
import threading
import warnings
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from pyiqa.archs import clip_model
from pyiqa.default_model_configs import DEFAULT_CONFIGS

from srbench.contract import UrlSource, WeightFile
from srbench.errors import UserError, WeightsError
from srbench.files import sha256_hex
from srbench.host import discover
from srbench.metrics import pyiqa_vetted, resolve_metrics
from srbench.metrics.vetted import HUB, VETTED
from srbench.weights import WeightStore, pull

# Of pyiqa 0.1.13, when its networks are imported.
pytestmark = pytest.mark.filterwarnings("ignore:Importing from timm.models")

SMALL: dict[str, dict[str, Any]] = {
    "musiq": {"hidden_size": 24, "mlp_dim": 32, "num_heads": 2, "num_layers": 1},
    "topiq_fr-pipal": {"semantic_model_name": "resnet18", "inter_dim": 32},
    "maniqa-pipal": {"embed_dim": 24, "dim_mlp": 24, "test_sample": 1},
    "clipiqa+": {},
}
CLIP = {
    "embed_dim": 64, "image_resolution": 64, "vision_layers": (1, 1, 1, 1), "vision_width": 8,
    "vision_patch_size": None, "context_length": 77, "vocab_size": 49408,
    "transformer_width": 64, "transformer_heads": 1, "transformer_layers": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    for name, options in SMALL.items():
        config = DEFAULT_CONFIGS[name]
        monkeypatch.setitem(config, "metric_opts", {**config["metric_opts"], **options})
    create = timm.create_model

    def narrow(name: str, **options: Any) -> Any:
        size = {"embed_dim": 24, "num_heads": 2} if name.startswith("vit") else {}
        return create(name, **{**options, **size, "pretrained": False})

    monkeypatch.setattr(timm, "create_model", narrow)


def reference(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, dict[str, Any], Any]:
    """pyiqa's network, what its file would hold, and CLIP's state where it has one."""
    torch.manual_seed(3)
    options = {k: v for k, v in DEFAULT_CONFIGS[name]["metric_opts"].items() if k != "type"}
    if name == "clipiqa+":
        clip = clip_model.CLIP(**CLIP).eval()
        state = dict(clip.state_dict())
        module = pyiqa_vetted._module("pyiqa.archs.clipiqa_arch")
        monkeypatch.setattr(module, "load", lambda *_: clip)
        network = module.CLIPIQA(**options, pretrained=False).eval()
        prompts = torch.randn_like(network.prompt_learner.ctx)
        network.prompt_learner.ctx.data = prompts
        return network, {"tensor": prompts}, state
    kind = DEFAULT_CONFIGS[name]["metric_opts"]["type"]
    module = pyiqa_vetted._module(f"pyiqa.archs.{pyiqa_vetted._MODULES[kind]}")
    network = getattr(module, kind)(**{**options, "pretrained": False}).eval()
    return network, network.state_dict(), None


@pytest.mark.parametrize("name", list(SMALL))
def test_values_are_those_of_pyiqas_own_class(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, state, clip = reference(name, monkeypatch)
    told = (state,) if clip is None else (state, clip)
    sr, hr = torch.rand(1, 3, 96, 80), torch.rand(1, 3, 96, 80)
    full = VETTED[name].reference == "full"
    with torch.no_grad():
        expected = network(sr, hr) if full else network(sr)
        before = torch.get_rng_state()
        mine = pyiqa_vetted.filled_network(name, *told)
        found = mine(sr, hr if full else None)
    assert torch.equal(torch.get_rng_state(), before)
    assert found.shape == (1,)
    # CLIP's file is in half precision, as which pyiqa reads it.
    tolerance = 1e-5 if clip is None else 1e-2
    assert found.item() == pytest.approx(float(expected.reshape(())), abs=tolerance)


def test_a_file_that_lacks_a_tensor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _, state, _ = reference("musiq", monkeypatch)
    del state["head.bias"]
    with pytest.raises(WeightsError, match=r"head\.bias"):
        pyiqa_vetted.filled_network("musiq", state)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the hub's files, served."""
    folder = tmp_path / "hub" / HUB / "resolve" / "main"
    folder.mkdir(parents=True)
    handler = functools.partial(_Quiet, directory=str(tmp_path / "hub"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    for name in ("SRBENCH_WEIGHTS", "SRBENCH_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_metric_comes_from_the_hub_by_name_and_only_as_the_published_file(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spec,) = resolve_metrics(["musiq"], discover())  # no flag
    (file,) = spec.weights
    network, state, _ = reference("musiq", monkeypatch)
    stream = io.BytesIO()
    torch.save({"params": {f"module.{k}": v for k, v in state.items()}}, stream)
    (source,) = file.sources
    (hub / source.filename).write_bytes(stream.getvalue())  # type: ignore[union-attr]
    with pytest.raises(WeightsError, match=r"pinned is e95806b9\.\.\."):
        pull(file)
    published = replace(file, sha256_prefix=sha256_hex(stream.getvalue())[:8])
    weights = WeightStore([published]).state_dict(file.id)
    sr = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = network(sr)
        assert pyiqa_vetted.filled_network("musiq", weights)(sr).item() == pytest.approx(
            expected.item(), abs=1e-5
        )


def test_a_checkpoint_that_is_a_program_is_refused(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyiqa itself would unpickle it, and so run it."""
    (file,) = VETTED["musiq"].weights
    (source,) = file.sources
    ran = tmp_path / "ran"
    stream = io.BytesIO()
    torch.save({"params": _Program(ran)}, stream)
    (hub / source.filename).write_bytes(stream.getvalue())  # type: ignore[union-attr]
    with pytest.raises(WeightsError, match="weights_only"):
        pull(replace(file, sha256_prefix=sha256_hex(stream.getvalue())[:8]))
    assert not ran.exists()


class _Program:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_clip_is_read_as_the_file_of_one_hash_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "RN50.pt"
    with warnings.catch_warnings():  # torch would have other formats made now
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(2, 1)).save(str(path))  # type: ignore[no-untyped-call]
    source = UrlSource(url="https://example.org/RN50.pt", reader="torchscript")
    file = WeightFile(id="clip", license="MIT", sources=(source,))
    monkeypatch.setenv("SRBENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="its whole hash must be pinned"):
        pull(file)
    pinned = replace(file, file_sha256=sha256_hex(path.read_bytes()))
    assert WeightStore([pinned]).state_dict("clip").keys() == {"weight", "bias"}


@pytest.mark.parametrize(
    ("name", "own"), [("topiq_fr-pipal", "topiq-fr-pipal"), ("clipiqa+", "clipiqa-plus")]
)
def test_pyiqas_names_and_ours_are_one_metric(name: str, own: str) -> None:
    by_theirs, by_ours = resolve_metrics([name, own], discover())
    assert by_theirs == by_ours
    with pytest.raises(UserError, match="unpickle"):
        resolve_metrics(["maniqa"], discover())
