"""What a completed pose must beat: joints filled in from training poses without any model.

Four fillings, from two ideas and two ways to look at a pose. `mean` takes the hidden joints of the mean training pose,
`nearest` those of the training poses that are nearest in the known joints (scipy's k-d tree), the m nearest as m
hypotheses. As the camera sees it, a training pose fits only if the person faces the same way; `turned`, it is turned first
by the rotation that brings its known joints nearest (Kabsch 1976), so that all directions are one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from posebench.generation.real_poses import Poses

Hidden = npt.NDArray[np.int64]

#: Names of the baselines, in the order of tables, and what they are.
BASELINES = {
    "training-mean": "hidden joints of the mean training pose",
    "training-mean-turned": "the same, turned onto the known joints",
    "nearest": "hidden joints of the nearest training poses",
    "nearest-turned": "the same, all poses turned onto the known joints of the mean one",
}
#: Training poses that are looked through.
TRAINING_POSES = 20000


@dataclass(frozen=True)
class TrainingPoses:
    """Root-relative training poses (n, 17, 3) mm: `seen` as all cameras see them, `single` as one camera a clip does."""

    seen: Poses
    single: Poses

    def complete(self, name: str, poses: Poses, hidden: Hidden, hypotheses: int) -> Poses:
        """(hypotheses, frames, hidden, 3) mm: what a baseline of `BASELINES` puts in the place of the hidden joints.

        `poses` (frames, 17, 3) are true ones, of which only the known joints are looked at; `hidden` (frames, hidden)
        are indices. The mean is one hypothesis, repeated: spread would be no use to it.
        """
        found = np.empty((hypotheses, *hidden.shape, 3))
        # Frames with one set of hidden joints share a tree.
        sets, which = np.unique(hidden, axis=0, return_inverse=True)
        for number, joints in enumerate(sets):
            rows = np.flatnonzero(which.reshape(-1) == number)
            found[:, rows] = self._complete(name, poses[rows], joints, hypotheses)
        return found

    def _complete(self, name: str, poses: Poses, joints: npt.NDArray[np.int64], hypotheses: int) -> Poses:
        known = np.setdiff1d(np.arange(poses.shape[1]), joints)
        turned = name.endswith("-turned")
        training = self.single if turned else self.seen
        mean = _mean(training, known) if turned else training.mean(0)
        turns = _turns(poses[:, known], mean[known]) if turned else np.broadcast_to(np.eye(3), (len(poses), 3, 3))
        if name.startswith("training-mean"):
            chosen = np.broadcast_to(mean[joints], (hypotheses, len(poses), len(joints), 3))
        else:
            training = training @ _turns(training[:, known], mean[known]) if turned else training
            # Of fewer training poses the last nearest again.
            nearest = np.minimum(np.arange(1, hypotheses + 1), len(training)).tolist()
            asked = (poses @ turns)[:, known].reshape(len(poses), -1)
            places = cKDTree(training[:, known].reshape(len(training), -1)).query(asked, k=nearest)[1]
            chosen = training[places.T][:, :, joints]
        back: Poses = chosen @ turns.transpose(0, 2, 1)
        return back


def _mean(poses: Poses, known: npt.NDArray[np.int64]) -> Poses:
    """The mean pose (17, 3) once every pose is turned onto it by its known joints: two rounds from the first pose."""
    mean: Poses = poses[0]
    for _ in range(2):
        mean = np.asarray((poses @ _turns(poses[:, known], mean[known])).mean(0))
    return mean


def _turns(points: Poses, onto: npt.NDArray[np.floating[Any]]) -> Poses:
    """Rotations R (n, 3, 3) about the root for which `points @ R` (n, joints, 3) is nearest to `onto` (joints, 3)."""
    u, _, vt = np.linalg.svd(points.transpose(0, 2, 1) @ onto)
    sign = np.sign(np.linalg.det(u @ vt))
    u[..., -1] *= sign[:, None]
    turns: Poses = u @ vt
    return turns
