"""Four virtual cameras around a clip, for motion capture that was recorded without video.

The lenses are those of Human3.6M's four cameras. They stand on a ring around
the middle of the root's path, at chest to head height, and look at that middle
0.9 m above the floor. Each stands at its own base distance, further only when
the clip would leave its image. No number is random and every stored number is
rounded, so a clip's cameras are the same on any machine. `RIGS` are others,
each different in one thing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera, look_at, project, world_to_camera
from posebench.datasets.human36m_cameras import LENSES
from posebench.errors import DataDamagedError

#: Height in mm of the point that all cameras look at.
TARGET_HEIGHT = 900.0
#: Pixels that every joint keeps from the border of the image.
MARGIN = 40.0
#: No joint comes nearer than this, in mm: closer, even a centred joint is seen at an angle no recording has.
NEAREST = 1000.0
#: Step in mm by which a camera moves back, and the distance at which it gives up.
STEP = 250.0
FURTHEST = 40_000.0


@dataclass(frozen=True)
class Mount:
    """Where a camera of the rig stands (degrees from world x towards y, mm) and which lens it carries."""

    azimuth: float
    distance: float
    height: float
    lens: Camera


#: The lenses are the intrinsics of Human3.6M's metadata for 54138969, 55011271, 58860488 and 60457274. Azimuths
#: are a cross turned off the axes, unevenly, so that no two cameras see mirrored views of a symmetric motion.
RIG = (
    Mount(azimuth=47.0, distance=4800.0, height=1550.0, lens=replace(LENSES[0], name="cam1")),
    Mount(azimuth=131.0, distance=5300.0, height=1700.0, lens=replace(LENSES[1], name="cam2")),
    Mount(azimuth=228.0, distance=5000.0, height=1400.0, lens=replace(LENSES[2], name="cam3")),
    Mount(azimuth=313.0, distance=5500.0, height=1850.0, lens=replace(LENSES[3], name="cam4")),
)


def _changed(
    height: float | None = None, distance: Callable[[float], float] = lambda own: own, focal: float | None = None
) -> tuple[Mount, ...]:
    """The rig with another height in mm, other base distances, or a focal length in image widths; all else as it is."""
    return tuple(
        Mount(
            azimuth=mount.azimuth,
            distance=distance(mount.distance),
            height=mount.height if height is None else height,
            lens=mount.lens if focal is None else replace(mount.lens, focal=(focal * mount.lens.width,) * 2),
        )
        for mount in RIG
    )


#: Rigs that differ from `RIG` in one thing: what is lost when the camera is another than those a lifter was trained with.
RIGS: dict[str, tuple[Mount, ...]] = {
    # About knee height, so that the legs are nearest.
    "low": _changed(height=400.0),
    # As surveillance looks down, by about 30 degrees.
    "high": _changed(height=4000.0),
    # As near as the clip fits into the image, by steps of 0.25 m: the strongest perspective that these lenses can show.
    "near": _changed(distance=lambda own: 2000.0),
    "far": _changed(distance=lambda own: 2 * own),
    # Human3.6M's lenses have 1.145 image widths. Cameras stand where they stood, further back only if they must.
    "focal-0.8": _changed(focal=0.8),
    "focal-1.8": _changed(focal=1.8),
}


def virtual_cameras(world: npt.NDArray[np.floating[Any]], rig: tuple[Mount, ...] = RIG) -> tuple[Camera, ...]:
    """A rig's cameras for a clip (frames, joints, 3) in world mm, z up, whose joint 0 is the root.

    Every joint of every frame is at least `MARGIN` px inside each image.
    Raises `DataDamagedError` for a motion too wide for any distance.
    """
    root = world[:, 0, :2]
    # Whole millimetres: the last bit of the motion's arithmetic must not show in a camera.
    x, y = (round(float(middle)) for middle in (root.min(axis=0) + root.max(axis=0)) / 2)
    return tuple(_place(mount, (float(x), float(y), TARGET_HEIGHT), world) for mount in rig)


def _place(mount: Mount, target: tuple[float, float, float], world: npt.NDArray[np.floating[Any]]) -> Camera:
    angle = np.deg2rad(mount.azimuth)
    distance = mount.distance
    while distance <= FURTHEST:
        position = (
            round(target[0] + distance * float(np.cos(angle)), 3),
            round(target[1] + distance * float(np.sin(angle)), 3),
            mount.height,
        )
        camera = replace(mount.lens, position=position, orientation=look_at(position, target))
        if inside_image(world, camera, MARGIN).all():
            return camera
        distance += STEP
    raise DataDamagedError(
        f"A motion reaches {float(np.abs(world).max()) / 1000:.0f} m from the origin, too far for the virtual cameras; "
        "check the unit of its files."
    )


def inside_image(world: npt.NDArray[np.floating[Any]], camera: Camera, margin: float = 0.0) -> npt.NDArray[np.bool_]:
    """(frames,) whether all joints of world mm (frames, joints, 3) are in the image, `margin` px from its border.

    A joint nearer than `NEAREST` is never inside: behind the camera the lens
    polynomial would fold it back into the image. A missing joint (NaN) is
    left out.
    """
    seen = world_to_camera(world, camera)
    missing = np.isnan(seen).any(axis=-1)
    seen[~(seen[..., 2] >= NEAREST)] = np.nan
    pixels = project(seen, camera)
    border = np.array(camera.image_size, dtype=np.float64) - margin
    inside = ((pixels >= margin) & (pixels <= border)).all(axis=-1) | missing
    return np.asarray(inside.all(axis=-1))
