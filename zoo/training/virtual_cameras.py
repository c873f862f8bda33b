"""Random cameras around a moving person, so that a lifter learns poses and not a studio."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera, look_at, project, world_to_camera
from posebench.skeletons import HUMAN36M_17
from zoo.training.config import CameraConfig

IMAGE_WIDTH = 1000
#: Mean of Human3.6M's four calibrations: k1 k2 k3 and p1 p2.
RADIAL = (-0.204, 0.244, -0.0022)
TANGENTIAL = (-0.0011, -0.0018)
#: A joint nearer than this to the camera plane (mm) is not in view.
NEAREST = 500.0
#: Times that a camera steps back by a quarter before a person too large for the picture is given up.
STEPS_BACK = 12


def transform_body(
    world: npt.NDArray[np.floating], config: CameraConfig, rng: np.random.RandomState
) -> npt.NDArray[np.float64]:
    """World mm (frames, joints, 3) of a larger or smaller, possibly mirrored person."""
    body = np.asarray(world, dtype=np.float64) * rng.uniform(*config.body_scale)
    if rng.uniform() < 0.5:
        body = body[:, HUMAN36M_17.mirrored] * np.array([-1.0, 1.0, 1.0])
    return body


def place_camera(
    world: npt.NDArray[np.float64], anchor: int, config: CameraConfig, rng: np.random.RandomState, name: str
) -> tuple[Camera, int, int] | None:
    """A camera that sees the person at frame `anchor`, and the run `[start, end)` of frames around it that are in view.

    The camera steps back until every joint of the anchor frame is in the
    picture and, of a clip longer than that, at least 32 frames. None when that
    never happens, as for a person who lies on the floor below a camera.
    """
    root = world[anchor, 0]
    yaw = rng.uniform(0.0, 2 * math.pi)
    distance = 1000 * rng.uniform(*config.distance)
    height = 1000 * rng.uniform(*config.height)
    aside, bearing = 1000 * rng.uniform(*config.aim_offset), rng.uniform(0.0, 2 * math.pi)
    aim = (
        root[0] + aside * math.cos(bearing),
        root[1] + aside * math.sin(bearing),
        1000 * rng.uniform(*config.aim_height),
    )
    roll = math.radians(rng.uniform(*config.roll))
    focal = IMAGE_WIDTH * rng.uniform(*config.focal)
    image_height = round(IMAGE_WIDTH * rng.uniform(*config.aspect))
    bend = rng.uniform(*config.distortion)
    shift = rng.uniform(-0.02, 0.02, size=2) * IMAGE_WIDTH
    camera = Camera(
        name=name,
        width=IMAGE_WIDTH,
        height=image_height,
        focal=(focal, focal),
        center=(IMAGE_WIDTH / 2 + shift[0], image_height / 2 + shift[1]),
        radial=(bend * RADIAL[0], bend * RADIAL[1], bend * RADIAL[2]),
        tangential=(bend * TANGENTIAL[0], bend * TANGENTIAL[1]),
        orientation=(1.0, 0.0, 0.0, 0.0),
        position=(0.0, 0.0, 0.0),
    )
    for _ in range(STEPS_BACK):
        position = (root[0] + distance * math.cos(yaw), root[1] + distance * math.sin(yaw), height)
        camera = replace(camera, position=position, orientation=_rolled(look_at(position, aim), roll))
        start, end = _run_in_view(world, camera, anchor)
        if end - start >= min(32, len(world)):
            return camera, start, end
        distance *= 1.25
    return None


def _rolled(quaternion: tuple[float, float, float, float], angle: float) -> tuple[float, float, float, float]:
    """The orientation (w, x, y, z) after a turn about the viewing direction, camera z."""
    w, x, y, z = quaternion
    c, s = math.cos(angle / 2), math.sin(angle / 2)
    return (w * c - z * s, x * c + y * s, y * c - x * s, z * c + w * s)


def _run_in_view(world: npt.NDArray[np.float64], camera: Camera, anchor: int) -> tuple[int, int]:
    poses = world_to_camera(world, camera)
    in_front = np.all(poses[..., 2] > NEAREST, axis=1)
    # The lens polynomial turns back far outside of the picture, so a wide angle is refused before it is projected.
    narrow = np.all(np.abs(poses[..., :2]) < np.abs(poses[..., 2:]), axis=(1, 2))
    seen: npt.NDArray[np.bool_] = in_front & narrow
    pixels = project(np.where(seen[:, None, None], poses, 1.0), camera)
    seen &= np.all((pixels >= 0) & (pixels < camera.image_size), axis=(1, 2))
    if not seen[anchor]:
        return anchor, anchor
    gaps = np.flatnonzero(~seen)
    before, after = gaps[gaps < anchor], gaps[gaps > anchor]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) if len(after) else len(world)
