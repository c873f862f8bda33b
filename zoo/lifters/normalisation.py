"""How pixels become network inputs."""

from collections.abc import Callable

import torch
from torch import Tensor

from posebench.errors import UsageError


def keep_pixels(pixels: Tensor, image_size: Tensor) -> Tensor:
    """Pixels as they are: for networks that standardise pixels themselves (Martinez et al. 2017)."""
    return pixels


def to_screen(pixels: Tensor, image_size: Tensor) -> Tensor:
    """Pixels (..., 2) with the image's width mapped to [-1, 1] and its aspect kept.

    Pavllo et al. 2019: x / w * 2 - 1 and y / w * 2 - h / w.
    """
    width, height = image_size.unbind(-1)
    return pixels / width * 2 - torch.stack([torch.ones_like(width), height / width], dim=-1)


def to_person(pixels: Tensor, image_size: Tensor) -> Tensor:
    """Pixels (..., joints, 2) about the root, in units of the person's size; joint 0 says where the root is.

    The size is the root mean square distance of the joints from the root in that frame, at least one pixel.
    A lifter that sees this cannot take a change of focal length or distance for a change of pose. This is the
    project's choice, of no paper; the root's place stays because it says from which side perspective comes.
    """
    root = pixels[..., :1, :]
    relative = pixels[..., 1:, :] - root
    size = relative.square().sum(-1).mean(-1).sqrt().clamp(min=1.0)[..., None, None]
    return torch.cat([to_screen(root, image_size), relative / size], dim=-2)


NORMALISERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "pixels": keep_pixels,
    "screen": to_screen,
    "person": to_person,
}


def find_normaliser(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of pixels (..., joints, 2) and image size (2,); raises `UsageError` for a name that is not there."""
    if name not in NORMALISERS:
        raise UsageError(f"There is no normalisation {name!r}; choose one of {', '.join(NORMALISERS)}.")
    return NORMALISERS[name]
