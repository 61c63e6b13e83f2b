"""Scoring images: the same bits whatever the workers, the threads of torch or the order of files.

Every image is scored alone (no batches), on one torch thread. Workers are threads of this process:
torch releases the interpreter while it computes, all workers share one copy of each network, and
none of them pays for importing torch again.
"""

from __future__ import annotations

import copy
import itertools
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from srbench.contract import BuildContext, MetricSpec, WeightResolver
from srbench.devices import float64_device, is_out_of_memory, phase
from srbench.errors import (
    ContractError,
    ImageError,
    OutOfMemory,
    SrbenchError,
    UserError,
    describe,
)
from srbench.imaging import to_tensor
from srbench.metrics.determinism import calm_torch, one_thread, seeded
from srbench.metrics.pairs import ImagePair, check_pairs, load_pair, work_order
from srbench.metrics.protocol import get_protocol

if TYPE_CHECKING:
    import torch

    Metric = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]

Progress = Callable[[int, int], None]
"""Called in the caller's thread with the number of images scored and their total."""

OnFailure = Callable[[str, str, SrbenchError], None]
"""Called in the caller's thread with metric, image and error, instead of ending the scoring."""


class ScoreError(SrbenchError):
    """A metric that failed on an image, or scored it NaN or infinite."""


class Scorer:
    """Metrics, built once, that score any number of images.

    A metric whose callable has a true attribute ``thread_safe`` runs in all workers at once. Any
    other runs in one at a time, with all random generators seeded from the image's name.

    Args:
        specs: the metrics, their names unique.
        protocol: name of a protocol.
        scale: super-resolution factor; PSNR and SSIM leave out a border of as many pixels.
        device: ``cpu`` or ``cuda``; one without float64 leaves the work to the CPU.
        weights: resolver of the pretrained weights; default: a store of all that the specs declare.

    Raises:
        UserError: unknown protocol, no metric, two of one name, a scale below 1.
        WeightsError: weights that cannot be had.
        ContractError: a metric's factory raised or did not return a callable.
    """

    def __init__(
        self,
        specs: Sequence[MetricSpec],
        *,
        protocol: str,
        scale: int,
        device: str = "cpu",
        weights: WeightResolver | None = None,
    ) -> None:
        _check_specs(specs, scale)
        get_protocol(protocol)
        if weights is None:
            from srbench.weights import WeightStore

            weights = WeightStore(file for spec in specs for file in spec.weights)
        device = float64_device(device)
        context = BuildContext(weights=weights, protocol=protocol, scale=scale, device=device)
        self._specs = tuple(specs)
        self._device = device
        self._metrics = {spec.name: _build(spec, context) for spec in specs}
        self._foreign = threading.Lock()

    def only(self, name: str) -> Scorer:
        """A scorer of one of the metrics, which shares its networks with this one."""
        alone = copy.copy(self)
        alone._specs = tuple(spec for spec in self._specs if spec.name == name)
        return alone

    def score(
        self,
        pairs: Sequence[ImagePair],
        *,
        workers: int = 1,
        progress: Progress | None = None,
        on_failure: OnFailure | None = None,
    ) -> dict[str, dict[str, float]]:
        """Score every pair by every metric.

        Args:
            pairs: the images, in any order.
            workers: images scored at the same time; on a GPU always one.
            progress: told after each image.
            on_failure: told of a metric that failed on an image, or of an image that cannot be
                read; that score is left out and the others go on. ``None``: the first one is
                raised.

        Returns:
            ``{metric: {pair name: score}}``, metrics and pairs in the order given.

        Raises:
            ImageError: an image that cannot be read, is too small for a metric, or of another size
                than its HR.
            UserError: two pairs of one name, or no HR for a full-reference metric.
                OutOfMemory: the device had no room.
            ScoreError: a metric failed, or gave NaN, infinity or not one number.
        """
        check_pairs(pairs, self._specs, workers)
        workers = min(workers, max(1, len(pairs))) if self._device == "cpu" else 1
        # Images of one HR in a row, for metrics that keep what they computed of it; and the largest
        # first: the slowest must not be the last one to start.
        order = sorted(pairs, key=work_order, reverse=True)
        scores: dict[str, dict[str, float | SrbenchError]] = {}
        with calm_torch(), ThreadPoolExecutor(workers, initializer=one_thread) as pool:
            futures = {pool.submit(self._score_pair, pair): pair.name for pair in order}
            try:
                for done, future in enumerate(as_completed(futures), start=1):
                    scores[futures[future]] = result = future.result()
                    for error in result.values():
                        if isinstance(error, SrbenchError) and on_failure is None:
                            raise _first_error(futures)
                    if progress is not None:
                        progress(done, len(pairs))
            except BaseException:
                _cancel(futures)
                raise
        found: dict[str, dict[str, float]] = {spec.name: {} for spec in self._specs}
        for spec, pair in itertools.product(self._specs, pairs):
            score = scores[pair.name][spec.name]
            if not isinstance(score, SrbenchError):
                found[spec.name][pair.name] = score
            elif on_failure is not None:
                on_failure(spec.name, pair.name, score)
        return found

    def _score_pair(self, pair: ImagePair) -> dict[str, float | SrbenchError]:
        import torch

        try:
            sr, hr = load_pair(pair)
        except SrbenchError as error:
            return {spec.name: error for spec in self._specs}
        with torch.inference_mode(), phase("metrics"):
            sr_tensor = to_tensor(sr).to(self._device)
            hr_tensor = None if hr is None else to_tensor(hr).to(self._device)
            return {
                spec.name: self._score_one(spec, pair.name, sr_tensor, hr_tensor)
                for spec in self._specs
            }

    def _score_one(
        self, spec: MetricSpec, name: str, sr: torch.Tensor, hr: torch.Tensor | None
    ) -> float | SrbenchError:
        try:
            return self._score_or_raise(spec, name, sr, hr)
        except SrbenchError as error:
            return error

    def _score_or_raise(
        self, spec: MetricSpec, name: str, sr: torch.Tensor, hr: torch.Tensor | None
    ) -> float:
        metric = self._metrics[spec.name]
        reference = hr if spec.reference == "full" else None
        try:
            if getattr(metric, "thread_safe", False):
                result = metric(sr, reference)
            else:
                with self._foreign, seeded(name, self._device):
                    result = metric(sr, reference)
            values = [float(value) for value in result.reshape(-1).tolist()]
        except ImageError as error:
            raise ImageError(
                f"{spec.name} of {name!r}: {error.what}",
                error.fix or f"leave out the image or the metric {spec.name}",
            ) from error
        except SrbenchError:
            raise
        except (Exception, SystemExit) as error:  # a plugin's code: anything may be raised
            if is_out_of_memory(error):
                raise OutOfMemory("metrics", f"{spec.name} of {name!r}: {error}") from error
            why = "; it is constant" if _is_constant(sr) else ""
            raise ScoreError(f"{spec.name} failed on {name!r}: {describe(error)}{why}") from error
        if len(values) != 1 or not math.isfinite(values[0]):
            raise ScoreError(
                f"expected one finite {spec.name} score for {name!r}, got "
                + (", ".join(map(str, values)) or "none")
                + ("; it is constant" if _is_constant(sr) else ""),
                f"look at the image, or leave {spec.name} out",
            )
        return values[0]


