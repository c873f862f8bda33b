"""Errors of where the person stands in camera space. NaN poses give NaN."""

import torch
from torch import Tensor

from posebench.metrics.position import mpjpe, same_shape


def root_error(predicted: Tensor, truth: Tensor, root: int = 0) -> Tensor:
    """MRPE, mean root position error: distance of the predicted and the true root; (...) mm.

    Camera-space poses (..., joints, 3) mm twice (Moon et al. 2019, "Camera Distance-aware Top-down Approach", section 6).
    """
    same_shape(predicted, truth)
    errors: Tensor = torch.linalg.vector_norm(predicted[..., root, :] - truth[..., root, :], dim=-1)
    return errors


def absolute_mpjpe(predicted: Tensor, truth: Tensor) -> Tensor:
    """MPJPE of camera-space poses with no root taken away: (..., joints, 3) mm twice to (...) mm.

    The formula is that of `mpjpe`; what is absolute is the input.
    """
    return mpjpe(predicted, truth)
