"""The official test set: `TS1` to `TS6`, each `annot_data.mat`, MATLAB 7.3, which is HDF5."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.clip import Clip, StoredKeypoints, View
from posebench.datasets.mpi3dhp.annotation import (
    JOINTS,
    Array,
    Mask,
    annotated,
    check_space,
    mask,
    same_frames,
    shaped,
)
from posebench.datasets.mpi3dhp.facts import ACTIVITIES, ANNOT2, ANNOT3, UNIVERSAL
from posebench.datasets.mpi3dhp.lenses import nearest_lens
from posebench.datasets.sequence import UNLABELLED
from posebench.errors import DataDamagedError

#: What is read of a file, in HDF5's order of axes, which is MATLAB's turned round; `bb_crop` is left alone.
SHAPES: dict[str, tuple[int | None, ...]] = {
    ANNOT2: (None, 1, JOINTS, 2),
    ANNOT3: (None, 1, JOINTS, 3),
    UNIVERSAL: (None, 1, JOINTS, 3),
    "valid_frame": (None, 1),
    "activity_annotation": (None, 1),
}


def official_clip(name: str, path: Path) -> Clip:
    """A test sequence against both ground truths; `annot3` are its poses.

    Raises `DataDamagedError` naming the file and the key or frame that is wrong.
    """
    arrays = _read(path)
    same_frames(arrays, str(path))
    valid = mask(arrays["valid_frame"], f"valid_frame of {path}")
    found = {key: annotated(arrays[key], valid, f"{key} of {path}") for key in (ANNOT2, ANNOT3, UNIVERSAL)}
    for truth in (ANNOT3, UNIVERSAL):
        check_space(found[truth], f"{truth} of {path}")
    lens = nearest_lens(name, found[ANNOT3], found[ANNOT2], valid)
    view = View(
        lens.camera,
        poses=found[ANNOT3],
        truths={UNIVERSAL: found[UNIVERSAL]},
        keypoints={ANNOT2: StoredKeypoints(found[ANNOT2])},
        valid=valid,
        activity=_activities(arrays["activity_annotation"], valid, path),
    )
    return test_clip(name, view, {"file": f"{name}/{path.name}", "lens": lens.why})


def test_clip(name: str, view: View, metadata: dict[str, str]) -> Clip:
    """TS1 to TS6 as the protocols name them: subject and clip are the sequence, whatever file it comes from."""
    return Clip(name, "all", name, "test", (view,), metadata=metadata)


def _read(path: Path) -> dict[str, Array]:
    """The arrays of a file without MATLAB's axis of persons, which is 1."""
    import h5py

    found: dict[str, npt.NDArray[Any]] = {}
    try:
        with h5py.File(path, "r") as file:
            for key in SHAPES:
                if isinstance(value := file.get(key), h5py.Dataset):
                    found[key] = np.asarray(value[()])
    except (OSError, RuntimeError, KeyError, ValueError, MemoryError) as error:
        raise DataDamagedError(f"{path} cannot be read as a MATLAB 7.3 file ({error}); get it again.") from error
    for key in SHAPES:
        if key not in found:
            raise DataDamagedError(f"{path} has no array {key}; get the owner's file again.")
    return {key: shaped(found[key], shape, f"{key} of {path}")[:, 0] for key, shape in SHAPES.items()}


def _activities(codes: Array, valid: Mask, path: Path) -> tuple[str, ...]:
    """The activity of every frame; one that is not scored may have none."""
    known = np.isin(codes, np.arange(1, len(ACTIVITIES) + 1))
    if (missing := ~known & valid).any():
        frame = int(np.argmax(missing))
        raise DataDamagedError(
            f"activity_annotation of {path} is {codes[frame]:g} in frame {frame}, not 1 to {len(ACTIVITIES)}; get the file again."
        )
    return tuple(ACTIVITIES[int(code) - 1] if there else UNLABELLED for code, there in zip(codes, known, strict=True))