def score_images(
    pairs: Sequence[ImagePair],
    specs: Sequence[MetricSpec],
    *,
    protocol: str,
    scale: int,
    workers: int = 1,
    device: str = "cpu",
    weights: WeightResolver | None = None,
    progress: Progress | None = None,
    on_failure: OnFailure | None = None,
) -> dict[str, dict[str, float]]:
    """Build the metrics and score every pair: :class:`Scorer` for one call, with its errors.

    Returns:
        ``{metric: {pair name: score}}``.
    """
    scorer = Scorer(specs, protocol=protocol, scale=scale, device=device, weights=weights)
    return scorer.score(pairs, workers=workers, progress=progress, on_failure=on_failure)


def _first_error(futures: Iterable[Future[dict[str, float | SrbenchError]]]) -> SrbenchError:
    """Of what is done, by the order of work: ``as_completed`` gives what is done in any order."""
    done = (error for f in futures if f.done() for error in f.result().values())
    return next(error for error in done if isinstance(error, SrbenchError))


def _check_specs(specs: Sequence[MetricSpec], scale: int) -> None:
    names = [spec.name for spec in specs]
    if not names:
        raise UserError("expected at least one metric, got none")
    if len(set(names)) != len(names):
        raise UserError(f"expected metrics of different names, got {', '.join(names)}")
    if scale < 1:
        raise UserError(f"expected a scale of 1 or more, got {scale}")


def _build(spec: MetricSpec, context: BuildContext) -> Metric:
    import torch

    try:
        metric = spec.build(context)
    except SrbenchError:
        raise
    except Exception as error:  # a plugin's code: anything may be raised
        raise ContractError(
            f"metric {spec.name!r} cannot be built: {type(error).__name__}: {error}",
            "tell the author of the plugin that provides it",
        ) from error
    if not callable(metric):
        raise ContractError(
            f"metric {spec.name!r}: expected build() to return a callable, "
            f"got {type(metric).__name__}"
        )
    if isinstance(metric, torch.nn.Module):
        metric = metric.to(context.device).eval().requires_grad_(False)
    return metric


def _cancel(futures: Iterable[Future[Any]]) -> None:
    for future in futures:
        future.cancel()


def _is_constant(image: torch.Tensor) -> bool:
    """One colour all over."""
    return bool((image == image[..., :1, :1]).all())
