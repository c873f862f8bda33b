"""Projection that gradients go through, and the lens that is taken where none is granted."""

import torch
from torch import Tensor

from posebench.cameras import distort, undistort

#: Nearer to the camera plane than this (metres) a joint is projected as if it were there: nobody is seen from so near.
NEAREST = 0.3


def assumed_lens(image_size: Tensor, focal: float) -> Tensor:
    """(9,) f, c, k, p of a lens without distortion, its focal length `focal` image widths, its centre the image's."""
    width, height = image_size.unbind(-1)
    zero = torch.zeros_like(width)
    return torch.stack([focal * width, focal * width, width / 2, height / 2, zero, zero, zero, zero, zero])


def project(points: Tensor, lens: Tensor) -> Tensor:
    """Camera metres (..., 3) to pixels (..., 2) through a lens (9,)."""
    depth = points[..., 2].clamp(min=NEAREST)
    x, y = distort(points[..., 0] / depth, points[..., 1] / depth, lens)
    return torch.stack([x * lens[0] + lens[2], y * lens[1] + lens[3]], dim=-1)


def rays(pixels: Tensor, lens: Tensor) -> Tensor:
    """Pixels (..., 2) to the unit vectors (..., 3) that they are seen along."""
    x, y = undistort(pixels, lens)
    along = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    unit: Tensor = along / torch.linalg.vector_norm(along, dim=-1, keepdim=True)
    return unit
