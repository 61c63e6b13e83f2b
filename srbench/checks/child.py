"""What runs in the fresh processes that :mod:`srbench.checks.fresh` starts. No torch up here.

``python -m srbench.checks.child import|build REQUEST RESULT``: the request and the result are
files, so that whatever a plugin prints is told apart from the answer.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HEAVY = ("torch", "tensorflow", "jax")
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Watch:
    """An audit hook that forbids the network and, if asked to, notes files opened to write."""

    def __init__(self, *, files: bool) -> None:
        self.files = files
        self.offences: list[str] = []
        self.on = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in _NETWORK and not _is_local(event, arguments):
            self.offences.append(f"used the network ({event})")
            raise OSError(f"no network here: {event} is not allowed in this check")
        if self.files and event == "open" and _writes(arguments):
            self.offences.append(f"wrote to a file ({arguments[0]})")


def _is_local(event: str, arguments: tuple[Any, ...]) -> bool:
    # Unix sockets have a path for an address: a machine's own services, not the network.
    return event == "socket.connect" and not isinstance(arguments[1], tuple)


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    return (
        isinstance(path, str)
        and path != os.devnull
        and isinstance(flags, int)
        and bool(flags & _WRITING)
    )


def import_plugin(request: Mapping[str, Any]) -> dict[str, Any]:
    """Import a plugin module, list its losses and resolve one; note what that did."""
    watch = _Watch(files=True)
    sys.addaudithook(watch)
    module = importlib.import_module(request["module"])
    hook = getattr(module, "srbench_losses", None)
    specs = {spec.name: spec for spec in hook()} if hook is not None else {}
    spec = specs.get(request["loss"])
    if spec is not None and spec.resolve is not None:
        spec.resolve(spec.params.model_validate(request["params"]))
    watch.on = False
    heavy = [f"imported {name}" for name in _HEAVY if name in sys.modules]
    return {"offences": [*heavy, *watch.offences]}


def build_loss(request: Mapping[str, Any]) -> dict[str, Any]:
    """Unpickle spec, parameters and weights, build without network, and compute one value."""
    watch = _Watch(files=False)
    sys.addaudithook(watch)
    with open(request["pickle"], "rb") as file:
        subject = pickle.load(file)  # noqa: S301 (written by the parent process)
    module = subject.build()
    sr, hr = subject.pair()
    value = module(sr, hr)
    watch.on = False
    return {"value": float(value), "offences": watch.offences}


_TASKS = {"import": import_plugin, "build": build_loss}


def main() -> None:
    """Run one task and write its answer; any exception of the plugin is an answer too."""
    task, request, result = sys.argv[1:]
    try:
        answer = _TASKS[task](json.loads(Path(request).read_text()))
    except (Exception, SystemExit) as error:
        answer = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    Path(result).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
