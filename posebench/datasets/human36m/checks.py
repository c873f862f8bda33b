"""What `posebench data verify human36m` looks at beyond what holds for every data set."""

from collections.abc import Mapping

import numpy as np

from posebench.cameras import project
from posebench.datasets.adapter import Check
from posebench.datasets.human36m.arrays import Array
from posebench.datasets.human36m.motionbert import CLIPPED
from posebench.datasets.human36m.takes import ACTIONS, DAMAGED, SPLITS, TAKES, take_name
from posebench.datasets.human36m.videopose3d import EXTRA, JOINTS
from posebench.datasets.human36m_cameras import CAMERAS
from posebench.datasets.sequence import IMAGE25D, Sequence
from posebench.datasets.store import Dataset
from posebench.datasets.verification import check_complete
from posebench.joint_maps import approximate
from posebench.skeletons import HUMAN36M_17, SKELETONS

#: Camera frames of each split that the codebases count, by form: VideoPose3D without the damaged take, MotionBERT.
FRAMES = {"": {"train": 1_559_752, "test": 543_344}, "motionbert": {"test": 566_920}}
#: Every so many frames of a sequence are compared with the projection: medians need no more.
STEP = 10
#: Median distance in px, over a camera's sequences of a subject, that no detector has: another camera's 2D.
OTHER_CAMERA_PX = 100.0
#: Median distance in px that the owner's projection has from ours at most: float32 and nothing else.
PROJECTION_PX = 1.0
#: The 2D that was projected from the very poses, by the form's truth.
PROJECTED = ("gt_npz", "gt")


def human36m_checks(dataset: Dataset) -> list[Check]:
    """The checks that fit a form: what cannot be projected is not compared with a projection."""
    checks = [check_complete(dataset), _check_sequences(dataset), _check_frames(dataset), _check_names(dataset)]
    metadata = [dataset.metadata(clip) for clip in _clips(dataset)]
    if any(key.startswith(EXTRA) for own in metadata for key in own):
        checks.append(_check_extra(metadata))
    if converted := sorted({(key, name) for own in metadata for key, name in own.items() if key.startswith(JOINTS)}):
        checks.append(_check_joints(converted))
    if any(CLIPPED in own for own in metadata):
        clipped = sum(int(own.get(CLIPPED, 0)) for own in metadata)
        checks.append(Check("confidence", True, f"{clipped} confidences were out of 0 to 1 and cut to it"))
    return checks + [_check_source(dataset, source) for source in dataset.sources]


def _check_sequences(dataset: Dataset) -> Check:
    """Which of a subject's 15 actions x 2 takes x 4 cameras are not here. A subset is not wrong, but must be known."""
    infos = dataset.sequences("all")
    here = {info.id for info in infos}
    missing = []
    for subject, split in SPLITS.items():
        if split not in FRAMES.get(dataset.form, FRAMES[""]):
            continue
        if not any(info.subject == subject for info in infos):
            missing.append(f"all of {subject}")
            continue
        for action in ACTIONS:
            for take in TAKES:
                cameras = [name for name in CAMERAS if f"{subject}/{action}/{take}/{name}" not in here]
                if cameras:
                    seen = "" if len(cameras) == len(CAMERAS) else f" of {', '.join(cameras)}"
                    damaged = " (damaged video)" if (subject, action, take) == DAMAGED else ""
                    missing.append(f"{subject}/{action}/{take}{seen}{damaged}")
    text = f"{len(infos)} sequences of {len({info.subject for info in infos})} subjects"
    return Check("sequences", True, text + (f"; not here: {_some(missing)}" if missing else ""))


def _check_frames(dataset: Dataset) -> Check:
    """Camera frames of each split beside those that the codebases count."""
    wanted = FRAMES.get(dataset.form, {})
    texts = []
    for split in dataset.splits:
        found = sum(info.frames for info in dataset.sequences(split))
        beside = (
            "" if split not in wanted else " as known" if found == wanted[split] else f" (whole: {wanted[split]:,})"
        )
        texts.append(f"{split} {found:,}{beside}")
    return Check("frames", True, f"camera frames: {', '.join(texts)}")


