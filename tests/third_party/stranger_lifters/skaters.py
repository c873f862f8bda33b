"""A generated data set: two people who glide along a curve on one leg, one to learn from and one to be scored on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, seen_by
from posebench.datasets.store import Dataset
from posebench.datasets.verification import check_complete
from posebench.datasets.virtual_rig import virtual_cameras
from posebench.skeletons import HUMAN36M_17

#: A person on the left leg, arms out, in mm about the point under the hip: x to their right, y ahead, z up.
GLIDING = np.array(
    [
        [0, 0, 930], [130, 0, 930], [140, -350, 650], [140, -780, 700], [-130, 0, 910], [-140, 60, 480], [-140, 0, 90],
        [0, 60, 1160], [0, 130, 1390], [0, 220, 1500], [0, 190, 1650], [-180, 120, 1370], [-460, 120, 1380],
        [-700, 130, 1390], [180, 120, 1370], [460, 120, 1380], [700, 130, 1390],
    ],
    dtype=float,
)  # fmt: skip
FRAMES = 60


class Skaters(Adapter):
    """One clip a person, 50 Hz, seen by posebench's rig of four cameras."""

    name = "skaters"
    version = "1"
    forms = (Form("", HUMAN36M_17, 50.0),)
    generated = True

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Anna is in the training split, Ben in the test split."""
        t = np.arange(FRAMES) / form.fps
        for subject, split, size in (("anna", "train", 0.95), ("ben", "test", 1.05)):
            heading = 0.8 * t
            turn = np.zeros((FRAMES, 3, 3))
            turn[:, 0, 0] = turn[:, 1, 1] = np.cos(heading)
            turn[:, 1, 0], turn[:, 0, 1] = np.sin(heading), -np.sin(heading)
            turn[:, 2, 2] = 1
            path = np.stack([-800 * np.sin(heading), 800 * (1 - np.cos(heading)), np.zeros(FRAMES)], axis=-1)
            world = size * np.einsum("fij,kj->fki", turn, GLIDING) + path[:, None]
            yield Clip(subject, "glide", "1", split, seen_by(virtual_cameras(world)), world)

    def verify(self, dataset: Dataset) -> list[Check]:
        """Nobody loses a joint."""
        return [check_complete(dataset)]
