"""Where on its heatmap a joint may be: a mixture of normals, from keypoints and confidence alone.

A joint has three modes: its own keypoint, its mirror's keypoint (left taken for right), and the same joint of another
person beside this one. `docs/heatmaps.md` says which number is measured and which is a guess. Nothing here looks at
the true pose or at a later frame.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.inputs.heatmap_crop import HOLD_SECONDS, Crops, trailing
from posebench.seeding import frozen_generator
from posebench.skeletons import Skeleton

Array = npt.NDArray[np.floating[Any]]

#: Standard deviation of a peak as a share of the person's size at confidence 1.
SHARPEST = 0.015
#: How many times that at confidence 0; in between a geometric mean.
BLUNTER = 3.6
#: No peak is narrower than this in cells: below, where it lies between two cells could not be told.
LEAST_CELLS = 0.6
#: At confidence 0 a peak is so many times longer along the limb than across it; at confidence 1 it is round.
ELONGATION = 2.0
#: A limb of this length in the image, as a share of the person's size, has half of that elongation (in variance).
SHORT_LIMB = 0.05

#: Confidence at which other modes begin to be there, and at which they are in full.
DOUBT = (0.6, 0.1)
#: Largest share of the mode at the mirror's keypoint; its own keypoint has the rest.
MIRROR_SHARE = 0.4
#: Distance of left and right, as a share of the person's size, at which that share is half as large.
MIRROR_GAP = 0.2
#: Mean confidence over all joints and `HOLD_SECONDS` at which another person begins to be there, and is in full.
STRANGER_DOUBT = (0.45, 0.1)
#: Largest share of the other person.
STRANGER_SHARE = 0.3
#: How far beside this person, and how much higher or lower at most, as a share of the person's size.
STRANGER_BESIDE = (0.35, 0.55)
STRANGER_ABOVE = 0.1

#: Share of the map's mass that is spread evenly over all cells at confidence 1 and at 0.
BACKGROUND = (0.001, 0.1)


@dataclass(frozen=True)
class Modes:
    """Normals (frames, joints, modes) in cells of the map; the middle of the first cell is 0.

    Row y of a normal is a normal in x about `mean[0] + shear * (y - mean[1])`
    of precision `across`; the rows themselves have precision `down`.
    `density` is weight / (2 pi sqrt(det covariance)), 0 for a mode that is not
    there. `background` (frames, joints) is the share spread evenly, and `seen`
    (frames, joints) says whether there is any evidence.
    """

    mean: npt.NDArray[np.float32]
    shear: npt.NDArray[np.float32]
    across: npt.NDArray[np.float32]
    down: npt.NDArray[np.float32]
    density: npt.NDArray[np.float32]
    background: npt.NDArray[np.float32]
    seen: npt.NDArray[np.bool_]


def find_modes(
    pixels: Array,
    confidence: Array,
    skeleton: Skeleton,
    crops: Crops,
    side: int,
    fps: float,
    stream: tuple[object, ...],
) -> Modes:
    """The modes of every frame and joint of pixels (frames, joints, 2), NaN where missing, on maps of `side` cells.

    `stream` names the random numbers that place the other person.
    """
    box = crops.box.astype(np.float64)
    step = (box[:, 2] - box[:, 0]) / side
    person = crops.person
    mirrored = list(skeleton.mirrored)
    sure = np.clip(confidence.astype(np.float64), 0.0, 1.0)
    # Whoever lies outside of what the map shows leaves no evidence on it. NaN compares as outside.
    seen = np.asarray(((pixels >= box[:, None, :2]) & (pixels <= box[:, None, 2:])).all(axis=-1))

    points = np.where(seen[..., None], pixels, np.nan).astype(np.float64)
    limb = _limbs(points, skeleton) / person[:, None, None]
    stranger = points + (person[:, None] * _beside(stream))[:, None]
    where = np.stack([points, points[:, mirrored], stranger], axis=2)
    limbs = np.stack([limb, limb[:, mirrored], limb], axis=2)

    weight = _weights(points, sure, seen, mirrored, person, fps)
    there = weight > 0
    sigma = np.maximum(SHARPEST * BLUNTER ** (1.0 - sure) * (person / step)[:, None], LEAST_CELLS)
    xx, xy, yy = _covariance(sigma, sure, limbs)
    determinant = xx * yy - xy * xy
    mean = (where - box[:, None, None, :2]) / step[:, None, None, None] - 0.5
    return Modes(
        mean=np.where(there[..., None], mean, 0.0).astype(np.float32),
        shear=(xy / yy).astype(np.float32),
        across=(yy / determinant).astype(np.float32),
        down=(1.0 / yy).astype(np.float32),
        density=(weight / (2.0 * np.pi * np.sqrt(determinant))).astype(np.float32),
        background=(BACKGROUND[0] + (BACKGROUND[1] - BACKGROUND[0]) * (1.0 - sure)).astype(np.float32),
        seen=seen,
    )


def deviations(modes: Modes, frames: npt.NDArray[np.integer[Any]], cells: Array) -> npt.NDArray[np.float64]:
    """How many standard deviations points are from the nearest mode: Mahalanobis' distance, the background left out.

    `cells` (..., n, joints, 2) of n `frames`, in cells of the map as `Modes` counts them, to (..., n, joints); NaN for a
    joint without evidence.
    """
    mean, shear, across, down, density = (
        part[frames].astype(np.float64) for part in (modes.mean, modes.shear, modes.across, modes.down, modes.density)
    )
    x, y = np.moveaxis(cells[..., None, :] - mean, -1, 0)
    squared = across * (x - shear * y) ** 2 + down * y**2
    nearest = np.where(density > 0, squared, np.inf).min(axis=-1)
    return np.where(modes.seen[frames], np.sqrt(nearest), np.nan)


def _limbs(points: Array, skeleton: Skeleton) -> Array:
    """Vector (frames, joints, 2) from each joint's parent; 0 where there is none or where one of both is missing."""
    limb = np.zeros_like(points)
    for parent, child in skeleton.bones:
        limb[:, child] = np.nan_to_num(points[:, child] - points[:, parent], nan=0.0)
    return limb


