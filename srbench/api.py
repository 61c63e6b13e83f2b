"""The Python API: :func:`run_suite`, :func:`load_loss`, :func:`evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from srbench.app.execute import RunResult
    from srbench.metrics.folders import Evaluation
    from srbench.settings import Suite


def run_suite(
    suite: str | Path | Suite,
    *,
    out: str | Path | None = None,
    losses: Sequence[str] = (),
    seeds: Sequence[int] = (),
    device: str | None = None,
    jobs: int | None = None,
    overrides: Sequence[str] = (),
    loggers: Sequence[str] = (),
    starts: str | None = None,
    executor: str = "local",
    storage: str | None = None,
    executor_options: Mapping[str, Any] | None = None,
    fresh: Sequence[str] = (),
    accept_code_change: bool = False,
    progress: bool = True,
) -> RunResult:
    """Run a suite as ``srbench run`` does, and return its table and records.

    Args:
        suite: a path, the name of a file in ``benchmarks/``, or a loaded suite.
        out: the out folder; default ``runs/<suite name>``.
        losses: labels of the suite or names of installed losses; empty runs all of the suite's.
        seeds: instead of the suite's.
        device: ``cpu``, ``cuda``, ``mps`` or ``xpu``; default CUDA where there is one.
        jobs: workers at once; default one per visible GPU; on CPU as many as the cores hold.
        overrides: ``KEY=VALUE`` settings, as ``--set`` takes them.
        loggers: what writes the trainings' curves, as ``--logger``; default TensorBoard.
        starts: a leaderboard whose warm starts and calibration are taken instead of trained.
        executor: ``local``, ``ray`` for all machines of a Ray cluster, or ``slurm``.
        storage: with ray and no shared disk: URL that jobs' files travel through.
        executor_options: with slurm, submitit's parameters, ``{"slurm_partition": "gpu"}``; with
            ray, ``{"num_gpus": 0.5}`` lets two jobs share a GPU.
        fresh: labels of rows to train anew.
        accept_code_change: keep results of losses whose code was edited under one version.
        progress: show progress on stderr.

    Raises:
        UserError: an input is missing or does not fit, or a loss was edited and its version is what
            it was; nothing was started.

    Example::

        import srbench
        result = srbench.run_suite("quick", out="runs/quick")
        for row in result.leaderboard.rows:
            print(row.label, row.status)
    """
    from rich.console import Console

    from srbench.app.execute import execute
    from srbench.app.prepare import prepare

    console = Console(stderr=True, quiet=not progress)
    prepared = prepare(
        suite, out=out, losses=losses, seeds=seeds, device=device, jobs=jobs, executor=executor,
        overrides=overrides, loggers=loggers, starts=starts,
        say=lambda line: console.print(line, markup=False, highlight=False),
    )  # fmt: skip
    return execute(
        prepared, console, executor=executor, storage=storage, fresh=fresh,
        executor_options=executor_options, accept_code_change=accept_code_change,
    )  # fmt: skip


def load_loss(
    name: str,
    *,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    patch_size: int = 96,
    device: str = "cpu",
    **named: Any,
) -> torch.nn.Module:
    """A frozen loss module for anyone's own training loop.

    Args:
        name: of an installed loss, or ``dist:name``.
        params: the loss's parameters; needed for those called like an argument of this function.
        seed: for losses that draw random numbers when they are built.
        patch_size: side of the images it will see, checked against the loss's minimum.
        device: where to put it, as torch names it.
        named: the loss's other parameters, for example ``tap="relu2_2"``.

    Returns:
        A module whose ``forward(sr, hr)`` takes RGB float32 [0, 1] ``(N, 3, H, W)`` and returns the
        batch mean, a scalar; lower is closer. Its gradient reaches ``sr`` only. Its first call
        warns where ``hr`` looks like another range.

    Raises:
        UnknownName: no such loss is installed.
        UserError: a parameter that it does not have, or one that is given twice; a device that is
            not here.
        WeightsError: its pretrained weights cannot be had.

    Example::

        import torch, srbench
        loss = srbench.load_loss("vgg16", tap="relu2_2")
        sr = torch.rand(1, 3, 64, 64, requires_grad=True)
        loss(sr, torch.rand(1, 3, 64, 64)).backward()
    """
    from srbench.contract import BuildContext
    from srbench.devices import check_device
    from srbench.errors import UserError
    from srbench.host import build_loss, discover, resolve_loss
    from srbench.host.ranges import RangeCheck
    from srbench.weights import WeightStore

    twice = sorted({*(params or {})} & {*named})
    if twice:
        raise UserError(f"expected each parameter once, got {', '.join(twice)} in params as well")
    check_device(device)
    resolved = resolve_loss(discover().loss(name), {**(params or {}), **named})
    context = BuildContext(
        weights=WeightStore(resolved.spec.weights), patch_size=patch_size, seed=seed, device=device
    )
    module = build_loss(resolved, context).to(device)
    RangeCheck(resolved.spec.name).watch(module)
    return module


def calibrate(
    loss: torch.nn.Module,
    reference: torch.nn.Module,
    *,
    generator: torch.nn.Module,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    device: str = "cpu",
) -> float:
    """The weight that gives ``loss`` the strength of ``reference`` in one's own trainer.

    Measured as suites do: the norm of the gradient with respect to the generator's parameters.

    Args:
        loss, reference: frozen, as :func:`load_loss` gives them.
        generator: as it is when adversarial training begins; takes LR, gives SR in [0, 1].
        batches: some training batches, ``(lr, hr)``, RGB float32 [0, 1] ``(N, 3, H, W)``.

    Raises:
        ContractError: a loss without a usable gradient there.
        UserError: no batches.

    Example::

        weight = srbench.calibrate(mine, srbench.load_loss("vgg16", tap="conv5_3"),
                                   generator=net_g, batches=[(lr, hr)])
    """
    from srbench.train.calibrate import calibration_constant, gradient_norm
    from srbench.train.settings import RuntimeSettings

    kept, runtime = list(batches), RuntimeSettings(device=device)
    own, wanted = (gradient_norm(generator, m, kept, runtime) for m in (loss, reference))
    return calibration_constant(wanted, own)


def evaluate(
    sr: str | Path,
    hr: str | Path | None = None,
    *,
    metrics: Sequence[str] = (),
    scale: int = 4,
    protocol: str = "y4-v2",
    workers: int = 1,
) -> Evaluation:
    """Score a folder of images, as ``srbench eval`` does.

    Args:
        sr: folder of super-resolved images.
        hr: folder of ground truths with the same names; optional for no-reference metrics.
        metrics: names of installed metrics; default PSNR, SSIM, LPIPS and NIQE, and without ``hr``
            NIQE alone.
        scale: super-resolution factor: it sets the crop border.
        protocol: named scoring protocol.
        workers: processes; the scores do not depend on it.

    Raises:
        UserError: images are missing, unreadable or of different sizes; an unknown metric.

    Example::

        import srbench
        print(srbench.evaluate("runs/quick/images/photos-test/bicubic-s1",
                               "runs/quick/images/photos-test/hr-images").mean("psnr"))
    """
    from srbench.host import discover
    from srbench.metrics import default_metrics, evaluate_folders, resolve_metrics

    names = metrics or default_metrics(with_hr=hr is not None)
    specs = resolve_metrics(names, discover(), allow_unsafe_weights=False)
    return evaluate_folders(
        Path(sr),
        None if hr is None else Path(hr),
        specs,
        scale=scale,
        protocol=protocol,
        workers=workers,
    )
