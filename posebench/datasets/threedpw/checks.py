"""What `posebench data verify 3dpw` looks at beyond the checks of every data set."""

import numpy as np
import numpy.typing as npt

from posebench.cameras import project
from posebench.datasets.adapter import Check
from posebench.datasets.sequence import SequenceInfo
from posebench.datasets.store import Dataset

#: Sequences of each split as the owner distributes them, and the people in all of them: the challenge code's 87.
SEQUENCES = {"train": 24, "validation": 12, "test": 24}
PEOPLE = 87
#: Share of the joints of scored frames that are in the image, over all: people are cut off at its border now and then.
INSIDE = 0.8
#: Focal lengths of a phone, as multiples of the image's longer side, and how far the two may lie apart.
FOCAL = (0.5, 2.0)
SQUARE = 0.05
#: Median distance in pixels, over people, of the owner's detections from the projected joints, of an image of 1920.
DETECTIONS_PX = 60.0


def check_sequences(dataset: Dataset) -> Check:
    """The sequences and people of every split against the owner's, and the frames that are scored of those that there are.

    A part of the data set is sound: it is said, and does not fail.
    """
    faults, texts, people = [], [], 0
    for split in dataset.splits:
        infos = dataset.sequences(split)
        found, frames = len({info.subject for info in infos}), sum(info.frames for info in infos)
        scored = sum(int(_valid(dataset, info).sum()) for info in infos)
        people += len(infos)
        texts.append(
            f"{split} {found} sequences, {len(infos)} people, {scored} of {frames} frames valid "
            f"({100 * scored / frames:.1f} %)"
        )
        if found != SEQUENCES[split]:
            faults.append(f"{split} has {found} sequences, not {SEQUENCES[split]}")
    # The regressed joints may be there of the test split alone.
    absent = [split for split in SEQUENCES if split not in dataset.splits]
    if not dataset.form:
        faults += [f"{split} is missing" for split in absent]
    if not absent and not faults and people != PEOPLE:
        faults.append(f"{people} people, not {PEOPLE}")
    part = ["a part of the data set, whose numbers are not the benchmark's"] if faults else []
    return Check("sequences", True, "; ".join(part + faults + texts))


def check_valid_frames(dataset: Dataset) -> Check:
    """No joint is missing in a frame that is scored; every sequence without a scored frame is named, as it is not wrong."""
    faults, empty = [], []
    for info in dataset.sequences("all"):
        valid = _valid(dataset, info)
        broken = np.flatnonzero(valid & np.isnan(dataset.read(info).poses).any(axis=(1, 2)))
        if len(broken):
            faults.append(f"{info.id}: a joint is missing in frame {broken[0]}")
        if not valid.any():
            empty.append(info.id)
    text = "no joint is missing" + (f"; without a valid frame: {', '.join(empty)}" if empty else "")
    return Check("valid frames", not faults, "; ".join(faults) or text)


def check_view(dataset: Dataset) -> Check:
    """Joints of scored frames are mostly in the image: tells a wrong lens, image size or camera pose."""
    inside, total, lowest, where = 0, 0, 1.0, ""
    for info in dataset.sequences("all"):
        camera = dataset.camera(info)
        poses = dataset.read(info).poses[_valid(dataset, info)]
        if not len(poses):
            continue
        pixels = project(poses, camera)
        seen = ((pixels >= 0) & (pixels <= camera.image_size)).all(axis=-1) & (poses[..., 2] > 0)
        inside, total = inside + int(seen.sum()), total + seen.size
        if seen.mean() < lowest:
            lowest, where = float(seen.mean()), f" ({info.id})"
    if not total:
        return Check("in the image", False, "no frame is valid")
    text = (
        f"{100 * inside / total:.1f} % of the joints are in the image, of a person at least {100 * lowest:.1f} %{where}"
    )
    return Check("in the image", inside / total >= INSIDE, text)


def check_cameras(dataset: Dataset) -> Check:
    """Focal lengths that a phone has, alike in both directions."""
    faults: list[str] = []
    focals: list[float] = []
    sizes: set[tuple[int, int]] = set()
    for info in dataset.sequences("all"):
        camera = dataset.camera(info)
        sizes.add(camera.image_size)
        focals += camera.focal
        low, high = (factor * max(camera.image_size) for factor in FOCAL)
        if not all(low <= focal <= high for focal in camera.focal):
            faults.append(f"{info.id}: focal length {camera.focal[0]:.0f} px, not {low:.0f} .. {high:.0f}")
        elif abs(camera.focal[0] / camera.focal[1] - 1) > SQUARE:
            faults.append(f"{info.id}: focal lengths {camera.focal[0]:.0f} and {camera.focal[1]:.0f} px lie apart")
    shapes = ", ".join(f"{width} x {height}" for width, height in sorted(sizes))
    return Check(
        "cameras",
        not faults,
        "; ".join(faults) or f"focal lengths {min(focals):.0f} .. {max(focals):.0f} px, images {shapes}",
    )


def check_detections(dataset: Dataset) -> Check:
    """The owner's 2D detections lie where SMPL's joints are seen: tells a camera pose turned round, left for right."""
    found = {
        info.id: float(dataset.metadata(info.clip_id)["detections_px"])
        for info in dataset.sequences("all")
        if "detections_px" in dataset.metadata(info.clip_id)
    }
    if not found:
        return Check("detections", True, "nobody has 2D detections")
    median, worst = float(np.median(list(found.values()))), max(found, key=lambda name: found[name])
    return Check(
        "detections",
        median <= DETECTIONS_PX,
        f"limbs are {median:.1f} px from where they are detected in the median over people, {found[worst]:.1f} at most ({worst})",
    )


def _valid(dataset: Dataset, info: SequenceInfo) -> npt.NDArray[np.bool_]:
    valid = dataset.valid(info)
    assert valid is not None  # every clip of this adapter says which frames are valid
    return valid
