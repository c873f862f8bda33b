"""P-STMO's `data_test_3dhp.npz` and `data_train_3dhp.npz`, and D3DP's of the same layout, whose names end in `_ori`.

The two hold different ground truths under one key: P-STMO `univ_annot3`, D3DP `annot3` (protocols.md, M1). A file does not
say which. Its 2D does: `annot2` is the projection of `annot3`, and `univ_annot3` does not fall on it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posebench.datasets.clip import Clip, StoredKeypoints, View
from posebench.datasets.mpi3dhp.annotation import JOINTS, Array, Mask, annotated, check_space, mask, same_frames, shaped
from posebench.datasets.mpi3dhp.facts import (
    ANNOT2,
    ANNOT3,
    OUTDOORS,
    TEST_FRAMES,
    TRAIN_CAMERAS,
    TRAIN_FRAMES,
    UNIVERSAL,
)
from posebench.datasets.mpi3dhp.files import NPZ
from posebench.datasets.mpi3dhp.lenses import Lens, fitted_lens, nearest_lens, pinhole, reprojection_errors
from posebench.datasets.mpi3dhp.testing import test_clip
from posebench.datasets.mpi3dhp.training import labelled_train_clip, training_view
from posebench.datasets.sequence import UNLABELLED
from posebench.errors import DataDamagedError, DataMissingError
from posebench.npz import read_npz

#: 95th percentile of the distance in px under which poses fall on their 2D: annot3 of the owner's TS5 and TS6 stays within
#: 1.36 px throughout, univ_annot3 is up to 8.1 px off in TS5.
REPROJECTS_PX = 2.0


@dataclass(frozen=True)
class _Track:
    """One camera's share of a sequence: poses (frames, 17, 3) mm, 2D (frames, 17, 2) px, valid (frames,)."""

    poses: Array
    pixels: Array
    valid: Mask
    lens: Lens


@dataclass(frozen=True)
class _Content:
    """A file read: sequence name to its cameras' tracks, and its frames a second."""

    tracks: Mapping[str, tuple[_Track, ...]]
    fps: Mapping[str, float]
    truth: str
    why: str


def truth_of(files: Mapping[str, Path]) -> str:
    """The one ground truth that all files hold; raises `DataDamagedError` when they differ or contradict their names."""
    found = {path: _read(path).truth for path in files.values()}
    if len(set(found.values())) > 1:
        told = " and ".join(f"{path.name} {truth}" for path, truth in found.items())
        raise DataDamagedError(
            f"The files of {next(iter(found)).parent} hold different ground truths, {told}; name one of them as --source."
        )
    return next(iter(found.values()))


def npz_clips(files: Mapping[str, Path], truth: str) -> Iterator[Clip]:
    """Every clip of the files, test before training.

    Raises `DataMissingError` when a file holds another ground truth than `truth`, and `DataDamagedError` for what is not
    in this layout.
    """
    for split, path in sorted(files.items()):
        content = _read(path)
        if content.truth != truth:
            raise DataMissingError(
                f"{path} has {content.truth} and not {truth} ({content.why}); run `posebench data prepare mpi3dhp` with it again."
            )
        for name, tracks in content.tracks.items():
            metadata = {"file": path.name, "ground_truth": content.why}
            yield (
                _test_clip(name, tracks[0], truth, metadata)
                if split == "test"
                else _training_clip(name, tracks, content.fps[name], metadata)
            )


def _test_clip(name: str, track: _Track, truth: str, metadata: dict[str, str]) -> Clip:
    lens = track.lens if truth == ANNOT3 else Lens(pinhole(name), f"pinhole, as {truth} cannot tell about distortion")
    view = View(
        lens.camera,
        poses=track.poses,
        keypoints={ANNOT2: StoredKeypoints(track.pixels)},
        valid=track.valid,
        activity=(UNLABELLED,) * len(track.poses),
    )
    return test_clip(name, view, {**metadata, "lens": lens.why})


def _training_clip(name: str, tracks: tuple[_Track, ...], fps: float, metadata: dict[str, str]) -> Clip:
    subject, _, sequence = name.partition(" ")
    views = tuple(training_view(track.lens.camera, track.poses, track.pixels, {}) for track in tracks)
    return labelled_train_clip(subject, sequence, views, fps, {**metadata, "lens": tracks[0].lens.why})


