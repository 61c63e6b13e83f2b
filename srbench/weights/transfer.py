"""Downloading one file: bounded, hashed on the way, retried, never trusted before its hash."""

from __future__ import annotations

import hashlib
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import WeightsError, visible
from srbench.weights.pipconfig import PipConfig
from srbench.weights.progress import download_progress

if TYPE_CHECKING:
    from unearth.fetchers import PyPIClient

ATTEMPTS = 3
"""How often a download is tried where the connection breaks or the server fails (5xx)."""

MAX_SECONDS = 2 * 3600.0
MIN_BYTES_PER_SECOND = 1024
"""A server that sends a byte now and then must not hold a run for ever."""

_TRUE = {"1", "true", "yes", "on"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pins:
    """What the bytes of a file must be.

    Attributes:
        sha256: the full hash.
        prefix: the first digits of the hash, where only those are known.
        max_bytes: largest size.
    """

    sha256: str | None = None
    prefix: str | None = None
    max_bytes: int = 4 * 2**30

    def check(self, name: str, sha256: str, size: int) -> None:
        """Refuse a file whose hash is not the pinned one.

        Raises:
            WeightsError: naming both hashes.
        """
        if self.sha256 is not None and sha256 != self.sha256.lower():
            raise WeightsError(
                f"{name} ({size} bytes) has sha256 {sha256}, pinned is {self.sha256}"
            )
        if self.prefix is not None and not sha256.startswith(self.prefix.lower()):
            raise WeightsError(
                f"{name} ({size} bytes) has sha256 {sha256}, pinned is {self.prefix}..."
            )


def offline() -> bool:
    """Whether ``SRBENCH_OFFLINE`` forbids the network."""
    return os.environ.get("SRBENCH_OFFLINE", "").strip().lower() in _TRUE


def open_client(config: PipConfig, index_urls: tuple[str, ...] = ()) -> PyPIClient:
    """An HTTP client (also for ``file://``) with pip's certificates, proxy and credentials."""
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    options: dict[str, Any] = {"proxy": config.proxy} if config.proxy else {}
    client = PyPIClient(
        trusted_hosts=config.trusted_hosts,
        verify=_certificates(config),
        timeout=config.timeout,
        follow_redirects=True,
        event_hooks={"response": [_refuse_redirect]},
        **options,
    )
    if index_urls:
        # Never asks on the terminal: a benchmark in a batch job would hang.
        client.auth = MultiDomainBasicAuth(prompting=False, index_urls=index_urls)
    return client


def _refuse_redirect(response: Any) -> None:
    """No server may point this client at local files or take it from https to http."""
    target = response.headers.get("Location") if response.is_redirect else None
    if target is None:
        return
    scheme = response.url.join(target).scheme
    if scheme not in ("http", "https") or (response.url.scheme == "https" and scheme != "https"):
        raise WeightsError(f"a redirect from {response.url.scheme} to {scheme} is not followed")


def _certificates(config: PipConfig) -> ssl.SSLContext | bool:
    if not config.cert and not config.client_cert:
        return True
    try:
        if config.cert and Path(config.cert).is_dir():
            context = ssl.create_default_context(capath=config.cert)
        else:
            context = ssl.create_default_context(cafile=config.cert)
        if config.client_cert:
            context.load_cert_chain(config.client_cert)
    except OSError as error:
        raise WeightsError(
            f"expected certificates in {config.cert or config.client_cert}: {error}",
            "correct pip's `cert` (PIP_CERT, `pip config list`)",
        ) from error
    return context


def download(
    client: PyPIClient,
    url: str,
    target: Path,
    pins: Pins,
    *,
    label: str,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Write ``url`` to ``target`` and give its sha256, after checking the pins.

    Raises:
        WeightsError: no answer, an HTTP error, too large, cut short, or another hash.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            sha256, size = _stream(
                client, url, target, max_bytes=pins.max_bytes, label=label, headers=headers
            )
            break
        except _BrokenTransferError as error:
            if attempt == ATTEMPTS:
                raise WeightsError(f"{error} ({ATTEMPTS} attempts)") from error
            time.sleep(0.25 * 2**attempt)
    pins.check(label, sha256, size)
    return sha256


class _BrokenTransferError(Exception):
    """The transfer failed in a way that a second attempt may mend."""


def _stream(
    client: PyPIClient,
    url: str,
    target: Path,
    *,
    max_bytes: int,
    label: str,
    headers: Mapping[str, str] | None,
) -> tuple[str, int]:
    from unearth.preparer import HTTPErrors

    digest = hashlib.sha256()
    size = 0
    start = time.monotonic()
    try:
        # identity: the pinned hash is of the file itself, not of a compressed transfer of it.
        asked = {"Accept-Encoding": "identity", **(headers or {})}
        with client.get_stream(url, headers=asked) as response, target.open("wb") as out:
            total = _check_answer(response, max_bytes)
            with download_progress(label, total) as advance:
                for chunk in response.iter_raw(1 << 18):
                    size += len(chunk)
                    _check_pace(time.monotonic() - start, size)
                    if size > max_bytes:
                        raise WeightsError(f"larger than the limit of {max_bytes} bytes")
                    digest.update(chunk)
                    out.write(chunk)
                    advance(len(chunk))
    except HTTPErrors as error:
        raise _BrokenTransferError(f"{type(error).__name__}: {error}") from error
    if total is not None and size != total:
        raise _BrokenTransferError(f"cut short: {size} of {total} bytes came")
    return digest.hexdigest(), size


def _check_pace(seconds: float, size: int) -> None:
    if seconds > MAX_SECONDS or seconds > 60 + size / MIN_BYTES_PER_SECOND:
        raise WeightsError(f"too slow: {size} bytes in {seconds:.0f} s")


def _check_answer(response: Any, max_bytes: int) -> int | None:
    """The announced size, once the answer is known to be the file."""
    status = f"HTTP status {response.status_code} {visible(response.reason_phrase[:80])}".rstrip()
    if response.status_code >= 500:
        raise _BrokenTransferError(status)
    if response.status_code != 200:
        raise WeightsError(status)
    announced = response.headers.get("Content-Length")
    total = int(announced) if announced and announced.isdigit() else None
    if total is not None and total > max_bytes:
        raise WeightsError(f"announced {total} bytes, the limit is {max_bytes}")
    return total
