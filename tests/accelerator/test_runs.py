"""Whole runs by the commands: on one GPU, on one of several, on a cluster, with little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.accelerator

ROOT = Path(__file__).parents[2]
SMALL = """
schema = 1
name = "certify"
version = 1
summary = "for certification"
track = "raw"
seeds = [1]
metrics = ["psnr"]
[data]
train = "photos"
val = 1
test = ["photos-test"]
patch_size = 32
batch_size = 4
[generator]
name = "msrresnet"
blocks = 1
channels = 4
[discriminator]
channels = 4
[warm_start]
iterations = 10
[adversarial]
iterations = 10
[validation]
every = 5
metrics = ["psnr"]
[[loss]]
label = "l2"
name = "l2"
"""

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def small(tmp_path: Path) -> str:
    (tmp_path / "small.toml").write_text(SMALL)
    return "./small.toml"


def succeeds(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def test_a_run_here_verifies_on_the_cpu(cli: Cli, small: str, device: str) -> None:
    """`quick` on a GPU; a smaller suite on the CPU, where `quick` takes ten minutes."""
    suite = small if device == "cpu" else "quick"
    succeeds(cli("run", suite, "--out", "out", "--device", device))
    succeeds(cli("submit", "out", "--images", "-o", "out.zip"))
    done = cli("verify", "out.zip", "--json", "--device", "cpu")
    succeeds(done)
    rows = json.loads(done.stdout)["rows"].values()
    assert {row["mark"] for row in rows} == {"scores-verified"}
    assert {"warm-start", "bicubic"} < {row["label"] for row in rows}


def test_two_jobs_share_one_gpu(cli: Cli, small: str, gpu: str) -> None:
    succeeds(cli("run", small, "--out", "out", "--device", gpu, "--jobs", "2"))


def uuids() -> list[str]:
    """GPUs and their MIG parts, as the driver names them."""
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    return [part.rstrip(")") for part in listed.split() if part.startswith(("GPU-", "MIG-"))]


def test_a_gpu_by_its_uuid(cli: Cli, small: str, cuda: str) -> None:
    """A MIG part where there is one."""
    if torch.version.hip:
        pytest.skip("ROCm counts its devices")
    names = uuids()
    chosen = next((name for name in names if name.startswith("MIG-")), names[0])
    succeeds(cli("run", small, "--out", "out", "--device", cuda, CUDA_VISIBLE_DEVICES=chosen))


def test_the_second_gpu_alone(cli: Cli, small: str, cuda: str) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("needs two GPUs")
    succeeds(cli("run", small, "--out", "out", "--device", cuda, CUDA_VISIBLE_DEVICES="1"))


@pytest.mark.parametrize(
    ("where", "size"), [("training", "data.batch_size=64"), ("validation", "data.batch_size=1")]
)
def test_a_full_device_is_recovered_from(
    cli: Cli, small: str, cuda: str, tmp_path: Path, where: str, size: str
) -> None:
    """With two thirds of the memory that it took, a job goes on with less at once.

    A batch of 64 patches needs more than a photograph does, one of a single patch needs less.
    """
    asked = ("run", small, "--device", cuda, "--set", size, "--set", "generator.channels=64")
    succeeds(cli(*asked, "--out", "free"))
    records = [json.loads(file.read_text()) for file in (tmp_path / "free/records").glob("*.json")]
    peak = max(record["cost"]["peak_memory_bytes"] or 0 for record in records if record["cost"])
    told = succeeds(
        cli(
            *asked, "--out", "full",
            PYTHONPATH=str(ROOT / "tests/support/with_little_memory"),
            SRBENCH_TEST_BYTES=str(2 * peak // 3),
        )
    )  # fmt: skip
    assert "another attempt" in told, f"{where} fitted"


CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
cluster.add_node(num_cpus=2, num_gpus=1)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


def test_a_ray_head_without_a_gpu(cli: Cli, small: str, cuda: str) -> None:
    """The command sees no GPU, a node of its cluster has one."""
    pytest.importorskip("ray", reason="ray is not installed")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CLUSTER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as cluster:  # fmt: skip
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        done = cli(
            "run", small, "--out", "out", "--executor", "ray", "--device", cuda,
            RAY_ADDRESS=address, CUDA_VISIBLE_DEVICES="",
        )  # fmt: skip
        cluster.stdin.close()
    succeeds(done)


def test_benchmarks_run(gpu: str, tmp_path: Path, record_property: Callable[..., None]) -> None:
    """Their figures are in the certificate."""
    output = tmp_path / "bench.json"
    command = [sys.executable, str(ROOT / "tests/perf"), "step", "roofline", "data", "--quick"]
    done = subprocess.run(
        [*command, "--output", str(output)], cwd=ROOT, env={**os.environ}, check=False
    )
    assert done.returncode == 0
    figures = json.loads(output.read_text())
    assert figures.pop("machine")["gpu"]
    for name, figure in figures.items():
        record_property(name, figure["value"])
