"""Joint position errors: MPJPE and its parts. A pose that holds NaN has the error NaN here, never a number."""

import torch
from torch import Tensor

from posebench.errors import UsageError


def same_shape(predicted: Tensor, truth: Tensor) -> None:
    """Raise `UsageError` for poses of unequal shapes: broadcasting would hide a wrong pairing."""
    if predicted.shape != truth.shape:
        raise UsageError(
            f"Predicted poses {tuple(predicted.shape)} and true poses {tuple(truth.shape)} differ in shape."
        )


def joint_errors(predicted: Tensor, truth: Tensor) -> Tensor:
    """Euclidean distance of every joint: (..., joints, 3) mm twice to (..., joints) mm.

    Its mean is MPJPE, "Protocol 1" on Human3.6M (VideoPose3D, `common/loss.py: mpjpe`).
    Raises `UsageError` for unequal shapes: broadcasting here would hide a wrong pairing.
    """
    same_shape(predicted, truth)
    errors: Tensor = torch.linalg.vector_norm(predicted - truth, dim=-1)
    return errors


def mpjpe(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean per-joint position error of every pose: (..., joints, 3) mm twice to (...) mm."""
    return joint_errors(predicted, truth).mean(dim=-1)


def axis_errors(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of every pose along each camera axis: (..., joints, 3) mm twice to (..., 3) mm (x, y, z).

    By definition: mean over joints of |predicted - truth|, a coordinate at a time.
    """
    same_shape(predicted, truth)
    return (predicted - truth).abs().mean(dim=-2)


def depth_error(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of depth (camera z) of every pose: (..., joints, 3) mm twice to (...) mm.

    What MotionBERT's "GT 2D" number measures, once the predicted x and y were overwritten (protocols.md, H7).
    """
    same_shape(predicted, truth)
    return (predicted[..., 2] - truth[..., 2]).abs().mean(dim=-1)
