"""Arrays of the files in circulation: their shape, their numbers, and metres where the files have metres."""

from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.errors import DataDamagedError
from posebench.skeletons import HUMAN36M_17

Array = npt.NDArray[np.floating[Any]]

#: Length in m from the ankles over the hip to joint 10, bone by bone, that a person can have.
STATURE_M = (0.9, 2.2)
_TRUNK = list(HUMAN36M_17.indices(("Hip", "Spine", "Thorax", "Neck/Nose", "Head")))
_LEGS = [list(HUMAN36M_17.indices((f"{side}Hip", f"{side}Knee", f"{side}Foot"))) for side in "LR"]
_UNITS = (("millimetres", 1000.0), ("centimetres", 100.0))


def numbers(value: object, shape: tuple[int | None, ...], where: str) -> Array:
    """An array of numbers of a shape, in which None is any length but 0, as it is; else `DataDamagedError`.

    `where` begins the sentence: the file, the key or sequence in it.
    """
    wanted = f"({', '.join('frames' if size is None else str(size) for size in shape)})"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        raise DataDamagedError(f"{where} is {kind}, not an array of numbers of shape {wanted}; get the file again.")
    fits = value.ndim == len(shape) and all(
        found == size or (size is None and found) for found, size in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise DataDamagedError(f"{where} has the shape {value.shape}, not {wanted}; get the file again.")
    return value


def check_finite(values: Array, where: str) -> None:
    """Raise `DataDamagedError` naming the first frame (frames, ...) that holds NaN or an infinite number."""
    sound = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not sound.all():
        raise DataDamagedError(
            f"{where} holds NaN or infinite numbers, first in frame {int(np.argmin(sound))}; "
            "these files have none, so make or get it again."
        )


def check_metres(poses: Array, where: str) -> None:
    """Raise `DataDamagedError` unless poses (frames, 17, 3) have the length of a person in metres."""
    some = poses[:: max(1, len(poses) // 64)].astype(np.float64)
    lengths = _along(some, _TRUNK) + sum(_along(some, leg) for leg in _LEGS) / 2
    stature = float(np.median(lengths))
    low, high = STATURE_M
    if low <= stature <= high:
        return
    likely = next((unit for unit, factor in _UNITS if low <= stature / factor <= high), None)
    hint = f"these look like {likely}" if likely else "no person has that size"
    raise DataDamagedError(
        f"{where}: a person of {stature:.4g} from ankle to head, and {hint}; this file must be in metres."
    )


def _along(poses: Array, joints: list[int]) -> Array:
    lengths: Array = np.linalg.norm(np.diff(poses[:, joints], axis=1), axis=-1).sum(axis=-1)
    return lengths
