"""Data sets by name, the memory-mapped store of their pixels, and seeded training patches.

Names are loaded on first use, so that listing data sets does not pay for importing torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.lazy import lazy_names

if TYPE_CHECKING:
    from srbench.data.cache import image_sizes
    from srbench.data.catalog import DatasetInfo, dataset_names, describe_datasets, find_dataset
    from srbench.data.dataset import Dataset, DatasetManifest, split_validation
    from srbench.data.kept import open_images, place_of, prepare_images
    from srbench.data.leaks import Overlap, known_copies, overlap
    from srbench.data.prepare import StoreProgress, prepare_store
    from srbench.data.sampler import PatchSampler
    from srbench.data.store import ImageStore, PreparedImages
    from srbench.imaging.tensors import crop_to_multiple

__all__ = [
    "Dataset",
    "DatasetInfo",
    "DatasetManifest",
    "ImageStore",
    "Overlap",
    "PatchSampler",
    "PreparedImages",
    "StoreProgress",
    "crop_to_multiple",
    "dataset_names",
    "describe_datasets",
    "find_dataset",
    "image_sizes",
    "known_copies",
    "open_images",
    "overlap",
    "place_of",
    "prepare_images",
    "prepare_store",
    "split_validation",
]

__getattr__ = lazy_names(
    __name__,
    {
        ".cache": ("image_sizes",),
        ".catalog": (
            "DatasetInfo",
            "dataset_names",
            "describe_datasets",
            "find_dataset",
        ),
        ".dataset": ("Dataset", "DatasetManifest", "split_validation"),
        ".kept": ("open_images", "place_of", "prepare_images"),
        ".leaks": ("Overlap", "known_copies", "overlap"),
        ".prepare": ("StoreProgress", "prepare_store"),
        ".sampler": ("PatchSampler",),
        ".store": ("ImageStore", "PreparedImages"),
        "srbench.imaging.tensors": ("crop_to_multiple",),
    },
)
