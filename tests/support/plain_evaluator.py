"""An evaluator as public code of the field has one: numpy over a sequence, metric by metric. The reference that scoring is timed beside."""

import numpy as np
from numpy.typing import NDArray

Poses = NDArray[np.floating]


def batched_svd(predicted: Poses, truth: Poses) -> Poses:
    """P-MPJPE (poses,): centre, norm, one batched SVD, turn, scale, distance (VideoPose3D, `common/loss.py: p_mpjpe`)."""
    mean_y, mean_x = truth.mean(1, keepdims=True), predicted.mean(1, keepdims=True)
    y, x = truth - mean_y, predicted - mean_x
    norm_y, norm_x = (np.sqrt((v**2).sum((1, 2), keepdims=True)) for v in (y, x))
    y, x = y / norm_y, x / norm_x
    u, s, vt = np.linalg.svd(y.transpose(0, 2, 1) @ x)
    v = vt.transpose(0, 2, 1)
    sign = np.sign(np.linalg.det(v @ u.transpose(0, 2, 1)))
    v[:, :, -1] *= sign[:, None]
    s[:, -1] *= sign
    rotation = v @ u.transpose(0, 2, 1)
    scale = s.sum(1)[:, None, None] * norm_y / norm_x
    aligned = scale * (predicted @ rotation) + mean_y - scale * (mean_x @ rotation)
    distances: Poses = np.linalg.norm(aligned - truth, axis=2)
    return distances.mean(1)


def evaluate(predicted: Poses, truth: Poses, pck_joints: list[int]) -> dict[str, float]:
    """Means over the frames of a sequence (frames, joints, 3) of what posebench's open rule measures."""
    errors = np.linalg.norm(predicted - truth, axis=2)
    scale = (predicted * truth).sum((1, 2), keepdims=True) / (predicted**2).sum((1, 2), keepdims=True)
    velocity = np.linalg.norm(np.diff(predicted, axis=0) - np.diff(truth, axis=0), axis=2)
    acceleration = np.linalg.norm(np.diff(predicted, 2, axis=0) - np.diff(truth, 2, axis=0), axis=2)
    some = errors[:, pck_joints]
    return {
        "mpjpe": errors.mean(),
        "p_mpjpe": batched_svd(predicted, truth).mean(),
        "n_mpjpe": np.linalg.norm(scale * predicted - truth, axis=2).mean(),
        "mpjve": velocity.mean(),
        "accel": acceleration.mean(),
        "pck150": 100 * (some < 150).mean(),
        "auc": 100 * np.mean([(some < threshold).mean() for threshold in np.linspace(0, 150, 31)]),
    }
