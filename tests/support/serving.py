"""A study's server in a thread or process of its own, and a small HTTP client without a library."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.records.opinions import BICUBIC, HR
from srbench.study.document import Study, StudyFolder

DISPLAY = {"shown_ms": 900, "pixel_ratio": 1.0, "pixels_each": 2, "width": 1280, "height": 800}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def everything(self) -> bytes:
        """All bytes that were sent, headers included."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return head.encode() + self.body


@dataclass(frozen=True, slots=True)
class Served:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        token: str = "",
        method: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request; a body that is no bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
        reply = connection.getresponse()
        found = Reply(reply.status, dict(reply.getheaders()), reply.read())
        connection.close()
        return found

    def join(self) -> str:
        reply = self.ask("/api/join", {"consent": True, "answers": []})
        assert reply.status == 200, reply.body
        return str(reply.json["token"])

    def trials(self, token: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/api/session", token=token).json["trials"]
        return found


def vote(trial: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"trial": trial, "nonce": secrets.token_hex(16), "answer": answer, **DISPLAY, **more}


@contextlib.contextmanager
def served(folder: StudyFolder, **options: Any) -> Iterator[Served]:
    """In a thread of this process."""
    import uvicorn

    from srbench.study.web.app import study_app

    app = study_app(folder, hosts=("127.0.0.1", "localhost"), **options)
    config = uvicorn.Config(app, port=0, access_log=False, server_header=False, log_level="warning")
    socket = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([socket])))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Served(socket.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        socket.close()


@contextlib.contextmanager
def served_apart(root: Path, *more: str) -> Iterator[tuple[Served, subprocess.Popen[str]]]:
    """By the command, in a process of its own; killed at the end."""
    command = [sys.executable, "-m", "srbench", "study", "serve", str(root), "--port", "0", *more]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("serving"), line
            yield Served(int(line.rstrip().rstrip("/").rsplit(":", 1)[1])), process
        finally:
            process.kill()


def roles(study: Study, trial: dict[str, Any]) -> list[str]:
    """What a trial shows, by the key that only the server has."""
    return [study.media[name].role for name in trial["images"]]


def attentive(shown: list[str]) -> str | None:
    """The answer to an attention check (pairs); ``None`` where it is none."""
    if set(shown) == {HR, BICUBIC}:
        return "first" if shown[0] == HR else "second"
    return None
