"""Arrays of the annotations: their shape, their numbers, their unit. What is wrong is named by file, key and frame."""

from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.errors import DataDamagedError
from posebench.skeletons import MPI_INF_3DHP_17

Array = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]

ROOT = MPI_INF_3DHP_17.root
JOINTS = MPI_INF_3DHP_17.num_joints
#: Median over a sequence of the furthest joint's distance from the pelvis, in mm, that a person can have.
REACH_MM = (200.0, 2500.0)
_UNITS = (("metres", 1000.0), ("centimetres", 10.0))


def numbers(value: object, where: str) -> Array:
    """An array of numbers as float64; raises `DataDamagedError`. `where` begins the sentence: the file, the key in it."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        raise DataDamagedError(f"{where} is {kind}, not an array of numbers; get the file again.")
    return value.astype(np.float64)


def shaped(value: object, shape: tuple[int | None, ...], where: str) -> Array:
    """Numbers of a shape, in which None is any number of frames but 0; raises `DataDamagedError`."""
    array = numbers(value, where)
    fits = array.ndim == len(shape) and all(
        size == wanted or (wanted is None and size) for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("frames" if size is None else str(size) for size in shape)
        raise DataDamagedError(f"{where} has the shape {array.shape}, not ({wanted}); get the file again.")
    return array


def same_frames(arrays: dict[str, Array], where: str) -> int:
    """The number of frames that all arrays have; raises `DataDamagedError` naming two that differ."""
    (first, array), *others = arrays.items()
    for name, other in others:
        if len(other) != len(array):
            raise DataDamagedError(
                f"{where} has {len(array)} frames of {first} and {len(other)} of {name}; get the file again."
            )
    return len(array)


def mask(values: Array, where: str) -> Mask:
    """Which frames are valid: (frames,) of 0 and 1, at least one of them 1; raises `DataDamagedError`."""
    if not np.isin(values, (0, 1)).all():
        raise DataDamagedError(
            f"{where} holds {values[~np.isin(values, (0, 1))][0]:g}, not 0 or 1 alone; get the file again."
        )
    valid: Mask = values.astype(bool)
    if not valid.any():
        raise DataDamagedError(f"{where} calls no frame valid; get the file again.")
    return valid


def annotated(values: Array, valid: Mask, where: str) -> Array:
    """The annotations (frames, joints, D) with NaN for every frame that has none: not finite, or nothing but zeros.

    Only frames that are not scored may have none: raises `DataDamagedError` naming the first valid one.
    """
    sound = np.isfinite(values).all(axis=(1, 2)) & (values != 0).any(axis=(1, 2))
    if (missing := ~sound & valid).any():
        raise DataDamagedError(
            f"{where} has NaN, infinite numbers or nothing but zeros in frame {int(np.argmax(missing))}, which is scored; "
            "get the file again."
        )
    return np.where(sound[:, None, None], values, np.nan)


def check_space(poses: Array, where: str) -> None:
    """Raise `DataDamagedError` unless poses (frames, 17, 3) are a person in mm before the camera."""
    poses = poses[np.isfinite(poses).all(axis=(1, 2))]
    reach = float(np.median(np.linalg.norm(poses - poses[:, ROOT : ROOT + 1], axis=-1).max(axis=-1)))
    low, high = REACH_MM
    if not low <= reach <= high:
        likely = next((unit for unit, factor in _UNITS if low <= reach * factor <= high), None)
        hint = f"these look like {likely}" if likely else "no person has that size"
        raise DataDamagedError(
            f"{where}: joints reach {reach:.4g} mm from the pelvis, and {hint}; the owner's files are in millimetres."
        )
    if np.median(poses[:, ROOT, 2]) <= 0:
        raise DataDamagedError(
            f"{where} has the pelvis behind or in the camera; it must be in camera space, not relative to the pelvis."
        )


def relative(poses: Array) -> Array:
    """Poses (..., 17, 3) minus their pelvis, joint 14."""
    return poses - poses[..., ROOT : ROOT + 1, :]
