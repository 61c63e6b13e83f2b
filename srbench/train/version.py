"""The version of training itself."""

from __future__ import annotations

TRAINING_VERSION = 1
"""Raised whenever the same settings train another generator; part of every training key."""
