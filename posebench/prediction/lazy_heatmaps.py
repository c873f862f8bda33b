"""Heatmaps for a batch of windows: nothing is read or drawn before the lifter asks."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.inputs.heatmaps import Heatmaps


@dataclass(frozen=True)
class LazyHeatmaps:
    """The heatmaps of a batch of windows of one sequence, in the lifter's joints.

    `maps`
        The heatmaps of the sequence.
    `frames`
        (batch, frames) the frame of the sequence that each place of a window shows; edge frames may repeat.
    `device`
        Where tensors go.
    `flipped`
        (batch,) which windows show the mirror image.
    `mirrored`, `image_width`
        How joints change places in a mirror image, and the width in pixels of the image that is mirrored.
    """

    maps: Heatmaps
    frames: npt.NDArray[np.int64]
    device: torch.device
    flipped: npt.NDArray[np.bool_]
    mirrored: tuple[int, ...] = ()
    image_width: float = 0.0

    @classmethod
    def whole(cls, maps: Heatmaps, frames: int, device: torch.device) -> "LazyHeatmaps":
        """A sequence of so many frames as one window."""
        return cls(maps, np.arange(frames)[None], device, np.zeros(1, dtype=bool))

    def windows(self, index: npt.NDArray[np.int64]) -> "LazyHeatmaps":
        """Windows (windows, length) of frame numbers of the whole sequence."""
        return replace(self, frames=self.frames[0][index], flipped=np.zeros(len(index), dtype=bool))

    def doubled(self, mirrored: tuple[int, ...], image_width: float) -> "LazyHeatmaps":
        """The batch followed by its mirror image."""
        return replace(
            self,
            frames=np.concatenate([self.frames, self.frames]),
            flipped=np.concatenate([self.flipped, ~self.flipped]),
            mirrored=mirrored,
            image_width=image_width,
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a map in cells."""
        return self.maps.size

    @property
    def crop(self) -> Tensor:
        """(batch, frames, 4) left, top, right, bottom in pixels of what each map shows; borders of cells, not middles."""
        crop = self.maps.crop[self.frames]
        left, top, right, bottom = np.moveaxis(crop, -1, 0)
        mirror = np.stack([self.image_width - right, top, self.image_width - left, bottom], axis=-1)
        chosen = np.where(self.flipped[:, None, None], mirror, crop)
        return torch.from_numpy(chosen.astype(np.float32)).to(self.device)

    def read(self, windows: int | slice | None = None) -> Tensor:
        """Maps (windows, frames, joints, height, width), float32: of one window, of some, or of all.

        A window's maps are large (17 joints of 64x64 cells: 0.28 MB a frame):
        ask for as many as are worked on together. A frame that several windows
        show is drawn once a call. Raises `IndexError` for a window that is not there.
        """
        if windows is None:
            windows = slice(None)
        part = windows if isinstance(windows, slice) else [windows]
        frames, flipped = self.frames[part], self.flipped[part]
        unique, place = np.unique(frames, return_inverse=True)
        drawn = torch.from_numpy(self.maps.read(unique)).to(self.device)
        read: Tensor = drawn[torch.from_numpy(place.reshape(frames.shape)).to(self.device)]
        if flipped.any():
            turned = torch.from_numpy(np.flatnonzero(flipped)).to(self.device)
            read[turned] = read[turned][:, :, list(self.mirrored)].flip(-1)
        return read
