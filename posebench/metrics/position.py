"""Joint position errors: MPJPE and what is counted from it."""

import torch
from torch import Tensor

from posebench.errors import UsageError


def joint_errors(predicted: Tensor, truth: Tensor) -> Tensor:
    """Euclidean distance of every joint: (..., joints, 3) mm twice to (..., joints) mm.

    Its mean is MPJPE, "Protocol 1" on Human3.6M (VideoPose3D, `common/loss.py: mpjpe`).
    Raises `UsageError` for unequal shapes: broadcasting here would hide a wrong pairing.
    """
    if predicted.shape != truth.shape:
        raise UsageError(
            f"Predicted poses {tuple(predicted.shape)} and true poses {tuple(truth.shape)} differ in shape."
        )
    errors: Tensor = torch.linalg.vector_norm(predicted - truth, dim=-1)
    return errors


def mpjpe(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean per-joint position error of every pose: (..., joints, 3) mm twice to (...) mm."""
    return joint_errors(predicted, truth).mean(dim=-1)


def pck(predicted: Tensor, truth: Tensor, threshold: float = 150.0) -> Tensor:
    """Percentage of correct keypoints: joints whose error is strictly below `threshold` mm; (...) in percent.

    Strict as in the official MATLAB evaluation of MPI-INF-3DHP (`mpii_compute_3d_pck.m`).
    """
    return (joint_errors(predicted, truth) < threshold).to(predicted.dtype).mean(dim=-1) * 100


def auc(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean PCK over the 31 thresholds 0, 5, ..., 150 mm, strict; (...) in percent, at most 30/31 = 96.77.

    The official rule of MPI-INF-3DHP: threshold 0 is among them and never
    passed. A joint of error d passes the thresholds above d, of which there
    are 30 - floor(d / 5) for d < 150.
    """
    errors = joint_errors(predicted, truth)
    passed = (30 - torch.floor(errors / 5)).clamp(min=0)
    return (passed / 31).mean(dim=-1) * 100
