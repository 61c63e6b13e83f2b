"""Published folders from strangers: nothing is read, written or removed beyond the folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic import synthetic_records

from srbench.errors import RecordError, UserError
from srbench.records import write_record
from srbench.report.render.site import publish
from srbench.report.render.site.files import SiteFolder


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    for record in synthetic_records(seeds=[1], datasets=["set5"], images=2):
        write_record(record, folder / "records")
    return folder


@pytest.fixture
def site(records: Path, tmp_path: Path) -> Path:
    publish([records], tmp_path / "site")
    return tmp_path / "site"


def listed(site: Path, name: str, content: bytes | None = None) -> None:
    """Name a file in the listing, with the hash that it has."""
    document = json.loads((site / "published.json").read_text())
    data = (site / name).read_bytes() if content is None else content
    document["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (site / "published.json").write_text(json.dumps(document))


@pytest.mark.parametrize("name", ["STUDY.md", "README.md", "verification.json", "notes/mine.txt"])
def test_a_listing_cannot_remove_what_is_not_published(
    site: Path, records: Path, name: str
) -> None:
    (site / "notes").mkdir()
    (site / name).write_text("{}")
    listed(site, name)
    publish([records], site)
    assert (site / name).read_text() == "{}"


def test_a_file_that_was_changed_since_is_not_removed(site: Path, records: Path) -> None:
    (site / "old").mkdir()
    for name in ("old/page.html", "old/kept.html"):
        (site / name).write_text("as published")
        listed(site, name)
    (site / "old" / "kept.html").write_text("edited by hand")
    publish([records], site)
    assert [path.name for path in (site / "old").iterdir()] == ["kept.html"]


def test_nothing_is_removed_through_a_link(site: Path, records: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "page.html").write_text("not of the site")
    (site / "old").symlink_to(elsewhere)
    listed(site, "old/page.html")
    publish([records], site)
    assert (elsewhere / "page.html").read_text() == "not of the site"


@pytest.mark.parametrize("name", ["assets", "assets/site.css", "records", "synthetic"])
def test_nothing_is_written_through_a_link(records: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = elsewhere / "file" if "." in name else elsewhere
    if "." in name:
        target.write_text("mine")
    link = tmp_path / "site" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    with pytest.raises(UserError, match="got a link"):
        publish([records], tmp_path / "site")
    assert [(p.name, p.read_text()) for p in elsewhere.iterdir()] in ([], [("file", "mine")])


@pytest.mark.parametrize("name", ["leaderboard.json", "index.html"])
def test_a_pipe_in_the_place_of_a_page_is_refused_and_not_waited_for(
    site: Path, records: Path, name: str
) -> None:
    """Opening one for writing waits for a reader: publishing hung for ever."""
    (site / name).unlink()
    os.mkfifo(site / name)
    with pytest.raises(UserError, match=f"got something else at .*{name}"):
        publish([records], site)


def as_fifo(path: Path) -> None:
    os.mkfifo(path)


def as_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def as_foreign(path: Path) -> None:
    (path.parent.parent / "secret.json").write_text("{}")
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("make", [as_fifo, as_endless, as_foreign])
def test_only_regular_files_of_the_folder_are_records(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "out" / "records").mkdir(parents=True)
    make(tmp_path / "out" / "records" / f"{'a' * 64}.json")
    with pytest.raises(RecordError, match=r"a link to elsewhere|a regular file"):
        publish([tmp_path / "out"], tmp_path / "site")


@pytest.mark.parametrize("make", [as_fifo, as_endless])
def test_listing_marks_and_index_are_regular_files(
    site: Path, records: Path, make: Callable[[Path], None]
) -> None:
    for name in ("published.json", "verification.json", "media/index.json"):
        path = site / name
        path.parent.mkdir(exist_ok=True)
        before = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        make(path)
        if name == "media/index.json" and path.is_symlink():
            publish([records], site)  # an index elsewhere is none
        else:
            with pytest.raises(UserError, match="expected"):
                publish([records], site)
        path.unlink()
        if before is not None:
            path.write_bytes(before)


@pytest.mark.parametrize("after", [1, 2, 5, 20])
def test_a_first_publishing_that_was_killed_is_continued(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """SIGKILL, or a full disk, at some file: the same command goes on, and leaves no litter."""
    root, puts = tmp_path / "site", [0]
    put = SiteFolder.put

    def dies(self: SiteFolder, name: str, data: str | bytes) -> str:
        puts[0] += 1
        if puts[0] > after:
            (root / ".tmp-abc").write_bytes(b"half")
            raise KeyboardInterrupt
        return put(self, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(SiteFolder, "put", dies)
        with pytest.raises(KeyboardInterrupt):
            publish([records], root)
    assert (root / "published.json").exists()
    (root / "index.html").write_text("half")  # whichever file was written by then
    publish([records], root)
    publish([records], tmp_path / "other")
    files = [
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in (root, tmp_path / "other")
    ]
    assert files[0] == files[1]
