"""Under load: speed, a killed server, a full disk, and a whole study over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import secrets
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import roles, served, served_apart, vote
from voting import PaperRater

from srbench.records.opinions import HR
from srbench.study.analysis import analyse
from srbench.study.design import Trial
from srbench.study.document import StudyFolder
from srbench.study.web.store import Store

pytestmark = pytest.mark.slow


class Client:
    """One rater's browser: a connection that stays open. ``took``: seconds of each vote."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.token = ""
        self.took: list[float] = []
        self.acknowledged: list[str] = []

    async def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        data = b"" if body is None else json.dumps(body).encode()
        writer.write(
            f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        reply = json.loads(await reader.readexactly(length))
        if "connection: close" in head:
            self.close()
        return int(head.split()[1]), reply

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def join(self) -> list[dict[str, Any]]:
        self.token = (await self.ask("/api/join", {"consent": True, "answers": []}))[1]["token"]
        found: list[dict[str, Any]] = (await self.ask("/api/session"))[1]["trials"]
        return found

    async def vote(self, trial: str, answer: str) -> int:
        begun = time.perf_counter()
        status, _ = await self.ask("/api/vote", vote(trial, answer))
        self.took.append(time.perf_counter() - begun)
        if status == 200:
            self.acknowledged.append(trial)
        return status


async def steadily(client: Client, per_second: float, seconds: float) -> None:
    """Vote at a rate; stop where the server is gone."""
    trials = await client.join()
    await asyncio.sleep(random.random() / per_second)
    begun = time.perf_counter()
    for index, trial in enumerate(trials):
        ahead = begun + index / per_second - time.perf_counter()
        await asyncio.sleep(max(0.0, ahead))
        if time.perf_counter() - begun > seconds:
            return
        try:
            assert await client.vote(trial["id"], "first") == 200
        except (OSError, asyncio.IncompleteReadError):
            return


async def together(clients: list[Client], per_second: float, seconds: float) -> None:
    await asyncio.gather(*(steadily(client, per_second, seconds) for client in clients))
    for client in clients:
        client.close()


def percentile(clients: list[Client], share: float) -> float:
    took = sorted(second for client in clients for second in client.took)
    return took[int(share * (len(took) - 1))]


@pytest.fixture
def long_study(make_study: Callable[..., StudyFolder]) -> StudyFolder:
    return make_study(crops=4, trials=60, checks=8, repeats=6)


def test_fifty_raters_vote_and_the_server_is_killed(long_study: StudyFolder) -> None:
    """2 votes a second each; SIGKILL in the middle loses and doubles nothing acknowledged."""
    with served_apart(long_study.root) as (server, process):
        clients = [Client(server.port) for _ in range(50)]

        async def run() -> None:
            voting = asyncio.create_task(together(clients, 2.0, 12.0))
            await asyncio.sleep(10.0)
            process.kill()
            await voting

        asyncio.run(run())
    votes = sum(len(client.acknowledged) for client in clients)
    p50, p99 = (percentile(clients, share) for share in (0.5, 0.99))
    print(f"{votes} votes, median {1e3 * p50:.1f} ms, p99 {1e3 * p99:.1f} ms")
    assert votes > 150
    stored = Store(long_study.votes, long_study.sha256).votes()
    by_rater = Counter(vote.rater for vote in stored)
    assert len({(vote.rater, vote.trial) for vote in stored}) == len(stored)
    # Started anew, every rater finds the acknowledged votes, and at most one more: in flight.
    with served(long_study) as again:
        for client in clients:
            done = {t["id"] for t in again.trials(client.token) if t["done"]}
            assert set(client.acknowledged) <= done
            assert len(done) <= len(client.acknowledged) + 1
    assert sum(by_rater.values()) == len(stored)
    if os.environ.get("SRBENCH_QUIET_MACHINE"):  # a busy machine's delays are not the server's
        assert p99 < 0.150


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_refuses_and_loses_nothing(long_study: StudyFolder, small_disk: Path) -> None:
    for path in long_study.root.rglob("*"):
        if path.is_file():
            (small_disk / path.relative_to(long_study.root)).parent.mkdir(exist_ok=True)
            (small_disk / path.relative_to(long_study.root)).write_bytes(path.read_bytes())
    folder = StudyFolder(small_disk)
    with served(folder) as server:
        tokens = [server.join() for _ in range(3)]
        trials = {token: server.trials(token) for token in tokens}
        good = [(token, t["id"]) for token in tokens for t in trials[token][:5]]
        for token, trial in good:
            assert server.ask("/api/vote", vote(trial, "first"), token=token).status == 200
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        statuses = []
        for token, trial in [(who, t["id"]) for who in tokens for t in trials[who][5:]]:
            sent = vote(trial, "second")
            reply = server.ask("/api/vote", sent, token=token)
            statuses.append(reply.status)
            if reply.status == 200:
                good.append((token, trial))
            else:
                assert reply.status == 507
                assert "disk is full" in reply.json["error"]
        assert 507 in statuses
        filler.unlink()  # room again: the same vote is sent once more, and stored
        assert server.ask("/api/vote", sent, token=token).json == {"stored": True}
        good.append((token, sent["trial"]))
        done = {(token, t["id"]) for token in tokens for t in server.trials(token) if t["done"]}
    assert done == set(good)


class Judge:
    """A rater with a taste, who knows only by the key what it is shown."""

    def __init__(self, study: StudyFolder, number: int, careless: bool) -> None:
        self._study = study.study
        self._rater = PaperRater(number, careless=careless)

    def answer(self, trial: dict[str, Any], taste: dict[str, str]) -> str:
        first, second = roles(self._study, trial)
        kind = "check" if HR in (first, second) else "main"
        shown = [taste.get(role, role) for role in (first, second)]
        return self._rater.answer(Trial(kind, 0, shown[0], shown[1]))


def test_a_study_over_http_finds_the_known_order(
    make_study: Callable[..., StudyFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 raters at once, one in ten careless, 3,000 votes and more.

    Of careful raters about one in 110 is screened out by chance (two lapses in eight checks, or six
    repeats near a coin's toss), so two of 36 in one study of thirty. The order of trials is
    given and raters join one after the other: who is shown what, and so the outcome, is the same
    in every run, however their votes then cross.
    """
    monkeypatch.setattr(secrets, "randbits", lambda bits: 1)
    folder = make_study(crops=4, trials=64, checks=8, repeats=6)
    truth = dict(zip(folder.study.labels, ("gamma", "alpha", "delta", "beta"), strict=True))

    async def rate(client: Client, trials: list[dict[str, Any]], number: int) -> int:
        judge = Judge(folder, number, careless=number % 10 == 9)
        for trial in trials:
            while (status := await client.vote(trial["id"], judge.answer(trial, truth))) == 429:
                await asyncio.sleep(1.0)
            assert status == 200
        client.close()
        return len(trials)

    async def run(port: int) -> int:
        joined = [(client, await client.join()) for client in (Client(port) for _ in range(40))]
        return sum(await asyncio.gather(*(rate(*who, n) for n, who in enumerate(joined))))

    with served_apart(folder.root) as (server, _):
        votes = asyncio.run(run(server.port))
    assert votes >= 3000
    store = Store(folder.votes, folder.sha256)
    found = analyse(store.votes())
    store.close()
    assert [truth[row.label] for row in found.rows] == ["alpha", "beta", "gamma", "delta"]
    careless = {f"{number + 1}" for number in range(40) if number % 10 == 9}
    out = {rater.name.rpartition("-")[2] for rater in found.raters if rater.why_not}
    assert len(careless - out) <= 1
    assert len(out - careless) <= 0.05 * (40 - len(careless))
