"""Pinhole cameras with lens distortion, and the ways between world, camera and pixels.

World and camera coordinates are millimetres; the world's z is up; camera x is
right, y down, z forward. Functions take any leading dimensions. The lens model
is that of the Human3.6M calibration as VideoPose3D stores it
(`common/camera.py`), without its clamp of X/Z to [-1, 1], which is silently
wrong for wide views.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Camera:
    """One calibrated camera.

    `orientation` is a unit quaternion (w, x, y, z) that turns camera axes to
    world axes; `position` is the camera centre in world mm. `focal`, `center`
    and the image size are pixels; `radial` is k1 k2 k3, `tangential` p1 p2.
    """

    name: str
    width: int
    height: int
    focal: tuple[float, float]
    center: tuple[float, float]
    radial: tuple[float, float, float]
    tangential: tuple[float, float]
    orientation: tuple[float, float, float, float]
    position: tuple[float, float, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a store's index."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Camera":
        """The inverse of `to_json`."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        return cls(**values)

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def lens(self) -> tuple[float, ...]:
        """The nine intrinsic numbers f (2), c (2), k (3), p (2): what the privilege `intrinsics` hands out."""
        return (*self.focal, *self.center, *self.radial, *self.tangential)


def rotation_matrix(quaternion: tuple[float, float, float, float]) -> Array:
    """(3, 3) rotation of a unit quaternion (w, x, y, z)."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def look_at(
    position: tuple[float, float, float], target: tuple[float, float, float]
) -> tuple[float, float, float, float]:
    """Quaternion (w, x, y, z), camera to world, of an upright camera at `position` that looks at `target` (world mm)."""
    from scipy.spatial.transform import Rotation

    forward = np.subtract(target, position)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    x, y, z, w = Rotation.from_matrix(np.stack([right, down, forward], axis=1)).as_quat(canonical=True)
    # Rounded so that a store's bytes do not depend on the last bit of a machine's sine.
    return round(float(w), 12), round(float(x), 12), round(float(y), 12), round(float(z), 12)


def world_to_camera(points: Array, camera: Camera) -> Array:
    """World mm (..., 3) to camera mm (..., 3), in float64."""
    offset = np.asarray(points, dtype=np.float64) - np.asarray(camera.position)
    # R^T x, written as x R: the quaternion turns camera to world.
    turned: Array = offset @ rotation_matrix(camera.orientation)
    return turned


def camera_to_world(points: Array, camera: Camera) -> Array:
    """Camera mm (..., 3) to world mm (..., 3), in float64."""
    turned = np.asarray(points, dtype=np.float64) @ rotation_matrix(camera.orientation).T
    moved: Array = turned + np.asarray(camera.position)
    return moved


def distort(x: Any, y: Any, lens: Any) -> tuple[Any, Any]:
    """Lens distortion of ideal image-plane coordinates x = X/Z, y = Y/Z.

    `lens` is f c k p in its last dimension (`Camera.lens`). Plain arithmetic:
    numpy arrays and torch tensors both work, of any shape that broadcasts.
    """
    k1, k2, k3, p1, p2 = (lens[..., i] for i in range(4, 9))
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    tangential = p1 * x + p2 * y
    return x * (radial + tangential) + p1 * r2, y * (radial + tangential) + p2 * r2


def project(points: Array, camera: Camera) -> Array:
    """Camera mm (..., 3) to pixels (..., 2) with distortion, in float64."""
    points = np.asarray(points, dtype=np.float64)
    lens = np.asarray(camera.lens)
    x, y = distort(points[..., 0] / points[..., 2], points[..., 1] / points[..., 2], lens)
    return np.stack([x * lens[0] + lens[2], y * lens[1] + lens[3]], axis=-1)


def undistort(pixels: Any, lens: Any, iterations: int = 20) -> tuple[Any, Any]:
    """Pixels (..., 2) to ideal image-plane coordinates x = X/Z, y = Y/Z; the inverse of `distort`.

    Fixed-point iteration; 20 rounds leave under 1e-6 pixels inside a
    Human3.6M image. Works on numpy arrays and torch tensors; `lens`
    broadcasts against the pixels' leading dimensions.
    """
    seen_x = (pixels[..., 0] - lens[..., 2]) / lens[..., 0]
    seen_y = (pixels[..., 1] - lens[..., 3]) / lens[..., 1]
    x, y = seen_x, seen_y
    for _ in range(iterations):
        bent_x, bent_y = distort(x, y, lens)
        x, y = x + (seen_x - bent_x), y + (seen_y - bent_y)
    return x, y
