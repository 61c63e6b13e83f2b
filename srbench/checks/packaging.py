"""Checks of a plugin as a package: its spec, its import, its weights, a fresh process."""

from __future__ import annotations

import math
import pickle
import re

from srbench.checks.fresh import ask
from srbench.checks.outcome import CheckFailed, some
from srbench.checks.subject import RecordingResolver, Subject, expect
from srbench.contract import HubSource, PyPISource, Source
from srbench.contract.licences import settles_commercial_use

FRESH_TOLERANCE = 1e-5
"""Relative difference allowed between this process and a fresh one."""


def check_spec_is_sound(subject: Subject) -> None:
    """The spec has a summary, a licence that settles commercial use, and it pickles."""
    spec = subject.spec
    expect(bool(spec.summary.strip()), "expected LossSpec.summary in one line, got none")
    expect("\n" not in spec.summary.strip(), "expected LossSpec.summary in one line, got several")
    expect(spec.min_size >= 1, f"expected min_size of at least 1 px, got {spec.min_size}")
    expect(
        settles_commercial_use(spec.license),
        f"expected LossSpec.license to say whether commercial use is allowed, got "
        f"{spec.license!r}: write an SPDX identifier such as MIT, or use the word 'commercial'",
    )
    blank = [name for name, reason in spec.known_failures.items() if not str(reason).strip()]
    expect(not blank, f"expected a reason for each known failure, got none for {some(blank)}")
    _expect_pickles(subject)


def _expect_pickles(subject: Subject) -> None:
    spec, params = subject.spec, subject.loss.params
    try:
        copy = pickle.loads(pickle.dumps((spec, params)))  # noqa: S301 (our own bytes)
    except Exception as error:
        raise CheckFailed(
            f"expected a spec that pickles, got {type(error).__name__}: {error}; define build, "
            "resolve and params at module level"
        ) from error
    expect(copy == (spec, params), "expected the spec to pickle to its equal, got another one")


def check_weights_declared(subject: Subject) -> None:
    """Every weight file has a licence and a source, and every source is pinned by a hash."""
    files = subject.spec.weights
    names = [file.id for file in files]
    expect(len(set(names)) == len(names), f"expected unique weight ids, got {', '.join(names)}")
    for file in files:
        expect(bool(file.license.strip()), f"expected a licence of the weights {file.id!r}")
        expect(bool(file.sources), f"expected a source of the weights {file.id!r}, got none")
        pinned = bool(file.file_sha256 or file.sha256_prefix or file.tensors_sha256)
        for source in file.sources:
            place = _unpinned_place(source)
            expect(
                place is None or (pinned and not isinstance(source, PyPISource)),
                f"expected the weights {file.id!r} to be pinned, got no hash for {place}: set "
                "file_sha256, sha256_prefix or tensors_sha256",
            )


def check_weights_requested(subject: Subject) -> None:
    """``build`` asks ``ctx.weights`` for exactly the declared weights."""
    names = {file.id for file in subject.spec.weights}
    recorder = RecordingResolver(subject.weights)
    subject.build(recorder)
    undeclared = sorted(set(recorder.asked) - names)
    expect(
        not undeclared,
        f"expected build to ask for declared weights only, got {some(undeclared)}: add their "
        "WeightFile to LossSpec.weights",
    )
    unused = sorted(names - set(recorder.asked))
    expect(
        not unused,
        f"expected build to take its weights from ctx.weights, got no request for {some(unused)}",
    )


def _unpinned_place(source: Source) -> str | None:
    """What a source is called, unless it pins its content by itself."""
    if isinstance(source, PyPISource):
        ok = re.fullmatch(r"[0-9a-f]{64}", source.archive_sha256)
        return None if ok else f"{source.package} {source.version} (archive_sha256)"
    if isinstance(source, HubSource):
        # A commit names its files' hashes; a branch does not.
        ok = re.fullmatch(r"[0-9a-f]{40}", source.revision)
        return None if ok else f"the hub's {source.repo} at {source.revision!r}"
    return source.url


def check_import_is_light(subject: Subject) -> None:
    """Importing the plugin and listing its losses needs no torch, no network, and writes nothing.

    ``resolve`` is called too, where the loss has one.
    """
    request = {
        "module": subject.module_name,
        "loss": subject.spec.name,
        "params": subject.loss.canonical_params,
    }
    answer = ask("import", request, subject.time_limit)
    _expect_no_error(answer.data.get("error"))
    offences = list(answer.data["offences"])
    expect(
        not offences,
        f"expected an import of {subject.module_name} that does nothing, but it "
        f"{some(offences)}: import inside build",
    )
    _expect_silence(answer.printed)


def check_builds(subject: Subject) -> None:
    """A fresh process unpickles the spec and builds the same loss, offline and in time."""
    if subject.weights_problem is not None:
        raise subject.cannot_build(subject.weights_problem)
    try:
        answer = subject.fresh_build()
        _expect_no_error(answer.data.get("error"))
        offences = list(answer.data["offences"])
        expect(
            not offences,
            f"expected all weights to come through ctx.weights, but building {some(offences)}",
        )
        value = answer.data["value"]
    except CheckFailed as failure:
        raise subject.cannot_build(str(failure)) from failure
    here = float(subject.module(*subject.pair()))
    expect(
        _close(here, value),
        f"expected the same value in a fresh process, got {value:.9g} there and {here:.9g} here",
    )


def check_prints_nothing(subject: Subject) -> None:
    """Building and computing write nothing to stdout, which belongs to ``--json``."""
    if subject.unbuildable is not None:
        subject.build()  # says why
    answer = subject.fresh_build()
    _expect_no_error(answer.data.get("error"))
    _expect_silence(answer.printed)


def _close(one: float, other: float) -> bool:
    if math.isnan(one) and math.isnan(other):
        return True  # the check finite-scalar says what is wrong
    return abs(one - other) <= FRESH_TOLERANCE * max(abs(one), abs(other))


def _expect_no_error(error: str | None) -> None:
    if error is not None:
        raise CheckFailed(error)


def _expect_silence(printed: str) -> None:
    text = printed.strip()
    expect(
        not text,
        f"expected nothing on stdout, got {text[:120]!r}: use the logging module, or stderr",
    )
