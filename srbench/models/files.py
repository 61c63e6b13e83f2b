"""Trained generators on disk: safetensors, with the architecture in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from srbench.contract import GeneratorSpec
from srbench.errors import UserError
from srbench.files import file_sha256, write_atomic
from srbench.models.plugin import builtin_spec
from srbench.models.resolve import ResolvedGenerator, resolve_generator

GENERATOR_FORMAT = "srbench-generator-1"
"""The one metadata key; its value is the JSON of :attr:`ResolvedGenerator.identity`."""

FindSpec = Callable[[str], GeneratorSpec]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainedGenerator:
    """A network with its trained weights, in eval mode on the CPU, and what it is."""

    network: nn.Module
    generator: ResolvedGenerator


def save_generator(network: nn.Module, generator: ResolvedGenerator, path: Path) -> str:
    """Write the network atomically; equal weights give equal bytes. Returns the file's sha256."""
    from safetensors.torch import save

    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    # One metadata entry: safetensors keeps no order among several, and bytes must repeat.
    metadata = {GENERATOR_FORMAT: json.dumps(generator.identity, sort_keys=True)}
    write_atomic(path, save(tensors, metadata))
    return file_sha256(path)


def read_identity(identity: Mapping[str, Any], find: FindSpec) -> ResolvedGenerator:
    """The generator that a file's metadata describe.

    Args:
        find: the spec of a generator's name.

    Raises:
        UserError: a name that ``find`` does not know, parameters or a version that do not fit.
    """
    params = {k: v for k, v in identity.items() if k not in ("name", "scale", "version")}
    spec = find(str(identity["name"]))
    if identity.get("version", 1) != spec.version:
        raise UserError(
            f"expected a file of generator {spec.name!r} version {spec.version}, "
            f"got version {identity.get('version', 1)!r}",
            "use the version of the plugin that it was trained with",
        )
    return resolve_generator(spec, params, identity["scale"])


def load_generator(path: Path, find: FindSpec = builtin_spec) -> TrainedGenerator:
    """The generator in ``path``, in eval mode on the CPU.

    Args:
        find: the spec of a generator's name; the built-in ones alone where it is left out.

    Raises:
        UserError: the file is absent, damaged, or not one of ours.
        PluginError: no installed plugin has this generator.
    """
    from safetensors import SafetensorError, safe_open

    fix = "give a generator.safetensors that `srbench run` wrote"
    if not path.is_file():
        raise UserError(f"expected a trained generator, found no file at {path}", fix)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        generator = read_identity(json.loads(metadata[GENERATOR_FORMAT]), find)
        network = generator.build()
        network.load_state_dict(tensors)
    except UserError:
        raise
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(
            f"expected a generator of format {GENERATOR_FORMAT}, got {path}: {error}", fix
        ) from error
    return TrainedGenerator(network=network.eval(), generator=generator)
