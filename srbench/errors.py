"""Exception types of srbench.

Every message has three parts: what was expected, what came, and what to do next. The command line
prints them without a traceback and exits with :attr:`SrbenchError.exit_status`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SrbenchError(Exception):
    """Base of every error that srbench raises on purpose.

    Args:
        what: one sentence that says what was expected and what came.
        fix: what the reader can do about it; left out where there is nothing to do.
    """

    exit_status: int = 1

    def __init__(self, what: str, fix: str | None = None) -> None:
        self.what = what
        self.fix = fix
        super().__init__(what if fix is None else f"{what}\n  -> {fix}")

    def __reduce__(self) -> tuple[type[SrbenchError], tuple[str, str | None]]:
        # Subclasses that take other arguments override this; workers send errors across processes.
        return type(self), (self.what, self.fix)


class UserError(SrbenchError, ValueError):
    """A mistake in what the user typed or wrote: exit status 2."""

    exit_status = 2


class UnknownName(UserError):
    """A name that nothing is registered under, with the nearest names that are.

    Built by :func:`unknown_name`.
    """


class SuiteError(UserError):
    """A suite file that cannot be read or does not fit the schema."""


class RecordError(UserError):
    """A record file that is damaged, edited, or of a schema that this version cannot read."""


class MixedRecords(RecordError):
    """Records that must not share a table: other protocol, suite version or track."""


class SubmissionError(UserError):
    """A submission that is hostile, damaged, or not what ``srbench submit`` writes."""


class DataError(UserError):
    """A data set that is missing, incomplete or holds a file that is not an image."""


class MissingData(DataError):
    """A data set that is nowhere on this machine."""


class ImageError(DataError):
    """One image that cannot be decoded or does not fit the rules (size, mode)."""


class WeightsError(UserError):
    """Pretrained weights that cannot be had, or are not what was pinned."""


class ArchiveError(WeightsError):
    """A downloaded archive that is hostile, truncated or lacks the named member."""


class PluginError(UserError):
    """A plugin that was needed and is broken, blocked or incompatible."""


class ContractError(PluginError):
    """A loss or metric that breaks the plugin contract."""


class NonFiniteLoss(SrbenchError):
    """A term of the objective became NaN or infinite; training of that run stopped.

    Args:
        term: name of the term, for example ``content`` or ``adversarial``.
        iteration: generator update at which it was seen, counted from 0.
        value: the value itself, ``nan`` or ``inf``.
    """

    def __init__(self, term: str, iteration: int, value: float) -> None:
        self.term = term
        self.iteration = iteration
        self.value = value
        super().__init__(
            f"expected a finite {term} term, got {value} at iteration {iteration}",
            "lower the learning rate or that term's weight, or use precision = 'float32'",
        )

    def __reduce__(self) -> tuple[type[SrbenchError], tuple[str, int, float]]:  # type: ignore[override]
        return type(self), (self.term, self.iteration, self.value)


class OutOfMemory(SrbenchError):
    """The device had no room.

    Args:
        phase: what was being done, a :data:`srbench.devices.Phase`.
        reason: the device's own words.
    """

    def __init__(self, phase: str, reason: str) -> None:
        self.phase = phase
        self.reason = reason
        super().__init__(
            f"expected room on the device for {phase}, got: {reason}",
            "leave it to this job alone, use one with more memory, or --device cpu",
        )

    def __reduce__(self) -> tuple[type[SrbenchError], tuple[str, str]]:
        return type(self), (self.phase, self.reason)


class JobFailed(SrbenchError):
    """A job ended without a result: an exception, a kill, a hang or no memory."""


def describe(error: BaseException) -> str:
    """``TypeError: its message`` on one line of at most 400 characters, whatever the error is."""
    try:
        text = " ".join(str(error).split())
    except BaseException as second:  # its __str__ may raise anything
        text = f"its message cannot be made: {type(second).__name__}"
    name = type(error).__name__
    return (f"{name}: {text}" if text else name)[:400]


def unknown_name(kind: str, name: str, known: Iterable[str], fix: str | None = None) -> UnknownName:
    """The error for ``name`` not being one of ``known``, naming the nearest ones.

    >>> print(unknown_name("loss", "vg16", ["vgg16", "alexnet"]).what)
    expected the name of a loss, got 'vg16'; did you mean 'vgg16'?
    """
    names = sorted(set(known))
    article = "an" if kind[0] in "aeiou" else "a"
    what = f"expected the name of {article} {kind}, got {name!r}"
    near = did_you_mean(name, names)
    if not near:
        near = "; known: " + (", ".join(names[:20]) if names else "none")
        if len(names) > 20:
            near += f" and {len(names) - 20} more"
    return UnknownName(what + near, fix)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'vgg16'?``: the nearest names, whatever their case; empty without one."""
    spellings = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), spellings, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(spellings[n]) for n in near)}?" if near else ""


def visible(text: str) -> str:
    """``text`` with every control and invisible character but newlines as its escape."""
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def plain(text: str) -> str:
    """``text`` on one line, control and invisible characters (which could rewrite a terminal, or
    make two names look alike) as their escapes."""
    if text.isprintable():
        return text
    return visible(" ".join(text.split("\n")).replace("\t", " "))
