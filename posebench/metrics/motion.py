"""Errors of motion by finite differences along frames: velocity, acceleration, jitter.

A difference of order n takes n + 1 frames: shorter sequences give an empty result. NaN gives NaN in the steps that see it.
"""

import torch
from torch import Tensor

from posebench.metrics.position import mpjpe


def velocity_error(predicted: Tensor, truth: Tensor) -> Tensor:
    """MPJVE of each step: mean joint error of the first differences along frames.

    (..., frames, joints, 3) mm twice to (..., frames - 1) mm per frame
    (VideoPose3D, `common/loss.py: mean_velocity_error`).
    """
    return mpjpe(predicted.diff(dim=-3), truth.diff(dim=-3))


def acceleration_error(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean joint error of the second differences along frames.

    (..., frames, joints, 3) mm twice to (..., frames - 2) mm per frame squared
    (the acceleration error of VIBE and the mesh-recovery literature, without its division by dt squared).
    """
    return mpjpe(predicted.diff(n=2, dim=-3), truth.diff(n=2, dim=-3))


def jitter(predicted: Tensor) -> Tensor:
    """Mean over joints of the norm of the third difference of the prediction alone: how it trembles, right or wrong.

    (..., frames, joints, 3) mm to (..., frames - 3) mm per frame cubed. Times
    the frame rate cubed it is the jitter (mean jerk, mm/s^3) of TransPose (Yi
    et al. 2021), which WHAM and its successors print in units of 10 m/s^3.
    Real motion jitters too: compare with `jitter(truth)`.
    """
    jerk: Tensor = torch.linalg.vector_norm(predicted.diff(n=3, dim=-3), dim=-1)
    return jerk.mean(dim=-1)
