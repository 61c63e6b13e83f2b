"""``publish``: what lies in the folder, the same bytes each time, and nothing outside it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from synthetic import synthetic_records

from srbench.errors import RecordError, UserError
from srbench.records import read_record, record_text, write_record
from srbench.records.io import validate_record
from srbench.report import build_leaderboard
from srbench.report.render.files import leaderboard_csv
from srbench.report.render.site import publish
from srbench.settings.load import validate_suite


class Page(HTMLParser):
    """Tags of a page, and where its links and pictures lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def values(self, *names: str) -> list[str]:
        return [a[n] or "" for _, a in self.tags for n in names if n in a]


def pages(root: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text()) for path in sorted(root.rglob("*.html"))}


def test_the_folder_holds_what_the_documentation_says(site: Path) -> None:
    for name in ("index.html", "leaderboard.md", "leaderboard.csv", "leaderboard.json"):
        assert (site / name).is_file()
    assert len(list((site / "records").glob("*.json"))) == 26
    assert (site / "synthetic/how-to-read.html").is_file()
    assert {p.stem for p in (site / "synthetic/losses").iterdir()} == {
        "bicubic", "craft-conv5_2", "hed-conv5_3", "hr", "mobilenet-v2", "pixel", "vgg16-conv2_2",
        "vgg16-conv5_3", "vgg16-random", "warm-start",
    }  # fmt: skip
    assert len(list((site / "synthetic/images/set14").glob("*.html"))) == 3


def test_every_link_and_picture_is_there(site: Path) -> None:
    checked = 0
    for path, page in pages(site).items():
        for value in page.values("href", "src", "data-src"):
            target, fragment = urldefrag(value)
            if target.startswith("https://"):
                continue
            if target == "data:,":
                continue
            found = path if not target else (path.parent / unquote(target)).resolve()
            assert found.is_file(), f"{path}: {value}"
            assert found.is_relative_to(site.resolve())
            if fragment:
                assert f'id="{fragment}"' in found.read_text()
            checked += 1
    assert checked > 300


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in pages(site).values():
        for tag, attributes in page.tags:
            loaded = [attributes.get("src"), attributes.get("data-src")]
            loaded += [attributes.get("href")] if tag == "link" else []
            assert not [v for v in loaded if v and "//" in v]
        policy = next(a for t, a in page.tags if "http-equiv" in a)
        assert "default-src 'none'" in (policy["content"] or "")


def test_the_numbers_are_those_of_the_report(site: Path, out_folder: Path) -> None:
    board = build_leaderboard(out_folder)
    assert (site / "leaderboard.csv").read_text() == leaderboard_csv(board)
    page = (site / "index.html").read_text()
    for row in board.rows:
        for cell in row.cells.values():
            assert f'data-v="{cell.mean}"' in page
    assert {p.name for p in (site / "records").iterdir()} == {
        f"{record.key}.json" for record in board.records
    }


def test_generators_of_the_first_seed_are_there_and_the_others_are_named(site: Path) -> None:
    found = {p.stem: p for p in (site / "generators").iterdir()}
    first, others = set(), set()
    for path in (site / "records").iterdir():
        record = read_record(path)
        if "generator" in record.artifacts:
            (first if record.seed == 1 else others).add(record.artifacts["generator"].sha256)
    assert set(found) == first
    for digest, path in found.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    text = "".join(p.read_text() for p in (site / "synthetic/losses").iterdir())
    assert all(digest in text for digest in others)


