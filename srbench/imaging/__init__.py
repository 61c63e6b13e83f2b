"""Images: reading and writing files, colour, and MATLAB-compatible bicubic resampling.

Inside srbench an image is RGB, float32, [0,1], ``(N, 3, H, W)``; in files and stores it is RGB,
uint8, ``(H, W, 3)``. The conversion happens here, once. Names are loaded on first use, so that
reading files does not pay for importing torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srbench.lazy import lazy_names

if TYPE_CHECKING:
    from srbench.imaging.bicubic import (
        MARGIN_LR,
        degrade,
        degrade_patches,
        downscale,
        upscale,
    )
    from srbench.imaging.color import rgb_to_y
    from srbench.imaging.exact import bicubic_image, lr_image
    from srbench.imaging.files import MAX_PIXELS, decode_image, image_size, read_image, write_image
    from srbench.imaging.listing import (
        IMAGE_SUFFIXES,
        list_images,
        name_below,
        plain_name,
        some_names,
    )
    from srbench.imaging.pixels import Image, pixels_sha256
    from srbench.imaging.tensors import (
        crop_to_multiple,
        quantize,
        to_tensor,
        to_uint8,
    )

__all__ = [
    "IMAGE_SUFFIXES",
    "MARGIN_LR",
    "MAX_PIXELS",
    "Image",
    "bicubic_image",
    "crop_to_multiple",
    "decode_image",
    "degrade",
    "degrade_patches",
    "downscale",
    "image_size",
    "list_images",
    "lr_image",
    "name_below",
    "pixels_sha256",
    "plain_name",
    "quantize",
    "read_image",
    "rgb_to_y",
    "some_names",
    "to_tensor",
    "to_uint8",
    "upscale",
    "write_image",
]

__getattr__ = lazy_names(
    __name__,
    {
        ".bicubic": ("MARGIN_LR", "degrade", "degrade_patches", "downscale", "upscale"),
        ".color": ("rgb_to_y",),
        ".exact": ("bicubic_image", "lr_image"),
        ".files": ("MAX_PIXELS", "decode_image", "image_size", "read_image", "write_image"),
        ".listing": ("IMAGE_SUFFIXES", "list_images", "name_below", "plain_name", "some_names"),
        ".pixels": ("Image", "pixels_sha256"),
        ".tensors": ("crop_to_multiple", "quantize", "to_tensor", "to_uint8"),
    },
)