def _beside(stream: tuple[object, ...]) -> Array:
    """(2,) where the other person of a sequence stands, as a share of the person's size."""
    random = frozen_generator(*stream)
    distance = random.choice([-1.0, 1.0]) * random.uniform(*STRANGER_BESIDE)
    return np.array([distance, random.uniform(-STRANGER_ABOVE, STRANGER_ABOVE)])


def _weights(
    points: Array, sure: Array, seen: npt.NDArray[np.bool_], mirrored: list[int], person: Array, fps: float
) -> Array:
    """Weights (frames, joints, 3) of the modes; they sum to 1, and to 0 for a joint without evidence."""
    gap = np.linalg.norm(points - points[:, mirrored], axis=-1) / person[:, None]
    # A joint in the middle is its own mirror: both modes are one.
    near = np.where(seen & seen[:, mirrored], 1.0 / (1.0 + (np.nan_to_num(gap, nan=0.0) / MIRROR_GAP) ** 2), 0.0)
    mirror = MIRROR_SHARE * _ramp(sure, DOUBT) * near
    overall = np.where(seen, sure, 0.0).mean(axis=1)
    window = 1 + round(HOLD_SECONDS * fps)
    frames = np.minimum(np.arange(1, len(overall) + 1), window)
    overall = trailing(overall, window, 0.0).sum(axis=-1) / frames
    stranger = np.broadcast_to(STRANGER_SHARE * _ramp(overall, STRANGER_DOUBT)[:, None], sure.shape)
    shares = np.stack([(1 - stranger) * (1 - mirror), (1 - stranger) * mirror, stranger], axis=-1)
    return np.where(seen[..., None], shares, 0.0)


def _ramp(confidence: Array, between: tuple[float, float]) -> Array:
    """0 from the first confidence upwards, 1 from the second downwards, straight in between."""
    none, full = between
    return np.asarray(np.clip((none - confidence) / (none - full), 0.0, 1.0))


def _covariance(sigma: Array, sure: Array, limbs: Array) -> tuple[Array, Array, Array]:
    """Entries xx, xy, yy (frames, joints, modes) in cells squared: long along the limb, of the area of a round peak."""
    ratio = 1.0 + (ELONGATION - 1.0) * (1.0 - sure)
    across = (sigma**2 / ratio)[..., None]
    longer = (sigma**2 * ratio)[..., None] - across
    # A limb that points at the camera has no direction: a short one counts less, without a threshold.
    length = np.sqrt((limbs**2).sum(axis=-1) + SHORT_LIMB**2)
    x, y = limbs[..., 0] / length, limbs[..., 1] / length
    return across + longer * x * x, longer * x * y, across + longer * y * y
