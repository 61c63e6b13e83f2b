"""Every check holds for a loss that keeps the contract and fails for one that breaks its point."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from fake_cuda import needs_fake_cuda
from torch import nn

from srbench.checks import (
    CheckFailed,
    CheckSkipped,
    SeededWeights,
    check_names,
    loss_checks,
)
from srbench.contract import HubSource, PyPISource, UrlSource, WeightFile
from srbench.errors import UnknownName

TINY_LAYOUT = {"tiny-weights": lambda: nn.Conv2d(3, 8, 3)}


def run(name, spec, **options):
    (check,) = loss_checks(spec, only=[name], **options)
    check()


FRESH = ("builds", "prints-nothing")  # start a process, which imports torch


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in FRESH else []) for n in check_names()],
)
def test_a_good_loss_passes(name, specimens):
    if name == "import-is-light":
        pytest.skip("the specimens' module imports torch on purpose; see the import tests")
    run(name, specimens.spec())


BROKEN = [
    ("finite-scalar", "NotANumber", "finite value, got nan for photographs"),
    ("finite-scalar", "NanOnBlack", "got nan for black against black"),
    ("finite-scalar", "PerImage", r"shape \(\), got a torch.float32 tensor of shape \(2,\)"),
    ("finite-scalar", "Float64", "float32 tensor .* got a torch.float64"),
    ("identity-is-minimum", "Negated", "smallest value for equal images"),
    ("gradient-reaches-sr", "Detached", "one without a graph"),
    ("gradient-reaches-sr", "OnlyTheFirst", "at image 1 of the batch"),
    ("gradient-reaches-sr", "RootAtZero", "finite gradient for equal images"),
    ("flat-images", "DividesByContrast", r"flat image of 0\.0 against itself, got NaN"),
    ("gradient-spares-hr", "BothSides", "no gradient at hr"),
    ("inputs-unmodified", "Overwriting", "expected sr to stay as it was"),
    ("batch-mean", "BatchSum", "batch mean"),
    ("falls-towards-truth", "Wavy", "at least 95% of 20 cases"),
    ("falls-towards-truth", "Negated", "got 0; not in astronaut.png after bicubic"),
    ("stays-frozen", "Trainable", "requires_grad=True for network.0.weight"),
    ("stays-frozen", "MovingNorm", "new values of network.2.running_mean"),
    ("stays-frozen", "Dropping", "same value after train()"),
    ("same-twice", "Drawing", "again from a second call"),
    ("same-twice", "DrawingInBuild", "again from a module built anew"),
    ("computes-without-graph", "GraphMatters", "under no_grad too"),
    ("global-state-untouched", "SeedsEverything", "torch's random state"),
    ("global-state-untouched", "SwitchesCudnn", "cudnn.benchmark"),
    ("odd-sizes", "EvenOnly", "67 x 49 px, got RuntimeError"),
    ("declared-min-size", "Hungry", "1 x 1 px, got RuntimeError"),
    ("bfloat16-autocast", "LossOfDigits", "within 10% under autocast"),
    pytest.param(
        *("moves-to-device", "Stays", "stayed on the CPU: make constants buffers"),
        marks=needs_fake_cuda,
    ),
    pytest.param("moves-to-device", "Waits", "waits for the device", marks=needs_fake_cuda),
    ("compiles", "CompiledOtherwise", "from the compiled loss too"),
    pytest.param(
        *("builds", "OtherThere", "same value in a fresh process"), marks=[pytest.mark.slow]
    ),
]


@pytest.mark.parametrize(("name", "broken", "message"), BROKEN)
def test_a_broken_loss_fails(name, broken, message, specimens):
    before = torch.backends.cudnn.benchmark, torch.get_rng_state()
    with pytest.raises(CheckFailed, match=message):
        run(name, specimens.spec(getattr(specimens, broken)))
    assert torch.backends.cudnn.benchmark == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("build_none", "return a torch.nn.Module, got NoneType"),
        ("build_raising", "RuntimeError: no such thing"),
        ("build_exiting", "SystemExit: bye"),
        ("build_dying", "ended with status 7"),
        ("build_downloading", "no network here"),
        ("build_downloading_quietly", "used the network"),
    ],
)
def test_a_loss_that_cannot_be_built_fails_once(factory, message, specimens):
    spec = specimens.spec(getattr(specimens, factory))
    builds, scalar = loss_checks(spec, only=["builds", "finite-scalar"])
    with pytest.raises(CheckFailed, match=message):
        builds()
    with pytest.raises(CheckSkipped, match="cannot be built"):  # the reason is told once
        scalar()


@pytest.mark.slow
def test_a_build_that_hangs_is_ended(specimens):
    with pytest.raises(CheckFailed, match="within 12 s, got no answer: it hangs"):
        run("builds", specimens.spec(specimens.build_hanging), time_limit=12)


@pytest.mark.slow
def test_printing_is_noticed_above_and_below_python(specimens):
    with pytest.raises(CheckFailed, match=r"(?s)hello from the plugin.*and from below"):
        run("prints-nothing", specimens.spec(specimens.build_printing))


# spec-is-sound


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"license": "see the authors' page"}, "whether commercial use is allowed"),
        ({"summary": " "}, "summary in one line, got none"),
        ({"summary": "one\ntwo"}, "summary in one line, got several"),
        ({"min_size": 0}, "min_size of at least 1 px"),
        ({"known_failures": {"batch-mean": " "}}, "a reason for each known failure"),
        ({"known_failures": {"batch-maen": "so"}}, "did you mean 'batch-mean'"),
        ({"build": lambda ctx, params: None}, "a spec that pickles"),
    ],
)
def test_unsound_specs_fail(fields, message, specimens):
    with pytest.raises(CheckFailed, match=message):
        run("spec-is-sound", specimens.spec(**fields))


@pytest.mark.parametrize(
    "text", ["MIT", "Apache-2.0", "CC BY-NC 4.0; no commercial use", "Non-Commercial research only"]
)
def test_licences_that_settle_commercial_use(text, specimens):
    run("spec-is-sound", specimens.spec(license=text))


# import-is-light

PLUGIN = """
from srbench.contract import LossSpec, hookimpl
{top}
def build(ctx, params):
    raise NotImplementedError
