"""Discrete cosine transforms over a fixed number of frames, as matrices: N is small, and a product runs anywhere.

The convention is the unnormalised one of scipy's `dct(norm=None)` and of torch_dct, which PoseFormerV2 uses.
"""

import math

import torch
from torch import Tensor


def dct_matrix(frames: int, coefficients: int | None = None) -> Tensor:
    """(coefficients, frames): the DCT-II, X_k = 2 sum_n x_n cos(pi k (2n + 1) / 2N), of the lowest frequencies.

    `coefficients` None keeps all. Computed in float64, returned in float32.
    """
    k = torch.arange(frames if coefficients is None else coefficients, dtype=torch.float64)
    n = torch.arange(frames, dtype=torch.float64)
    return (2 * torch.cos(math.pi / (2 * frames) * torch.outer(k, 2 * n + 1))).float()


def inverse_dct_matrix(frames: int) -> Tensor:
    """(frames, frames), the inverse of `dct_matrix(frames)`: x_n = (X_0 / 2 + sum_k>0 X_k cos(pi k (2n + 1) / 2N)) / N."""
    k = torch.arange(frames, dtype=torch.float64)
    n = torch.arange(frames, dtype=torch.float64)
    cosines = torch.cos(math.pi / (2 * frames) * torch.outer(2 * n + 1, k)) / frames
    # Frequency 0 counts half.
    return (cosines * torch.where(k == 0, 0.5, 1.0)).float()
