"""The cameras of a user's file: one, or one for each view, in the convention of `posebench.cameras`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera
from posebench.datasets.arrays.user_file import UserFile
from posebench.errors import DataDamagedError

Array = npt.NDArray[np.floating[Any]]

#: The keys of a camera and their shape in a file of one view; with several views a key may have them in front.
SHAPES: dict[str, tuple[int, ...]] = {
    "image_size": (2,),
    "focal": (2,),
    "center": (2,),
    "radial": (3,),
    "tangential": (2,),
    "rotation": (3, 3),
    "translation": (3,),
    "orientation": (4,),
    "position": (3,),
}
#: The two ways to say where a camera stands.
PAIRS = (("rotation", "translation"), ("orientation", "position"))
#: How far a rotation may be from one: what float32 and four written decimals leave.
ROUNDING = 1e-3

_WHY = {
    "focal": "give the camera's focal length in pixels, from which the 2D source gt is projected.",
    "center": "give the camera's principal point in pixels.",
    "rotation": "poses of the world need where the camera stands.",
    "orientation": "poses of the world need where the camera stands.",
}


def count_views(file: UserFile) -> int:
    """How many views the camera's keys and `keypoints` have; 1 where none has views. Raises `DataDamagedError` for two numbers."""
    found: dict[int, str] = {}
    dimensions = {**{key: len(shape) for key, shape in SHAPES.items()}, "keypoints": 3, "heatmaps": 4}
    for key, usual in dimensions.items():
        if key in file and (shape := np.shape(file.values[key])) and len(shape) == usual + 1:
            found.setdefault(shape[0], key)
    if len(found) > 1:
        (first, one), (second, other) = list(found.items())[:2]
        raise DataDamagedError(f"{file.where} has {first} views in {one!r} and {second} in {other!r}.")
    return next(iter(found), 1)


def read_cameras(file: UserFile, in_world: bool, unit: float) -> tuple[Camera, ...]:
    """A camera for each view, named cam1, cam2, ...

    `in_world` says whether the poses are in the world, so that each camera
    stands somewhere; `unit` is the mm of the file's unit. Raises
    `DataDamagedError` for what is missing, of a wrong shape, or no rotation.
    """
    views = count_views(file)
    sizes = file.sizes(views)
    given = [pair for pair in PAIRS if pair[0] in file or pair[1] in file]
    if not in_world and given:
        raise DataDamagedError(
            f"{file.where} has poses in camera space and a {' and '.join(given[0])!r}; leave it away, or say space='world'."
        )
    if not in_world and views > 1:
        raise DataDamagedError(
            f"{file.where} has {views} views of poses in camera space; give one file for each camera."
        )
    if len(given) > 1:
        raise DataDamagedError(
            f"{file.where} says twice where the camera stands; give either {PAIRS[0]} or {PAIRS[1]}."
        )
    placed = _places(file, given[0] if given else PAIRS[0], views, unit) if in_world else [_NOWHERE] * views
    focal, center = (_each(file, key, views) for key in ("focal", "center"))
    if (focal <= 0).any():
        raise DataDamagedError(f"{file.where} has a 'focal' of {focal.min():g} pixels; it must be above 0.")
    radial, tangential = (_each(file, key, views) for key in ("radial", "tangential"))
    return tuple(
        Camera(
            f"cam{view + 1}",
            *sizes[view],
            focal=_two(focal[view]),
            center=_two(center[view]),
            radial=(float(radial[view, 0]), float(radial[view, 1]), float(radial[view, 2])),
            tangential=_two(tangential[view]),
            orientation=orientation,
            position=position,
        )
        for view, (orientation, position) in enumerate(placed)
    )


Place = tuple[tuple[float, float, float, float], tuple[float, float, float]]
#: The camera of poses that are in its own space.
_NOWHERE: Place = ((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def _each(file: UserFile, key: str, views: int) -> Array:
    """(views, ...) of a camera's key: its own for each view, or one that all share; zeros for distortion that is not there."""
    shape = SHAPES[key]
    if key in ("radial", "tangential") and key not in file:
        return np.zeros((views, *shape))
    why = _WHY.get(key, "it has the camera's numbers.")
    shapes = [shape, (views, *shape)]
    if key == "focal":
        shapes += [(), (1,)]
    found = file.finite(key, shapes, why)
    if found.ndim <= len(shape):
        found = np.broadcast_to(found, (views, *shape))
    return found


def _places(file: UserFile, pair: tuple[str, str], views: int, unit: float) -> list[Place]:
    turn, point = (_each(file, key, views) for key in pair)
    point = point * unit
    if pair[0] == "orientation":
        norm = np.linalg.norm(turn, axis=-1, keepdims=True)
        if (np.abs(norm - 1) > ROUNDING).any():
            raise DataDamagedError(
                f"{file.where} has an 'orientation' of length {norm.max():g}, not a unit quaternion w, x, y, z."
            )
        quaternions, positions = turn / norm, point
    else:
        quaternions = np.stack([_to_world(rotation, file) for rotation in turn])
        # x_camera = R x_world + t, so the camera's own origin is at -R^T t.
        positions = -np.einsum("vji,vj->vi", turn, point)
    rounded = [
        (np.round(quaternion, 12).tolist(), np.round(position, 6).tolist())
        for quaternion, position in zip(quaternions, positions, strict=True)
    ]
    return [((w, x, y, z), (east, north, up)) for (w, x, y, z), (east, north, up) in rounded]


def _to_world(rotation: Array, file: UserFile) -> Array:
    """Quaternion (w, x, y, z), camera to world, of a rotation from world to camera."""
    from scipy.spatial.transform import Rotation

    if np.abs(rotation @ rotation.T - np.eye(3)).max() > ROUNDING or np.linalg.det(rotation) < 0:
        raise DataDamagedError(
            f"{file.where} has a 'rotation' that is no rotation from world to camera; its rows are the camera's "
            "right, down and forward in the world, of length 1 and at right angles."
        )
    x, y, z, w = Rotation.from_matrix(rotation.T).as_quat(canonical=True)
    return np.array([w, x, y, z])


def _two(numbers: Array) -> tuple[float, float]:
    return float(numbers[0]), float(numbers[1])
