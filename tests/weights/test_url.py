from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from srbench.contract import HubSource, UrlSource, WeightFile
from srbench.errors import WeightsError
from srbench.weights import WeightStore, pull
from srbench.weights.transfer import ATTEMPTS


def _url_file(server: Any, name: str = "net-12345678.pth", **pins: Any) -> WeightFile:
    source = UrlSource(url=f"{server.url}/{name}", max_bytes=pins.pop("max_bytes", 2**20))
    return WeightFile(id="net", license="MIT", sources=(source,), keep=("features.",), **pins)


def _hub_file(**changes: Any) -> WeightFile:
    source = HubSource(
        **{"repo": "who/what", "filename": "sub/net.pth", "reader": "torch"} | changes
    )
    return WeightFile(id="net", license="MIT", sources=(source,))


def test_a_checkpoint_is_fetched_once(server: Any, checkpoint: bytes) -> None:
    sha = hashlib.sha256(checkpoint).hexdigest()
    server.serve("/net-12345678.pth", checkpoint)
    file = _url_file(server, file_sha256=sha, sha256_prefix=sha[:8])
    store = WeightStore([file])
    for _ in range(2):
        state = store.state_dict("net")
        assert sorted(state) == ["features.0.bias", "features.0.weight"]
        assert state["features.0.bias"].tolist() == [0.5, -0.5]
    assert server.asked == ["/net-12345678.pth"]
    assert store.used["net"].source == f"{server.url}/net-12345678.pth"


def test_a_truncated_body_is_retried_and_then_reported(
    server: Any, checkpoint: bytes, isolated: Path
) -> None:
    server.serve("/net-12345678.pth", checkpoint[:100], announced=len(checkpoint))
    with pytest.raises(WeightsError) as caught:
        pull(_url_file(server))
    assert f"({ATTEMPTS} attempts)" in str(caught.value)
    assert len(server.asked) == ATTEMPTS
    assert not [p for p in (isolated / "weights").iterdir() if p.suffix != ".lock"]


def test_a_server_error_is_retried(server: Any, checkpoint: bytes) -> None:
    server.serve("/net-12345678.pth", b"busy", status=503, then=checkpoint)
    pull(_url_file(server))
    assert len(server.asked) == 2


def test_a_complete_but_cut_file_is_a_damaged_checkpoint(server: Any, checkpoint: bytes) -> None:
    server.serve("/net-12345678.pth", checkpoint[:200])
    with pytest.raises(WeightsError, match=r"\(200 bytes\)"):
        pull(_url_file(server))


@pytest.mark.parametrize("pin", [{"file_sha256": "0" * 64}, {"sha256_prefix": "00000000"}])
def test_a_wrong_hash_shows_both(server: Any, checkpoint: bytes, pin: dict[str, str]) -> None:
    server.serve("/net-12345678.pth", checkpoint)
    measured = hashlib.sha256(checkpoint).hexdigest()
    with pytest.raises(WeightsError, match=f"has sha256 {measured}, pinned is 00000000"):
        pull(_url_file(server, **pin))


def test_other_tensors_than_pinned_are_refused(server: Any, checkpoint: bytes) -> None:
    server.serve("/net-12345678.pth", checkpoint)
    with pytest.raises(WeightsError, match=f"tensors_sha256 is .*, pinned is {'0' * 64}"):
        pull(_url_file(server, tensors_sha256="0" * 64))


def test_not_found_is_not_retried(server: Any) -> None:
    with pytest.raises(WeightsError, match="HTTP status 404") as caught:
        pull(_url_file(server))
    assert len(server.asked) == 1
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("says_size", "message"),
    [(True, "announced [0-9]+ bytes, the limit is 100"), (False, "larger than the limit of 100")],
)
def test_the_size_limit_holds(
    server: Any, checkpoint: bytes, says_size: bool, message: str
) -> None:
    server.serve("/net-12345678.pth", checkpoint, says_size=says_size)
    with pytest.raises(WeightsError, match=message):
        pull(_url_file(server, max_bytes=100))
    assert len(server.asked) == 1


def test_redirects_are_followed(server: Any, checkpoint: bytes) -> None:
    server.serve("/real", checkpoint)
    server.serve("/net-12345678.pth", b"", status=302, headers={"Location": "/real"})
    pull(_url_file(server))
    assert server.asked == ["/net-12345678.pth", "/real"]


def test_offline_asks_nobody(
    server: Any, checkpoint: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve("/net-12345678.pth", checkpoint)
    monkeypatch.setenv("SRBENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="skipped, SRBENCH_OFFLINE is set"):
        pull(_url_file(server))
    assert server.asked == []


def test_the_hub_is_asked_at_its_endpoint_with_the_users_token(
    server: Any, checkpoint: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/who/what/resolve/abc123/sub/net.pth"
    server.serve(path, checkpoint)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "t0ken")
    loaded = pull(_hub_file(revision="abc123"))
    assert loaded.source == "hub:who/what@abc123/sub/net.pth"
    assert server.request_headers[path]["Authorization"] == "Bearer t0ken"


def test_hub_offline_is_honoured(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        pull(_hub_file())
    assert server.asked == []


@pytest.mark.parametrize("revision", ["main", "abc123"])
def test_the_hubs_own_cache_is_used(tmp_path: Path, checkpoint: bytes, revision: str) -> None:
    """Laid out as huggingface_hub does, whose own look-up must find the same file."""
    root = tmp_path / "hf" / "hub" / "models--who--what"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("abc123")
    cached = root / "snapshots" / "abc123" / "sub" / "net.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(checkpoint)
    from huggingface_hub import try_to_load_from_cache

    reference = try_to_load_from_cache(
        "who/what", "sub/net.pth", cache_dir=tmp_path / "hf" / "hub", revision=revision
    )
    assert str(reference) == str(cached)
    assert pull(_hub_file(revision=revision)).source == "hugging-face-cache:net.pth"


def test_torch_hubs_cache_is_used_and_a_damaged_file_there_is_passed_over(
    server: Any, tmp_path: Path, checkpoint: bytes
) -> None:
    import torch

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    assert folder.is_relative_to(tmp_path)
    folder.mkdir(parents=True)
    file = _url_file(server, sha256_prefix=hashlib.sha256(checkpoint).hexdigest()[:8])
    (folder / "net-12345678.pth").write_bytes(checkpoint[:50])
    with pytest.raises(WeightsError, match=r"(?s)torch-hub-cache .*\(50 bytes\) has.*404"):
        pull(file)
    (folder / "net-12345678.pth").write_bytes(checkpoint)
    assert pull(file).source == "torch-hub-cache:net-12345678.pth"
