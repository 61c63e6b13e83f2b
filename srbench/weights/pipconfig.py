"""What pip is configured to use: index, extra indexes, find-links, certificate, proxy.

Read as pip reads it (https://pip.pypa.io/en/stable/topics/configuration/): the site-wide, the
user's and the environment's ``pip.conf``, then the file named by ``PIP_CONFIG_FILE``, then
``PIP_*`` variables; the section ``[download]`` beats ``[global]``; a later value replaces an
earlier one as a whole.
Neither pip nor a subprocess is needed, so it also works in environments that uv made.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from srbench.errors import WeightsError

_SECTIONS = ("global", "download")
_TRUE = {"1", "true", "yes", "on", "y", "t"}


@dataclass(frozen=True, kw_only=True, slots=True)
class PipConfig:
    """The part of pip's configuration that decides where an archive comes from.

    Attributes:
        index_url: of the main index; ``None`` for the client library's public default.
        extra_index_urls: further indexes.
        find_links: folders, pages or archives.
        no_index: only ``find_links`` count.
        cert: file of certificate authorities.
        client_cert: file with the client's certificate and key.
        proxy: URL.
        trusted_hosts: hosts whose certificate is not checked.
        timeout: seconds without an answer.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    timeout: float = 15.0


def read_pip_config(environ: Mapping[str, str] | None = None) -> PipConfig:
    """pip's configuration as it stands for this interpreter.

    Raises:
        WeightsError: a configuration file cannot be parsed, or the timeout is not a number.
    """
    env = os.environ if environ is None else environ
    sections: dict[str, dict[str, str]] = {name: {} for name in _SECTIONS}
    for path in _config_files(env):
        for section, found in _read_file(path).items():
            sections[section].update(found)
    values = {key: value for name in _SECTIONS for key, value in sections[name].items()}
    for name, value in env.items():
        if name.startswith("PIP_") and value:
            values[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    timeout = values.get("timeout", values.get("default-timeout", "15"))
    try:
        seconds = float(timeout)
    except ValueError as error:
        raise WeightsError(
            f"expected pip's timeout to be a number of seconds, got {timeout!r}",
            "see `pip config list`",
        ) from error
    return PipConfig(
        index_url=values.get("index-url") or None,
        extra_index_urls=tuple(values.get("extra-index-url", "").split()),
        find_links=tuple(values.get("find-links", "").split()),
        no_index=values.get("no-index", "").strip().lower() in _TRUE,
        cert=values.get("cert") or env.get("REQUESTS_CA_BUNDLE") or env.get("CURL_CA_BUNDLE"),
        client_cert=values.get("client-cert") or None,
        proxy=values.get("proxy") or None,
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        timeout=seconds,
    )


def _config_files(env: Mapping[str, str]) -> Iterator[Path]:
    """pip's configuration files, weakest first."""
    named = env.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return  # pip's own way of saying: no configuration files at all
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    yield from _site_files(env, name)
    if not named or not os.path.exists(named):  # as in pip, the named file replaces the user's
        yield from _user_files(env, name)
    yield Path(sys.prefix) / name
    if named:
        yield Path(named)


def _site_files(env: Mapping[str, str], name: str) -> Iterator[Path]:
    if os.name != "nt":
        for folder in env.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep):
            yield Path(folder or "/etc/xdg") / "pip" / name
        yield Path("/etc") / name
    else:
        yield Path(platformdirs.site_config_dir("pip", appauthor=False)) / name


def _user_files(env: Mapping[str, str], name: str) -> Iterator[Path]:
    home = Path(env.get("HOME") or Path.home())
    yield home / ("pip" if os.name == "nt" else ".pip") / name
    if os.name != "nt" and sys.platform != "darwin":
        yield Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / name
    else:
        if sys.platform == "darwin":
            yield home / ".config" / "pip" / name
        yield Path(platformdirs.user_config_dir("pip", appauthor=False, roaming=True)) / name


def _read_file(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        raise WeightsError(
            f"expected a pip configuration file, got {path}: {error}", "correct or remove that file"
        ) from error
    return {
        section: {key.replace("_", "-"): value for key, value in parser.items(section)}
        for section in _SECTIONS
        if parser.has_section(section)
    }
