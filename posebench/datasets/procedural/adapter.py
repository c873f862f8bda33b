"""The embedded data set `procedural`: generated motion, named for what it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, seen_by
from posebench.datasets.procedural.actions import ACTIONS
from posebench.datasets.procedural.anthropometry import SEED, Body, make_bodies
from posebench.datasets.procedural.arithmetic import Array, turn_about_z
from posebench.datasets.procedural.choreography import FPS
from posebench.datasets.procedural.curves import between
from posebench.datasets.procedural.kinematics import joints
from posebench.datasets.procedural.rig import rig
from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17

#: Clips of each action by split; only training bodies perform an action more than twice.
CLIPS = {"train": 4, "validation": 1, "test": 1}
#: No joint leaves this circle around the middle of the room, mm: all four cameras see it up to raised arms.
ROOM = 1900.0


class Procedural(Adapter):
    """Seventeen generated actions by seven generated bodies, seen by four cameras.

    The world is millimetres, z up, floor at 0. Bones are rigid within a
    subject. Nothing is read: `source` must be None.
    """

    name: ClassVar[str] = "procedural"
    version: ClassVar[str] = "1"
    forms: ClassVar[tuple[Form, ...]] = (Form("", HUMAN36M_17, FPS),)
    generated: ClassVar[bool] = True

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Yield every clip: subjects in order, actions by name, clips by number; raises `UsageError` for a source."""
        if source is not None:
            raise UsageError(f"Data set 'procedural' is generated and reads no folder; leave out {source}.")
        views = seen_by(rig())
        for body in make_bodies(self.version):
            for action in ACTIONS:
                for number in range(1, CLIPS[body.split] + 1):
                    yield Clip(
                        subject=body.name,
                        action=action,
                        name=f"{number:02d}",
                        split=body.split,
                        views=views,
                        world=perform(self.version, body, action, number),
                        metadata={"generated": "true", "sex": body.sex, "stature_mm": f"{body.stature:.0f}"},
                    )

    def count(self, source: Path | None, form: Form) -> int:
        """How many clips there are."""
        return sum(CLIPS[body.split] for body in make_bodies(self.version)) * len(ACTIONS)

    def verify(self, dataset: Dataset) -> list[Check]:
        """Frames, rigid bones, floor, left and right, speeds and image borders of the prepared store."""
        # Imported here: the checks compare with this module's constants.
        from posebench.datasets.procedural.checks import check_all

        return check_all(dataset)


def perform(version: str, body: Body, action: str, number: int) -> Array:
    """(frames, 17, 3) world mm: one clip, in a random direction and place of the room."""
    rng = frozen_generator("procedural", version, SEED, body.name, action, number)
    left_handed = rng.random_sample() < 0.3
    heading, toward, far = between(rng, 0.0, 360.0), between(rng, 0.0, 360.0), between(rng, 0.0, 1.0)
    make, frames = ACTIONS[action]
    motion = make(body, rng, frames)
    pose = joints(body, motion.mirrored() if left_handed else motion)
    pose = turn_about_z(pose, np.array(heading))
    low, high = pose.min(axis=(0, 1)), pose.max(axis=(0, 1))
    middle = 0.5 * (low + high) * np.array([1.0, 1.0, 0.0])
    pose = pose - middle
    radius = float(np.sqrt(pose[..., 0] * pose[..., 0] + pose[..., 1] * pose[..., 1]).max())
    # A high jump is kept near the middle, where the images reach higher.
    free = max(ROOM - radius - 1.5 * max(float(high[2]) - 2150.0, 0.0), 0.0)
    offset = turn_about_z(np.array([free * float(np.sqrt(far)), 0.0, 0.0]), np.array(toward))
    placed: Array = pose + offset
    return placed
