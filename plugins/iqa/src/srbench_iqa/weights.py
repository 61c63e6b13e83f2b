"""The weights of shift-tolerant LPIPS, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from srbench.contract import PyPISource, WeightFile


def convert_stlpips(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """``net.slice{K}.N.*`` to ``features.N.*``; the heads stay, the range is the loss's own.

    >>> convert_stlpips({"net.slice2.5.bias": 1, "lin0.model.1.weight": 2, "scaling_layer.s": 3})
    {'features.5.bias': 1, 'lin0.model.1.weight': 2}
    """
    return {
        re.sub(r"^net\.slice\d\.", "features.", name): tensor
        for name, tensor in tensors.items()
        if name.startswith(("net.", "lin"))
    }


def _stlpips(backbone: str, member: str, tensors_sha256: str, size: int) -> WeightFile:
    return WeightFile(
        id=f"stlpips-{backbone}",
        license="BSD-2-Clause",
        sources=(
            PyPISource(
                package="stlpips-pytorch",
                version="0.0.2",
                archive_sha256="a412bf901a97c942b37af57c7c63b6e5d1aebfe8d1dfc17853d4b2f878630645",
                member=f"stlpips_pytorch/weights/vST0.0/{member}_shift_tolerant.pth",
                convert=convert_stlpips,
            ),
        ),
        tensors_sha256=tensors_sha256,
        size=size,
    )


STLPIPS_ALEXNET = _stlpips(
    "alexnet", "alex", "68585c54df1a635c28e34107c7984a786c70921fd864639527c5034862ace977", 9_899_296
)
STLPIPS_VGG16 = _stlpips(
    "vgg16", "vgg", "2902226d66300fac2cbd27e1e7f802b2d5b65832c9949ac8349ad7f54a5f02fb", 58_907_298
)
