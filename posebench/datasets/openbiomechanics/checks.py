"""What `posebench data verify openbiomechanics` looks at beyond the checks of every data set."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

import numpy as np

from posebench.datasets.adapter import Check
from posebench.datasets.openbiomechanics.phases import PHASES, Array, faster_hand
from posebench.datasets.openbiomechanics.recordings import RECORDINGS
from posebench.datasets.store import Dataset
from posebench.datasets.verification import worlds

Value = TypeVar("Value")

#: Kept frames of each split, by form; forms that are seen by other cameras have the frames of 60 Hz.
FRAMES = {
    "": {"test": 515, "train": 1141},
    "30hz": {"test": 259, "train": 574},
    "360hz": {"test": 3074, "train": 6816},
}
#: Standard deviation in mm that a distance may have within a clip, by its lower joint. None is rigid: markers move
#: with the skin, and the regression of the hip joints follows every change of the pelvis' markers.
DEVIATION_MM = {
    "RHip": 10.0,
    "RKnee": 45.0,
    "RFoot": 35.0,
    "LHip": 10.0,
    "LKnee": 45.0,
    "LFoot": 35.0,
    "Spine": 20.0,
    "Thorax": 20.0,
    "Neck/Nose": 10.0,
    "Head": 10.0,
    "LShoulder": 30.0,
    "LElbow": 25.0,
    "LWrist": 18.0,
    "RShoulder": 30.0,
    "RElbow": 25.0,
    "RWrist": 18.0,
}
_SIDES = {
    "Hip": (70.0, 130.0),
    "Knee": (350.0, 580.0),
    "Foot": (350.0, 600.0),
    "Shoulder": (100.0, 230.0),
    "Elbow": (250.0, 440.0),
    "Wrist": (200.0, 340.0),
}
#: Mean length in mm of a distance within a clip, by its lower joint.
BONE_RANGES_MM = {side + name: span for name, span in _SIDES.items() for side in "LR"} | {
    "Spine": (180.0, 320.0),
    "Thorax": (220.0, 400.0),
    "Neck/Nose": (75.0, 140.0),
    "Head": (75.0, 140.0),
}
#: Joint 10 above the lower ankle: everybody stands upright before the pitch.
HEIGHT_MM = (1400.0, 1950.0)
SPEED_LIMIT = 30.0
#: m/s that the faster wrist reaches at least. Fewer frames a second round off its peak, of 40 ms or so.
THROWING_SPEED = {"": 16.0, "30hz": 11.0, "360hz": 20.0}
#: Seconds from the phase before, at least and at most.
BETWEEN_SECONDS = {"foot_plant": (0.3, 1.5), "max_external_rotation": (0.04, 0.25), "ball_release": (0.0, 0.1)}


def by_rate(values: Mapping[str, Value], dataset: Dataset) -> Value:
    """What holds for a form's frame rate: a rig's is that of the data set's own form."""
    return values[dataset.form if dataset.form in values else ""]


def pitches(dataset: Dataset) -> Iterator[tuple[str, Array, str]]:
    """Clip id, world mm (frames, 17, 3) and throwing hand of every pitch."""
    for clip, world in worlds(dataset):
        if "throws" in (metadata := dataset.metadata(clip)):
            yield clip, world, metadata["throws"]


def check_handedness(dataset: Dataset) -> Check:
    """The hand that the owner says throws is the faster one."""
    faults, hands = [], {"L": 0, "R": 0}
    for clip, world, throws in pitches(dataset):
        faster, speed = faster_hand(world, dataset.fps)
        hands[throws] += 1
        if faster != throws:
            faults.append(f"{clip}: throws with {throws}, but {faster} is faster ({speed:.1f} m/s)")
    return Check(
        "handedness", not faults, "; ".join(faults) or f"{hands['R']} throw right-handed, {hands['L']} left-handed"
    )


def check_throwing_arm(dataset: Dataset) -> Check:
    """The wrist of every pitcher becomes as fast as a pitcher's: tells a wrong frame rate or unit, or another action."""
    limit = by_rate(THROWING_SPEED, dataset)
    tops = {clip: faster_hand(world, dataset.fps)[1] for clip, world, _ in pitches(dataset)}
    faults = [f"{clip}: {top:.1f} m/s, less than {limit:g}" for clip, top in tops.items() if top < limit]
    text = f"fastest {min(tops.values()):.1f} .. {max(tops.values()):.1f} m/s" if tops else "no pitch is there"
    return Check("throwing arm", not faults, "; ".join(faults) or text)


def check_phases(dataset: Dataset) -> Check:
    """The phases of a pitch come in their order, at the intervals of a pitch."""
    faults: list[str] = []
    spans: dict[str, list[float]] = {name: [] for name in PHASES[1:]}
    for clip, world, _ in pitches(dataset):
        metadata = dataset.metadata(clip)
        frames = [int(metadata[name]) for name in PHASES]
        if not 0 <= frames[0] <= frames[-1] < len(world):
            faults.append(f"{clip}: its phases are not within its {len(world)} frames")
        for name, before, after in zip(PHASES[1:], frames, frames[1:], strict=False):
            seconds = (after - before) / dataset.fps
            spans[name].append(seconds)
            low, high = BETWEEN_SECONDS[name]
            if not low <= seconds <= high:
                faults.append(f"{clip}: {name} {seconds:.2f} s after the phase before it, not {low:g} .. {high:g}")
    text = ", ".join(f"{name} after {np.median(found):.2f} s" for name, found in spans.items() if found)
    return Check("phases", not faults, "; ".join(faults) or text or "no pitch is there")


def check_pitchers(dataset: Dataset) -> Check:
    """Every recording of the benchmark is there; a missing sample, which is in no split that is scored, is only told."""
    there = {info.clip_id for info in dataset.sequences("all")}
    missing = [r for r in RECORDINGS if f"{r.subject}/{r.action}/{r.clip}" not in there]
    faults = [f"{r.stem}.c3d of the split {r.split} is missing" for r in missing if r.split != "extra"]
    text = f"{len(there)} of {len(RECORDINGS)} recordings" + "".join(f"; without {r.stem}.c3d" for r in missing)
    return Check("recordings", not faults, "; ".join(faults) or text)
