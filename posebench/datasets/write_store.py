"""From an adapter's clips to a store: checked at the door, written whole or not at all."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.datasets.adapter import Adapter, Form
from posebench.datasets.array_file import ArrayFileWriter
from posebench.datasets.clip import Clip, View
from posebench.datasets.sequence import round_thousandth
from posebench.datasets.store import CONFIDENCE, FORMAT, PIXELS, TRUTH, Dataset, fingerprint
from posebench.errors import DataDamagedError
from posebench.hashing import canonical_json

Arrays = dict[str, npt.NDArray[Any]]

#: Median over a clip of the furthest joint's distance from the root, in mm, that a person can have.
REACH_MM = (200.0, 2500.0)
_UNITS = (("metres", 1000.0), ("centimetres", 10.0), ("micrometres", 0.001))


def write_store(adapter: Adapter, form: Form, clips: Iterable[Clip], path: Path) -> Dataset:
    """Write the clips as a store at `path`; on any error nothing is left there.

    Raises `DataDamagedError` for a clip with a wrong shape, no frames, infinite
    numbers, another unit than mm or other kinds of arrays than the first clip,
    and whatever the iterator of clips raises.
    """
    rows: list[dict[str, Any]] = []
    cameras: dict[str, int] = {}
    activities: dict[str, int] = {}
    kinds: set[str] | None = None
    seen: set[str] = set()
    start = view_start = 0
    with ArrayFileWriter(path) as writer:
        for clip in clips:
            where = f"Clip {clip.id} of {adapter.name!r}"
            if clip.id in seen:
                raise DataDamagedError(f"{where} is there twice.")
            seen.add(clip.id)
            frames = _check_poses(clip, form, where)
            parts = [_view_arrays(clip, view, form, frames, activities, where) for view in clip.views]
            if clip.world is not None:
                writer.append("world", round_thousandth(clip.world))
            for part in parts:
                # Whether there is a world is a kind too: poses are in one space throughout.
                own = set(part) | ({"world"} if clip.world is not None else set())
                kinds = own if kinds is None else kinds
                if own != kinds:
                    odd = sorted(own ^ kinds)[0]
                    raise DataDamagedError(
                        f"{where} {'has' if odd in own else 'lacks'} {odd.removeprefix('view.')!r}, other than the "
                        "clips before it; a data set has the same kinds of arrays throughout."
                    )
                for name, array in part.items():
                    writer.append(name, array)
            row: dict[str, Any] = {
                "subject": clip.subject,
                "action": clip.action,
                "name": clip.name,
                "split": clip.split,
                "start": start,
                "view_start": view_start,
                "frames": frames,
                "cameras": [
                    cameras.setdefault(canonical_json(view.camera.to_json()), len(cameras)) for view in clip.views
                ],
                "metadata": dict(clip.metadata),
            }
            rows.append(row if clip.fps is None else {**row, "fps": clip.fps})
            start += frames
            view_start += frames * len(clip.views)
        if not rows:
            raise DataDamagedError(f"No clip of {adapter.name!r} was found.")
        index = {
            "format": FORMAT,
            "dataset": adapter.name,
            "version": adapter.version,
            "form": form.name,
            "skeleton": form.skeleton.name,
            "fps": form.fps,
            "truth": form.truth,
            "pseudo_truth": adapter.pseudo_truth,
            "cameras": [json.loads(camera) for camera in cameras],
            "activities": list(activities),
            "clips": rows,
        }
        writer.finish({"index": canonical_json(index), "fingerprint": fingerprint(index, writer.hashes())})
    return Dataset(path)


def _check_poses(clip: Clip, form: Form, where: str) -> int:
    """Shape, finiteness and unit of a clip's poses; returns its number of frames."""
    named: list[tuple[str, npt.NDArray[Any] | None]] = [("", clip.world)] if clip.world is not None else []
    named += [(f" seen by {view.camera.name}", view.poses) for view in clip.views if clip.world is None]
    if not named:
        raise DataDamagedError(f"{where} has no camera.")
    frames = None
    for seen_by, poses in named:
        expected = (form.skeleton.num_joints, 3)
        if poses is None or poses.ndim != 3 or poses.shape[1:] != expected or not len(poses):
            found = "no poses" if poses is None else f"poses of shape {poses.shape}"
            raise DataDamagedError(f"{where}{seen_by} has {found}, not (frames, {expected[0]}, {expected[1]}).")
        if frames is not None and len(poses) != frames:
            raise DataDamagedError(f"{where}{seen_by} has {len(poses)} frames, its first camera {frames}.")
        frames = len(poses)
        if np.isinf(poses).any():
            raise DataDamagedError(f"{where}{seen_by} holds infinite numbers.")
        _check_unit(poses, form.skeleton.root, where + seen_by)
    assert frames is not None
    return frames


