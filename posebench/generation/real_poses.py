"""Real poses of a split, evenly taken: what limits, distances and baselines are made from."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.sequence import SequenceInfo
from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.skeletons import HUMAN36M_17

Poses = npt.NDArray[np.float64]


def root_relative(poses: npt.NDArray[np.floating[Any]]) -> Poses:
    """Poses (..., 17, 3) about their hip, float64."""
    poses = poses.astype(np.float64)
    relative: Poses = poses - poses[..., :1, :]
    return relative


def check_joint_set(dataset: Dataset) -> None:
    """Raise `UsageError` for a data set in other joints than Human3.6M's."""
    if dataset.skeleton is not HUMAN36M_17:
        raise UsageError(
            f"The poses of {dataset.name} are in {dataset.skeleton.name}, generated ones in {HUMAN36M_17.name}; choose another data set."
        )


def real_poses(dataset: Dataset, split: str, count: int, *, every_camera: bool = False) -> Poses:
    """At most `count` root-relative poses (n, 17, 3) mm of a split, whole and valid ones, at equal steps through it.

    Each as one camera sees it, the first of its clip; with `every_camera` as all of them do. Raises `UsageError` for
    other joints and for a split without any pose.
    """
    check_joint_set(dataset)
    infos = dataset.sequences(split)
    if not every_camera:
        infos = tuple(_first_of_each_clip(infos))
    total = sum(info.frames for info in infos)
    step = max(1, -(-total // count))
    found, before = [], 0
    for info in infos:
        frames = np.arange(-before % step, info.frames, step)
        before += info.frames
        if (valid := dataset.valid(info)) is not None:
            frames = frames[valid[frames]]
        if len(frames):
            poses = root_relative(dataset.read(info).poses[frames])
            found.append(poses[np.isfinite(poses).all(axis=(1, 2))])
    every = np.concatenate(found) if found else np.empty((0, HUMAN36M_17.num_joints, 3))
    if not len(every):
        raise UsageError(f"The split {split!r} of {dataset.name} has no whole pose; choose another data set.")
    return every


def _first_of_each_clip(infos: Iterable[SequenceInfo]) -> Iterable[SequenceInfo]:
    seen: set[str] = set()
    for info in infos:
        if info.clip_id not in seen:
            seen.add(info.clip_id)
            yield info
