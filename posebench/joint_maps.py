"""From one joint set to another: each joint of the target as a weighted mean of the source's. A leaf; numpy only.

Every joint is a *landmark* of the body, under the name that all joint sets share (`_landmark`): Human3.6M's `LFoot`,
3DHP's `left_ankle` and OpenPose's `LAnkle` are one. A landmark that the source lacks is made from others by the first
of `RULES` that it can follow; `docs/joint-sets.md` explains them. Nothing else is guessed: where no rule applies, the
conversion is refused by the name of the joint.
"""

import re
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.errors import UsageError
from posebench.skeletons import Skeleton

Array = npt.NDArray[np.floating[Any]]

#: A rule: weights of other landmarks, and whether the result is another anatomical point than the one it stands for.
Rule = tuple[dict[str, float], bool]

_EXACT, _APPROXIMATE = False, True


def _middle(first: str, second: str) -> dict[str, float]:
    return {first: 0.5, second: 0.5}


#: How a landmark is made from others, the best way first. Weights sum to 1.
RULES: dict[str, tuple[Rule, ...]] = {
    # Human3.6M's and 3DHP's skeletons are built about this point, and OpenPose detects it as such.
    "pelvis": ((_middle("left_hip", "right_hip"), _EXACT),),
    "smpl_pelvis": (({"pelvis": 1.0}, _APPROXIMATE),),
    "spine": (({"smpl_spine2": 1.0}, _APPROXIMATE), (_middle("pelvis", "thorax"), _APPROXIMATE)),
    "thorax": (
        ({"throat": 1.0}, _APPROXIMATE),
        ({"smpl_neck": 1.0}, _APPROXIMATE),
        ({"middle_of_shoulders": 1.0}, _APPROXIMATE),
    ),
    "throat": (({"thorax": 1.0}, _APPROXIMATE),),
    "middle_of_shoulders": ((_middle("left_shoulder", "right_shoulder"), _EXACT),),
    "neck_nose": (
        ({"skull": 1.0}, _APPROXIMATE),
        ({"smpl_head": 1.0}, _APPROXIMATE),
        ({"upper_neck": 1.0}, _APPROXIMATE),
        # As MotionBERT converts COCO's keypoints.
        ({"nose": 1.0}, _APPROXIMATE),
        (_middle("thorax", "head_end"), _APPROXIMATE),
    ),
    "skull": (({"neck_nose": 1.0}, _APPROXIMATE),),
    "head_end": (
        ({"head_top": 1.0}, _APPROXIMATE),
        # SMPL has no joint above the base of the skull; Human3.6M's Thorax, Neck/Nose and Head are 121 and 115 mm apart.
        ({"smpl_head": 2.0, "smpl_neck": -1.0}, _APPROXIMATE),
        # As MotionBERT converts COCO's keypoints.
        (_middle("left_eye", "right_eye"), _APPROXIMATE),
    ),
    "head_top": (({"head_end": 1.0}, _APPROXIMATE),),
}

_LIMBS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist", "eye", "ear", "big_toe", "small_toe", "heel")
_PAIRED = {f"{side}_{limb}" for side in ("left", "right") for limb in _LIMBS}

_HUMAN36M = {
    "Hip": "pelvis",
    "RFoot": "right_ankle",
    "LFoot": "left_ankle",
    "Spine": "spine",
    "Thorax": "thorax",
    "Neck/Nose": "neck_nose",
    "Head": "head_end",
}
_MPI_INF_3DHP = {"pelvis": "pelvis", "spine": "spine", "neck": "throat", "head": "skull", "head_top": "head_top"}
#: SPIN regresses these joints with Human3.6M's regressor: they are Human3.6M's under the names of LSP.
_REGRESSED = {"pelvis": "pelvis", "neck": "thorax", "head_top": "head_end"}

#: What joints are landmarks under other names than their own; a joint in neither this nor `_PAIRED` is alone of its kind.
_OWN_NAMES: dict[str, dict[str, str]] = {
    "human36m-17": _HUMAN36M,
    "human36m-16": _HUMAN36M,
    "mpi-inf-3dhp-28": _MPI_INF_3DHP,
    "mpi-inf-3dhp-17": _MPI_INF_3DHP,
    "lsp-14-pelvis": _REGRESSED,
    "3dpw-14": _REGRESSED,
    "smpl-24": {
        "pelvis": "smpl_pelvis",
        "spine2": "smpl_spine2",
        "neck": "smpl_neck",
        "head": "smpl_head",
    },
    "coco-17": {"nose": "nose"},
    "body_25": {"Nose": "nose", "Neck": "middle_of_shoulders", "MidHip": "pelvis"},
    "body_25b": {"Nose": "nose", "Neck": "upper_neck", "Head": "head_top"},
}


