"""The base of every document that srbench reads: frozen, and misspelt keys are errors."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Base: immutable; unknown fields and non-finite numbers are errors.

    A field whose name in the file is no Python name has an alias and is read and written by it.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    def but(self, **values: Any) -> Self:
        """A validated copy with other values."""
        return self.model_validate({**dict(self), **values})
