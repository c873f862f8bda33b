"""Training data as flat arrays: every clip seen by random cameras through random 2D sources, made once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from posebench.cameras import world_to_camera
from posebench.datasets.sequence import Sequence, SequenceInfo, round_thousandth
from posebench.errors import DataDamagedError, UsageError
from posebench.files import replace_whole
from posebench.hashing import hash_value
from posebench.inputs.missing import interpolate_missing
from posebench.inputs.sources import find_source
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17
from zoo.training.config import TrainingConfig
from zoo.training.stores import TrainingStore
from zoo.training.virtual_cameras import place_camera, transform_body

#: Raise it when the same configuration would render other numbers.
VERSION = "1"


@dataclass(frozen=True)
class Renditions:
    """Renditions of one data set behind each other.

    `pixels`
        float32 (frames, 17, 2), no joint missing.
    `confidence`
        float32 (frames, 17) in [0, 1]; 0 where the joint was missing, and is interpolated.
    `poses`
        float32 (frames, 17, 3), camera mm relative to joint 0.
    `start`, `end`
        int64 (renditions,): the frames of each.
    `image_size`
        float32 (renditions, 2).
    `clip`
        int64 (renditions,): which of the training clips that the store lists.
    """

    pixels: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    poses: npt.NDArray[np.float32]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    image_size: npt.NDArray[np.float32]
    clip: npt.NDArray[np.int64]


def render(store: TrainingStore, config: TrainingConfig, report: Callable[[int, int], None]) -> Renditions:
    """Draw renditions until the configured number of camera frames is reached, clip after clip, round after round.

    Every rendition has its own random stream, named by data set, clip and
    round. `report` is told (frames done, frames wanted).
    """
    wanted = store.config.camera_frames
    pixels, confidence, poses, sizes, clips = [], [], [], [], []
    number = {info_id: place for place, info_id in enumerate(store.training_ids())}
    done = 0
    for sequence, source in _sequences(store, config):
        keypoints, _ = interpolate_missing(find_source(source).read(sequence), sequence.info.id)
        pixels.append(keypoints.pixels)
        confidence.append(keypoints.confidence.astype(np.float32))
        poses.append(sequence.poses - sequence.poses[:, :1])
        sizes.append(keypoints.image_size)
        clips.append(number[sequence.info.clip_id])
        done += len(sequence.poses)
        report(min(done, wanted), wanted)
        if done >= wanted:
            break
    ends = np.cumsum([len(part) for part in poses], dtype=np.int64)
    return Renditions(
        pixels=np.concatenate(pixels),
        confidence=np.concatenate(confidence),
        poses=np.concatenate(poses),
        start=np.concatenate([[0], ends[:-1]]).astype(np.int64),
        end=ends,
        image_size=np.asarray(sizes, dtype=np.float32),
        clip=np.asarray(clips, dtype=np.int64),
    )


def _sequences(store: TrainingStore, config: TrainingConfig) -> Iterator[tuple[Sequence, str]]:
    clips = list(store.training_clips())
    if not clips:
        raise UsageError(f"leave_out leaves no training clip of {store.name!r}; leave the data set away too.")
    names = sorted(config.sources)
    shares = np.array([config.sources[name] for name in names])
    turn = 0
    while True:
        given = 0
        for clip_id, world in clips:
            rng = frozen_generator("zoo-rendition", VERSION, config.seed, store.name, clip_id, turn)
            source = names[int(rng.choice(len(names), p=shares / shares.sum()))]
            body = transform_body(world, config.camera, rng)
            placed = place_camera(body, int(rng.randint(len(body))), config.camera, rng, f"random{turn}")
            if placed is None:
                continue
            given += 1
            camera, start, end = placed
            subject, action, clip = clip_id.split("/")
            info = SequenceInfo(store.name, subject, action, clip, camera.name, "train", end - start, store.fps)
            view = round_thousandth(world_to_camera(body[start:end], camera))
            yield Sequence(info, HUMAN36M_17, camera, view), source
        if not given:
            raise DataDamagedError(
                f"No random camera has any person of {store.name!r} in view; widen `camera` in the configuration."
            )
        turn += 1


def load_or_render(
    store: TrainingStore, config: TrainingConfig, folder: Path, report: Callable[[int, int], None]
) -> Renditions:
    """The renditions of a data set from the cache in `folder`, made there first if it holds no equal ones."""
    key = rendition_key(store, config)
    path = folder / f"renditions-{store.name}-{key[:16]}.safetensors"
    if path.exists() and _read_key(path) == key:
        return Renditions(**load_file(path))
    renditions = render(store, config, report)
    replace_whole(path, lambda part: save_file(dict(vars(renditions)), part, metadata={"key": key}))
    return renditions


def rendition_key(store: TrainingStore, config: TrainingConfig) -> str:
    """SHA-256 (hex) of all that decides the renditions of a data set, the motion in its store among it."""
    return hash_value(
        {
            "version": VERSION,
            "arrays": [field.name for field in fields(Renditions)],
            "leave_out": config.leave_out,
            "data": store.config.model_dump(mode="json", exclude={"weight", "licence", "store"}),
            "fingerprint": store.fingerprint,
            "seed": config.seed,
            "sources": {name: [share, find_source(name).version] for name, share in config.sources.items()},
            "camera": config.camera.model_dump(mode="json"),
        }
    )


def _read_key(path: Path) -> str | None:
    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get("key")
    except SafetensorError:
        # The cache is only ever renamed into place whole; a damaged one is made again.
        return None
