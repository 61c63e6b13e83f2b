"""The text of a submission's pull request."""

from __future__ import annotations

import copy
import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from synthetic import synthetic_records

from srbench.records import Record
from srbench.report.request import request_text


def test_it_says_where_each_loss_is_to_be_had() -> None:
    records = synthetic_records(seeds=[1, 2, 3], datasets=["bsd100"], images=3)
    text = request_text(records, Path("submissions/mine.zip"), 3 * 2**20)
    shown = {record.loss.label for record in records if not record.loss.reference}
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(shown)
    assert all("| 1, 2, 3 |" in row for row in rows)
    assert "Adds `submissions/mine.zip` (3.0 MiB) and nothing else." in text


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (None, "pip install srbench-mine==1.2"),  # from an index
        (
            {"url": "https://example.org/m.git", "vcs_info": {"vcs": "git", "commit_id": "abc1"}},
            "pip install 'srbench-mine @ git+https://example.org/m.git@abc1'",
        ),
        ({"url": "file:///home/me/mine", "dir_info": {"editable": True}}, "SAY WHERE TO GET IT"),
    ],
)
def test_a_plugin_is_to_be_had_where_pip_had_it_from(
    origin: dict[str, Any] | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "srbench_mine-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: srbench-mine\nVersion: 1.2\n")
    if origin is not None:
        (about / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    document = json.loads(synthetic_records(seeds=[1])[-1].model_dump_json())
    for term in document["loss"]["terms"]:
        term.update(distribution="srbench-mine", distribution_version="1.2")
    text = request_text([Record.model_validate(document)], Path("mine.zip"), 1)
    assert told in unescape(text.replace("\\", "").replace("<!-- -->", ""))
    assert "/home/me" not in text


def test_what_others_call_their_losses_stays_text() -> None:
    document = json.loads(synthetic_records(seeds=[1])[-1].model_dump_json())
    assert not document["loss"]["reference"]
    hostile = copy.deepcopy(document)
    hostile["loss"]["license"] = "![x](https://evil.example) <script> @user"
    text = request_text([Record.model_validate(hostile)], Path("a.zip"), 1)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inner = [child for token in tokens for child in (token, *(token.children or ()))]
    kinds = ("image", "link_open", "html_inline", "html_block")
    assert {t.content for t in inner if t.type in kinds} <= {"<!-- -->"}
