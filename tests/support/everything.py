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

# A template is no module, and adapters import the trainers that they are for.
LEFT_OUT = ("template", "__main__", "adapters.")
for module in pkgutil.walk_packages(srbench.__path__, "srbench."):
    if not any(part in module.name for part in LEFT_OUT):
        importlib.import_module(module.name)
discover()
# What is here is never garbage: a look at it would copy the memory into every forked process.
gc.collect()
gc.freeze()
