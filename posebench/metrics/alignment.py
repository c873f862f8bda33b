"""Errors after the prediction was moved onto the truth: P-MPJPE and N-MPJPE."""

import torch
from torch import Tensor

from posebench.metrics.position import mpjpe


def procrustes_align(predicted: Tensor, truth: Tensor) -> Tensor:
    """The similarity of each predicted pose that is nearest to its truth; (..., joints, 3) mm, float64 inside.

    Rotation, translation and scale, no reflection (Umeyama 1991, eq. 40-42; the
    rule of VideoPose3D's `p_mpjpe`): with the SVD U S V^T of the 3x3 covariance,
    the last singular vector turns over when det(U V^T) < 0. A prediction whose
    joints all coincide has no scale or rotation; it is moved to the mean of the truth.
    """
    x, y = predicted.double(), truth.double()
    mean_x, mean_y = x.mean(dim=-2, keepdim=True), y.mean(dim=-2, keepdim=True)
    x0, y0 = x - mean_x, y - mean_y
    u, s, vt = torch.linalg.svd(x0.transpose(-2, -1) @ y0)
    sign = torch.where(torch.linalg.det(u @ vt) < 0, -1.0, 1.0).to(s.dtype)
    turn = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], dim=-1)
    rotation = (u * turn[..., None, :]) @ vt
    spread = x0.square().sum(dim=(-2, -1))
    scale = torch.where(spread > 0, (s * turn).sum(dim=-1) / spread.clamp(min=torch.finfo(s.dtype).tiny), 0.0)
    aligned: Tensor = scale[..., None, None] * (x0 @ rotation) + mean_y
    return aligned


def p_mpjpe(predicted: Tensor, truth: Tensor) -> Tensor:
    """MPJPE after Procrustes alignment of every pose with scale, "Protocol 2"; (..., joints, 3) mm twice to (...) mm."""
    return mpjpe(procrustes_align(predicted, truth), truth.double())


def n_mpjpe(predicted: Tensor, truth: Tensor) -> Tensor:
    """MPJPE after the best scale of every pose, no translation, "Protocol 3"; (..., joints, 3) mm twice to (...) mm.

    VideoPose3D's `n_mpjpe` (Rhodin et al. 2018): scale = <predicted, truth> / <predicted, predicted>.
    A prediction of zeros keeps its zeros.
    """
    norm = predicted.square().sum(dim=(-2, -1), keepdim=True)
    product = (predicted * truth).sum(dim=(-2, -1), keepdim=True)
    scale = torch.where(norm > 0, product / norm.clamp(min=torch.finfo(norm.dtype).tiny), 0.0)
    return mpjpe(scale * predicted, truth)
