r"""Gram (style) loss: which features occur together, wherever they are.

Source: Gatys, Ecker, Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016,
arXiv 1508.06576. For super-resolution: Sajjadi, Schölkopf, Hirsch, "EnhanceNet", ICCV 2017.

.. math:: G_{cd} = \frac{1}{hw} \sum_{ij} \phi_{cij} \phi_{dij}, \qquad
          L = \frac{1}{C^2} \sum_{cd} (G^\mathrm{SR}_{cd} - G^\mathrm{HR}_{cd})^2

which is four times the paper's :math:`E_l`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from srbench.contract.features import FeatureLoss


class GramLoss(FeatureLoss):
    """Distance of the Gram matrices of SR and HR; 0 for equal images, lower is better.

    Arguments, shapes and errors are those of :class:`~srbench.contract.features.FeatureLoss`.
    """

    def _distance(self, output: Tensor, target: Tensor) -> Tensor:
        return super()._distance(gram(output), gram(target))


def gram(features: Tensor) -> Tensor:
    """``(N, C, h, w)`` to the mean products of channels, ``(N, C, C)``, in float32 or wider."""
    wide = torch.promote_types(features.dtype, torch.float32)
    # Autocast would multiply in half precision, and features squared leave its range.
    with torch.autocast(features.device.type, enabled=False):
        flat = features.to(wide).flatten(2)
        return flat @ flat.transpose(1, 2) / flat.shape[2]
