"""The Ray executor on a cluster of two nodes on this machine, one of which is lost."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Cli, Said

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
pytest.importorskip("ray", reason="srbench[ray] is not installed")

CLUSTER = """
import os, sys, time
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_worker_niceness"] = "0"  # with Ray's 15 a worker starves beside other tests
from ray.cluster_utils import Cluster
memory = 80 * 2**20
site = sys.argv[1]
cluster = Cluster(initialize_head=True, head_node_args={
    "num_cpus": 1, "include_dashboard": False, "object_store_memory": memory})
def add(**more):
    return cluster.add_node(num_cpus=1, object_store_memory=memory, **more)
present = os.environ.get("PYTHONPATH")
path = site + (os.pathsep + present if present else "")
other = add(env_vars={"PYTHONPATH": path})
print(cluster.address, flush=True)
for line in sys.stdin:
    if line.strip() == "remove":
        cluster.remove_node(other, allow_graceful=False)
        print("removed", flush=True)
    if line.strip() == "add":
        other = add()
        print("added", flush=True)
cluster.shutdown()
"""


def stranger(folder: Path) -> Path:
    """A folder of packages that holds a plugin, which the other machines do not have."""
    info = folder / "site/stranger-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[srbench]\np = stranger_plugin\n")
    (folder / "site/stranger_plugin.py").write_text("")
    return folder / "site"


def test_a_strange_node_is_refused_and_a_lost_one_changes_nothing(
    cli: Cli,
    folder: Path,
    command: list[str],
    calm: tuple[Path, Said],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A process of its own: Ray warns and leaves sockets open, which pytest makes errors of.
    cluster = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", CLUSTER, str(stranger(folder))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert cluster.stdin is not None
    assert cluster.stdout is not None

    def tell(what: str, answer: str) -> None:
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        print(what, file=cluster.stdin, flush=True)
        assert cluster.stdout.readline().strip() == answer

    try:
        address = cluster.stdout.readline().strip()
        assert address
        monkeypatch.setenv("RAY_ADDRESS", address)
        refused = cli("run", "./small.toml", "--out", "ray", "--executor", "ray")
        assert refused.returncode == 2, refused.stderr
        assert "expected the same versions on every node as here; node " in refused.stderr
        assert "stranger 1.0 instead of none" in refused.stderr
        assert not list(folder.glob("ray/jobs/*")), "nothing was started"
        tell("remove", "removed")
        tell("add", "added")
        run = subprocess.Popen(
            [*command, "run", "./small.toml", "--out", "ray", "--executor", "ray"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 600
        while len(list(folder.glob("ray/checkpoints/*/result.json"))) < 2:
            assert time.monotonic() < deadline
            assert run.poll() is None, run.communicate()[1]
            time.sleep(0.1)
        tell("remove", "removed")
        _, stderr = run.communicate(timeout=600)
        assert run.returncode == 0, stderr
    finally:
        cluster.stdin.close()
        cluster.wait(60)
        cluster.stdout.close()
    local, _ = calm
    for pattern in ("checkpoints/*/generator.safetensors", "scores/*.json"):
        paths = list(local.glob(pattern))
        assert paths
        for path in paths:
            twin = folder / "ray" / path.relative_to(local)
            assert twin.read_bytes() == path.read_bytes()


def test_versions_are_compared_by_name() -> None:
    from srbench.run.exec.node_versions import node_versions, version_differences

    here = node_versions()()
    assert {"srbench", "torch", "python"} <= here.keys()
    assert version_differences(here, here) == []
    other = {**here, "torch": "1.0.0"}
    del other["srbench"]
    assert version_differences(here, other) == [
        f"srbench not installed instead of {here['srbench']}",
        f"torch 1.0.0 instead of {here['torch']}",
    ]
