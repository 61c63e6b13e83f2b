"""Data sets by name, the memory-mapped store of their pixels, and seeded training patches.

Names are loaded on first use, so that listing data sets does not pay for importing torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srbench.data.catalog import DatasetInfo, dataset_names, describe_datasets, find_dataset
    from srbench.data.dataset import Dataset, DatasetManifest, split_validation
    from srbench.data.prepare import StoreProgress, prepare_store
    from srbench.data.sampler import PatchSampler
    from srbench.data.store import ImageStore
    from srbench.imaging.tensors import crop_to_multiple

_HOME = {
    "srbench.data.catalog": ("DatasetInfo", "dataset_names", "describe_datasets", "find_dataset"),
    "srbench.data.dataset": ("Dataset", "DatasetManifest", "split_validation"),
    "srbench.data.prepare": ("StoreProgress", "prepare_store"),
    "srbench.data.sampler": ("PatchSampler",),
    "srbench.data.store": ("ImageStore",),
    "srbench.imaging.tensors": ("crop_to_multiple",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Dataset",
    "DatasetInfo",
    "DatasetManifest",
    "ImageStore",
    "PatchSampler",
    "StoreProgress",
    "crop_to_multiple",
    "dataset_names",
    "describe_datasets",
    "find_dataset",
    "prepare_store",
    "split_validation",
]


def __getattr__(name: str) -> object:
    """Load the module that holds ``name`` when it is first asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)
