"""Trained generators on disk: safetensors, with the architecture in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from srbench.errors import UserError
from srbench.files import file_sha256
from srbench.models import GENERATOR_FORMAT as FORMAT
from srbench.models import build_generator


def save_generator(
    generator: nn.Module, settings: Mapping[str, Any], scale: int, path: Path
) -> str:
    """Write the generator atomically; equal weights give equal bytes. Returns the file's sha256."""
    from safetensors.torch import save

    from srbench.files import write_atomic

    tensors = {name: t.detach().cpu().contiguous() for name, t in generator.state_dict().items()}
    # One metadata entry: safetensors keeps no order among several, and bytes must repeat.
    metadata = {FORMAT: json.dumps({**settings, "scale": scale}, sort_keys=True)}
    write_atomic(path, save(tensors, metadata))
    return file_sha256(path)


def generator_scale(path: Path) -> int:
    """The factor of the generator in ``path``, which :func:`load_generator` can read."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return int(json.loads(file.metadata()[FORMAT])["scale"])


def load_generator(path: Path) -> nn.Module:
    """The generator in ``path``, on the CPU, in eval mode.

    Raises:
        UserError: the file is absent, damaged, or not one of ours.
    """
    from safetensors import SafetensorError, safe_open

    fix = "give a generator.safetensors that `srbench run` wrote"
    if not path.is_file():
        raise UserError(f"expected a trained generator, found no file at {path}", fix)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        settings = json.loads(metadata[FORMAT])
        generator = build_generator(
            settings["name"], blocks=settings["blocks"], channels=settings["channels"],
            scale=settings["scale"],
        )  # fmt: skip
        generator.load_state_dict(tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"expected a generator of format {FORMAT}, got {path}: {error}", fix
        ) from error
    return generator.eval()
