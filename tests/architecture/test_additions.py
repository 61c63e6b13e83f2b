"""To add a stage kind, or a place where jobs run, is to add one entry to one table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

import srbench
from srbench.errors import UnknownName
from srbench.records.layout import OutFolder
from srbench.run.exec.backends import BACKENDS, Place, backend
from srbench.run.plan.kinds import KINDS

SUITE = """
schema = 1
name = "made-up"
version = 1
summary = "for tests"
track = "raw"
seeds = [1]
metrics = ["psnr"]
[data]
train = "photos"
test = ["photos-test"]
patch_size = 32
batch_size = 2
[generator]
blocks = 1
channels = 8
[discriminator]
channels = 4
[warm_start]
iterations = 2
[adversarial]
iterations = 2
[execution]
threads = 1
[report]
rank_metric = "psnr"
[[loss]]
label = "mine"
name = "l2"
"""


@pytest.mark.slow
def test_a_made_up_stage_on_a_made_up_backend_ends_in_record_table_and_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import made_up_parts  # type: ignore[import-not-found]

    monkeypatch.setitem(KINDS, "fade", made_up_parts.FADE)
    monkeypatch.setitem(BACKENDS, "made-up", "made_up_parts:backend")
    file = tmp_path / "made-up.toml"
    file.write_text(SUITE)

    result = srbench.run_suite(
        file, out=tmp_path / "out", executor="made-up", device="cpu", progress=False
    )

    assert not result.failed
    out = OutFolder(result.out)
    records = {record.loss.label: record for record in result.records}
    assert {row.label for row in result.leaderboard.rows} == set(records)
    assert "mine" in result.page.read_text(encoding="utf-8")
    key = records["mine"].keys["training"]
    job = json.loads((out.job(key) / "job.json").read_text())
    assert job["kind"] == "fade"
    faded, before = load_file(out.generator(key)), load_file(out.generator(job["task"]["start"]))
    assert faded
    for name, tensor in faded.items():
        assert tensor.equal(before[name] * 0.5), name
    warm = records["warm-start"].keys["training"]
    assert json.loads((out.job(warm) / "job.json").read_text())["kind"] == "warm-start"
    assert records["mine"].scores["photos-test"].metrics["psnr"].mean > 0


def test_an_unknown_backend_is_named(tmp_path: Path) -> None:
    place = Place(out=OutFolder(tmp_path), device="cpu", threads=1)
    with pytest.raises(UnknownName, match="did you mean 'local'"):
        backend("locl", place)