def _check_names(dataset: Dataset) -> Check:
    """Takes whose name in the file is not the owner's: their number was given by order."""
    strange = []
    for clip in _clips(dataset):
        subject, action, take = clip.split("/")
        name = dataset.metadata(clip)["take_name"]
        if name.partition(" ")[2] != take_name(subject, action, take).partition(" ")[2]:
            strange.append(f"{clip} is {name!r}, the owner's {take_name(subject, action, take)!r}")
    text = "every take has the owner's name" if not strange else f"numbered by order: {_some(strange)}"
    return Check("takes", True, text)


def _check_joints(converted: list[tuple[str, str]]) -> Check:
    """Which 2D was made from other joints, and which of the 17 are another point of the body in it."""
    texts = []
    for key, name in converted:
        inexact = ", ".join(approximate(SKELETONS[name], HUMAN36M_17)) or "none"
        texts.append(f"{key.removeprefix(JOINTS)} has {name}; approximate: {inexact}")
    return Check("joints", True, "; ".join(texts))


def _check_extra(metadata: list[Mapping[str, str]]) -> Check:
    """How many frames of 2D went on after the last pose and were cut."""
    totals: dict[str, int] = {}
    for own in metadata:
        for key, value in own.items():
            if key.startswith(EXTRA):
                source = key.removeprefix(EXTRA)
                totals[source] = totals.get(source, 0) + int(value)
    return Check(
        "extra 2D frames", True, ", ".join(f"{source} {count} cut" for source, count in sorted(totals.items()))
    )


def _check_source(dataset: Dataset, source: str) -> Check:
    """A 2D source against what the poses look like from their cameras.

    It fails when a subject's 2D of a camera is far from that camera's view, and a source that is itself a
    projection when it is more than rounding away.
    """
    limit = PROJECTION_PX if source in PROJECTED else OTHER_CAMERA_PX
    groups: dict[str, list[Array]] = {}
    worst = (-1.0, "")
    for info in dataset.sequences("all"):
        distances = _distances(dataset.read(info), source)
        groups.setdefault(f"{info.subject} camera {info.camera}", []).append(distances)
        worst = max(worst, (float(np.median(distances)), info.id))
    faults = [
        f"{group}: median {median:.1f} px from the projection, not under {limit:g}"
        for group, median in sorted((group, float(np.median(np.concatenate(found)))) for group, found in groups.items())
        if median > limit
    ]
    every = np.concatenate([distances for found in groups.values() for distances in found])
    text = (
        f"median {np.median(every):.3g} px, 95th percentile {np.percentile(every, 95):.3g} px from the projection; "
        f"furthest {worst[1]}, median {worst[0]:.3g} px"
    )
    return Check(f"2D {source}", not faults, _some(faults) if faults else text)


def _distances(sequence: Sequence, source: str) -> Array:
    """(frames and joints,) distance in px of every `STEP`-th frame, float32."""
    poses = sequence.poses[::STEP].astype(np.float64)
    if sequence.truth == IMAGE25D:
        # Pixels times the frame's factor: the image is what the factor is taken from again.
        assert sequence.image_scale is not None
        true: Array = poses[..., :2] / sequence.image_scale[::STEP, None, None]
    else:
        true = project(poses, sequence.camera)
    found = np.asarray(sequence.keypoints[source].pixels[::STEP], dtype=np.float64)
    distances: Array = np.linalg.norm(found - true, axis=-1).astype(np.float32).ravel()
    return distances


def _clips(dataset: Dataset) -> list[str]:
    return sorted({info.clip_id for info in dataset.sequences("all")})


def _some(texts: list[str], named: int = 8) -> str:
    more = f"; and {len(texts) - named} more" if len(texts) > named else ""
    return "; ".join(texts[:named]) + more
