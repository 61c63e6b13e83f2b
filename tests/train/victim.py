"""``victim.py FOLDER``: kill a small adversarial job 20 times, and finish it; JSON on stdout.

Each attempt is a fork of this process, which has imported torch and computed nothing with it.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from conftest import CPU, TinyContent, TinySampler, networks

from srbench.train import AdversarialSettings, CheckpointFolder, run_adversarial

ITERATIONS = 150
KILLS = 20


def attempt(folder: Path) -> None:
    generator, discriminator = networks()
    settings = AdversarialSettings(
        iterations=ITERATIONS, learning_rate=1e-3, milestones=(ITERATIONS // 2,)
    )
    checkpoints = CheckpointFolder(folder, identity="victim", every_iterations=1)
    result = run_adversarial(
        generator,
        discriminator,
        TinyContent(noise=0.1),
        TinySampler(seed=3),
        settings,
        CPU,
        seed=7,
        checkpoints=checkpoints,
    )
    digest = hashlib.sha256()
    for network in (generator, discriminator):
        for value in network.state_dict().values():
            digest.update(value.double().numpy().tobytes())
    (folder / "result.json").write_text(json.dumps([digest.hexdigest(), result.resumed_from]))


def fork(folder: Path) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            attempt(folder)
            status = 0
        finally:
            os._exit(status)
    return child


def finish(folder: Path) -> tuple[str, int | None]:
    _, status = os.waitpid(fork(folder), 0)
    assert status == 0
    digest, resumed_from = json.loads((folder / "result.json").read_text())
    return digest, resumed_from


def newest(folder: Path) -> int:
    return max((int(p.stem[-9:]) for p in folder.glob("checkpoint-*.pt")), default=0)


def main() -> None:
    importlib.import_module("torch._dynamo")  # else every fork's first optimiser does, at 2 s
    root = Path(sys.argv[1])
    undisturbed, _ = finish(root / "whole")
    folder, rng = root / "killed", random.Random(0)
    kills = inside = 0
    reached = []
    for number in range(KILLS):
        before, child = newest(folder), fork(folder)
        while newest(folder) == before:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        while number % 2 and not any(folder.glob(".tmp-*")):  # every other one: inside a write
            pass
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        inside += any(folder.glob(".tmp-*"))
        reached.append(newest(folder))
    digest, _ = finish(folder)
    print(
        json.dumps(
            {
                "final": undisturbed,
                "killed": digest,
                "kills": kills,
                "inside_a_write": inside,
                "resumed_from": reached,
            }
        )
    )


if __name__ == "__main__":
    main()