def test_a_generator_that_is_not_what_the_record_says_is_not_published(
    out_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(out_folder, out)
    record = next(
        r for p in (out / "records").iterdir() if (r := read_record(p)).loss.label == "pixel"
        and r.seed == 1
    )  # fmt: skip
    artifact = record.artifacts["generator"]
    (out / artifact.path).write_bytes(b"another")
    publish([out], tmp_path / "to", images=0)
    assert not (tmp_path / f"to/generators/{artifact.sha256}.safetensors").exists()
    page = (tmp_path / "to/synthetic/losses/pixel.html").read_text()
    assert "the file was not what the record says" in page


def test_an_artifact_outside_the_folder_is_not_read(tmp_path: Path, edited) -> None:
    secret = tmp_path / "secret.safetensors"
    secret.write_bytes(b"secret")
    digest = hashlib.sha256(b"secret").hexdigest()

    def change(document) -> None:
        document["artifacts"] = {
            "generator": {"path": "../secret.safetensors", "sha256": digest, "bytes": 6}
        }

    for record in edited(synthetic_records(seeds=[1]), change, lambda r: bool(r.loss.terms)):
        write_record(record, tmp_path / "out/records")
    publish([tmp_path / "out"], tmp_path / "to")
    assert not list((tmp_path / "to").rglob("*.safetensors"))
    assert not any(path.read_bytes() == b"secret" for path in (tmp_path / "to").rglob("*.*"))


def test_pages_say_that_there_are_no_pictures(tmp_path: Path) -> None:
    for record in synthetic_records(images=4):
        write_record(record, tmp_path / "out/records")
    done = publish([tmp_path / "out"], tmp_path / "to", images=2)
    assert not any(name.startswith("media/") for name in done.sizes)
    page = next((tmp_path / "to/synthetic/images/set14").iterdir()).read_text()
    assert "No pictures of this image were found" in page
    assert "no picture" in (tmp_path / "to/index.html").read_text()


def test_a_damaged_image_is_one_clear_error(out_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(out_folder, tmp_path / "out")
    for path in (tmp_path / "out/images/set14/pixel-s1").glob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match="expected an image of pixel"):
        publish([tmp_path / "out"], tmp_path / "to")


def test_no_records_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="found none"):
        publish([tmp_path], tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_suites_have_pages_of_their_own(out_folder: Path, tmp_path: Path, edited) -> None:
    def raw(document) -> None:
        document["suite"]["track"] = document["suite"]["document"]["track"] = "raw"
        del document["suite"]["document"]["calibration"]

    for name, change in (("another", lambda d: None), ("raw-one", raw)):
        for record in edited(synthetic_records(suite=name, seeds=[1], images=4), change):
            write_record(record, tmp_path / name / "records")
    publish([tmp_path / "another", out_folder, tmp_path / "raw-one"], tmp_path / "to", images=1)
    index = (tmp_path / "to/index.html").read_text()
    assert "<h1>synthetic" in index  # the largest comes first, whatever the order given
    assert 'href="another/index.html"' in index
    assert "<option>raw</option>" in index
    names = [d["suite"]["name"] for d in json.loads((tmp_path / "to/leaderboard.json").read_text())]
    assert names == ["synthetic", "another", "raw-one"]
    header = (tmp_path / "to/leaderboard.csv").read_text().splitlines()[0]
    assert header.startswith("suite,loss,label,dataset")


def test_two_versions_of_a_suite_have_two_tables(tmp_path: Path, edited) -> None:
    def second(document) -> None:
        document["suite"]["version"] = document["suite"]["document"]["version"] = 2
        document["key"] = hashlib.sha256(document["key"].encode()).hexdigest()

    records = synthetic_records(seeds=[1], images=4)
    for record in (*records, *edited(records, second)):
        write_record(record, tmp_path / "out/records")
    for record in records:  # what two folders have is one record
        write_record(record, tmp_path / "again/records")
    publish([tmp_path / "out", tmp_path / "again"], tmp_path / "to", images=0)
    assert len(list((tmp_path / "to").glob("synthetic-v*/how-to-read.html"))) == 2
    index = (tmp_path / "to/index.html").read_text()
    assert re.findall(r"calibrated, (\d+) records", index) == [str(len(records))] * 2


def test_the_suite_of_a_row_can_be_run_again(site: Path, out_folder: Path) -> None:
    (path,) = (site / "files").glob("suite-*.toml")
    record = build_leaderboard(out_folder).records[0]
    read = validate_suite(tomllib.loads(path.read_text()))
    assert read == validate_suite(record.suite.document)


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}\u202e../../x"


def test_hostile_strings_stay_text(tmp_path: Path, edited) -> None:
    def change(document) -> None:
        loss = document["loss"]
        for name in ("summary", "task", "backbone", "pretrained_on", "license"):
            loss[name] = HOSTILE
        loss["paper"] = "javascript:alert(1)"
        loss["terms"][0]["name"] = HOSTILE
        loss["terms"][0]["params"] = {HOSTILE: HOSTILE}
        loss["weights"] = [
            {"id": HOSTILE, "tensors_sha256": "0" * 64, "source": "file:///x", "license": HOSTILE}
        ]
        document["cost"]["device"] = HOSTILE
        document["environment"]["packages"] = {HOSTILE: HOSTILE}

    records = edited(synthetic_records(images=3), change, lambda r: r.loss.label == "alexnet")

    def everywhere(document) -> None:
        document["suite"]["document"]["summary"] = HOSTILE
        document["suite"]["document"]["data"]["test"][0] = HOSTILE
        document["scores"][HOSTILE] = document["scores"].pop("set14")

    for record in edited(records, everywhere):
        write_record(record, tmp_path / "out/records")
    publish([tmp_path / "out"], tmp_path / "to", images=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "to"]
    for path, page in pages(tmp_path / "to").items():
        scripts = [a for t, a in page.tags if t == "script"]
        assert len(scripts) == 1, path
        assert not [a for t, a in page.tags if t == "img"]
        assert not [n for _, a in page.tags for n in a if n.startswith("on")]
        assert not [v for v in page.values("href", "src") if v.startswith(("javascript:", "file:"))]
        assert "\u202e" not in path.read_text()
        assert "{{7*7}}" in path.read_text() or "49../../x" not in path.read_text()


def test_a_run_in_which_everything_failed_has_a_page_that_says_so(
    out_folder: Path, tmp_path: Path
) -> None:
    record = next(r for r in build_leaderboard(out_folder).records if r.loss.label == "pixel")
    document = json.loads(record_text(record))
    document |= {
        "status": "failed",
        "error": {"kind": "crash", "message": "no space left on device", "traceback": ""},
        "scores": {},
        "validation": [],
        "cost": None,
        "artifacts": {},
    }
    write_record(validate_record(document), tmp_path / "out" / "records")
    publish([tmp_path / "out"], tmp_path / "to", images=0)
    assert "no space left on device" in (tmp_path / "to/index.html").read_text()
