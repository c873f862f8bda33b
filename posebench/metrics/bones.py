"""Bones: their length, their symmetry and their constancy. NaN poses give NaN."""

from collections.abc import Sequence

import torch
from torch import Tensor

from posebench.errors import UsageError
from posebench.metrics.position import same_shape
from posebench.skeletons import Skeleton

#: `(parent, child)` of each bone, as in `Skeleton.bones`.
Bones = Sequence[tuple[int, int]]


def bone_lengths(poses: Tensor, bones: Bones) -> Tensor:
    """Length of every bone: (..., joints, 3) mm to (..., bones) mm; 0 where the two joints coincide."""
    parents, children = ([bone[end] for bone in bones] for end in (0, 1))
    lengths: Tensor = torch.linalg.vector_norm(poses[..., children, :] - poses[..., parents, :], dim=-1)
    return lengths


def bone_length_error(predicted: Tensor, truth: Tensor, bones: Bones) -> Tensor:
    """Mean over bones of |predicted length - true length|: (..., joints, 3) mm twice to (...) mm.

    The bone length error of Sun et al. 2017 ("Compositional Human Pose
    Regression", section 4), in absolute mm.
    """
    same_shape(predicted, truth)
    return (bone_lengths(predicted, bones) - bone_lengths(truth, bones)).abs().mean(dim=-1)


def symmetry_error(predicted: Tensor, skeleton: Skeleton) -> Tensor:
    """Mean over pairs of |left bone - right bone| of the prediction alone: (..., joints, 3) mm to (...) mm.

    The left-right symmetry of ManiPose (Rommel et al. 2024, MPSSE). A pair is a bone
    that ends in a left joint and its mirror image. Raises `UsageError` for a
    skeleton without pairs.
    """
    mirror = skeleton.mirrored
    left = [(parent, child) for parent, child in skeleton.bones if child in skeleton.left]
    right = [(mirror[parent], mirror[child]) for parent, child in left]
    if not left:
        raise UsageError(f"Skeleton {skeleton.name!r} has no left and right bones to compare.")
    return (bone_lengths(predicted, left) - bone_lengths(predicted, right)).abs().mean(dim=-1)


def bone_length_jitter(predicted: Tensor, bones: Bones) -> Tensor:
    """Standard deviation over time of each bone's length, mean over bones, of the prediction alone.

    (..., frames, joints, 3) mm to (...) mm; the deviation of the population
    (divided by the frames), so one frame gives 0. The consistency of ManiPose
    (Rommel et al. 2024, MPSCE). A rigid skeleton has 0, and so has the truth
    of clean motion capture.
    """
    return bone_lengths(predicted, bones).std(dim=-2, correction=0).mean(dim=-1)
