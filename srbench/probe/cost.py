"""What one evaluation of a loss costs, counted and not timed: the same on every machine."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def gflops(loss: nn.Module, sr: Tensor, hr: Tensor) -> float:
    """GFLOPs of forward and backward, a multiply-add counted as two."""
    with FlopCounterMode(display=False) as counter:
        loss(sr.detach().clone().requires_grad_(), hr).backward()
    return float(counter.get_total_flops()) / 1e9


def weights_megabytes(loss: nn.Module) -> float:
    """Parameters and buffers in MB (2**20 bytes)."""
    tensors = {t.data_ptr(): t for t in (*loss.parameters(), *loss.buffers())}
    return sum(t.numel() * t.element_size() for t in tensors.values()) / 2**20


def activations_megabytes(loss: nn.Module, sr: Tensor, hr: Tensor) -> float:
    """What autograd keeps between forward and backward in MB, weights and inputs left out."""
    known = {t.untyped_storage().data_ptr() for t in (*loss.parameters(), *loss.buffers(), hr)}
    image = sr.detach().clone().requires_grad_()
    known.add(image.untyped_storage().data_ptr())
    kept: dict[int, Tensor] = {}  # the tensors themselves, so that no address is used twice

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = loss(image, hr)
    del value
    sizes = [t.untyped_storage().nbytes() for address, t in kept.items() if address not in known]
    return sum(sizes) / 2**20
