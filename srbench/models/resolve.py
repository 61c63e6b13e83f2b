"""From a generator's spec, a suite's parameters and a scale to a network.

Importing this needs no torch.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srbench.contract import GeneratorSpec
from srbench.contract.settle import settle_params
from srbench.errors import ContractError, SrbenchError, SuiteError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedGenerator:
    """A generator with its parameters settled, for one scale.

    Attributes:
        params: validated pydantic model, or ``None`` where the generator has none.
    """

    spec: GeneratorSpec
    params: Any
    scale: int

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that differ from their defaults, as plain JSON data.

        A parameter that a later version adds changes neither the files nor the keys of those who
        leave it alone.
        """
        if self.params is None:
            return {}
        return dict(self.params.model_dump(mode="json", exclude_defaults=True))

    @property
    def identity(self) -> dict[str, Any]:
        """What the network is, as plain JSON data: the metadata of its files, a part of keys."""
        version = {} if self.spec.version == 1 else {"version": self.spec.version}
        return {**self.settings, **version, "name": self.spec.name, "scale": self.scale}

    @property
    def receptive_radius(self) -> int | None:
        """LR pixels to each side of a pixel that its SR block depends on; ``None``: all."""
        radius = self.spec.receptive_radius
        return radius(self.params) if callable(radius) else radius

    def build(self, *, seed: int | None = None) -> nn.Module:
        """The network on the CPU, float32: ``lr (N, 3, h, w)`` to ``(N, 3, scale*h, scale*w)``.

        Args:
            seed: draws the initial weights from a stream of its own and leaves torch's global
                random state untouched; ``None`` uses the global state.

        Raises:
            ContractError: the factory raised, or returned something else than a module.
        """
        from torch import nn

        from srbench.models.seeding import seeded

        try:
            with seeded(seed, "generator"), contextlib.redirect_stdout(sys.stderr):
                network = self.spec.build(self.params, self.scale)
        except SrbenchError:
            raise
        except (Exception, SystemExit) as error:
            raise ContractError(
                f"generator {self.spec.name!r} cannot be built: {type(error).__name__}: {error}",
                "tell the plugin's author",
            ) from error
        if not isinstance(network, nn.Module):
            raise ContractError(
                f"generator {self.spec.name!r}: expected build() to return a torch.nn.Module, "
                f"got {type(network).__name__}"
            )
        return network


def resolve_generator(
    spec: GeneratorSpec, params: Mapping[str, Any], scale: int
) -> ResolvedGenerator:
    """Validate ``params`` and the scale against what the generator declares.

    Raises:
        SuiteError: a parameter that it does not have, a value that does not fit, a scale that it
            does not know.
    """
    settled = settle_params("generator", spec.name, spec.params, params)
    if scale not in spec.scales:
        raise SuiteError(
            f"generator {spec.name!r} knows the scales {', '.join(map(str, spec.scales))}, "
            f"got {scale}",
            "change scale, or generator.name",
        )
    return ResolvedGenerator(spec=spec, params=settled, scale=scale)
