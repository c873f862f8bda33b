"""Whether poses are a person's: bone lengths, their symmetry and joint limits, as real poses keep to them.

Nothing of it is a table of angles out of a book: the limits are those of the real poses that `BodyLimits.of` is given,
with margins that are stated here: the least round ones that let 98 % of HDM05's validation actor through, who is not
among the real poses. Whoever reports a share of valid poses reports that of other real poses beside it.
Joint limits follow Akhter and Black (CVPR 2015) in form: where a bone may point depends on where its parent points, and
what was never seen is not allowed. Theirs are of their own recordings; these are of the poses at hand.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from posebench.errors import UsageError
from posebench.metrics.body_frame import in_body_frame
from posebench.skeletons import HUMAN36M_17

Poses = npt.NDArray[np.floating[Any]]
Array = npt.NDArray[np.float64]

#: A length, or a share of it, may be so much below the least and above the greatest of the real ones.
LENGTH_MARGIN = 0.2
#: Left and right may differ by so much more, as a share of their mean, than in all but one of a thousand real poses.
SYMMETRY_MARGIN, SYMMETRY_QUANTILE = 0.1, 0.999
#: A bone may point so many degrees beside the nearest direction that a real one had.
DIRECTION_DEGREES = 20.0
#: Fewer real poses than this set no limits.
FEWEST = 50

_SKELETON = HUMAN36M_17
_BONES = _SKELETON.bones
_PARENTS, _CHILDREN = (np.array([bone[end] for bone in _BONES]) for end in (0, 1))
#: Places in `_BONES` of the left bones and of their mirror images.
_LEFT = np.array([place for place, (_, child) in enumerate(_BONES) if child in _SKELETON.left])
_RIGHT = np.array([_BONES.index((_SKELETON.mirrored[a], _SKELETON.mirrored[b])) for a, b in np.array(_BONES)[_LEFT]])
#: For each bone the bone that ends where it begins, -1 at the hip.
_BEFORE = np.array([next((i for i, (_, child) in enumerate(_BONES) if child == a), -1) for a, _ in _BONES])
#: The bones that have limits: all but those between the hips, which are the frame.
_LIMITED = tuple(
    place for place, (a, b) in enumerate(_BONES) if a != _SKELETON.root or b not in _SKELETON.left + _SKELETON.right
)


@dataclass(frozen=True)
class Validity:
    """Of each pose (n,): whether it keeps to the limits. `asymmetry` is in mm, mean over pairs of bones."""

    lengths: npt.NDArray[np.bool_]
    symmetry: npt.NDArray[np.bool_]
    joints: npt.NDArray[np.bool_]
    asymmetry: Array

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Whether it keeps to all of them."""
        return self.lengths & self.symmetry & self.joints

    def summary(self) -> dict[str, float]:
        """Shares in percent, and the mean asymmetry in mm."""
        shares = {name: getattr(self, name) for name in ("valid", "lengths", "symmetry", "joints")}
        return {
            **{f"{name}_percent": 100 * float(np.mean(value)) for name, value in shares.items()},
            "asymmetry_mm": float(np.mean(self.asymmetry)),
        }


class BodyLimits:
    """The limits of real poses. `size` is (2,) mm and `shares` (bones, 2): least and greatest."""

    def __init__(self, poses: Poses) -> None:
        """Of real poses (n, 17, 3) mm, each a frame of its own; raises `UsageError` for too few."""
        if len(poses) < FEWEST:
            raise UsageError(f"{len(poses)} real poses say too little of what a body can do; give {FEWEST} or more.")
        lengths = _lengths(poses)
        size = lengths.sum(-1)
        self.size = _widened(size.min(), size.max())
        shares = lengths / size[:, None]
        self.shares = np.stack(_widened(shares.min(0), shares.max(0)), axis=-1)
        self.asymmetry = np.quantile(_asymmetry(lengths), SYMMETRY_QUANTILE, axis=0) + SYMMETRY_MARGIN
        directions = _directions(poses)
        self.rest = _unit(directions.mean(0))
        local = self._local(directions)
        self.trees = {bone: cKDTree(local[:, bone]) for bone in _LIMITED}

    def check(self, poses: Poses) -> Validity:
        """Which of poses (n, 17, 3) mm keep to the limits; raises as `in_body_frame`."""
        lengths = _lengths(poses)
        size = lengths.sum(-1)
        shares = lengths / np.maximum(size, 1e-9)[:, None]
        fit = ((shares >= self.shares[:, 0]) & (shares <= self.shares[:, 1])).all(-1)
        local = self._local(_directions(poses))
        # The chord of an angle between unit vectors.
        reach = 2 * np.sin(np.radians(DIRECTION_DEGREES) / 2)
        beside = [tree.query(local[:, bone], distance_upper_bound=reach)[0] for bone, tree in self.trees.items()]
        return Validity(
            lengths=fit & (size >= self.size[0]) & (size <= self.size[1]),
            symmetry=np.asarray((_asymmetry(lengths) <= self.asymmetry).all(-1)),
            joints=np.asarray(np.isfinite(beside).all(0)),
            asymmetry=np.abs(lengths[:, _LEFT] - lengths[:, _RIGHT]).mean(-1),
        )

    def _local(self, directions: Array) -> Array:
        """Directions (n, bones, 3) in the frame of the body, carried along to where each bone's parent points.

        The frame goes with the shortest rotation from the parent's mean direction to its own; how far a bone is turned
        about its own axis cannot be told from joints.
        """
        local = directions.copy()
        for bone in _LIMITED:
            if (before := _BEFORE[bone]) >= 0:
                local[:, bone] = _turned_back(directions[:, bone], self.rest[before], directions[:, before])
        return local


def _widened(low: Any, high: Any) -> tuple[Any, Any]:
    return low * (1 - LENGTH_MARGIN), high * (1 + LENGTH_MARGIN)


def _lengths(poses: Poses) -> Array:
    """(n, bones) mm."""
    lengths: Array = np.linalg.norm(poses[:, _CHILDREN].astype(np.float64) - poses[:, _PARENTS], axis=-1)
    return lengths


def _asymmetry(lengths: Array) -> Array:
    """|left - right| (n, pairs) as a share of their mean."""
    left, right = lengths[:, _LEFT], lengths[:, _RIGHT]
    share: Array = np.abs(left - right) / np.maximum((left + right) / 2, 1e-9)
    return share


def _directions(poses: Poses) -> Array:
    """(n, bones, 3) unit vectors in the body's frame."""
    turned = in_body_frame(poses)
    return _unit(turned[:, _CHILDREN] - turned[:, _PARENTS])


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _turned_back(vectors: Array, rest: Array, now: Array) -> Array:
    """Vectors (n, 3) by the inverse of the shortest rotation that takes `rest` (3,) to `now` (n, 3); Rodrigues' formula."""
    axis = np.cross(now, rest)
    cosine = now @ rest
    turned: Array = (
        cosine[:, None] * vectors
        + np.cross(axis, vectors)
        + axis * ((axis * vectors).sum(-1) / np.maximum(1 + cosine, 1e-6))[:, None]
    )
    return turned
