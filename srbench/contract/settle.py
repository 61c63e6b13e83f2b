"""The parameters that a suite gives a loss or a generator, against the model that it declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from srbench.errors import SuiteError

if TYPE_CHECKING:
    from pydantic import BaseModel


def settle_params(
    kind: str, name: str, model: type[BaseModel] | None, params: Mapping[str, Any]
) -> BaseModel | None:
    """``params`` validated, with the defaults filled in; ``None`` where there is no model.

    Args:
        kind: ``loss`` or ``generator``, for messages.

    Raises:
        SuiteError: a parameter that it does not have, or a value that does not fit.
    """
    from pydantic import ValidationError

    if model is None:
        if params:
            raise SuiteError(
                f"{kind} {name!r} takes no parameters, got {', '.join(sorted(params))}",
                "remove params",
            )
        return None
    try:
        return model.model_validate(dict(params))
    except ValidationError as error:
        raise SuiteError(
            f"{kind} {name!r}: {_explain(error)}",
            f"its parameters: {', '.join(model.model_fields)}",
        ) from error


def _explain(error: Any) -> str:
    parts = []
    for item in error.errors()[:4]:
        place = ".".join(str(p) for p in item["loc"]) or "params"
        if item["type"] == "extra_forbidden":
            parts.append(f"unknown parameter {place!r}")
        else:
            message = item["msg"].removeprefix("Value error, ")
            got = "" if ", got " in message else f", got {item['input']!r:.80}"
            parts.append(f"{place}: {message}{got}")
    return "; ".join(parts)
