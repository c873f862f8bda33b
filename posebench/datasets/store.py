"""A prepared data set: one memory-mapped safetensors file, fingerprinted, written whole or not at all.

The file holds `world` (frames, joints, 3), float32 world mm, all clips behind
each other, and in its metadata a JSON index: clips, splits, cameras, version
and the fingerprint over index and array. The same frames give the same
fingerprint on any machine.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from posebench.cameras import Camera, world_to_camera
from posebench.datasets.adapter import Adapter, Clip
from posebench.datasets.sequence import Sequence, SequenceInfo, round_thousandth
from posebench.errors import DataDamagedError, UsageError
from posebench.files import replace_whole
from posebench.hashing import canonical_json
from posebench.skeletons import SKELETONS, Skeleton

FORMAT = "1"


class Dataset:
    """An opened store. Poses stay on disk until `read` asks for a sequence."""

    def __init__(self, path: Path) -> None:
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                shape = tuple(file.get_slice("world").get_shape())
            index = json.loads(metadata["index"])
            self.fingerprint: str = metadata["fingerprint"]
        except (SafetensorError, KeyError, ValueError) as error:
            raise DataDamagedError(
                f"The store {path.name} in {path.parent} cannot be read ({error}); delete it and prepare it again."
            ) from error
        self.path = path
        self.index: dict[str, Any] = index
        self.name: str = index["dataset"]
        self.version: str = index["version"]
        self.skeleton: Skeleton = SKELETONS[index["skeleton"]]
        self.fps: float = index["fps"]
        self._cameras: list[Camera] = [Camera.from_json(camera) for camera in index["cameras"]]
        self._clips: dict[str, dict[str, Any]] = {
            f"{clip['subject']}/{clip['action']}/{clip['name']}": clip for clip in index["clips"]
        }
        frames = sum(clip["frames"] for clip in index["clips"])
        if index["format"] != FORMAT or shape != (frames, self.skeleton.num_joints, 3):
            raise DataDamagedError(
                f"The store {path.name} in {path.parent} holds {shape} where its index says "
                f"{(frames, self.skeleton.num_joints, 3)}; delete it and prepare it again."
            )

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, sorted."""
        return tuple(sorted({clip["split"] for clip in self._clips.values()}))

    @cached_property
    def _sequences(self) -> tuple[SequenceInfo, ...]:
        infos = (
            SequenceInfo(
                dataset=self.name,
                subject=clip["subject"],
                action=clip["action"],
                clip=clip["name"],
                camera=self._cameras[camera].name,
                split=clip["split"],
                frames=clip["frames"],
                fps=self.fps,
            )
            for clip in self._clips.values()
            for camera in clip["cameras"]
        )
        return tuple(sorted(infos, key=lambda info: info.id))

    def sequences(self, split: str) -> tuple[SequenceInfo, ...]:
        """The sequences of a split, or of `all`, sorted by id; raises `UsageError` for a split that is not there."""
        if split == "all":
            return self._sequences
        if split not in self.splits:
            raise UsageError(f"Data set {self.name!r} has no split {split!r}; it has {', '.join(self.splits)}.")
        return tuple(info for info in self._sequences if info.split == split)

    def world(self, clip_id: str) -> npt.NDArray[np.float32]:
        """World mm (frames, joints, 3) of a clip `subject/action/name`; only its rows are read from disk."""
        clip = self._clips[clip_id]
        with safe_open(self.path, framework="numpy") as file:
            rows: npt.NDArray[np.float32] = file.get_slice("world")[clip["start"] : clip["start"] + clip["frames"]]
        return rows

    def camera(self, info: SequenceInfo) -> Camera:
        """The camera of a sequence."""
        clip = self._clips[f"{info.subject}/{info.action}/{info.clip}"]
        indices: list[int] = clip["cameras"]
        return next(self._cameras[i] for i in indices if self._cameras[i].name == info.camera)

    def read(self, info: SequenceInfo) -> Sequence:
        """A sequence in camera mm, on the grid of 0.001 mm."""
        camera = self.camera(info)
        world = self.world(f"{info.subject}/{info.action}/{info.clip}")
        return Sequence(info, self.skeleton, camera, round_thousandth(world_to_camera(world, camera)))

    def compute_fingerprint(self) -> str:
        """The fingerprint of what is on disk now, to compare with `fingerprint`."""
        with safe_open(self.path, framework="numpy") as file:
            return _fingerprint(self.index, file.get_tensor("world"))


def _fingerprint(index: dict[str, Any], world: npt.NDArray[np.float32]) -> str:
    digest = hashlib.sha256(canonical_json(index).encode())
    digest.update(np.ascontiguousarray(world, dtype="<f4").tobytes())
    return digest.hexdigest()


def write_store(adapter: Adapter, clips: Iterable[Clip], path: Path) -> Dataset:
    """Write the clips as a store at `path`; on any error nothing is left there.

    Raises `DataDamagedError` for a clip with wrong shape, no frames or infinite
    numbers, and whatever the iterator of clips raises.
    """
    rows: list[dict[str, Any]] = []
    arrays: list[npt.NDArray[np.float32]] = []
    cameras: dict[str, int] = {}
    seen: set[str] = set()
    start = 0
    for clip in clips:
        expected = (adapter.skeleton.num_joints, 3)
        if clip.world.ndim != 3 or clip.world.shape[1:] != expected or not len(clip.world):
            raise DataDamagedError(
                f"Clip {clip.id} of {adapter.name!r} has shape {clip.world.shape}, not (frames, *{expected})."
            )
        if np.isinf(clip.world).any():
            raise DataDamagedError(f"Clip {clip.id} of {adapter.name!r} holds infinite numbers.")
        if clip.id in seen:
            raise DataDamagedError(f"Clip {clip.id} of {adapter.name!r} is there twice.")
        seen.add(clip.id)
        used = [cameras.setdefault(canonical_json(camera.to_json()), len(cameras)) for camera in clip.cameras]
        rows.append(
            {
                "subject": clip.subject,
                "action": clip.action,
                "name": clip.name,
                "split": clip.split,
                "start": start,
                "frames": len(clip.world),
                "cameras": used,
                "metadata": clip.metadata,
            }
        )
        arrays.append(round_thousandth(clip.world))
        start += len(clip.world)
    if not rows:
        raise DataDamagedError(f"No clip of {adapter.name!r} was found.")
    index = {
        "format": FORMAT,
        "dataset": adapter.name,
        "version": adapter.version,
        "skeleton": adapter.skeleton.name,
        "fps": adapter.fps,
        "cameras": [json.loads(camera) for camera in cameras],
        "clips": rows,
    }
    world = np.concatenate(arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"index": canonical_json(index), "fingerprint": _fingerprint(index, world)}
    replace_whole(path, lambda part: save_file({"world": world}, part, metadata=metadata), durable=True)
    return Dataset(path)
