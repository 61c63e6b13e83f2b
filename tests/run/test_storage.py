import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from srbench.errors import UserError
from srbench.host import discover
from srbench.records.layout import OutFolder
from srbench.run.exec.node import run_job
from srbench.run.exec.node_versions import node_versions
from srbench.run.exec.storage import Storage, StorageError
from srbench.run.plan.planning import make_plan
from srbench.run.writing import write_json
from srbench.settings import Suite

from .conftest import Watcher, local_scheduler

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


def test_what_other_machines_wrote_since_is_seen(tmp_path: Path) -> None:
    """Object stores answer from remembered listings until they are told to forget."""
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    class Remembering(MemoryFileSystem):  # type: ignore[misc]
        protocol = "remembering"
        store: ClassVar[dict[str, Any]] = {}
        pseudo_dirs: ClassVar[list[str]] = [""]
        known: ClassVar[dict[str, bool]] = {}

        def exists(self, path: str, **options: Any) -> bool:
            return bool(self.known.setdefault(path, super().exists(path, **options)))

        def invalidate_cache(self, path: str | None = None) -> None:
            self.known.clear()

    fsspec.register_implementation("remembering", Remembering, clobber=True)
    mine, theirs = (Storage("remembering://bucket/runs") for _ in range(2))
    here, there = OutFolder(tmp_path / "here"), OutFolder(tmp_path / "there")
    assert mine.fetch(here, KEY) is False
    write(there.generator(KEY), "weights")
    write_json(there.result(KEY), {"key": KEY})
    theirs.push(there, KEY)
    assert mine.fetch(here, KEY) is True
    assert here.generator(KEY).read_text() == "weights"


def test_a_result_of_an_earlier_local_run_is_shared_once(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = OutFolder(tmp_path / "out")
    storage.share(out, KEY)
    assert not (tmp_path / "storage/jobs").exists()
    write(out.generator(KEY), "weights")
    write_json(out.result(KEY), {"key": KEY})
    storage.share(out, KEY)
    assert (tmp_path / "storage/jobs" / KEY / "result.json").exists()
    again = Storage(storage.url)
    monkeypatch.setattr(again, "push", lambda *_: pytest.fail("sent twice"))
    again.share(out, KEY)


def test_a_storage_that_does_not_answer_is_named(tmp_path: Path, storage: Storage) -> None:
    (tmp_path / "storage").write_text("in the way")
    out = OutFolder(tmp_path / "out")
    write_json(out.result(KEY), {"key": KEY})
    with pytest.raises(StorageError, match=r"expected the storage file://.*/storage to answer"):
        storage.push(out, KEY)


@pytest.mark.slow
def test_jobs_without_a_shared_disk_end_in_the_same_bits(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the Ray task does on a node, each job on a machine whose disk is empty."""
    made = make_plan(suite, discover(), device="cpu", seeds=[1], only=["first"])
    jobs = [j for j in made.jobs if j.label in ("warm-start", "first")]
    assert [j.kind.name for j in jobs] == ["warm-start", "calibration", "adversarial"]
    local = OutFolder(tmp_path / "local")
    local_scheduler(out=local, observer=Watcher()).run(jobs)
    # The tasks run in this process, the workers see files alone: a store in memory will do.
    url = "memory://bucket/runs"
    for number, one in enumerate(jobs):
        node = tmp_path / f"node{number}"
        monkeypatch.setattr(Storage, "scratch", lambda _, node=node: OutFolder(node))
        done = run_job("nowhere", one.document(), node_versions()(), url)
        assert done == {"status": "finished", "failure": None}
    last, mine = jobs[-1].key, OutFolder(tmp_path / "mine")
    assert Storage(url).fetch(mine, last)
    assert mine.generator(last).read_bytes() == local.generator(last).read_bytes()
    refused = run_job("nowhere", jobs[0].document(), {"torch": "1.0"}, url)
    assert refused["failure"]["kind"] == "versions"


def test_an_absent_job_is_no_error(tmp_path: Path, storage: Storage) -> None:
    assert storage.fetch(OutFolder(tmp_path / "out"), KEY) is False


def test_an_unknown_protocol_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="nosuch"):
        Storage("nosuch://bucket/x")
