"""The 2.5D image space of MotionBERT and its descendants, and the lifter around a network that works in it.

In this space x and y of a joint are where it is in the picture, and z is its depth behind the root in the same unit,
scaled as lengths at the root's depth are: z = (Z - Z_root) f / Z_root pixels. The networks see and return it with half
the image's width as the unit and the middle as the origin (MotionBERT, `lib/data/datareader_h36m.py`).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from posebench.cameras import undistort
from posebench.errors import LifterContractError, UsageError
from posebench.prediction.lifter import LifterInputs
from zoo.lifters.normalisation import find_normaliser
from zoo.specs.image25d import image25d_spec

MILLIMETRES = 1000.0


def to_pixels(output: Tensor, image_size: Tensor) -> Tensor:
    """A network's output (..., 3) to x, y in pixels and depth in the same unit; the inverse of `normalize: screen`."""
    width, height = image_size.unbind(-1)
    middle = torch.stack([width, height, torch.zeros_like(width)], dim=-1) / 2
    return output * (width / 2) + middle


def to_camera(poses: Tensor, root_depth: Tensor, lens: Tensor) -> Tensor:
    """Pixels and scaled depth (batch, frames, joints, 3) to absolute camera mm, given where the root is in depth.

    `root_depth` is (batch, frames) mm and `lens` (9,). One unit of depth is
    Z_root / f mm, which places every joint in depth; its pixel's ray through
    the lens, distortion taken out, then has one point there. Exact where the
    2.5D pose is; f is that of x, as in the owner's projection of depth.
    """
    depth = poses[..., 2] - poses[..., :1, 2]
    depth = root_depth[..., None] * (1 + depth / lens[0])
    x, y = undistort(poses[..., :2], lens)
    return torch.stack([x, y, torch.ones_like(x)], dim=-1) * depth[..., None]


class Image25DLifter(nn.Module):
    """The lifter around a network that maps x, y, confidence (batch, frames, 17, 3) to 2.5D poses of that shape.

    `config`
        What the spec is a function of: `frames`, `output`, `fps`; see `zoo.specs.image25d`.
        `output: image25d` returns the network's own space in pixels. `camera` brings it to camera mm with the
        granted root depth and lens. `root_relative` is for a network that was trained on metres about the root,
        as the zoo's own recipe does.
    `rootrel`
        The network was trained on 2.5D poses about the root (the public codebases' switch of this name): its root is
        0 by definition, and the pose stands where the root's keypoint is. Otherwise it returns places in the picture.
        No part in `output: root_relative`, whose root is an output like any other.
    `normalize`
        How pixels become inputs, see `zoo.lifters.normalisation`; only `screen` is undone by `to_pixels`.
    """

    def __init__(self, network: nn.Module, config: dict[str, Any], *, rootrel: bool, normalize: str) -> None:
        super().__init__()
        self.spec = image25d_spec(config)
        self.rootrel = rootrel
        self.normalise = find_normaliser(normalize)
        if normalize != "screen" and self.spec.space != "root_relative":
            raise UsageError(
                f"The normalisation {normalize!r} has no way back to the image: "
                "choose 'screen', or output 'root_relative' for a network trained on metres."
            )
        self.network = network

    def forward(self, windows: Tensor, confidence: Tensor) -> Tensor:
        """Normalised windows (batch, frames, 17, 2) and (batch, frames, 17) to root-relative mm (batch, frames, 17, 3).

        What training calls; raises `UsageError` unless the output is `root_relative`.
        """
        if self.spec.space != "root_relative":
            raise UsageError(
                f"A network whose output is in the space {self.spec.space!r} does not train on mm: "
                "give it the configuration output: root_relative."
            )
        metres: Tensor = self.network(torch.cat([windows, confidence[..., None]], dim=-1))
        return metres.float() * MILLIMETRES

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, frames, 17, 3) in the space that the spec declares."""
        seen = self.normalise(inputs.keypoints, inputs.image_size)
        output: Tensor = self.network(torch.cat([seen, inputs.confidence[..., None]], dim=-1))
        if self.spec.space == "root_relative":
            return output * MILLIMETRES
        if self.rootrel:
            # The root's own output is noise: it was trained on 0 (MotionBERT, train.py: `predicted_3d_pos[:,:,0,:] = 0`).
            about = functional.pad(output[..., 1:, :], (0, 0, 1, 0))
            output = about + functional.pad(seen[..., :1, :], (0, 1))
        poses = to_pixels(output, inputs.image_size)
        if self.spec.space == "image25d":
            return poses
        if inputs.lens is None or inputs.root_depth is None:
            raise LifterContractError(
                "output: camera was handed no lens or no root depth; grant the privileges 'intrinsics' and 'root_depth'."
            )
        return to_camera(poses, inputs.root_depth, inputs.lens)