def _check_unit(poses: npt.NDArray[np.floating[Any]], root: int, where: str) -> None:
    # A few hundred frames tell a unit as well as all.
    some = poses[:: max(1, len(poses) // 256)].astype(np.float64)
    reach = np.linalg.norm(some - some[:, root : root + 1], axis=-1)
    reach = reach[np.isfinite(reach).any(axis=-1)]
    if not len(reach):
        return
    furthest = float(np.median(np.nanmax(reach, axis=-1)))
    if REACH_MM[0] <= furthest <= REACH_MM[1]:
        return
    likely = [unit for unit, factor in _UNITS if REACH_MM[0] <= furthest * factor <= REACH_MM[1]]
    hint = f"these look like {likely[0]}" if likely else "no person has that size"
    raise DataDamagedError(
        f"{where}: joints reach {furthest:.4g} mm from the root, and {hint}; poses must be in millimetres."
    )


def _view_arrays(clip: Clip, view: View, form: Form, frames: int, activities: dict[str, int], where: str) -> Arrays:
    """What one view adds to the store, by the array's name; every shape is checked."""
    joints = form.skeleton.num_joints
    where = f"{where} seen by {view.camera.name}"
    arrays: Arrays = {}
    if clip.world is None and view.poses is not None:
        arrays["view.poses"] = _round_millionth(view.poses)
    for name, truth in view.truths.items():
        arrays[TRUTH + name] = _round_millionth(_shaped(truth, (frames, joints, 3), name, where))
    for name, keypoints in view.keypoints.items():
        pixels = _shaped(keypoints.pixels, (frames, joints, 2), name, where)
        arrays[PIXELS + name] = round_thousandth(pixels)
        if keypoints.confidence is not None:
            confidence = _shaped(keypoints.confidence, (frames, joints), f"{name} confidence", where)
            if not ((confidence >= 0) & (confidence <= 1)).all():
                raise DataDamagedError(f"{where} has confidences of {name!r} outside of 0 to 1.")
            arrays[CONFIDENCE + name] = confidence.astype(np.float32)
    if view.valid is not None:
        arrays["view.valid"] = _shaped(view.valid, (frames,), "valid", where).astype(bool)
    if view.activity is not None:
        codes = [activities.setdefault(name, len(activities)) for name in view.activity]
        arrays["view.activity"] = _shaped(np.array(codes, dtype=np.uint8), (frames,), "activity", where)
    if view.image_scale is not None:
        arrays["view.image_scale"] = _shaped(view.image_scale, (frames,), "image_scale", where).astype(np.float32)
    if view.heatmaps is not None:
        maps = view.heatmaps.maps
        arrays["view.heatmaps"] = _shaped(maps, (frames, joints, *maps.shape[2:]), "heatmaps", where).astype("<f2")
        arrays["view.heatmap_crop"] = _shaped(view.heatmaps.crop, (frames, 4), "crop", where).astype(np.float32)
    return arrays


def _round_millionth(poses: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The owner's own camera-space numbers, so fine that errors fall on the same side of a threshold as in his code."""
    return np.asarray(np.round(np.asarray(poses, dtype=np.float64), 6), dtype=np.float64)


def _shaped(array: npt.NDArray[Any], shape: tuple[int, ...], name: str, where: str) -> npt.NDArray[Any]:
    if array.shape != shape:
        raise DataDamagedError(f"{where} has {name!r} of shape {array.shape}, where its poses ask for {shape}.")
    return array
