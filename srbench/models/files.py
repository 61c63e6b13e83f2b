"""The file format of a trained generator: safetensors, with the architecture in its metadata."""

from __future__ import annotations

GENERATOR_FORMAT = "srbench-generator-1"
"""The one metadata key; its value is the JSON of name, blocks, channels and scale."""
