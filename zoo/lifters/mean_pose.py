"""The mean pose of the training split, whatever is seen: what a lifter must beat to have learnt anything."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from posebench.datasets.sequence import Sequence
from posebench.errors import DataMissingError
from posebench.prediction.lifter import LifterInputs
from zoo import specs


class MeanPose(nn.Module):
    """Predicts one root-relative pose, the mean over all frames and cameras of the training split."""

    #: (joints, 3) camera mm relative to the root, in the joint set it was fitted on; empty until then.
    mean_pose: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.spec = specs.mean_pose({})
        self.register_buffer("mean_pose", torch.empty(0, 3))

    def fit(self, sequences: Iterable[Sequence]) -> None:
        """Average the training sequences, frame by frame, in float64; a missing joint is left out of its mean.

        Raises `DataMissingError` when a joint is there in no frame.
        """
        total, count = np.zeros((1, 3)), np.zeros((1, 1))
        for sequence in sequences:
            root = sequence.skeleton.root
            relative = sequence.poses.astype(np.float64) - sequence.poses[:, root : root + 1]
            seen = np.isfinite(relative).all(axis=-1, keepdims=True)
            total = total + np.where(seen, relative, 0.0).sum(axis=0)
            count = count + seen.sum(axis=0)
        if not count.all():
            raise DataMissingError("The training split shows no frame of some joint, so its mean pose does not exist.")
        self.mean_pose = torch.from_numpy(total / count).to(self.mean_pose)

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, frames, joints, 3), root-relative camera mm."""
        return self.mean_pose.expand(*inputs.keypoints.shape[:-1], 3)
