"""The mean pose of the training split, whatever is seen: what a lifter must beat to have learnt anything."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from posebench.datasets.sequence import Sequence
from posebench.errors import DataMissingError
from posebench.prediction.lifter import LifterInputs
from posebench.skeletons import HUMAN36M_17
from zoo import specs


class MeanPose(nn.Module):
    """Predicts one root-relative pose, the mean over all frames and cameras of the training split."""

    #: (joints, 3) camera mm relative to joint 0; NaN until fitted.
    mean_pose: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.spec = specs.mean_pose({})
        self.register_buffer("mean_pose", torch.full((HUMAN36M_17.num_joints, 3), torch.nan))

    def fit(self, sequences: Iterable[Sequence]) -> None:
        """Average the training sequences, frame by frame, in float64; a missing joint is left out of its mean.

        Raises `DataMissingError` when a joint is there in no frame.
        """
        total = np.zeros((HUMAN36M_17.num_joints, 3))
        count = np.zeros((HUMAN36M_17.num_joints, 1))
        for sequence in sequences:
            relative = sequence.poses.astype(np.float64) - sequence.poses[:, :1]
            seen = np.isfinite(relative).all(axis=-1, keepdims=True)
            total += np.where(seen, relative, 0.0).sum(axis=0)
            count += seen.sum(axis=0)
        if not count.all():
            raise DataMissingError("The training split shows no frame of some joint, so its mean pose does not exist.")
        self.mean_pose.copy_(torch.from_numpy(total / count))

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, frames, joints, 3), root-relative camera mm."""
        return self.mean_pose.expand(*inputs.keypoints.shape[:-1], 3)
