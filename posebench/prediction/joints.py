"""Running a lifter of one joint set on a data set of another: what it is shown and what comes back, joint by joint."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.sequence import round_thousandth
from posebench.errors import UsageError
from posebench.inputs.keypoints import Keypoints
from posebench.joint_maps import convert_confidence, convert_joints, joint_map
from posebench.prediction.spec import ANY_JOINTS, LifterSpec
from posebench.skeletons import SKELETONS, Skeleton


@dataclass(frozen=True)
class JointConversion:
    """The data set's joint set, in which poses are kept and scored, and the one the lifter works in."""

    dataset: Skeleton
    lifter: Skeleton

    @property
    def needed(self) -> bool:
        """Whether the two differ."""
        return self.dataset.name != self.lifter.name

    def shown(self, keypoints: Keypoints) -> Keypoints:
        """Keypoints of the data set in the lifter's joints; one made of a missing joint is missing."""
        if not self.needed:
            return keypoints
        pixels = round_thousandth(convert_joints(keypoints.pixels, self.dataset, self.lifter))
        confidence = convert_confidence(keypoints.confidence, self.dataset, self.lifter).astype(np.float32)
        return Keypoints(pixels, confidence, keypoints.image_size)

    def returned(self, poses: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Poses (..., joints, 3) of the lifter in the data set's joints."""
        if not self.needed:
            return poses
        return convert_joints(poses, self.lifter, self.dataset).astype(np.float32)


def joints_between(spec: LifterSpec, name: str, dataset: str, skeleton: Skeleton) -> JointConversion:
    """How a lifter is run on a data set's joint set.

    Raises `UsageError` naming the joint that cannot be made, in either direction.
    """
    if spec.skeleton == ANY_JOINTS:
        return JointConversion(skeleton, skeleton)
    own = SKELETONS[spec.skeleton]
    if own.name != skeleton.name:
        try:
            joint_map(skeleton, own)
            joint_map(own, skeleton)
        except UsageError as error:
            raise UsageError(
                f"{name} takes the joint set {own.name}, {dataset} has {skeleton.name}, and one cannot be made of the "
                f"other: {error}"
            ) from error
    return JointConversion(skeleton, own)
