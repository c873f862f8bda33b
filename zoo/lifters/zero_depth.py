"""Every joint in one plane at the mean depth of the training split: what the picture alone is worth."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from posebench.cameras import undistort
from posebench.datasets.sequence import Sequence
from posebench.errors import DataMissingError, LifterContractError
from posebench.prediction.lifter import LifterInputs
from zoo import specs


class ZeroDepth(nn.Module):
    """Back-projects each keypoint with the true lens to the mean root depth of the training split."""

    #: () mean depth of the root in mm; NaN until fitted.
    root_depth: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.spec = specs.zero_depth({})
        self.register_buffer("root_depth", torch.tensor(torch.nan))

    def fit(self, sequences: Iterable[Sequence]) -> None:
        """Average the depth of the root over all training frames that show it.

        Raises `DataMissingError` when there is no such frame.
        """
        total, count = 0.0, 0
        for sequence in sequences:
            depth = torch.from_numpy(sequence.poses[:, sequence.skeleton.root, 2]).double()
            depth = depth[depth.isfinite()]
            total += float(depth.sum())
            count += len(depth)
        if not count:
            raise DataMissingError("The training split shows no frame of the root, so its mean depth does not exist.")
        self.root_depth.fill_(total / count)

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, frames, joints, 3), absolute camera mm."""
        if inputs.lens is None:
            raise LifterContractError("zero_depth was handed no lens; grant it the privilege 'intrinsics'.")
        x, y = undistort(inputs.keypoints, inputs.lens)
        return torch.stack([x, y, torch.ones_like(x)], dim=-1) * self.root_depth
