"""VGG16 that has learnt nothing: the control for what pretrained weights contribute."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torchvision.models import vgg16


def random_vgg16(seed: int) -> nn.Sequential:
    """VGG16's convolutional part as ``features.N``, initialised as torchvision initialises it.

    Kaiming-normal weights (fan out, ReLU), zero biases; the same values for a seed on any machine,
    and the global random state is left alone.
    """
    with torch.device("meta"):
        features = vgg16(weights=None, init_weights=False).features
    features.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(
                layer.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return nn.Sequential(OrderedDict(features=features))
