r"""Focal frequency loss: squared difference of the spectra, the worst frequencies counting most.

Source: Jiang, Dai, Wu, Loy, "Focal Frequency Loss for Image Reconstruction and Synthesis", ICCV
2021, arXiv 2012.12821. With F the orthonormal discrete Fourier transform of each channel,

.. math:: L = \operatorname{mean}_{u,v}\; w_{uv} \left|F(\mathrm{SR})_{uv}
          - F(\mathrm{HR})_{uv}\right|^2, \qquad
          w_{uv} = \frac{|F(\mathrm{SR})_{uv} - F(\mathrm{HR})_{uv}|^\alpha}
          {\max_{u,v} |F(\mathrm{SR})_{uv} - F(\mathrm{HR})_{uv}|^\alpha}

without a gradient through the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from srbench.contract.features import check_images


class FocalFrequencyLoss(nn.Module):
    """:func:`focal_frequency` as a loss; 0 for equal images, lower is better.

    Args:
        alpha: how much the worst frequencies stand out; 0 gives the mean squared error.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        """The batch mean as a float32 scalar; both ``(N, 3, H, W)``, RGB in [0, 1].

        Raises:
            UserError: the shapes differ or are not ``(N, 3, H, W)``.
        """
        check_images(sr, hr)
        return focal_frequency(sr.float(), hr.detach().float(), self.alpha)


def focal_frequency(sr: Tensor, hr: Tensor, alpha: float = 1.0) -> Tensor:
    """The formula above; both ``(N, C, H, W)``, real."""
    # The transform is linear: the difference of the spectra is the spectrum of the difference.
    spectrum = torch.view_as_real(torch.fft.fft2(sr - hr, norm="ortho"))
    power = spectrum.square().sum(-1)
    weight = power.detach().sqrt().pow(alpha)
    largest = weight.amax((-2, -1), keepdim=True)
    weight = weight / largest.clamp_min(torch.finfo(weight.dtype).tiny)
    return (weight * power).mean()
