"""What `posebench data verify mpi3dhp` looks at beyond what holds for every data set.

Most of it cannot fail: it tells which release this is, and the known defects of the owner's own annotations.
"""

from collections.abc import Iterable

import numpy as np

from posebench.datasets.adapter import Check
from posebench.datasets.mpi3dhp.annotation import Array, relative
from posebench.datasets.mpi3dhp.facts import (
    ANNOT2,
    ANNOT3,
    SUBJECTS,
    TAKES,
    TEST_FRAMES,
    TRAIN_FRAMES,
    UNIVERSAL,
    VALID_2875,
    VALID_2929,
)
from posebench.datasets.mpi3dhp.lenses import reprojection_errors
from posebench.datasets.sequence import SequenceInfo
from posebench.datasets.store import Dataset
from posebench.skeletons import MPI_INF_3DHP_17

#: Every so many frames of a training sequence are looked at: medians need no more.
TRAIN_STEP = 10
#: Median distance in px from its 2D that a truth may have. univ_annot3 is a person of another size at the same place.
LIMIT_PX = {ANNOT3: 5.0, UNIVERSAL: 100.0}
#: Mean distance in mm from the scaled annot3 above which a joint of univ_annot3 is not its image.
STALE_MM = 1.0
#: Defects of the owner's training annotations, which are kept as they are.
KNOWN = {"S4/Seq2/Seq2": "left and right are reported to be swapped by the owner in frames 3759 to 5852"}


def mpi3dhp_checks(dataset: Dataset) -> list[Check]:
    """The sequences, the release, and one check for every clip."""
    clips: dict[str, list[SequenceInfo]] = {}
    for info in dataset.sequences("all"):
        clips.setdefault(info.clip_id, []).append(info)
    checks = [_check_sequences(clips)]
    if "test" in dataset.splits:
        checks.append(_check_release(dataset))
    return checks + [_check_clip(dataset, infos) for _, infos in sorted(clips.items())]


def _check_sequences(clips: Iterable[str]) -> Check:
    """Which of the owner's sequences are not here. A subset is not wrong, but its averages are not the benchmark's."""
    test = [name for name in TEST_FRAMES if f"{name}/all/{name}" in clips]
    train = [f"{subject}/{take}" for subject in SUBJECTS for take in TAKES if f"{subject}/{take}/{take}" in clips]
    texts = []
    for name, here, known in (
        ("test", test, list(TEST_FRAMES)),
        ("training", train, ["/".join(key) for key in TRAIN_FRAMES]),
    ):
        missing = [sequence for sequence in known if sequence not in here]
        not_here = f", not here: {', '.join(missing)}" if missing and here else ""
        texts.append(f"{len(here)} of {len(known)} {name} sequences{not_here}")
    return Check("sequences", True, "; ".join(texts))


def _check_release(dataset: Dataset) -> Check:
    """Whose valid frames these are (protocols.md, M3)."""
    found = {}
    for info in dataset.sequences("test"):
        valid = dataset.valid(info)
        found[info.clip] = info.frames if valid is None else int(valid.sum())
    counts = ", ".join(f"{name} {count}" for name, count in found.items())
    known = {"the release in circulation": VALID_2875, "the older release": VALID_2929}
    releases = [f"{name} ({sum(own.values())})" for name, own in known.items() if found == own]
    partly = [name for name, own in known.items() if found.items() <= own.items()]
    if releases:
        text = f"those of {releases[0]}"
    elif partly:
        text = f"a part of {' or '.join(partly)}"
    else:
        text = "neither the 2875 of the release in circulation nor the 2929 of the older one"
    return Check("valid frames", True, f"{sum(found.values())} valid frames, {text}: {counts}")


def _check_clip(dataset: Dataset, infos: list[SequenceInfo]) -> Check:
    """Frames, ground truths and their distance from the 2D, over all cameras of a clip; annot3 must fall on its 2D."""
    first = infos[0]
    test = first.split == "test"
    name = first.clip if test else f"{first.subject}/{first.clip}"
    known = TEST_FRAMES[name] if test else TRAIN_FRAMES[first.subject, first.clip][0]
    truths: dict[str, list[Array]] = {truth: [] for truth in dataset.truths}
    errors: dict[str, list[Array]] = {truth: [] for truth in dataset.truths}
    scored = 0
    for info in infos:
        sequence = dataset.read(info)
        valid = dataset.valid(info)
        kept = np.arange(info.frames) if valid is None else np.flatnonzero(valid)
        scored += len(kept)
        kept = kept if test else kept[::TRAIN_STEP]
        pixels = np.asarray(sequence.keypoints[ANNOT2].pixels, dtype=np.float64)[kept]
        for truth in dataset.truths:
            poses = sequence.poses if truth == dataset.truth else sequence.truths[truth]
            truths[truth].append(poses[kept].astype(np.float64))
            errors[truth].append(reprojection_errors(truths[truth][-1], pixels, sequence.camera))
    texts = [f"{first.frames} frames" + ("" if first.frames == known else f" of the owner's {known}")]
    texts.append(f"{scored} valid" if test else f"{first.fps:g} a second, {len(infos)} cameras")
    faults = []
    for truth, own in errors.items():
        distances = np.concatenate(own)
        median, most = float(np.median(distances)), float(distances.max())
        texts.append(f"{truth} median {median:.2f}, most {most:.2f} px from {ANNOT2}")
        if not median <= LIMIT_PX[truth]:
            faults.append(f"{truth} is {median:.1f} px (median) from {ANNOT2}, more than {LIMIT_PX[truth]:g}")
    if {ANNOT3, UNIVERSAL} <= truths.keys():
        texts.append(_compare(np.concatenate(truths[ANNOT3]), np.concatenate(truths[UNIVERSAL]), name))
    if lens := dataset.metadata(first.clip_id).get("lens"):
        texts.append(f"lens {lens.partition(',')[0]}")
    if defect := KNOWN.get(first.clip_id):
        texts.append(f"known: {defect}")
    return Check(name, not faults, "; ".join(faults or texts))


def _compare(annot3: Array, universal: Array, name: str) -> str:
    """The scale between the two truths about the pelvis, and the joints that do not follow it."""
    ours, theirs = relative(annot3), relative(universal)
    lengths, others = np.linalg.norm(ours, axis=-1), np.linalg.norm(theirs, axis=-1)
    scale = float(np.median(lengths[others > 1] / others[others > 1]))
    off = np.linalg.norm(ours - scale * theirs, axis=-1)
    stale: dict[str, list[int]] = {}
    for joint, label in enumerate(MPI_INF_3DHP_17.joints):
        if off[:, joint].mean() > STALE_MM:
            stale.setdefault(label.removeprefix("left_").removeprefix("right_"), []).append(joint)
    text = f"{ANNOT3} = {scale:.5f} x {UNIVERSAL}"
    if not stale:
        return text
    parts = (
        f"{label} (mean {off[:, joints].mean():.1f}, most {off[:, joints].max():.1f} mm)"
        for label, joints in stale.items()
    )
    known = f": known of the owner's TS6, where {UNIVERSAL} is stale" if name == "TS6" else ""
    return f"{text} but for {', '.join(parts)}{known}"
