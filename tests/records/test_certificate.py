"""The certificate of a device: written by `make certify`, shown by a command, refused if bent."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from srbench.cli import cli
from srbench.errors import RecordError
from srbench.records.certificate import read_certificate

CERTIFICATE = {
    "certificate": 1, "date": "2026-11-26T07:00:00+00:00", "device": "cuda", "name": "A GPU",
    "driver": "580.1", "torch": "2.9.0", "built_for": "13.0", "python": "3.11.7", "system": "Linux",
    "srbench": "0.1.0", "commit": None,
    "results": {
        "test_a": {"outcome": "passed", "seconds": 1.5, "figures": {"MiB": 64.0}},
        "test_b": {"outcome": "skipped", "seconds": 0.0, "reason": "needs two GPUs"},
    },
}  # fmt: skip


def test_it_is_shown_with_reasons_and_figures(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps(CERTIFICATE))
    done = CliRunner().invoke(cli, ["certify", "--show", str(file)])
    assert done.exit_code == 0
    for words in ("name: A GPU", "MiB 64", "needs two GPUs", "1 passed, 1 skipped, 0 failed"):
        assert words in done.output
    CERTIFICATE["results"]["test_b"]["outcome"] = "failed"  # type: ignore[index]
    file.write_text(json.dumps(CERTIFICATE))
    assert CliRunner().invoke(cli, ["certify", "--show", str(file)]).exit_code == 1


@pytest.mark.parametrize("text", ["", "[]", '{"certificate": 2}', json.dumps({"results": {}})])
def test_what_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(text)
    with pytest.raises(RecordError, match="certificate"):
        read_certificate(file)
