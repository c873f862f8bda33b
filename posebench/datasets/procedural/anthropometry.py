"""The seven bodies: stature, sex, published proportions, and what is individual about each.

Segment lengths are fractions of stature after Drillis and Contini (1966), as
reprinted in Winter, Biomechanics and Motor Control of Human Movement (4th
edition, 2009), figure 4.1: ankle 0.039, knee 0.285, hip 0.530, shoulder 0.818
and chin 0.870 of the stature above ground, upper arm 0.186, forearm 0.146.
The figure's breadths are between outer landmarks (hips 0.191, shoulders
0.259); Human3.6M's joints lie nearer to the middle, so 0.70 and 0.82 of them
are taken. Its figure has no nose, no neck base and no spine joint: those four
fractions are placed here so that the trunk ends between shoulder and chin and
the crown at the stature.
"""

from dataclasses import dataclass

from posebench.datasets.procedural.curves import between
from posebench.seeding import frozen_generator

SEED = 0
#: Subject, sex, stature in mm, split. Test statures lie inside the range of training.
SUBJECTS = (
    ("S1", "male", 1950.0, "train"),
    ("S2", "female", 1500.0, "train"),
    ("S3", "male", 1740.0, "train"),
    ("S4", "female", 1660.0, "train"),
    ("S5", "male", 1800.0, "validation"),
    ("S6", "female", 1610.0, "test"),
    ("S7", "male", 1860.0, "test"),
)

# The shoe lifts the ankle: Human3.6M's ankles rest 80 to 100 mm above ground.
SOLE = 20.0


@dataclass(frozen=True)
class Body:
    """One subject's rigid segments in mm, and the habits all clips of the subject share."""

    name: str
    sex: str
    stature: float
    split: str
    ankle: float
    thigh: float
    shank: float
    hip_half: float
    lumbar: float
    thoracic: float
    nose_forward: float
    nose_up: float
    crown_back: float
    crown_up: float
    shoulder_half: float
    shoulder_drop: float
    upper_arm: float
    forearm: float
    heel: float
    ball: float
    #: Factor on every duration: above 1 is a slow mover.
    tempo: float
    #: Habitual forward stoop of the trunk, degrees.
    stoop: float

    @property
    def leg(self) -> float:
        """Thigh and shank, mm."""
        return self.thigh + self.shank

    @property
    def hip_height(self) -> float:
        """Height of the hip above ground in relaxed standing (knees a few degrees bent), mm."""
        return self.ankle + 0.996 * self.leg


def make_body(version: str, name: str, sex: str, stature: float, split: str) -> Body:
    """The subject's body; every length varies by up to +-4 % around its published proportion."""
    rng = frozen_generator("procedural", version, SEED, name)
    female = sex == "female"

    def part(fraction: float) -> float:
        return stature * fraction * between(rng, 0.96, 1.04)

    return Body(
        name=name,
        sex=sex,
        stature=stature,
        split=split,
        ankle=part(0.039) + SOLE,
        thigh=part(0.245),
        shank=part(0.246),
        hip_half=part(0.70 * 0.0955) * (1.06 if female else 1.0),
        lumbar=part(0.145),
        thoracic=part(0.165),
        nose_forward=part(0.045),
        nose_up=part(0.082),
        crown_back=part(0.040),
        crown_up=part(0.078),
        shoulder_half=part(0.82 * 0.1295) * (0.93 if female else 1.0),
        shoulder_drop=part(0.022),
        upper_arm=part(0.186),
        forearm=part(0.146),
        heel=part(0.030),
        ball=part(0.085),
        tempo=between(rng, 0.9, 1.12),
        stoop=between(rng, -2.0, 6.0),
    )


def make_bodies(version: str) -> tuple[Body, ...]:
    """All subjects, in order."""
    return tuple(make_body(version, *row) for row in SUBJECTS)
