"""Opinions on the table and what ``verify`` says of them: reported, never verified."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
from voting import TRUTH, PaperRater

from srbench.cli.verify import _print
from srbench.records import read_record, record_sha256
from srbench.records.opinions import opinion_files
from srbench.records.votes import Vote
from srbench.report import build_leaderboard, write_leaderboard
from srbench.report.render.site import publish
from srbench.study.analysis import analyse
from srbench.study.design import Trial, rater_trials
from srbench.study.document import StudyFolder
from srbench.study.publication import publish_findings
from srbench.verify.check import Verification
from srbench.verify.contents import read_contents
from srbench.verify.limits import DEFAULT_LIMITS
from srbench.verify.opinions import OpinionsResult, check_opinions
from srbench.verify.source import open_source


def voted(folder: StudyFolder, raters: int = 12) -> list[Vote]:
    """Votes on the study's own crops, by raters with a taste."""
    study = folder.study
    taste = dict(zip(study.labels, TRUTH, strict=True))
    votes = []
    for number in range(raters):
        rater = PaperRater(number)
        for index, trial in enumerate(rater_trials(study, number)):
            sides = [trial.first, trial.second or ""]
            asked = Trial(trial.kind, trial.content, *(taste.get(side, side) for side in sides))
            hashes = [study.media[study.names[trial.content, side]].sha256 for side in sides]
            votes.append(
                Vote(
                    study=folder.sha256, rater=f"0a1b2c3d-{number + 1}", trial=index,
                    kind=trial.kind, content=study.contents[trial.content].name, first=sides[0],
                    second=sides[1], answer=rater.answer(asked), first_sha256=hashes[0],
                    second_sha256=hashes[1], seconds=index, shown_ms=1, pixel_ratio=1,
                    pixels_each=1, width=1, height=1,
                )
            )  # fmt: skip
    return votes


@pytest.fixture
def board_folder(study: StudyFolder, study_out: Path, tmp_path: Path) -> Path:
    """A published folder with the records of the run and the opinions of the study."""
    root = tmp_path / "board"
    copytree(study_out / "records", root / "records")
    votes = voted(study)
    publish_findings(study, analyse(votes), votes, root)
    return root


def checked(root: Path) -> OpinionsResult:
    with open_source(root, DEFAULT_LIMITS) as source:
        (found,) = check_opinions(read_contents(source, DEFAULT_LIMITS))
    return found


def test_every_output_of_the_table_has_the_opinion(
    board_folder: Path, study: StudyFolder, tmp_path: Path
) -> None:
    board = build_leaderboard(board_folder)
    found = analyse(voted(study))
    best = found.rows[0]
    row = board.row(best.label)
    assert row.heard is not None
    assert row.heard.opinion.score == best.score
    assert board.row("pixel").heard is None
    table, document, markdown = write_leaderboard(board, tmp_path)
    lines = {line["label"]: line for line in csv.DictReader(table.read_text().splitlines())}
    assert float(lines[best.label]["opinion"]) == pytest.approx(best.score, rel=1e-7)
    assert lines[best.label]["opinion_raters"] == str(found.kept)
    assert lines[best.label]["opinion_votes"] == str(best.votes)
    assert lines["pixel"]["opinion"] == ""
    rows = {r["label"]: r for r in json.loads(document.read_text())["rows"]}
    assert rows[best.label]["opinion_low"] == pytest.approx(best.low, rel=1e-7)
    assert "opinion" not in rows["pixel"]
    assert f"reported, not verified; {found.kept} raters" in markdown.read_text()
    assert f"{found.kept} raters, {best.votes} votes" in markdown.read_text()
    site = publish([board_folder], tmp_path / "site", images=0)
    assert f"{found.kept} raters, {best.votes} votes" in site.index.read_text()
    # A site is a published folder itself: opinions go on with it.
    assert [p.name for p in opinion_files(site.root)] == [f"{study.sha256}.json"]
    assert checked(site.root).mark == "reported"


def test_a_table_without_opinions_has_no_such_column(study_out: Path, tmp_path: Path) -> None:
    table, document, markdown = write_leaderboard(build_leaderboard(study_out), tmp_path)
    for path in (table, document, markdown):
        assert "opinion_" not in path.read_text()
        assert "people's opinion" not in path.read_text()


