"""The owner's markers by the names that he documents, in millimetres, at the rate that he recorded."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from posebench.datasets.openbiomechanics.c3d import read_c3d
from posebench.datasets.openbiomechanics.joints import Array
from posebench.errors import DataDamagedError

RECORDED_FPS = 360.0
MILLIMETRES = {"m": 1000.0, "mm": 1.0}


def read_markers(path: Path, names: Iterable[str]) -> dict[str, Array]:
    """The named markers of a C3D file, each (frames, 3) in world mm.

    A label may have a prefix that ends in an underscore (`Skeleton_001_C7`). Markers that are not asked for are not
    looked at. Raises what `read_c3d` does, and `DataDamagedError` for another frame rate or unit, and for a marker
    that is not there or has a gap: the owner has filled all, and nothing is filled in here.
    """
    file = read_c3d(path)
    if abs(file.rate - RECORDED_FPS) > 1e-3:
        raise DataDamagedError(f"{path} has {file.rate:g} frames a second, not {RECORDED_FPS:g}.")
    if file.units not in MILLIMETRES:
        raise DataDamagedError(f"{path} has the unit {file.units!r}, not metres or millimetres.")
    markers: dict[str, Array] = {}
    for name in names:
        columns = [i for i, label in enumerate(file.labels) if label == name or label.endswith(f"_{name}")]
        if len(columns) != 1:
            raise DataDamagedError(
                f"{path} has {len(columns)} markers named {name!r}, not one; it is no file of this data set."
            )
        place = file.places[:, columns[0]] * MILLIMETRES[file.units]
        gap = np.flatnonzero(~np.isfinite(place).all(axis=1))
        if len(gap):
            raise DataDamagedError(
                f"{path} lacks the marker {name} in {len(gap)} frames, the first {gap[0]}; "
                "the owner's file has no gap, so get it again."
            )
        markers[name] = place
    return markers
