"""The phases of a pitch, found in the motion: the owner's C3D files carry no event.

Beside the owner's event times of five other pitches (`docs/datasets/openbiomechanics.md`) these rules are exact for
the knee, and within 2 to 8 frames of 360 Hz for the others.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.skeletons import HUMAN36M_17

Array = npt.NDArray[np.floating[Any]]

#: The phases in the order in which they happen.
PHASES = ("peak_knee_height", "foot_plant", "max_external_rotation", "ball_release")
#: m/s under which the ankle of the leading leg comes to rest.
PLANTED = 1.5
#: Seconds before the release in which the arm is laid back furthest.
LAID_BACK_SECONDS = 0.15

_JOINT = {name: i for i, name in enumerate(HUMAN36M_17.joints)}


def faster_hand(world: Array, fps: float) -> tuple[str, float]:
    """`L` or `R`, whose wrist is faster at its fastest, and that speed in m/s, of world mm (frames, 17, 3)."""
    top = {side: float(_speed(world[:, _JOINT[f"{side}Wrist"]], fps).max()) for side in "LR"}
    side = max(top, key=lambda side: top[side])
    return side, top[side]


def find_phases(world: Array, finger: Array, throws: str, fps: float) -> dict[str, int]:
    """The frame of each of `PHASES`.

    `world` is (frames, 17, 3) and `finger` (frames, 3) the tip of the throwing hand, both in mm; `throws` is `L` or
    `R`. The ball leaves the hand when its tip is fastest. The leading knee is highest before that; between the two
    the leading foot, after its fastest, comes to rest. The arm is laid back furthest where the forearm has turned
    back most about the upper arm, against the thorax.
    """
    lead = "L" if throws == "R" else "R"
    release = int(_speed(finger, fps).argmax())
    knee = int(world[: release + 1, _JOINT[f"{lead}Knee"], 2].argmax())
    ankle = _speed(world[:, _JOINT[f"{lead}Foot"]], fps)[knee : release + 1]
    striding = int(ankle.argmax())
    resting = np.flatnonzero(ankle[striding:] < PLANTED)
    planted = knee + striding + int(resting[0] if len(resting) else ankle[striding:].argmin())
    before = max(0, release - round(LAID_BACK_SECONDS * fps))
    laid_back = before + int(_lay_back(world[before : release + 1], throws).argmax())
    return dict(zip(PHASES, (knee, planted, laid_back, release), strict=True))


def _lay_back(world: Array, throws: str) -> Array:
    """(frames,) angle of the forearm about the upper arm from the trunk's upward direction, backwards positive."""
    shoulder, elbow, wrist = (world[:, _JOINT[f"{throws}{name}"]] for name in ("Shoulder", "Elbow", "Wrist"))
    axis = _unit(elbow - shoulder)
    up, forearm = (_across(v, axis) for v in (world[:, _JOINT["Thorax"]] - world[:, _JOINT["Spine"]], wrist - elbow))
    angle = np.arctan2((np.cross(up, forearm) * axis).sum(axis=-1), (up * forearm).sum(axis=-1))
    unwrapped: Array = np.unwrap(angle)
    return unwrapped if throws == "R" else -unwrapped


def _across(vectors: Array, axis: Array) -> Array:
    """What of the vectors is at right angles to the axis."""
    across: Array = vectors - (vectors * axis).sum(axis=-1, keepdims=True) * axis
    return across


def _speed(track: Array, fps: float) -> Array:
    """Speed in m/s (frames,) of a point (frames, 3) in mm, by central differences."""
    if len(track) < 2:
        return np.zeros(len(track))
    speed: Array = np.linalg.norm(np.gradient(track, axis=0), axis=-1) * fps / 1000
    return speed


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
