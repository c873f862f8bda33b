"""How a clip is seen: each time it is drawn it is moved, stretched and sheared anew, so that no timed input ever repeats.

A data set has fewer clips than a clock wants to show. A lifter that remembers
its inputs, or brings answers to known clips with it, would be fast on those
that come again. So every drawn clip stands elsewhere in the image, by an affine
map of its own that keeps motion smooth and pixels on the grid of the data: what
comes again resembles nothing that was there before, and the work is the same.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.inputs.heatmaps import Heatmaps
from posebench.prediction.lazy_heatmaps import LazyHeatmaps
from posebench.prediction.lifter import LifterInputs
from posebench.seeding import frozen_generator

#: Bounds of what is drawn: stretch of either axis, shear, and shift as a share of the image.
MOST_STRETCH, MOST_SHEAR, MOST_SHIFT = 0.1, 0.05, 0.05
#: Steps of the grid on which 2D keypoints lie, in a pixel (docs/architecture.md, Contracts).
STEPS = 1000


@dataclass(frozen=True)
class View:
    """How each clip of a batch is seen.

    `maps` (clips, 2, 3): the matrix about the image's middle, and the shift in
    shares of the image. `number` names what is drawn for heatmaps.
    """

    maps: npt.NDArray[np.float64]
    number: int

    @classmethod
    def draw(cls, clips: int, random: np.random.RandomState) -> "View":
        """Of so many clips; no two draws are alike."""
        maps = random.uniform(-1, 1, (clips, 2, 3))
        maps *= [[MOST_STRETCH, MOST_SHEAR, MOST_SHIFT], [MOST_SHEAR, MOST_STRETCH, MOST_SHIFT]]
        maps[:, [0, 1], [0, 1]] += 1
        return cls(maps, int(random.randint(2**31)))

    def part(self, rows: npt.NDArray[np.int64]) -> "View":
        """That of some of the clips."""
        return View(self.maps[rows], self.number)

    def see(self, inputs: LifterInputs) -> LifterInputs:
        """Inputs as the data have them, seen so."""
        heatmaps = inputs.heatmaps
        return replace(
            inputs,
            keypoints=self._moved(inputs.keypoints, inputs.image_size),
            heatmaps=None if heatmaps is None else _shift_maps(heatmaps, self.number),
        )

    def _moved(self, keypoints: Tensor, image_size: Tensor) -> Tensor:
        """(clips, frames, joints, 2) pixels; NaN stays NaN."""
        maps = torch.from_numpy(self.maps).to(keypoints.device)
        size = image_size.double()
        pixels = (keypoints.double() - size / 2) @ maps[:, None, :, :2].mT
        pixels = pixels + (size * (maps[..., 2] + 0.5))[:, None, None]
        return (torch.round(pixels * STEPS) / STEPS).float()


def _shift_maps(heatmaps: LazyHeatmaps, number: int) -> LazyHeatmaps:
    """Heatmaps whose frames have other numbers and whose maps show another part of the image."""
    shifted = _ShiftedMaps(heatmaps.maps, number)
    return replace(heatmaps, maps=shifted, frames=shifted.number_of[heatmaps.frames])


class _ShiftedMaps:
    """Maps turned by whole cells from left to right, the crop with them, a little fainter, and renumbered.

    Turning and dimming are one pass over the maps, which is on the clock.
    """

    def __init__(self, maps: Heatmaps, number: int) -> None:
        random = frozen_generator("time", "heatmaps", number)
        self._maps = maps
        self._frame_of = random.permutation(len(maps.crop))
        self.number_of = np.argsort(self._frame_of)
        self._cells = int(random.randint(1, maps.size[0]))
        self._factor = np.float32(1 - 1e-3 * random.rand())

    @property
    def size(self) -> tuple[int, int]:
        """As `Heatmaps.size`."""
        return self._maps.size

    @property
    def crop(self) -> npt.NDArray[np.float32]:
        """As `Heatmaps.crop`."""
        crop = self._maps.crop[self._frame_of]
        crop[:, [0, 2]] -= (crop[:, 2:3] - crop[:, 0:1]) * np.float32(self._cells / self.size[0])
        return crop

    def read(self, frames: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float32]:
        """As `Heatmaps.read`."""
        maps = self._maps.read(self._frame_of[frames])
        turned = np.empty_like(maps)
        np.multiply(maps[..., -self._cells :], self._factor, out=turned[..., : self._cells])
        np.multiply(maps[..., : -self._cells], self._factor, out=turned[..., self._cells :])
        return turned
