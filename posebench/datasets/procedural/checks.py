"""What `posebench data verify` looks at in a store of `procedural`."""

import numpy as np
import numpy.typing as npt

from posebench.cameras import project
from posebench.datasets.adapter import Check
from posebench.datasets.procedural.actions import ACTIONS
from posebench.datasets.procedural.adapter import CLIPS
from posebench.datasets.procedural.anthropometry import SUBJECTS
from posebench.datasets.store import Dataset
from posebench.datasets.verification import worlds

World = npt.NDArray[np.float64]

#: Joints move no faster than this, m/s: a throwing hand.
FASTEST = 12.0
#: No joint is lower than this, mm.
LOWEST = -20.0
#: Bone lengths of a subject differ by less than this, mm: twice the rounding of the store.
RIGID = 0.01


def check_all(dataset: Dataset) -> list[Check]:
    """Every check; each detail names the worst number and its clip."""
    clips = dict(worlds(dataset))
    return [
        _frames(dataset),
        _bones(dataset, clips),
        _floor(clips),
        _left(clips),
        _speed(dataset, clips),
        _images(dataset),
    ]


def _frames(dataset: Dataset) -> Check:
    per_subject = sum(frames for _, frames in ACTIONS.values())
    wanted: dict[str, int] = {}
    for _, _, _, split in SUBJECTS:
        wanted[split] = wanted.get(split, 0) + 4 * CLIPS[split] * per_subject
    found = {split: sum(info.frames for info in dataset.sequences(split)) for split in dataset.splits}
    return Check("camera frames per split", found == wanted, f"found {found}, expected {wanted}")


def _bones(dataset: Dataset, clips: dict[str, World]) -> Check:
    parents, children = (list(ends) for ends in zip(*dataset.skeleton.bones, strict=True))
    worst, where = 0.0, ""
    for subject in sorted({name.split("/")[0] for name in clips}):
        rows = [
            np.linalg.norm(world[:, children] - world[:, parents], axis=-1)
            for name, world in clips.items()
            if name.startswith(f"{subject}/")
        ]
        lengths = np.concatenate(rows)
        spread = float(np.ptp(lengths, axis=0).max())
        if spread >= worst:
            worst, where = spread, subject
    return Check("rigid bones", worst < RIGID, f"largest change of a bone's length {worst:.4f} mm ({where})")


def _floor(clips: dict[str, World]) -> Check:
    lowest, where = min((float(world[..., 2].min()), name) for name, world in clips.items())
    return Check("no joint under the floor", lowest > LOWEST, f"lowest joint at {lowest:.1f} mm ({where})")


def _left(clips: dict[str, World]) -> Check:
    """Facing is read from the face, up from the trunk; up x facing must point from right to left hip."""
    worst, where = min((float(_leftness(world).min()), name) for name, world in clips.items())
    return Check("left is left", worst > 0.0, f"smallest cosine between up x facing and the hips {worst:.2f} ({where})")


def _leftness(world: World) -> npt.NDArray[np.float64]:
    # The nose is in front of the line from thorax to crown whatever way the head nods.
    thorax, nose, crown = world[:, 8], world[:, 9], world[:, 10]
    left = np.cross(crown - thorax, nose - thorax)
    hips = world[:, 4] - world[:, 1]
    cosine: npt.NDArray[np.float64] = np.sum(left * hips, axis=-1) / (
        np.linalg.norm(left, axis=-1) * np.linalg.norm(hips, axis=-1)
    )
    return cosine


def _speed(dataset: Dataset, clips: dict[str, World]) -> Check:
    fastest, where = max(
        (float(np.linalg.norm(np.diff(world, axis=0), axis=-1).max()) * dataset.fps / 1000.0, name)
        for name, world in clips.items()
    )
    return Check("plausible speeds", fastest < FASTEST, f"fastest joint {fastest:.1f} m/s ({where})")


def _images(dataset: Dataset) -> Check:
    worst, where = np.inf, ""
    for split in dataset.splits:
        for info in dataset.sequences(split):
            sequence = dataset.read(info)
            pixels = project(sequence.poses, sequence.camera)
            margin = float(np.minimum(pixels, np.array(sequence.camera.image_size) - pixels).min())
            # A point behind the camera projects somewhere, too: it is outside.
            if float(sequence.poses[..., 2].min()) <= 0.0:
                margin = -np.inf
            if margin < worst:
                worst, where = margin, info.id
    return Check("all joints inside the images", worst > 0.0, f"nearest joint to a border {worst:.1f} px ({where})")
