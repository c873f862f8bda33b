"""Heatmaps of a sequence: those that its data set stores, or maps built from the 2D source of the protocol.

A map is drawn when it is asked for and not kept. `docs/heatmaps.md` explains the numbers of the built ones.
"""

from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from posebench.datasets.clip import StoredHeatmaps
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.errors import DataDamagedError, UsageError
from posebench.inputs import heatmap_crop, heatmap_modes
from posebench.inputs.heatmap_crop import Crops, crop_person
from posebench.inputs.heatmap_modes import Modes, find_modes
from posebench.inputs.keypoints import Keypoints
from posebench.joint_maps import joint_map
from posebench.skeletons import Skeleton

#: Raised with any number in `heatmap_crop`, `heatmap_modes` or here: a lifter that was given heatmaps saw others then.
HEATMAP_VERSION = "1"

#: Cells of a built map in either direction, as most detectors have them.
SIDE = 64

#: Maps drawn at a time: what stays in a core's cache.
_CHUNK = 32
#: Exponents below it are nowhere seen, and would be slow: numbers without full precision.
_LEAST_EXPONENT = np.float32(-60.0)

Indices = npt.NDArray[np.integer[Any]]


class Heatmaps(Protocol):
    """Heatmaps of one sequence.

    `size` is (width, height) of a map in cells; `crop` float32 (frames, 4) the
    left, top, right and bottom border in pixels of what each frame's maps
    show. Cell (row, column) covers the pixels from `left + column * step` to
    `left + (column + 1) * step`, with `step = (right - left) / width`; rows alike.
    """

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a map."""
        ...

    @property
    def crop(self) -> npt.NDArray[np.float32]:
        """(frames, 4) pixels."""
        ...

    def read(self, frames: Indices) -> npt.NDArray[np.float32]:
        """Maps (n, joints, height, width) of n frames in any order; raises `IndexError` for one that is not there."""
        ...


class BuiltHeatmaps:
    """Maps built from keypoints: probability mass that sums to 1 over a map, all 0 for a joint without evidence.

    The same bits whichever frames are asked for together and in whichever
    order, and for a frame whatever comes after it in the sequence.
    """

    size = (SIDE, SIDE)

    def __init__(self, keypoints: Keypoints, skeleton: Skeleton, info: SequenceInfo, seed: int = 0) -> None:
        self._keypoints = keypoints
        self._skeleton = skeleton
        self._info = info
        self._seed = seed

    @cached_property
    def _pixels(self) -> npt.NDArray[np.float32]:
        # Confidence 0 marks a missing joint, also where a place for it was interpolated.
        found = self._keypoints.confidence[..., None] > 0
        return np.where(found, self._keypoints.pixels, np.float32(np.nan))

    @cached_property
    def _crops(self) -> Crops:
        return crop_person(self._pixels, self._keypoints.image_size, self._info.fps)

    @cached_property
    def _modes(self) -> Modes:
        stream = ("heatmaps", HEATMAP_VERSION, self._seed, self._info.dataset, self._info.id)
        confidence = self._keypoints.confidence
        return find_modes(self._pixels, confidence, self._skeleton, self._crops, SIDE, self._info.fps, stream)

    @property
    def crop(self) -> npt.NDArray[np.float32]:
        """(frames, 4) pixels; see `Heatmaps`."""
        return self._crops.box

    def read(self, frames: Indices) -> npt.NDArray[np.float32]:
        """Maps (n, joints, 64, 64); see `Heatmaps`."""
        return draw_maps(self._modes, np.asarray(frames), SIDE)

    def deviations(self, frames: Indices, pixels: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """How many standard deviations of the nearest peak pixels (..., n, joints, 2) of n frames are away: (..., n, joints).

        NaN for a joint without evidence; where a pixel is not finite, infinity.
        """
        box = self._crops.box[frames].astype(np.float64)
        step = (box[:, 2] - box[:, 0]) / SIDE
        cells = (pixels - box[:, None, :2]) / step[:, None, None] - 0.5
        somewhere = np.asarray(np.isfinite(cells).all(axis=-1))
        away = heatmap_modes.deviations(self._modes, frames, np.where(somewhere[..., None], cells, 0.0))
        return np.where(somewhere | np.isnan(away), away, np.inf)


class StoredMaps:
    """Maps of the data set's own files as they are, joint for joint; memory-mapped until they are read."""

    def __init__(self, stored: StoredHeatmaps, rows: tuple[int, ...], sequence_id: str) -> None:
        self._stored = stored
        self._rows = rows
        self._id = sequence_id

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a map."""
        height, width = self._stored.maps.shape[2:]
        return width, height

    @property
    def crop(self) -> npt.NDArray[np.float32]:
        """(frames, 4) pixels; see `Heatmaps`."""
        return np.array(self._stored.crop, dtype=np.float32)

    def read(self, frames: Indices) -> npt.NDArray[np.float32]:
        """Maps (n, joints, height, width); raises `DataDamagedError` for one below 0 or not finite."""
        frames = np.asarray(frames)
        maps = self._stored.maps[frames][:, self._rows].astype(np.float32)
        whole = ((maps >= 0) & (maps < np.inf)).all(axis=(2, 3))
        if not whole.all():
            row, joint = np.argwhere(~whole)[0]
            raise DataDamagedError(
                f"The stored heatmap of sequence {self._id}, frame {frames[row]}, joint {self._rows[joint]} has a number "
                "that is below 0 or not finite; prepare the data set again from the owner's files."
            )
        return maps


def sequence_heatmaps(sequence: Sequence, keypoints: Keypoints, skeleton: Skeleton) -> Heatmaps:
    """The heatmaps of a sequence in the joints of `skeleton`: the stored ones if there are any, else built ones.

    `keypoints` are those of the protocol's 2D source in the joints of
    `skeleton`; only built maps look at them. Raises `UsageError` naming a joint
    of `skeleton` that no single map of the stored ones shows.
    """
    if sequence.heatmaps is None:
        return BuiltHeatmaps(keypoints, skeleton, sequence.info)
    weights = joint_map(sequence.skeleton, skeleton)
    for joint, row in zip(skeleton.joints, weights, strict=True):
        if np.count_nonzero(row) != 1:
            raise UsageError(
                f"{sequence.info.dataset!r} stores heatmaps of the joints {sequence.skeleton.name!r}, and none of them "
                f"is {joint!r} of {skeleton.name!r}; choose a lifter of the data set's own joints."
            )
    rows = tuple(int(row) for row in weights.argmax(axis=1))
    return StoredMaps(sequence.heatmaps, rows, sequence.info.id)


def describe() -> dict[str, Any]:
    """Version and settings of the heatmaps that lifters are handed, as plain values for a manifest."""
    return {
        "version": HEATMAP_VERSION,
        "size": [SIDE, SIDE],
        "crop": {name.lower(): getattr(heatmap_crop, name) for name in _CROP},
        "modes": {name.lower(): _plain(getattr(heatmap_modes, name)) for name in _MODES},
    }


_CROP = ("HOLD_SECONDS", "PADDING", "LEAST_SIZE", "BEYOND_IMAGE")
_MODES = (
    "SHARPEST", "BLUNTER", "LEAST_CELLS", "ELONGATION", "SHORT_LIMB", "DOUBT", "MIRROR_SHARE", "MIRROR_GAP",
    "STRANGER_DOUBT", "STRANGER_SHARE", "STRANGER_BESIDE", "STRANGER_ABOVE", "BACKGROUND",
)  # fmt: skip


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def draw_maps(modes: Modes, frames: Indices, side: int) -> npt.NDArray[np.float32]:
    """Maps (n, joints, side, side) of the given frames: every cell has the mixture's density at its middle, scaled to mass."""
    joints = modes.seen.shape[1]
    maps = np.zeros((len(frames) * joints, side, side), dtype=np.float32)

    def flat(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values[frames].reshape(len(maps), *values.shape[2:])

    mean, shear, across, down = (flat(part) for part in (modes.mean, modes.shear, modes.across, modes.down))
    density, background, seen = flat(modes.density), flat(modes.background), flat(modes.seen)
    cells = np.arange(side, dtype=np.float32)
    for first in range(0, len(maps), _CHUNK):
        chunk = maps[first : first + _CHUNK]
        for mode in range(density.shape[1]):
            on = first + np.flatnonzero(density[first : first + _CHUNK, mode])
            if not len(on):
                continue
            below = cells - mean[on, mode, 1, None]
            middle = mean[on, mode, 0, None] + shear[on, mode, None] * below
            row = np.log(density[on, mode, None]) - down[on, mode, None] * below * below / 2
            peak = cells - middle[..., None]
            np.square(peak, out=peak)
            peak *= -across[on, mode, None, None] / 2
            peak += row[..., None]
            np.maximum(peak, _LEAST_EXPONENT, out=peak)
            chunk[on - first] += np.exp(peak, out=peak)
    floor = np.where(seen, background / side**2, 0).astype(np.float32)
    mass = maps.reshape(len(maps), -1).sum(axis=1)
    scale = np.divide(1 - background, mass, out=np.zeros_like(mass), where=seen)
    maps *= scale[:, None, None]
    maps += floor[:, None, None]
    return maps.reshape(len(frames), joints, side, side)
