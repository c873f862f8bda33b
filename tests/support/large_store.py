"""A store of as many frames as it takes, in videos of Human3.6M's length, and the memory of a process that reads one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tiny import STANDING, tiny_cameras

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, StoredKeypoints, View
from posebench.datasets.store import Dataset
from posebench.datasets.write_store import write_store
from posebench.inputs.spec import STANDARD_GRANTS, InputsSpec
from posebench.skeletons import HUMAN36M_17

#: Camera frames of Human3.6M's seven subjects (1,559,752 + 543,344), and of one video.
FRAMES, LENGTH = 2_103_096, 2_511
#: Where Linux tells a process how much memory it has that no file backs.
SMAPS = Path("/proc/self/smaps_rollup")


class Large(Adapter):
    """Clips of two cameras with stored 2D, as many as it takes."""

    name = "large"
    version = "1"
    forms = (Form("", HUMAN36M_17, 50.0),)

    def __init__(self, frames: int) -> None:
        self.count_clips = -(-frames // (2 * LENGTH))

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        random = np.random.RandomState(0)
        world = STANDING + random.normal(0, 20, (LENGTH, 17, 3))
        views = tuple(
            View(camera, keypoints={"found": StoredKeypoints(random.uniform(0, 1000, (LENGTH, 17, 2)))})
            for camera in tiny_cameras()
        )
        for number in range(self.count_clips):
            yield Clip("S1", "any", str(number), "train", views, world)

    def verify(self, dataset: Dataset) -> list[Check]:
        return []


def write_large(folder: Path, frames: int) -> Path:
    """A store of at least so many frames."""
    adapter = Large(frames)
    path = folder / "large.safetensors"
    write_store(adapter, adapter.forms[0], adapter.clips(None, adapter.forms[0]), path)
    return path


def large_inputs() -> InputsSpec:
    """Every frame of such a store, with the 2D that it stores."""
    return InputsSpec("large", "1", "", "train", 1, "", "found", "1", STANDARD_GRANTS)


def anonymous_kib() -> int:
    """Memory of this process that no file backs, in KiB."""
    lines = SMAPS.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))
