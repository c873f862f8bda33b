"""A data set of seconds for the training recipe, and runs on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posebench.cameras import Camera, look_at
from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, seen_by
from posebench.datasets.store import Dataset
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17
from zoo.training.config import TrainingConfig
from zoo.training.loop import Training
from zoo.training.progress import Reporter

#: A standing person, world mm, z up, facing +y, left to -x.
STANDING = np.array(
    [
        [0, 0, 950], [130, 0, 930], [140, 10, 500], [140, 0, 90], [-130, 0, 930], [-140, 10, 500], [-140, 0, 90],
        [0, 0, 1180], [0, 0, 1430], [0, 90, 1540], [0, 20, 1700], [-180, 0, 1400], [-230, 0, 1120], [-240, 60, 870],
        [180, 0, 1400], [230, 0, 1120], [240, 60, 870],
    ],
    dtype=float,
)  # fmt: skip
PLACES = {"east": (4500.0, 1500.0, 1500.0), "north": (-800.0, 5000.0, 1300.0)}
RIG = tuple(
    Camera(name, 1000, 1000, (1145.0, 1144.0), (512.0, 515.0), (-0.2, 0.24, -0.003), (-0.001, -0.0014), look_at(at, (0, 0, 900)), at)
    for name, at in PLACES.items()
)  # fmt: skip


def swaying(name: str, frames: int) -> np.ndarray:
    random = frozen_generator("training-test", name)
    t = np.arange(frames)[:, None, None] / 50
    return STANDING + 60 * np.sin(4 * t + random.uniform(0, 6, (1, 17, 3)))


class SwayAdapter(Adapter):
    """Clips of 36 to 60 frames: four of S1 train, two of S2 select, two of S3 are the test."""

    name = "sway"
    version = "1"
    forms = (Form("", HUMAN36M_17, 50.0),)

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        for subject, split, count in (("S1", "train", 4), ("S2", "validation", 2), ("S3", "test", 2)):
            for number in range(count):
                world = swaying(f"{subject}{number}", 36 + 8 * number)
                yield Clip(subject, "sway", str(number), split, seen_by(RIG), world)

    def verify(self, dataset: Dataset) -> list[Check]:
        return []


def start(values: dict[str, Any], folder: Path) -> Training:
    folder.mkdir(exist_ok=True)
    return Training(TrainingConfig.model_validate(values), folder, torch.device("cpu"), Reporter())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
