"""A folder that was published before: equal bytes, stale and foreign files, marks, README."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from srbench.errors import UserError
from srbench.records import read_record, record_sha256, write_record
from srbench.records.io import validate_record
from srbench.report import build_leaderboard
from srbench.report.render.site import publish


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_publishing_twice_gives_the_same_bytes(
    site: Path, out_folder: Path, tmp_path: Path
) -> None:
    publish([out_folder], tmp_path / "again", images=3)
    assert contents(tmp_path / "again") == contents(site)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "again").rglob("*") if p.is_file()}
    publish([out_folder], tmp_path / "again", images=3)
    assert contents(tmp_path / "again") == contents(site)
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_a_published_folder_is_published_again_without_its_out_folder(
    site: Path, tmp_path: Path
) -> None:
    publish([site], tmp_path / "elsewhere", images=3)
    assert contents(tmp_path / "elsewhere") == contents(site)
    publish([tmp_path / "elsewhere"], tmp_path / "elsewhere", images=3)
    assert contents(tmp_path / "elsewhere") == contents(site)


@pytest.mark.parametrize("with_images", [False, True])
def test_a_new_row_costs_the_published_ones_no_picture(
    out_folder: Path, tmp_path: Path, with_images: bool
) -> None:
    """It makes another image the easiest; of that one nobody has pictures any more."""
    board = tmp_path / "board"
    publish([out_folder], board, images=1)
    before = json.loads((board / "media/index.json").read_text())["groups"]
    made = next(
        r
        for p in sorted((out_folder / "records").glob("*.json"))
        if (r := read_record(p)).loss.terms and r.scores and r.seed == 1
    ).model_dump(mode="json", by_alias=True)
    copied = made["loss"]["label"]
    made["key"] = "f" * 64
    made["loss"]["label"] = "new"
    for scores in made["scores"].values():
        for metric in scores["metrics"].values():  # the order of difficulty turned round, and more
            values = [100 * metric["per_image"][name] for name in scores["images"]]
            metric["per_image"] = {
                name: max(values) - value
                for name, value in zip(scores["images"], values, strict=True)
            }
            metric["mean"] = sum(metric["per_image"].values()) / len(values)
    write_record(validate_record(made), tmp_path / "new/records")
    if with_images:
        for folder in (out_folder / "images").glob(f"*/{copied}-s1"):
            shutil.copytree(folder, tmp_path / "new/images" / folder.parent.name / "new-s1")
    publish([board, tmp_path / "new"], board, images=1)
    after = json.loads((board / "media/index.json").read_text())["groups"]
    assert [("new" in group["rows"]) for group in after.values()] == [with_images] * len(after)
    for group in after.values():
        group["rows"].pop("new", None)
    assert after == before
    pictures = {
        n for g in after.values() for r in g["rows"].values() for n in (r["full"], r["crop"])
    }
    assert all((board / name).is_file() for name in pictures)


def test_stale_files_go_and_foreign_files_stay(out_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "to"
    root.mkdir()
    (root / "STUDY.md").write_text("the study")
    publish([out_folder], root, images=2)
    (root / "records/README").write_text("mine")
    many = set(contents(root))
    publish([out_folder], root, images=1)
    fewer = set(contents(root))
    assert {"STUDY.md", "records/README"} <= fewer < many
    assert 'href="pages/study.html"' in (root / "index.html").read_text()
    listed = json.loads((root / "published.json").read_text())["files"]
    assert set(listed) == fewer - {"STUDY.md", "records/README", "published.json"}
    for name, entry in listed.items():
        content = (root / name).read_bytes()
        assert entry == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_foreign_site_is_not_overwritten(out_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(UserError, match=r"index\.html"):
        publish([out_folder], tmp_path)
    assert (tmp_path / "index.html").read_text() == "mine"


def test_a_listing_cannot_remove_files_elsewhere(out_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "to"
    publish([out_folder], root, images=0)
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    (root / "link").symlink_to(tmp_path)
    listing = json.loads((root / "published.json").read_text())
    entry = {"bytes": 4, "sha256": "0" * 64}
    listing["files"] |= {"../outside.txt": entry, str(outside): entry, "link/outside.txt": entry}
    (root / "published.json").write_text(json.dumps(listing))
    publish([out_folder], root, images=0)
    assert outside.read_text() == "mine"


def test_marks_stand_beside_their_rows(out_folder: Path, tmp_path: Path) -> None:
    board = build_leaderboard(out_folder)
    keys = {r.key: "scores-verified" for r in board.records if r.loss.label == "pixel"}
    keys |= {next(r.key for r in board.records if r.loss.label == "mobilenet-v2"): "reproduced"}
    publish([out_folder], tmp_path / "to", images=0, verification=keys)
    page = (tmp_path / "to/index.html").read_text()
    assert ">scores-verified</td>" in page
    assert ">reproduced: 1 of 3</td>" in page


def test_a_mark_holds_for_the_record_that_was_checked(out_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "to"
    publish([out_folder], root, images=0)
    first, second, *_ = sorted((root / "records").iterdir())
    marks = {
        first.stem: {"mark": "reproduced", "record_sha256": "0" * 64},
        second.stem: {
            "mark": "scores-verified",
            "reproduced": True,
            "record_sha256": record_sha256(read_record(second)),
        },
    }
    (root / "verification.json").write_text(json.dumps(marks))
    publish([root], root, images=0)
    losses = {read_record(p).loss.label: p for p in (first, second)}
    labels = {path.stem: label for label, path in losses.items()}
    pages = {
        key: (root / f"synthetic/losses/{label}.html").read_text() for key, label in labels.items()
    }
    assert '<td class="small">reproduced</td>' in pages[second.stem]
    if labels[first.stem] != labels[second.stem]:
        assert '<td class="small">reproduced</td>' not in pages[first.stem]
    marks[second.stem] |= {"mark": "differs", "reproduced": False}
    (root / "verification.json").write_text(json.dumps(marks))
    with pytest.raises(UserError, match="differ when they are computed again"):
        publish([root], root, images=0)
    (root / "verification.json").write_text('{"x": "approved"}')
    with pytest.raises(UserError, match="scores-verified"):
        publish([root], root, images=0)


def test_the_readme_gets_the_table_between_its_markers(out_folder: Path, tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    begin, end = "<!-- srbench:leaderboard:begin -->", "<!-- srbench:leaderboard:end -->"
    readme.write_text(f"# Mine\n\n{begin}\nold\n{end}\n\nAfter.\n")
    publish([out_folder], tmp_path / "to", images=0, readme=readme)
    text = readme.read_text()
    assert text.startswith(f"# Mine\n\n{begin}\n**synthetic")
    assert text.endswith(f"\n{end}\n\nAfter.\n")
    assert "old" not in text
    assert "| mobilenet-v2 |" in text
    publish([out_folder], tmp_path / "to", images=0, readme=readme)
    assert readme.read_text() == text
    readme.write_text("no markers")
    with pytest.raises(UserError, match="markers"):
        publish([out_folder], tmp_path / "to", images=0, readme=readme)
