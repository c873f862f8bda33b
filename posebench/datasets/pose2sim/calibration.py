"""Pose2Sim's calibration TOML: a table a camera, OpenCV's `x = R X + t` with a rotation vector and metres.

Source: Pose2Sim, `calibration.py: toml_write`. `distortions` are OpenCV's k1 k2 p1 p2 (k3).
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera, rotation_matrix
from posebench.errors import DataDamagedError, DataMissingError


def read_calibration(path: Path, names: Iterable[str]) -> tuple[Camera, ...]:
    """The named cameras of a calibration; world axes and origin as in the file, z up, in mm.

    The lens model of `posebench.cameras` has OpenCV's p2 with x and p1 with y,
    and its terms in x^2, xy and y^2 count half: 0.003 pixels with the
    tangential coefficients of the demo.
    Raises `DataMissingError` and `DataDamagedError` naming camera and key.
    """
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataMissingError(f"There is no calibration {path}.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataDamagedError(
            f"The calibration {path} is not TOML that can be read ({error}); get it again."
        ) from error
    return tuple(_camera(table, name, path) for name in names)


def _camera(table: dict[str, Any], name: str, path: Path) -> Camera:
    entry = table.get(name)
    if not isinstance(entry, dict):
        raise DataDamagedError(f"The calibration {path} has no camera {name!r}.")
    where = f"Camera {name!r} of the calibration {path}"
    if entry.get("fisheye"):
        raise DataDamagedError(f"{where} has a fisheye lens, which posebench does not model.")
    width, height = (int(side) for side in _numbers(entry, "size", (2,), where))
    matrix = _numbers(entry, "matrix", (3, 3), where)
    if matrix[0, 1] != 0 or min(matrix[0, 0], matrix[1, 1], width, height) <= 0:
        raise DataDamagedError(f"{where} has a size or 'matrix' that is not that of a pinhole camera without skew.")
    k1, k2, p1, p2, *k3 = _numbers(entry, "distortions", (len(entry.get("distortions", ())),), where).tolist()
    turn = _quaternion(_numbers(entry, "rotation", (3,), where))
    # x = R X + t is zero at X = -R^T t; `turn` is R^T, from camera to world.
    position = rotation_matrix(turn) @ -_numbers(entry, "translation", (3,), where) * 1000
    x, y, z = (round(float(value), 6) for value in position)
    return Camera(
        name=name,
        width=width,
        height=height,
        focal=(float(matrix[0, 0]), float(matrix[1, 1])),
        center=(float(matrix[0, 2]), float(matrix[1, 2])),
        radial=(k1, k2, k3[0] if k3 else 0.0),
        tangential=(p2, p1),
        orientation=turn,
        position=(x, y, z),
    )


def _quaternion(rotation: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """(w, x, y, z) of the inverse of a rotation vector: camera to world."""
    angle = float(np.linalg.norm(rotation))
    w, xyz = np.cos(angle / 2), -np.sinc(angle / 2 / np.pi) / 2 * rotation
    # Rounded so that a store's bytes do not depend on the last bit of a machine's sine.
    return round(float(w), 12), round(float(xyz[0]), 12), round(float(xyz[1]), 12), round(float(xyz[2]), 12)


def _numbers(entry: dict[str, Any], key: str, shape: tuple[int, ...], where: str) -> npt.NDArray[np.float64]:
    try:
        found = np.array(entry[key], dtype=np.float64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataDamagedError(f"{where} has no {key!r} of numbers.") from error
    if key == "distortions" and shape not in ((4,), (5,)):
        raise DataDamagedError(f"{where} has {shape[0]} 'distortions', not OpenCV's k1 k2 p1 p2 with or without k3.")
    if found.shape != shape or not np.isfinite(found).all():
        raise DataDamagedError(f"{where} has {key!r} of shape {found.shape}, not {shape}, or not finite.")
    return found