def resolve(params):
    {resolve}
    return SPEC
SPEC = LossSpec(name="specimen", version=1, summary="s", task="none", backbone="none",
                license="MIT", build=build)
@hookimpl
def srbench_losses():
    {hook}
    return [SPEC]
"""


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ({}, None),
        ({"top": "import torch"}, "imported torch"),
        ({"hook": "import torch"}, "imported torch"),
        ({"top": "import socket; socket.getaddrinfo('localhost', 80)"}, "no network here"),
        (
            {"top": "import socket\ntry: socket.getaddrinfo('localhost', 80)\nexcept OSError: 0"},
            "used the network",
        ),
        ({"top": "open('left-behind.txt', 'w').close()"}, r"wrote to a file \(left-behind.txt\)"),
        ({"top": "print('loading')"}, "nothing on stdout, got 'loading'"),
        ({"top": "import time; time.sleep(1000)"}, "import within 6 s, got no answer"),
    ],
)
def test_what_an_import_may_do(code, message, tmp_path, monkeypatch):
    parts = {"top": "", "resolve": "pass", "hook": "pass", **code}
    module = f"specimen_plugin_{abs(hash(str(code)))}"
    (tmp_path / f"{module}.py").write_text(PLUGIN.format(**parts))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    if "time" in parts["top"]:  # not importable here either
        spec = _spec_of(module, PLUGIN.format(**{**parts, "top": ""}))
    else:
        import importlib

        try:
            spec = importlib.import_module(module).SPEC
        except OSError:
            spec = _spec_of(module, PLUGIN.format(**{**parts, "top": ""}))
    if message is None:
        run("import-is-light", spec, time_limit=60)
        return
    with pytest.raises(CheckFailed, match=message):
        run("import-is-light", spec, time_limit=6 if "sleep" in parts["top"] else 60)


def _spec_of(module, source):
    scope = {"__name__": module}
    exec(source, scope)
    return scope["SPEC"]


# weights-declared


@pytest.mark.slow
def test_declared_weights_that_are_used_pass(specimens):
    spec = specimens.spec(specimens.build_from_weights, weights=(specimens.TINY,))
    run("weights-requested", spec, weights=SeededWeights(TINY_LAYOUT))
    run("builds", spec, weights=SeededWeights(TINY_LAYOUT))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"license": ""}, "licence of the weights 'tiny-weights'"),
        ({"sources": ()}, "a source of the weights"),
    ],
)
def test_badly_declared_weights_fail(change, message, specimens):
    file = dataclasses.replace(specimens.TINY, **change)
    spec = specimens.spec(specimens.build_from_weights, weights=(file,))
    with pytest.raises(CheckFailed, match=message):
        run("weights-declared", spec, weights=SeededWeights(TINY_LAYOUT))


PYPI = PyPISource(package="p", version="1", archive_sha256="a" * 64, member="m")
HUB = HubSource(repo="a/b", filename="c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"sha256_prefix": None}, "no hash for https://example.org/tiny"),
        ({"sha256_prefix": None, "tensors_sha256": "0" * 64}, None),
        ({"sha256_prefix": None, "sources": (PYPI,)}, None),
        ({"sources": (dataclasses.replace(PYPI, archive_sha256="x"),)}, "for p 1"),
        ({"sha256_prefix": None, "sources": (HUB,)}, "no hash for the hub's a/b at 'main'"),
        (
            {"sha256_prefix": None, "sources": (dataclasses.replace(HUB, revision="0" * 40),)},
            None,
        ),
    ],
)
def test_every_source_is_pinned(change, message, specimens):
    file = dataclasses.replace(specimens.TINY, **change)
    spec = specimens.spec(specimens.build_from_weights, weights=(file,))
    if message is None:
        run("weights-declared", spec)
        return
    with pytest.raises(CheckFailed, match=message):
        run("weights-declared", spec)


def test_weights_that_are_asked_for_but_not_declared_fail(specimens):
    spec = specimens.spec(specimens.build_from_weights)
    with pytest.raises(CheckFailed, match="declared weights only, got tiny-weights"):
        run("weights-requested", spec, weights=SeededWeights(TINY_LAYOUT))


def test_weights_that_are_declared_but_not_asked_for_fail(specimens):
    spare = WeightFile(
        id="spare",
        license="MIT",
        sources=(UrlSource(url="https://example.org/spare.pth"),),
        file_sha256="0" * 64,
    )
    spec = specimens.spec(specimens.build_from_weights, weights=(specimens.TINY, spare))
    with pytest.raises(CheckFailed, match="got no request for spare"):
        run(
            "weights-requested",
            spec,
            weights=SeededWeights({**TINY_LAYOUT, "spare": lambda: nn.Conv2d(1, 1, 1)}),
        )


class LocalResolver:
    """As a plugin's conftest has one; no other process can import it."""

    def state_dict(self, weight_id):
        return nn.Conv2d(3, 8, 3).requires_grad_(False).state_dict()


