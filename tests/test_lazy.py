"""Packages whose names are loaded on first use offer what they promise, and nothing else."""

from __future__ import annotations

import importlib

import pytest

PACKAGES = ("checks", "data", "imaging", "metrics", "records", "train", "verify")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_promised_name_is_there(package: str) -> None:
    module = importlib.import_module(f"srbench.{package}")
    assert [name for name in module.__all__ if getattr(module, name, None) is None] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_another_name_is_an_attribute_error(package: str) -> None:
    module = importlib.import_module(f"srbench.{package}")
    with pytest.raises(AttributeError, match=f"'srbench.{package}' has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018
