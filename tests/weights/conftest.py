"""An isolated machine: own caches, no pip configuration, a web server that answers as told."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from srbench.weights import transfer


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without weights, pip configuration, proxies or waiting; gives its cache folder."""
    for name in os.environ:
        if name.startswith(("PIP_", "SRBENCH_", "HF_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(transfer.time, "sleep", lambda seconds: None)
    return tmp_path / "cache"


@pytest.fixture
def checkpoint() -> bytes:
    """A small .pth: two tensors under ``features.`` and one under ``classifier.``."""
    out = io.BytesIO()
    torch.save(
        {
            "features.0.weight": torch.arange(8, dtype=torch.float32).reshape(2, 4),
            "features.0.bias": torch.tensor([0.5, -0.5]),
            "classifier.0.bias": torch.zeros(3),
        },
        out,
    )
    return out.getvalue()


@pytest.fixture
def make_wheel() -> Callable[[Mapping[str, bytes]], bytes]:
    def make(members: Mapping[str, bytes]) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in members.items():
                file.writestr(name, data)
        return out.getvalue()

    return make


@pytest.fixture
def make_sdist() -> Callable[[str, Mapping[str, bytes]], bytes]:
    def make(top: str, members: Mapping[str, bytes]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as file:
            for name, data in members.items():
                info = tarfile.TarInfo(f"{top}/{name}")
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
        return out.getvalue()

    return make


@pytest.fixture
def npz() -> Callable[..., bytes]:
    def make(**arrays: np.ndarray) -> bytes:
        out = io.BytesIO()
        np.savez(out, **arrays)
        return out.getvalue()

    return make


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    announced: int | None = None
    says_size: bool = True


@dataclass
class WebServer:
    """Serves ``answers[path]``; a list is used up from its front. Notes what was asked."""

    url: str
    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    request_headers: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def serve(self, path: str, body: bytes, *, then: bytes | None = None, **answer: Any) -> None:
        """Answer ``path`` with ``body``, and from the second time on with ``then``."""
        first = Answer(body, **answer)
        self.answers[path] = first if then is None else [first, Answer(then)]

    def page(self, package: str, links: str) -> None:
        """A page of the simple index under ``/simple/``."""
        body = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
        self.answers[f"/simple/{package}/"] = Answer(body, headers={"Content-Type": "text/html"})

    def answer(self, path: str) -> Answer:
        found = self.answers.get(path, Answer(b"no such file", 404))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return found


@pytest.fixture
def server() -> Iterator[WebServer]:
    web = WebServer("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            web.request_headers[self.path] = dict(self.headers)
            answer = web.answer(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            length = len(answer.body) if answer.announced is None else answer.announced
            if answer.says_size:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *args: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield web
    httpd.shutdown()
    thread.join()
    httpd.server_close()
