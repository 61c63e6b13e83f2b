"""Reading a pickle of numpy arrays without giving it anything to run."""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.errors import ArchiveError

if TYPE_CHECKING:
    import numpy as np

_RECONSTRUCT = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),  # the same function, as numpy 2 spells it
}


class _NdarrayMarker:
    """Stands for ``numpy.ndarray`` in the stream, where it is only ever an argument."""


def _reconstruct(subtype: object, shape: object, dtype: object) -> np.ndarray[Any, Any]:
    # numpy pickles every array as _reconstruct(ndarray, (0,), b"b") followed by its state; any
    # other call is not numpy's.
    import numpy as np

    if subtype is not _NdarrayMarker or shape != (0,) or dtype not in (b"b", "b"):
        raise pickle.UnpicklingError("an array that numpy did not pickle")
    return np.empty((0,), dtype=np.int8)


MAX_STEPS = 1_000_000
"""Opcodes of a pickle: a network's arrays take some thousands."""

MAX_DEPTH = 50
"""Of nested dicts; a dict that contains itself has no end."""


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that knows three numpy globals and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of one of the three admitted globals."""
        import numpy as np

        if (module, name) in _RECONSTRUCT:
            return _reconstruct
        if (module, name) == ("numpy", "ndarray"):
            return _NdarrayMarker
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        raise pickle.UnpicklingError(f"it names {module}.{name}, which may run code")


def load_array_pickle(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of a pickle of nested dicts, flattened with ``/``.

    Raises:
        ArchiveError: the pickle is damaged, or holds anything but dicts of numeric arrays.
    """
    try:
        data = path.read_bytes()
        _bound(data)
        tree = ArrayUnpickler(io.BytesIO(data)).load()
    except Exception as error:  # damaged pickles raise nearly anything
        raise ArchiveError(
            f"expected a pickle of nested dicts of numpy arrays, got {path.name}: {error}"
        ) from error
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    _flatten(tree, "", arrays, path.name, MAX_DEPTH)
    return arrays


def _bound(data: bytes) -> None:
    """Before it is read: ten bytes that name a memo of 2**32 entries make the unpickler fill it."""
    for step, (opcode, value, _) in enumerate(pickletools.genops(data)):
        memo = value if isinstance(value, int) and opcode.name.endswith("PUT") else 0
        if step > MAX_STEPS or memo > MAX_STEPS:
            raise pickle.UnpicklingError(f"more than {MAX_STEPS} steps or remembered objects")


def _flatten(
    node: object, prefix: str, arrays: dict[str, np.ndarray[Any, Any]], origin: str, depth: int
) -> None:
    import numpy as np

    if depth == 0 or len(arrays) > MAX_STEPS:
        raise ArchiveError(f"expected a plain tree of arrays in {origin}, got one without end")
    if isinstance(node, dict):
        for key, child in node.items():
            name = f"{prefix}/{key}" if prefix else str(key)
            _flatten(child, name, arrays, origin, depth - 1)
    elif isinstance(node, np.ndarray) and node.dtype.kind in "biufc":
        arrays[prefix] = node
    else:
        kind = f"array of {node.dtype}" if isinstance(node, np.ndarray) else type(node).__name__
        raise ArchiveError(
            f"expected only numeric arrays in {origin}, got {kind} at {prefix or 'its top'!r}"
        )
