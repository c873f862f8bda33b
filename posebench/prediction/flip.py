"""Test-time flip: the mirrored copy of every window in one doubled batch, its result mirrored back and averaged.

The rule of VideoPose3D (`run.py`, `UnchunkedGenerator(augment=True)`): the
image is mirrored about its vertical middle, left and right joints change
places. Poses about the root are mirrored about it, pixels about the image's
middle.
"""

from dataclasses import replace

import torch
from torch import Tensor

from posebench.errors import UsageError
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec


def check_flip(spec: LifterSpec, name: str) -> None:
    """Raise `UsageError` for a lifter whose output has no mirror image about the image's middle."""
    if spec.flips_itself:
        raise UsageError(f"{name} flips inside of its own steps, by its configuration: leave --flip away.")
    if spec.samples:
        raise UsageError(f"{name} draws samples, and the mean of two unrelated ones is no pose: run it without flip.")
    if spec.space == "camera":
        raise UsageError(
            f"{name} predicts in the space {spec.space!r}: flip is only defined for root_relative poses and image25d."
        )
    if "intrinsics" in spec.privileges:
        raise UsageError(
            f"{name} uses the camera's intrinsics, which a mirrored image does not have: run it without flip."
        )


def doubled(inputs: LifterInputs, mirrored: tuple[int, ...]) -> LifterInputs:
    """The batch followed by its mirror image: (2 * batch, frames, joints, ...)."""
    order = list(mirrored)
    sign = torch.tensor([-1.0, 1.0], device=inputs.keypoints.device)
    shift = torch.stack([inputs.image_size[0], torch.zeros_like(inputs.image_size[0])])
    return replace(
        inputs,
        keypoints=torch.cat([inputs.keypoints, (inputs.keypoints * sign + shift)[:, :, order]]),
        confidence=torch.cat([inputs.confidence, inputs.confidence[:, :, order]]),
        root_depth=None if inputs.root_depth is None else torch.cat([inputs.root_depth] * 2),
        heatmaps=None if inputs.heatmaps is None else inputs.heatmaps.doubled(mirrored, float(inputs.image_size[0])),
        noise_streams=inputs.noise_streams * 2,
    )


def averaged(poses: Tensor, mirrored: tuple[int, ...], width: Tensor | None = None) -> Tensor:
    """(2 * batch, ..., joints, 3) of a doubled batch to (batch, ..., joints, 3).

    `width` () is that of the image for poses in its pixels, None for poses about the root.
    """
    plain, flipped = poses.chunk(2)
    sign = torch.tensor([-1.0, 1.0, 1.0], device=poses.device, dtype=poses.dtype)
    back = flipped * sign
    if width is not None:
        back = back + torch.stack([width, torch.zeros_like(width), torch.zeros_like(width)])
    return (plain + back[..., list(mirrored), :]) / 2
