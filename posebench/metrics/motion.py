"""Errors of motion: velocity and acceleration, by finite differences along frames."""

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
