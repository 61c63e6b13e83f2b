"""Serve a study: uvicorn with nothing in its headers or logs that a rater did not agree to."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Sequence

import uvicorn

from srbench.errors import UserError
from srbench.study.document import StudyFolder
from srbench.study.web.app import study_app

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether only this machine itself reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(
    folder: StudyFolder,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    names: Sequence[str] = (),
    prefix: str = "",
    proxy: str | None = None,
    most: int = 2000,
    started: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until the process is told to stop.

    Args:
        host, port: address to listen at; port 0 takes a free one.
        names: further names by which browsers may ask for it.
        prefix: path below which a reverse proxy shows it.
        proxy: address of that proxy, whose X-Forwarded-For is believed.
        most: raters that may join.
        started: called with the study's address as soon as it answers.

    Raises:
        UserError: the address is taken.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    hosts = {*LOOPBACK, *names, f"[{host}]" if ":" in host else host}
    app = study_app(folder, hosts=hosts, prefix=prefix, most=most)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,  # addresses are personal data
        server_header=False,
        log_level="warning",
        proxy_headers=proxy is not None,
        forwarded_allow_ips=proxy,
        limit_concurrency=1000,
        timeout_keep_alive=30,
    )
    server = uvicorn.Server(config)
    try:
        socket = config.bind_socket()
    except SystemExit as error:  # uvicorn ends the process where an address is taken
        raise UserError(
            f"expected a free address, got {host}:{port}", "choose another with --port"
        ) from error
    shown = f"[{host}]" if ":" in host else host

    async def run() -> None:
        task = asyncio.create_task(server.serve([socket]))
        while not server.started and not task.done():
            await asyncio.sleep(0.02)
        if server.started:
            started(f"http://{shown}:{socket.getsockname()[1]}{prefix}/")
        await task

    asyncio.run(run())
