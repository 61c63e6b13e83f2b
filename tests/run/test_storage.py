import os
from pathlib import Path

import pytest

from srbench.errors import UserError
from srbench.run.layout import OutFolder, write_json
from srbench.run.storage import Storage

KEY = "k" * 64


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}/storage")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_an_unfinished_job_moves_with_its_checkpoints(tmp_path: Path, storage: Storage) -> None:
    here, there = OutFolder(tmp_path / "here"), OutFolder(tmp_path / "there")
    for number in (1, 2):
        write(here.checkpoint(KEY) / f"checkpoint-00000000{number}.pt", str(number))
    write(here.job(KEY) / "attempts.json", "{}")
    storage.push(here, KEY)
    assert Storage(storage.url).fetch(there, KEY) is False
    names = {p.name: p.read_text() for p in there.checkpoint(KEY).iterdir()}
    assert names == {"checkpoint-000000001.pt": "1", "checkpoint-000000002.pt": "2"}
    assert (there.job(KEY) / "attempts.json").read_text() == "{}"


def test_old_checkpoints_go(tmp_path: Path, storage: Storage) -> None:
    out = OutFolder(tmp_path / "out")
    first, second = (out.checkpoint(KEY) / f"checkpoint-00000000{n}.pt" for n in (1, 2))
    write(first, "1")
    storage.push(out, KEY)
    first.unlink()
    write(second, "2")
    storage.push(out, KEY)
    left = [p.name for p in (tmp_path / "storage/jobs" / KEY).iterdir()]
    assert left == ["checkpoint-000000002.pt"]


def test_a_finished_job_moves_without_them(tmp_path: Path, storage: Storage) -> None:
    here, there = OutFolder(tmp_path / "here"), OutFolder(tmp_path / "there")
    write(here.checkpoint(KEY) / "checkpoint-000000001.pt", "1")
    write(here.generator(KEY), "weights")
    write_json(here.result(KEY), {"key": KEY})
    storage.push(here, KEY)
    assert storage.fetch(there, KEY) is True
    assert sorted(p.name for p in there.checkpoint(KEY).iterdir()) == [
        "generator.safetensors",
        "result.json",
    ]


def test_the_result_is_the_last_to_arrive(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, order = OutFolder(tmp_path / "out"), []
    replace = os.replace
    write(out.generator(KEY), "weights")
    write_json(out.result(KEY), {})

    def noted(part: str, place: str) -> None:
        order.append(Path(place).name)
        replace(part, place)

    monkeypatch.setattr(os, "replace", noted)
    storage.push(out, KEY)
    assert order == ["generator.safetensors", "result.json"]


def test_an_absent_job_is_no_error(tmp_path: Path, storage: Storage) -> None:
    assert storage.fetch(OutFolder(tmp_path / "out"), KEY) is False


def test_an_unknown_protocol_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="nosuch"):
        Storage("nosuch://bucket/x")
