"""Convolutions over time at several scales side by side: the temporal mixer that MotionAGFormer offers instead of a graph.

Kernels, dilations and layout are those of the public code (`use_tcn`); no published checkpoint has it. Kernels keep a
last axis of one so that public weights fit.
"""

import torch
from torch import Tensor, nn

from posebench.errors import UsageError

KERNEL = 5
DILATIONS = (1, 2)
#: The dilated branches, the one of maxima and the one of single frames share the width equally.
BRANCHES = len(DILATIONS) + 2


class NormedConvolution(nn.Module):
    """A dilated convolution over time that keeps its length, then a norm."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        padding = dilation * (KERNEL - 1) // 2
        self.conv = nn.Conv2d(width, width, (KERNEL, 1), padding=(padding, 0), dilation=(dilation, 1))
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(groups, width, frames, 1) to the same."""
        normed: Tensor = self.bn(self.conv(x))
        return normed


class MultiScaleConvolution(nn.Module):
    """x + four branches, each a quarter of the channels: dilation 1, dilation 2, maximum of three frames, one frame."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim % BRANCHES:
            raise UsageError(f"The convolutions over time need a width that {BRANCHES} divides, not {dim}.")
        width = dim // BRANCHES

        def narrowed(*layers: nn.Module) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(dim, width, 1), nn.BatchNorm2d(width), *layers)

        self.branches = nn.ModuleList(narrowed(nn.ReLU(), NormedConvolution(width, step)) for step in DILATIONS)
        self.branches.append(narrowed(nn.ReLU(), nn.MaxPool2d((3, 1), (1, 1), (1, 0)), nn.BatchNorm2d(width)))
        self.branches.append(narrowed())

    def forward(self, x: Tensor) -> Tensor:
        """(groups, frames, dim) to the same."""
        channels = x.transpose(1, 2)[..., None]
        mixed = torch.cat([branch(channels) for branch in self.branches], dim=1)
        return x + mixed[..., 0].transpose(1, 2)
