"""A tiny data set that registers like a stranger's: six clips of a person who sways and turns."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from posebench.cameras import Camera, look_at
from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, seen_by
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17

#: A standing person, world mm, z up, facing +y, left to -x.
STANDING = np.array(
    [
        [0, 0, 950], [130, 0, 930], [140, 10, 500], [140, 0, 90], [-130, 0, 930], [-140, 10, 500], [-140, 0, 90],
        [0, 0, 1180], [0, 0, 1430], [0, 90, 1540], [0, 20, 1700], [-180, 0, 1400], [-230, 0, 1120], [-240, 60, 870],
        [180, 0, 1400], [230, 0, 1120], [240, 60, 870],
    ],
    dtype=float,
)  # fmt: skip


def tiny_cameras() -> tuple[Camera, ...]:
    """Two cameras five metres away."""
    return tuple(
        Camera(name, 1000, 1000, (1145.0, 1144.0), (512.0, 515.0), (-0.2, 0.24, -0.003), (-0.001, -0.0014), look_at(at, (0, 0, 900)), at)
        for name, at in (("east", (4500.0, 1500.0, 1500.0)), ("north", (-800.0, 5000.0, 1300.0)))
    )  # fmt: skip


class TinyAdapter(Adapter):
    """Two training and four test clips of a person who sways and turns: 2 actions, 2 cameras, 100 test frames a camera."""

    name = "tiny"
    version = "1"
    forms = (Form("", HUMAN36M_17, 50.0),)
    generated = True
    rows = (
        ("S1", "sway", "0", "train", 30),
        ("S1", "turn", "0", "train", 30),
        ("S2", "sway", "0", "test", 40),
        ("S2", "sway", "1", "test", 1),
        ("S2", "turn", "0", "test", 25),
        ("S3", "turn", "0", "test", 34),
    )

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        for subject, action, name, split, frames in self.rows:
            random = frozen_generator("tiny", subject, action, name)
            t = np.arange(frames)[:, None, None] / form.fps
            angle = random.uniform(0, 6.28) + (t if action == "turn" else 0.2 * np.sin(3 * t))
            body = STANDING * random.uniform(0.9, 1.1) + 40 * np.sin(5 * t + random.uniform(0, 6, (1, 17, 3)))
            x, y, z = body[..., :1], body[..., 1:2], body[..., 2:]
            world = np.concatenate(
                [x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z], axis=-1
            )
            yield Clip(subject, action, name, split, seen_by(tiny_cameras()), world)

    def count(self, source: Path | None, form: Form) -> int:
        return len(self.rows)

    def verify(self, dataset: object) -> list[Check]:
        return []
