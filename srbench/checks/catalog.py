"""The checks by name, in the order in which they run, and the checks of one loss."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from srbench.checks import packaging, portability, state, values
from srbench.checks.outcome import CheckFailed, CheckResult, CheckSkipped, judge
from srbench.checks.seeded import SEEDED, SeededWeights
from srbench.checks.subject import TIME_LIMIT, Subject
from srbench.contract import PROJECT, LossSpec, WeightResolver
from srbench.errors import unknown_name
from srbench.host import RegisteredLoss, discover, resolve_loss

CHECKS: tuple[Callable[[Subject], None], ...] = (
    packaging.check_spec_is_sound,
    packaging.check_import_is_light,
    packaging.check_builds,
    packaging.check_prints_nothing,
    packaging.check_weights_declared,
    packaging.check_weights_requested,
    values.check_finite_scalar,
    values.check_identity_is_minimum,
    values.check_gradient_reaches_sr,
    values.check_flat_images,
    values.check_gradient_spares_hr,
    values.check_inputs_unmodified,
    values.check_batch_mean,
    values.check_falls_towards_truth,
    state.check_stays_frozen,
    state.check_same_twice,
    state.check_computes_without_graph,
    state.check_global_state_untouched,
    portability.check_odd_sizes,
    portability.check_declared_min_size,
    portability.check_bfloat16_autocast,
    portability.check_moves_to_device,
    portability.check_compiles,
)
"""Every check is a function of a :class:`Subject` that raises when the contract is broken."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one loss. Calling it runs it.

    Attributes:
        function: out of :data:`CHECKS`.
        subject: shared by all checks of the loss.
    """

    function: Callable[[Subject], None]
    subject: Subject

    @property
    def name(self) -> str:
        """``check_batch_mean`` is called ``batch-mean``; so it goes into ``known_failures``."""
        return name_of(self.function)

    @property
    def known_failure(self) -> str | None:
        """The reason why the loss's author expects it to fail."""
        return self.subject.spec.known_failures.get(self.name)

    def __call__(self) -> None:
        """Run the check.

        Raises:
            CheckFailed: the contract is broken; the message says how.
            CheckSkipped: the check has no meaning here.
        """
        unknown = set(self.subject.spec.known_failures) - set(check_names())
        if unknown and self.function is packaging.check_spec_is_sound:
            raise CheckFailed(unknown_name("check", min(unknown), check_names()).what)
        before = state.global_state()
        try:
            self.function(self.subject)
        except (CheckFailed, CheckSkipped):
            raise
        except (Exception, SystemExit) as error:
            raise CheckFailed(f"raised {type(error).__name__}: {error}") from error
        finally:
            state.restore(before)

    def result(self) -> CheckResult:
        """Run the check and judge it under the loss's known failures; raises nothing."""
        try:
            self()
        except CheckSkipped as skip:
            return CheckResult(name=self.name, outcome="skipped", detail=str(skip))
        except CheckFailed as failure:
            return judge(self.name, self.known_failure, str(failure))
        return judge(self.name, self.known_failure, None)


def name_of(function: Callable[[Subject], None]) -> str:
    """The name of a check.

    >>> name_of(values.check_batch_mean)
    'batch-mean'
    """
    return function.__name__.removeprefix("check_").replace("_", "-")


def check_names() -> tuple[str, ...]:
    """All names, in the order in which the checks run."""
    return tuple(name_of(function) for function in CHECKS)


def loss_checks(
    loss: str | LossSpec,
    *,
    params: Mapping[str, Any] | None = None,
    weights: WeightResolver | Literal["seeded"] | None = None,
    only: Sequence[str] = (),
    time_limit: float = TIME_LIMIT,
) -> list[Check]:
    """The conformance checks of one loss, not run yet.

    Args:
        loss: name of an installed loss (``name`` or ``dist:name``), or a spec.
        params: of the loss; default its own defaults.
        weights: where weights come from; default the pretrained ones. ``"seeded"``: random
            values in the layouts that are known (see :mod:`srbench.checks.layouts`); a
            :class:`~srbench.checks.SeededWeights` for other layouts.
        only: names of checks; empty for all.
        time_limit: in seconds, for importing and building in a fresh process.

    Raises:
        UnknownName: no such loss or check.
        SuiteError: parameters that the loss does not take.
    """
    registered = _as_registered(loss)
    resolved = resolve_loss(registered, params or {})
    if isinstance(weights, str):
        assert weights == SEEDED
        from srbench.checks.layouts import known_layouts

        owner = registered.distribution if registered.plugin else None
        weights = SeededWeights(known_layouts(resolved.spec.weights, owner))
    subject = Subject(
        resolved,
        weights=weights,
        module_name=_module_name(registered),
        time_limit=time_limit,
    )
    functions = {name_of(function): function for function in CHECKS}
    for name in only:
        if name not in functions:
            raise unknown_name("check", name, functions)
    chosen = [name for name in functions if not only or name in only]
    return [Check(functions[name], subject) for name in chosen]


@lru_cache(maxsize=1)
def _registry() -> Any:
    # Collecting a test file asks for many losses of one environment.
    return discover()


def _as_registered(loss: str | LossSpec) -> RegisteredLoss:
    if isinstance(loss, str):
        found: RegisteredLoss = _registry().loss(loss)
        return found
    return RegisteredLoss(spec=loss, distribution="(not installed)", version="0", plugin="")


def _module_name(loss: RegisteredLoss) -> str | None:
    if not loss.plugin:
        return None
    points = importlib.metadata.distribution(loss.distribution).entry_points
    values_of = [p.module for p in points if p.group == PROJECT and p.name == loss.plugin]
    return values_of[0] if values_of else None
