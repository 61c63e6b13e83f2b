"""Tests that compute on fake CUDA tensors, where torch has them without a driver."""

import pytest

from srbench.checks.portability import FAKES_CUDA

needs_fake_cuda = pytest.mark.skipif(
    not FAKES_CUDA, reason="needs a GPU, or torch 2.10, whose fake CUDA tensors need none"
)