def _read(path: Path) -> _Content:
    match = NPZ.fullmatch(path.name)
    assert match is not None, path
    data = _dictionary(read_npz(path, ["data"]).get("data"), f"'data' of {path}")
    tracks: dict[str, tuple[_Track, ...]] = {}
    rates: dict[str, float] = {}
    known = TEST_FRAMES if match["split"] == "test" else {" ".join(key): value for key, value in TRAIN_FRAMES.items()}
    for name in sorted(data):
        where = f"{name!r} of {path}"
        if name not in known:
            raise DataDamagedError(
                f"{where} is not a sequence of MPI-INF-3DHP's {match['split']} set; get the file again."
            )
        if match["split"] == "test":
            tracks[name] = (_test_track(name, _dictionary(data[name], where), where),)
        else:
            tracks[name], rates[name] = _training_tracks(data[name], where)
    if not tracks:
        raise DataDamagedError(f"'data' of {path} has no sequence; get the file again.")
    return _Content(tracks, rates, *_decide(path, tracks, original=match["original"] is not None))


def _test_track(name: str, entry: dict[str, object], where: str) -> _Track:
    arrays = {
        key: shaped(entry.get(key), shape, f"{key!r} of {where}")
        for key, shape in {"data_2d": (None, JOINTS, 2), "data_3d": (None, JOINTS, 3), "valid": (None,)}.items()
    }
    same_frames(arrays, where)
    valid = mask(arrays["valid"], f"'valid' of {where}")
    poses = annotated(arrays["data_3d"], valid, f"'data_3d' of {where}")
    pixels = annotated(arrays["data_2d"], valid, f"'data_2d' of {where}")
    check_space(poses, f"'data_3d' of {where}")
    lens = nearest_lens(name, poses, pixels, valid)
    return _Track(poses, pixels, valid, lens)


def _training_tracks(entry: object, where: str) -> tuple[tuple[_Track, ...], float]:
    """`[{camera: {data_2d, data_3d}}, frames a second]`."""
    if not isinstance(entry, list | tuple | np.ndarray) or len(entry) != 2:
        raise DataDamagedError(f"{where} is not a list of cameras and a frame rate; get the file again.")
    cameras, fps = _dictionary(entry[0], where), entry[1]
    if not isinstance(fps, int | float | np.number) or not 1 <= float(fps) <= 1000:
        raise DataDamagedError(f"{where} has the frame rate {fps!r}, not a number; get the file again.")
    tracks = []
    for number in TRAIN_CAMERAS:
        if (own := cameras.get(str(number))) is None:
            raise DataDamagedError(f"{where} has no camera '{number}'; get the file again.")
        seen = f"camera '{number}' of {where}"
        found = _dictionary(own, seen)
        arrays = {
            key: shaped(found.get(key), (None, JOINTS, size), f"{key!r} of {seen}")
            for key, size in {"data_2d": 2, "data_3d": 3}.items()
        }
        valid = np.ones(same_frames(arrays, seen), bool)
        poses = annotated(arrays["data_3d"], valid, f"'data_3d' of {seen}")
        pixels = annotated(arrays["data_2d"], valid, f"'data_2d' of {seen}")
        check_space(poses, f"'data_3d' of {seen}")
        tracks.append(_Track(poses, pixels, valid, fitted_lens(f"cam{number}", poses, pixels)))
    return tuple(tracks), float(fps)


def _decide(path: Path, tracks: Mapping[str, tuple[_Track, ...]], original: bool) -> tuple[str, str]:
    """Which ground truth a file holds, and why."""
    errors = {
        name: max(
            float(np.percentile(reprojection_errors(t.poses[t.valid], t.pixels[t.valid], t.lens.camera), 95))
            for t in own
        )
        for name, own in tracks.items()
    }
    worst = max(errors, key=lambda name: errors[name])
    told = f"the 95th percentile of the distance from its 2D is {errors[worst]:.2f} px in {worst}"
    if errors[worst] > REPROJECTS_PX:
        if original:
            raise DataDamagedError(
                f"{path} is named as D3DP's file of annot3, but its poses do not fall on its 2D ({told}); get it again."
            )
        return UNIVERSAL, f"{UNIVERSAL}: its poses do not fall on its 2D, as those of annot3 do ({told})"
    if original:
        return ANNOT3, f"{ANNOT3}: named _ori, as D3DP names it, and {told} at most"
    if _tells(tracks):
        return ANNOT3, f"{ANNOT3}: its poses fall on its 2D, which those of univ_annot3 do not ({told} at most)"
    return (
        UNIVERSAL,
        f"{UNIVERSAL}: named as P-STMO names it; too little of the owner's data to tell it from its geometry",
    )


def _tells(tracks: Mapping[str, tuple[_Track, ...]]) -> bool:
    """Whether the file has a whole sequence in which the owner's two truths are known to differ: TS5 or TS6, or all training."""
    if any(name in TEST_FRAMES for name in tracks):
        return any(name in tracks and len(tracks[name][0].poses) == TEST_FRAMES[name] for name in OUTDOORS)
    return all(
        " ".join(key) in tracks and len(tracks[" ".join(key)][0].poses) >= frames
        for key, (frames, _) in TRAIN_FRAMES.items()
    )


def _dictionary(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise DataDamagedError(f"{where} is not a dictionary of names; get the file again.")
    return value