@cache
def joint_map(source: Skeleton, target: Skeleton) -> npt.NDArray[np.float64]:
    """Weights (target joints, source joints), read-only; each row sums to 1. The identity where both are the same.

    Raises `UsageError` naming the first joint of the target that the source cannot give.
    """
    return _solve(source, target)[0]


@cache
def approximate(source: Skeleton, target: Skeleton) -> tuple[str, ...]:
    """The target's joints that stand for another anatomical point of the source, or one made from several.

    A middle that is the joint's own definition (the hip between the hips) is not among them. Raises as `joint_map`.
    """
    return _solve(source, target)[1]


def convert_joints(points: npt.ArrayLike, source: Skeleton, target: Skeleton) -> Array:
    """Points (..., source joints, D) as (..., target joints, D), of the same floating type.

    A joint is NaN where one that it is made from is. Raises `UsageError` for
    another number of joints, and as `joint_map`.
    """
    points = _floating(points)
    _check_joints(points.shape[-2:-1], source, points.shape)
    if source == target:
        return points
    converted = np.empty((*points.shape[:-2], target.num_joints, points.shape[-1]), points.dtype)
    for row, weights in enumerate(joint_map(source, target)):
        used = np.flatnonzero(weights)
        if len(used) == 1:
            converted[..., row, :] = points[..., used[0], :]
        else:
            converted[..., row, :] = np.einsum("j,...jd->...d", weights[used], points[..., used, :].astype(np.float64))
    return converted


def convert_confidence(confidence: npt.ArrayLike, source: Skeleton, target: Skeleton) -> Array:
    """Confidence (..., source joints) as (..., target joints): the least of the joints that a joint is made from.

    Raises as `convert_joints`.
    """
    confidence = _floating(confidence)
    _check_joints(confidence.shape[-1:], source, confidence.shape)
    if source == target:
        return confidence
    rows = joint_map(source, target)
    return np.stack([confidence[..., np.flatnonzero(weights)].min(axis=-1) for weights in rows], axis=-1)


@cache
def _solve(source: Skeleton, target: Skeleton) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Weights and approximate joints of a conversion."""
    landmarks = [_landmark(source, joint) for joint in source.joints]
    columns = {landmark: index for index, landmark in enumerate(landmarks)}
    weights = np.zeros((target.num_joints, source.num_joints))
    inexact = []
    for row, joint in enumerate(target.joints):
        found = _make(_landmark(target, joint), frozenset(columns), frozenset())
        if found is None:
            raise UsageError(
                f"Joints {source.name!r} cannot be converted to {target.name!r}: they do not give its {joint!r}."
            )
        shares, approximated = found
        for landmark, share in shares.items():
            weights[row, columns[landmark]] = share
        if approximated:
            inexact.append(joint)
    weights.flags.writeable = False
    return weights, tuple(inexact)


def _landmark(skeleton: Skeleton, joint: str) -> str:
    """The name that a joint shares with the same point of other joint sets; its own with the set's where there is none."""
    own = _OWN_NAMES.get(skeleton.name, {})
    if joint in own:
        return own[joint]
    spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", re.sub(r"^([LR])(?=[A-Z])", r"\1_", joint)).lower()
    spelled = re.sub(r"^(l|r)_", lambda side: {"l": "left_", "r": "right_"}[side[1]], spelled)
    return spelled if spelled in _PAIRED else f"{skeleton.name} {joint}"


def _make(landmark: str, there: frozenset[str], asked: frozenset[str]) -> Rule | None:
    """A landmark as weights of those that are there; None if no rule gives it.

    `asked` are the landmarks that are being made: some rules go both ways.
    """
    if landmark in there:
        return {landmark: 1.0}, _EXACT
    if landmark in asked:
        return None
    for parts, approximated in RULES.get(landmark, ()):
        made = {part: _make(part, there, asked | {landmark}) for part in parts}
        total: dict[str, float] = {}
        for part, share in parts.items():
            rule = made[part]
            if rule is None:
                break
            approximated = approximated or rule[1]
            for used, weight in rule[0].items():
                total[used] = total.get(used, 0.0) + share * weight
        else:
            return total, approximated
    return None


def _floating(values: npt.ArrayLike) -> Array:
    array = np.asarray(values)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)


def _check_joints(found: tuple[int, ...], source: Skeleton, shape: tuple[int, ...]) -> None:
    if found != (source.num_joints,):
        raise UsageError(f"An array of shape {shape} does not hold the {source.num_joints} joints of {source.name!r}.")
