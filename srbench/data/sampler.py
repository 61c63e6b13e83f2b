"""Training patches: batch ``k`` of a seed is the same on every machine, whatever came before it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from srbench.data.draw import PatchPlan, draw_patches
from srbench.data.gather import gather_patches
from srbench.data.store import PreparedImages
from srbench.errors import DataError
from srbench.files import sha256_hex
from srbench.imaging.bicubic import MARGIN_LR, degrade_patches

Batch = tuple[Tensor, Tensor]

_STATE_VERSION = 1
READERS = 3
_AHEAD = 4  # batches that are cut, or waited for, while the last one is worked on


class PatchSampler:
    """An endless, seeded stream of LR and HR patches.

    Each epoch takes every image once, in a new order. The patch's place is uniform over the
    positions that are multiples of the scale, the image's edges included; the image counts up to
    the last multiple of the scale, as test images do. One of the eight flips and rotations is
    applied, then LR is made on ``device``. Patches are cut with a margin, which continues the image
    where it has room and reflects it where it ends, so that a patch's LR is exactly the crop of the
    LR of the whole image (flipped and rotated alike).

    The next batches are cut by background threads, which mostly wait for the disk. Use it as a
    context manager, or call :meth:`close`.

    Args:
        store: where the pixels are.
        patch_size: side of an HR patch, pixels; a multiple of ``scale``.
        batch_size: patches per batch.
        scale: the integer factor.
        seed: of the stream.
        device: where the batches are wanted. To CUDA the uint8 pixels travel through pinned memory,
            without waiting.
        augment: flip and rotate.
        readers: threads, of which each cuts one batch; the batches do not depend on it.

    Raises:
        DataError: an image is smaller than a patch (the message names it), or a size that does not
            fit.
    """

    def __init__(
        self,
        store: PreparedImages,
        *,
        patch_size: int,
        batch_size: int,
        scale: int,
        seed: int,
        device: str | torch.device = "cpu",
        augment: bool = True,
        readers: int = READERS,
    ) -> None:
        _check_sizes(store, patch_size, batch_size, scale)
        self.store = store
        self.device = torch.device(device)
        self.plan = PatchPlan(
            patch_size=patch_size,
            batch_size=batch_size,
            scale=scale,
            augment=augment,
            margin=MARGIN_LR * scale,
        )
        self.seed = seed
        self._next = 0
        self._waiting: deque[Future[Tensor]] = deque()
        self._readers = readers
        self._threads: ThreadPoolExecutor | None = None
        self._waited = 0.0
        self._started: float | None = None

    def next(self) -> Batch:
        """The next batch: ``lr`` ``(N, 3, P / scale, P / scale)`` and ``hr`` ``(N, 3, P, P)``.

        Both float32 in [0,1] on the sampler's device, contiguous; the values of ``lr`` are k/255.
        """
        self._fill()
        before = time.perf_counter()
        pixels = self._waiting[0].result()
        after = time.perf_counter()
        if self._started is None:
            self._started = after  # nobody could have cut the first batch earlier
        else:
            self._waited += after - before
        # Only now: where an error or Ctrl-C came first, a second try gives this same batch.
        self._waiting.popleft()
        self._next += 1
        self._fill()
        return self._finish(pixels)

    def fixed_batches(self, count: int, seed: int) -> list[Batch]:
        """``count`` batches of their own stream, for calibration: the training stream stays put."""
        return [self._finish(self._cut("fixed", seed, number)) for number in range(count)]

    @property
    def wait_fraction(self) -> float:
        """Share of the time since the first batch that was spent waiting for patches, 0 to 1."""
        if self._started is None:
            return 0.0
        return min(1.0, self._waited / max(time.perf_counter() - self._started, 1e-9))

    def state_dict(self) -> dict[str, int | str]:
        """All that :meth:`load_state_dict` needs to go on with exactly the next batch."""
        return {
            "version": _STATE_VERSION,
            "seed": self.seed,
            "next": self._next,
            "stream": self._stream_identity(),
        }

    def load_state_dict(self, state: Mapping[str, int | str]) -> None:
        """Go on where the sampler that gave ``state`` was.

        Raises:
            DataError: it sampled other images, or with other settings: the batches would differ.
        """
        expected = {**self.state_dict(), "next": state.get("next")}
        if dict(state) != expected or not isinstance(state["next"], int):
            raise DataError(
                "expected the state of a sampler of the same images, sizes, seed and augmentation, "
                f"got {dict(state)} instead of {expected}",
                "resume with the settings that the checkpoint was made with",
            )
        self._drop_prefetched()
        self._next = state["next"]

    def close(self) -> None:
        """Stop the background threads. The stream can go on afterwards: new ones are started."""
        self._drop_prefetched()
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _fill(self) -> None:
        """Keep the background threads a few batches ahead."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._readers, thread_name_prefix="patches")
        if any(future.done() and future.exception() for future in self._waiting):
            self._drop_prefetched()
        while len(self._waiting) < _AHEAD:
            number = self._next + len(self._waiting)
            self._waiting.append(self._threads.submit(self._cut, "train", self.seed, number))

    def _drop_prefetched(self) -> None:
        while self._waiting:
            self._waiting.pop().cancel()

    def _cut(self, stream: str, seed: int, number: int) -> Tensor:
        """Batch ``number`` with its margins, uint8 ``(N, S, S, 3)``, on the CPU."""
        drawn = draw_patches(self.plan, self.store.sizes, stream=stream, seed=seed, number=number)
        side = self.plan.patch_size + 2 * self.plan.margin
        # Pinned memory comes from torch's cache, which takes a block back only when the copy that
        # read it has ended: so a fresh tensor for each batch is both safe and cheap.
        pixels = torch.empty(
            (self.plan.batch_size, side, side, 3),
            dtype=torch.uint8,
            pin_memory=self.device.type == "cuda",
        )
        gather_patches(self.store, self.plan, drawn, out=pixels.numpy())
        return pixels

    def _finish(self, pixels: Tensor) -> Batch:
        on_device = pixels.to(self.device, non_blocking=True)
        hr = on_device.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        return degrade_patches(hr.div_(255.0), self.plan.scale)

    def _stream_identity(self) -> str:
        text = f"{self.store.key}:{self.plan!r}"
        return sha256_hex(text)


def _check_sizes(store: PreparedImages, patch_size: int, batch_size: int, scale: int) -> None:
    if scale < 1 or batch_size < 1 or patch_size < scale or patch_size % scale:
        raise DataError(
            "expected a batch of at least one patch whose side is a multiple of the scale, got "
            f"patch_size {patch_size}, batch_size {batch_size}, scale {scale}"
        )
    usable = store.sizes - store.sizes % scale
    small = (usable.min(axis=1) < patch_size).nonzero()[0].tolist()
    if small:
        height, width = store.sizes[small[0]].tolist()
        others = f", and {len(small) - 1} more images are too small" if len(small) > 1 else ""
        raise DataError(
            f"expected images of at least {patch_size} x {patch_size} px to cut patches from, got "
            f"{store.names[small[0]]} with {height} x {width} px{others}",
            "choose a smaller patch_size, or leave these images out of the data set",
        )
