"""`srbench submit` and `srbench verify` as a user types them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from forging import DATASET, edit_record, record_name, set_score
from small_run import write_run

from srbench.cli import cli
from srbench.records import Record, write_record
from srbench.verify import pack_submission


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> Result:
        return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="srbench")

    return run


def test_submit_then_verify(call: Any, run: Path, test_images: Path, tmp_path: Path) -> None:
    done = call("submit", run, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert (document["records"], document["generators"], document["images"]) == (4, 3, 0)
    assert document["path"] == "tiny.zip"
    done = call("verify", "tiny.zip", "--data", f"{DATASET}={test_images}")
    assert done.exit_code == 0, done.output
    assert "scores-verified: 4 of 4 rows recomputed" in done.stdout
    done = call(
        "verify", "tiny.zip", "--data", f"{DATASET}={test_images}", "--sample", 2, "--json",
        "--report", "verification.json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["marks"] == {"not-recomputed": 2, "scores-verified": 2}
    written = json.loads((tmp_path / "verification.json").read_text())
    assert {key: entry["mark"] for key, entry in written.items()} == {
        key: row["mark"] for key, row in document["rows"].items()
    }
    assert {entry["srbench"] for entry in written.values()} == {document["srbench"]}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.zip", "verification.json"]


def test_the_exit_status_says_which_kind(
    call: Any, tamper: Any, packed: Path, test_images: Path, tmp_path: Path
) -> None:
    path = tamper(lambda f: edit_record(f, "first", lambda d: set_score(d, "psnr", "cat", 1)))
    done = call("verify", path, "--data", f"{DATASET}={test_images}")
    assert done.exit_code == 1
    assert "differs         tiny first seed 1" in done.stdout
    assert "psnr of 'cat' in 'folder:tiny': the record states" in done.stdout
    assert "not verified" in done.stdout
    for args in (
        (packed,),  # its test images are not here
        (tmp_path / "none.zip",),
        (test_images,),
        (packed, "--data", "x"),
        ("https://example.org/a.zip",),
        (packed, "--against", "https://example.org/leaderboard"),
        (packed, "--reproduced", packed),
        (packed, "--continue"),
        (packed, "--leave", "data", "--recomputed", tmp_path / "to"),
        (packed, "--continue", "--report", tmp_path / "v.json", "--recomputed", tmp_path / "to"),
    ):
        done = call("verify", *args)
        assert done.exit_code == 2, (args, done.output)
        assert "Traceback" not in done.output
        assert ("got an address" in done.output) is any("https" in str(word) for word in args)


@pytest.mark.parametrize("leave", [(), ("by-hash",)])
def test_the_status_is_green_only_for_what_was_recomputed(
    call: Any, tamper: Any, test_images: Path, leave: tuple[str, ...]
) -> None:
    def drop(files: dict[str, bytes]) -> None:
        name = record_name(files, "second")
        digest = json.loads(files[name])["artifacts"]["generator"]["sha256"]
        files.pop(f"generators/{digest}.safetensors")

    words = ["verify", tamper(drop), "--data", f"{DATASET}={test_images}"]
    done = call(*words, *(w for reason in leave for w in ("--leave", reason)))
    assert done.exit_code == (0 if leave else 1), done.output
    assert ("1 rows were not recomputed (by-hash)" in done.output) is not bool(leave)


def test_what_is_here_is_recomputed_where_test_images_may_be_missing(
    call: Any, test_images: Path, tmp_path: Path
) -> None:
    """On the runner of a pull request, which has no set whose terms do not allow it."""
    archive, marks = tmp_path / "two.zip", tmp_path / "marks.json"
    out = write_run(tmp_path / "two", test_images, again="folder:theirs")
    pack_submission(out, archive)
    words = ["verify", archive, "--data", f"{DATASET}={test_images}", "--report", marks]
    done = call(*words)
    assert done.exit_code == 2
    assert "expected the test images 'folder:theirs'" in done.output
    done = call(*words, "--leave", "data")
    assert done.exit_code == 0, done.output
    assert "no difference without folder:theirs, not here: 4 of 4 rows recomputed" in done.output
    assert "scores-verified" not in done.output
    entries = json.loads(marks.read_text()).values()
    assert {(e["mark"], e["evidence"]) for e in entries} == {("not-recomputed", None)}
    # With no test images at all nothing is verified.
    done = call("verify", archive, "--leave", "data")
    assert done.exit_code == 1
    assert "not verified: no row could be recomputed" in done.output
    # What is not here hides nothing of what is.
    for path in (out / "records").glob("*.json"):
        document = json.loads(path.read_text())
        psnr = document["scores"][DATASET]["metrics"]["psnr"]
        psnr["per_image"] = {name: value + 0.1 for name, value in psnr["per_image"].items()}
        psnr["mean"] += 0.1
        write_record(Record.model_validate(document), out / "records")
    pack_submission(out, archive)
    done = call(*words, "--leave", "data")
    assert done.exit_code == 1
    assert done.output.count("differs ") == 4
    assert "recomputed" in done.output


def test_submit_refuses_what_makes_no_sense(call: Any, run: Path, tmp_path: Path) -> None:
    assert "only images can be scored" in call("submit", run, "--no-generators").stderr
    assert "ends in .zip" in call("submit", run, "-o", "x.tar").stderr
    assert call("submit", tmp_path).exit_code == 2


PLUGIN = """
import pathlib
pathlib.Path({trace!r}).touch()
"""


@pytest.mark.slow
def test_no_plugin_is_discovered_or_imported(
    packed: Path, test_images: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "imported"
    info = tmp_path / "site" / "spy-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\nspy = spy_plugin\n")
    (tmp_path / "site" / "spy_plugin.py").write_text(PLUGIN.format(trace=str(trace)))
    paths = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def srbench(*args: object) -> subprocess.CompletedProcess[str]:
        code = (
            "import sys; from srbench.cli import cli\n"
            "try: cli()\n"
            "finally: print('HOST', 'srbench.host' in sys.modules, file=sys.stderr)"
        )
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, args)],
            env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    done = srbench("verify", packed, "--data", f"{DATASET}={test_images}")
    assert done.returncode == 0, done.stderr
    assert "HOST False" in done.stderr
    assert not trace.exists()
    assert "HOST True" in srbench("plugins").stderr
    assert trace.exists()  # the spy works where plugins are loaded