def test_opinions_on_another_run_are_not_shown(board_folder: Path) -> None:
    """The label is the same, the record is not."""
    path = next(
        p for p in (board_folder / "records").glob("*.json")
        if read_record(p).loss.label == "mobilenet-v2"
    )  # fmt: skip
    path.write_text(path.read_text().replace("synthetic mobilenet-v2", "another mobilenet-v2"))
    board = build_leaderboard(board_folder)
    assert board.row("mobilenet-v2").heard is None
    assert any("other runs of mobilenet-v2" in note for note in board.notes)
    (difference,) = [d for d in checked(board_folder).differences if "mobilenet" in d]
    assert "is not here" in difference


def test_what_belongs_together_is_reported(board_folder: Path) -> None:
    found = checked(board_folder)
    assert (found.mark, found.differences) == ("reported", ())
    assert 8 <= found.raters <= 12
    assert found.document()["mark"] == "reported"


def change_document(root: Path, change: Callable[[dict], None]) -> None:
    path = opinion_files(root)[0]
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def change_votes(root: Path, old: str, new: str) -> None:
    path = opinion_files(root)[0].with_suffix(".csv")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_tampering_differs(board_folder: Path, study: StudyFolder, tmp_path: Path) -> None:
    inner = study.study
    # Named, for names of crops are random, and HR and the reference are the same image.
    one, other = (inner.media[inner.names[0, label]] for label in inner.labels[:2])
    assert one.sha256 != other.sha256
    changes: dict[str, Callable[[Path], None]] = {
        "does not have the hash": lambda root: change_votes(root, ",first,", ",second,"),
        "on another image": lambda root: change_votes(root, one.sha256, other.sha256),
        "of another study": lambda root: change_votes(root, study.sha256, "e" * 64),
        "which is no row": lambda root: change_votes(root, ",hed-conv5_3,", ",stranger,"),
        "stated are": lambda root: change_document(root, lambda d: d.update(raters=99)),
        "votes are stated": lambda root: change_document(root, lambda d: d.update(votes=10**6)),
        "another generator": lambda root: change_document(
            root, lambda d: d["rows"][0]["row"].update(generator="d" * 64)
        ),
        "not there": lambda root: opinion_files(root)[0].with_suffix(".csv").unlink(),
        "mark": lambda root: change_document(root, lambda d: d.update(mark="verified")),
        "never scored on": lambda root: change_document(
            root, lambda d: d["contents"][0]["place"].update(image="elsewhere")
        ),
    }
    for number, (words, change) in enumerate(changes.items()):
        root = copytree(board_folder, tmp_path / f"changed-{number}")
        change(root)
        found = checked(root)
        assert found.mark == "differs", words
        assert any(words in difference for difference in found.differences), found.differences


def test_images_are_tied_to_the_record_by_their_pixels(
    board_folder: Path, study: StudyFolder
) -> None:
    """A record that states hashes of its images: those that people saw are compared with them."""
    label = study.study.labels[0]
    path = next(
        p for p in (board_folder / "records").glob("*.json") if read_record(p).loss.label == label
    )
    document = json.loads(path.read_text())
    pixels = {c.image: c.pixels[label] for c in study.study.contents}
    for scores in document["scores"].values():
        scores["pixels_sha256"] = {name: pixels[name] for name in scores["images"]}
    path.write_text(json.dumps(document))
    new = record_sha256(read_record(path))

    def bind(d: dict) -> None:
        row = next(r["row"] for r in d["rows"] if r["row"]["label"] == label)
        row["record"] = new

    change_document(board_folder, bind)
    assert checked(board_folder).differences == ()
    change_document(
        board_folder, lambda d: d["contents"][0]["place"]["pixels"].update({label: "0" * 64})
    )
    assert any("another image" in found for found in checked(board_folder).differences)


def test_the_command_says_reported_and_never_verified(
    board_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said() -> str:
        result = Verification(rows=(), digest="", opinions=(checked(board_folder),))
        assert not result.verified
        assert set(result.document()["opinions"]) == {opinion_files(board_folder)[0].stem}
        _print(result)
        return next(line for line in capsys.readouterr().out.splitlines() if "opinions:" in line)

    assert said().startswith("reported ")
    change_votes(board_folder, ",first,", ",second,")
    assert said().startswith("differs ")
