"""A prepared data set, opened: one memory-mapped safetensors file, fingerprinted.

The arrays stand clip behind clip. `world` (frames, joints, 3) has a row for a frame of a clip; arrays whose name
begins with `view.` have one for a frame of a sequence, the views of a clip behind each other. The metadata hold a
JSON index: clips, splits, cameras, version, and the fingerprint over index and arrays. The same frames give the
same fingerprint on any machine. `write_store` makes the file.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.cameras import Camera, world_to_camera
from posebench.datasets.array_file import hash_array, open_arrays
from posebench.datasets.clip import StoredHeatmaps, StoredKeypoints
from posebench.datasets.sequence import Sequence, SequenceInfo, round_thousandth
from posebench.errors import DataDamagedError, UsageError
from posebench.hashing import hash_value
from posebench.skeletons import SKELETONS, Skeleton

FORMAT = "2"

TRUTH, PIXELS, CONFIDENCE = "view.truth.", "view.pixels.", "view.confidence."


class Dataset:
    """An opened store. Poses and keypoints stay on disk until `read` asks for a sequence."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays, metadata = open_arrays(path)
        try:
            index: dict[str, Any] = json.loads(metadata["index"])
            self.fingerprint: str = metadata["fingerprint"]
            self._check_shapes(index)
        except (KeyError, ValueError) as error:
            raise DataDamagedError(
                f"The store {path.name} in {path.parent} has no index of this posebench ({error}); "
                "delete it and prepare it again."
            ) from error
        self.index = index
        self.name: str = index["dataset"]
        self.version: str = index["version"]
        self.form: str = index["form"]
        self.skeleton: Skeleton = SKELETONS[index["skeleton"]]
        self.fps: float = index["fps"]
        #: The name of the ground truth that the poses are.
        self.truth: str = index["truth"]
        self.pseudo_truth: bool = index["pseudo_truth"]
        self._cameras: list[Camera] = [Camera.from_json(camera) for camera in index["cameras"]]
        self._clips: dict[str, dict[str, Any]] = {
            f"{clip['subject']}/{clip['action']}/{clip['name']}": clip for clip in index["clips"]
        }

    def _check_shapes(self, index: dict[str, Any]) -> None:
        if index["format"] != FORMAT:
            raise ValueError(f"its format is {index['format']}, not {FORMAT}")
        frames = sum(clip["frames"] for clip in index["clips"])
        rows = sum(clip["frames"] * len(clip["cameras"]) for clip in index["clips"])
        for name, array in self._arrays.items():
            wanted = rows if name.startswith("view.") else frames
            if len(array) != wanted:
                raise ValueError(f"its array {name!r} has {len(array)} rows, its index {wanted}")

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, sorted."""
        return tuple(sorted({clip["split"] for clip in self._clips.values()}))

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the 2D sources that are stored, sorted."""
        return tuple(sorted(name.removeprefix(PIXELS) for name in self._arrays if name.startswith(PIXELS)))

    @property
    def truths(self) -> tuple[str, ...]:
        """Names of the ground truths, the first first."""
        others = sorted(name.removeprefix(TRUTH) for name in self._arrays if name.startswith(TRUTH))
        return (self.truth, *others)

    @cached_property
    def _sequences(self) -> dict[str, tuple[SequenceInfo, int, int]]:
        """id -> info, number of its camera, and its first row in the arrays of views."""
        found = {}
        for clip in self._clips.values():
            for place, camera in enumerate(clip["cameras"]):
                info = SequenceInfo(
                    dataset=self.name,
                    subject=clip["subject"],
                    action=clip["action"],
                    clip=clip["name"],
                    camera=self._cameras[camera].name,
                    split=clip["split"],
                    frames=clip["frames"],
                    fps=clip.get("fps", self.fps),
                )
                found[info.id] = (info, camera, clip["view_start"] + place * clip["frames"])
        return dict(sorted(found.items()))

    def sequences(self, split: str) -> tuple[SequenceInfo, ...]:
        """The sequences of a split, of several joined by `+`, or of `all`, sorted by id.

        Raises `UsageError` for a split that is not there.
        """
        wanted = self.splits if split == "all" else tuple(split.split("+"))
        for name in wanted:
            if name not in self.splits:
                raise UsageError(f"Data set {self.name!r} has no split {name!r}; it has {', '.join(self.splits)}.")
        return tuple(info for info, _, _ in self._sequences.values() if info.split in wanted)

    def world(self, clip_id: str) -> npt.NDArray[np.float32] | None:
        """World mm (frames, joints, 3) of a clip `subject/action/clip`; None where only camera space is known."""
        if "world" not in self._arrays:
            return None
        clip = self._clips[clip_id]
        return np.array(self._arrays["world"][clip["start"] : clip["start"] + clip["frames"]])

    def camera(self, info: SequenceInfo) -> Camera:
        """The camera of a sequence."""
        return self._cameras[self._sequences[info.id][1]]

    def metadata(self, clip_id: str) -> Mapping[str, str]:
        """What the adapter knows of a clip `subject/action/clip`."""
        metadata: dict[str, str] = self._clips[clip_id]["metadata"]
        return metadata

    def valid(self, info: SequenceInfo) -> npt.NDArray[np.bool_] | None:
        """(frames,) which frames of a sequence are scored; None where all are."""
        return np.array(self._view("view.valid", info)) if "view.valid" in self._arrays else None

    def read(self, info: SequenceInfo) -> Sequence:
        """A sequence in camera mm."""
        camera = self.camera(info)
        world = self.world(info.clip_id)
        poses: npt.NDArray[np.floating[Any]] = (
            np.array(self._view("view.poses", info))
            if world is None
            else round_thousandth(world_to_camera(world, camera))
        )
        codes = self._view("view.activity", info) if "view.activity" in self._arrays else None
        scale = self._view("view.image_scale", info) if "view.image_scale" in self._arrays else None
        return Sequence(
            info,
            self.skeleton,
            camera,
            poses,
            truth=self.truth,
            truths={name: np.array(self._view(TRUTH + name, info)) for name in self.truths[1:]},
            activity=None if codes is None else tuple(self.index["activities"][code] for code in codes),
            image_scale=None if scale is None else np.array(scale),
            keypoints=self.keypoints(info),
            heatmaps=self._heatmaps(info),
            metadata=self.metadata(info.clip_id),
        )

    def _view(self, array: str, info: SequenceInfo) -> npt.NDArray[Any]:
        start = self._sequences[info.id][2]
        return self._arrays[array][start : start + info.frames]

    def keypoints(self, info: SequenceInfo) -> Mapping[str, StoredKeypoints]:
        """The stored 2D of a sequence by the name of its source, still on disk."""
        return {name: self._keypoints(name, info) for name in self.sources}

    def _keypoints(self, source: str, info: SequenceInfo) -> StoredKeypoints:
        there = CONFIDENCE + source in self._arrays
        confidence = self._view(CONFIDENCE + source, info) if there else None
        return StoredKeypoints(self._view(PIXELS + source, info), confidence)

    def _heatmaps(self, info: SequenceInfo) -> StoredHeatmaps | None:
        if "view.heatmaps" not in self._arrays:
            return None
        return StoredHeatmaps(self._view("view.heatmaps", info), self._view("view.heatmap_crop", info))

    def compute_fingerprint(self) -> str:
        """The fingerprint of what is on disk now, to compare with `fingerprint`."""
        return fingerprint(self.index, {name: hash_array(array) for name, array in self._arrays.items()})


def fingerprint(index: dict[str, Any], hashes: dict[str, str]) -> str:
    """SHA-256 (hex) over an index and the hashes of its arrays."""
    return hash_value({"index": index, "arrays": hashes})
