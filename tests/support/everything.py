"""Imports all that commands import when they are used."""

import gc
import importlib
import pkgutil

import in_process
import matplotlib.pyplot
import pyiqa
import scipy.ndimage
import skimage
import torch.utils.tensorboard

import srbench
from srbench.host import discover

__all__ = ["in_process", "matplotlib", "pyiqa", "scipy", "skimage", "torch"]

for module in pkgutil.walk_packages(srbench.__path__, "srbench."):
    if "template" not in module.name and "__main__" not in module.name:
        importlib.import_module(module.name)
discover()
# What is here is never garbage: a look at it would copy the memory into every forked process.
gc.collect()
gc.freeze()