@pytest.mark.slow
def test_a_resolver_of_a_test_module_reaches_the_fresh_process(specimens):
    spec = specimens.spec(specimens.build_from_weights, weights=(specimens.TINY,))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        (builds,) = loss_checks(spec, only=["builds"], weights=LocalResolver())
        # Its random weights differ at each request, which the comparison of values notices.
        with pytest.raises(CheckFailed, match="same value in a fresh process"):
            builds()


def test_missing_weights_fail_the_build_with_their_message(specimens, tmp_path, monkeypatch):
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path))
    spec = specimens.spec(
        specimens.build_from_weights, weights=(dataclasses.replace(specimens.TINY, sources=()),)
    )
    with pytest.raises(CheckFailed, match="tiny-weights"):
        run("builds", spec)


def test_an_unknown_check_is_refused(specimens):
    with pytest.raises(UnknownName, match="did you mean 'batch-mean'"):
        loss_checks(specimens.spec(), only=["batch-maen"])


def test_checks_skipped_for_a_loss_that_cannot_be_built_are_short(specimens):
    def build(ctx, params):
        raise RuntimeError("no such layer; " + "the ones there are: " * 50)

    checks = loss_checks(dataclasses.replace(specimens.spec(), build=build), only=["batch-mean"])
    (first,) = (check.result() for check in checks)
    (again,) = (check.result() for check in checks)
    assert (first.outcome, again.outcome) == ("failed", "skipped")
    assert again.detail.startswith("the loss cannot be built (see `builds`): build raised")
    assert "no such layer" in again.detail
    assert again.detail.endswith(" ...")
    assert len(again.detail) < 130
