"""What stands before every request: host, origin, size and rate; what is refused is logged.

There is no cookie, so that no other page can act in a rater's name: the token travels in a header
that only the study's own page sets. Addresses are kept in memory for the rate alone, and nowhere
written.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG: Final = logging.getLogger("srbench.study")
MAX_BODY: Final = 8192

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class Refused(Exception):
    """A request that is not answered: HTTP status, why, and what the log alone is told."""

    def __init__(self, status: int, why: str, detail: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.detail = detail


class Rate:
    """Token buckets by key: ``burst`` at once, then ``per_second``. Forgets the oldest keys."""

    def __init__(self, per_second: float, burst: int, keys: int = 20_000) -> None:
        self._per_second = per_second
        self._burst = burst
        self._keys = keys
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one; :class:`Refused` where there were too many."""
        now = time.monotonic()
        left, before = self._left.pop(key, (float(self._burst), now))
        left = min(float(self._burst), left + (now - before) * self._per_second)
        self._left[key] = (max(0.0, left - 1.0), now)
        while len(self._left) > self._keys:
            self._left.popitem(last=False)
        if left < 1.0:
            raise Refused(429, "too many requests: wait a moment")


class Guard:
    """The ASGI application behind it sees only requests that pass.

    Args:
        hosts: what the Host header may be, without a port.
        prefix: path below which a reverse proxy shows the study; it may or may not strip it.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], prefix: str = "") -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._prefix = prefix.rstrip("/")
        self._rate = Rate(per_second=60, burst=600)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        try:
            self._check(scope)
            body = await _body(scope, receive)
        except Refused as refused:
            await refusal(scope, refused)(scope, receive, guarded)
            return
        scope = self._below(scope)
        await self._app(scope, _once(body, receive), guarded)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            raise Refused(421, "wrong host", host)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise Refused(405, "wrong method")
        client = scope.get("client")
        self._rate.take(client[0] if client else "")
        if scope["method"] == "POST":
            origin = headers.get("origin")
            if origin is not None and origin.split("://")[-1].lower() != host.lower():
                raise Refused(403, "wrong origin", origin)
            if headers.get("sec-fetch-site", "same-origin") != "same-origin":
                raise Refused(403, "sent from another site")
            if headers.get("content-type", "").split(";")[0].strip() != "application/json":
                raise Refused(415, "expected JSON")

    def _below(self, scope: Scope) -> Scope:
        path: str = scope["path"]
        if self._prefix and (path + "/").startswith(self._prefix + "/"):
            path = path.removeprefix(self._prefix)
        return {**scope, "path": path, "root_path": ""}


def refusal(scope: Scope, refused: Refused) -> JSONResponse:
    """The answer to a request that is refused; logged without address, token or body."""
    detail = f" {refused.detail[:80]!a}" if refused.detail else ""
    path = scope["path"][:80]
    LOG.warning("refused %s %a: %s%s", scope["method"], path, refused.why, detail)
    headers = {"Cache-Control": "no-store", "Connection": "close"}
    return JSONResponse({"error": refused.why}, refused.status, headers=headers)


def _name(host: str) -> str:
    """A Host header without its port, in lower case."""
    return (host.rsplit(":", 1)[0] if not host.endswith("]") else host).lower()


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body, which must be small. Counted as it comes: a header may lie."""
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY:
        raise Refused(413, "too large")
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "broken off")
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise Refused(413, "too large")
        if not message.get("more_body", False):
            return bytes(body)


def _once(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
