"""What `verify` looks at in a user's own data: the mistakes that leave every number finite and every shape right."""

from collections.abc import Iterator

import numpy as np

from posebench.cameras import project
from posebench.datasets.adapter import Check
from posebench.datasets.arrays.reading import SOURCE
from posebench.datasets.sequence import Sequence
from posebench.datasets.store import Dataset
from posebench.datasets.verification import NAMED
from posebench.skeletons import HUMAN36M_17

#: Share of the projected person's size that the user's 2D may be away from it in the median; detectors stay far below.
ASTRAY = 0.25
#: Share of the projected joints that must be in the image.
INSIDE = 0.5


def check_arrays(dataset: Dataset) -> list[Check]:
    """All checks of the data set `arrays`."""
    checks = [check_joint_sets(dataset), check_upright(dataset), check_inside(dataset)]
    if SOURCE in dataset.sources:
        checks.append(check_reprojection(dataset))
    return checks


def check_joint_sets(dataset: Dataset) -> Check:
    """Tells from which joint sets the poses and keypoints were converted, and which joints are approximate."""
    told: dict[str, None] = {}
    for info in dataset.sequences("all"):
        metadata = dataset.metadata(info.clip_id)
        for kind, inexact in (("joint_set", "approximate_joints"), ("keypoints_joint_set", "approximate_keypoints")):
            if kind in metadata:
                what = "keypoints" if kind.startswith("keypoints") else "poses"
                told[f"{what} from {metadata[kind]}, approximate: {metadata[inexact] or 'none'}"] = None
    return Check("joint sets", True, "; ".join(told))


def check_upright(dataset: Dataset) -> Check:
    """Heads are above feet in most images; the opposite in nearly all of a clip is an axis that points the wrong way."""
    head = HUMAN36M_17.joints.index("Head")
    ankles = HUMAN36M_17.indices(("LFoot", "RFoot"))
    faults, lowest = [], np.inf
    for sequence in _sequences(dataset):
        poses = sequence.poses
        height = poses[:, list(ankles), 1].mean(axis=1) - poses[:, head, 1]
        height = height[np.isfinite(height)]
        if not len(height):
            continue
        lowest = min(lowest, float(np.median(height)))
        # Who lies or bends has the head lower than the feet by less than that of a person upside down.
        if np.percentile(height, 90) < -800.0:
            faults.append(f"{sequence.info.id}: the head is {-np.median(height):.0f} mm below the feet")
    detail = f"head above feet by {lowest:.0f} mm or more in the median frame of a sequence"
    return _check("upright", faults, detail, "camera y must point down, z forward, and the world's z up")


def check_inside(dataset: Dataset) -> Check:
    """Most projected joints of each sequence are in the image."""
    faults, lowest = [], 1.0
    for sequence in _sequences(dataset):
        pixels = project(sequence.poses, sequence.camera)
        pixels = pixels[np.isfinite(pixels).all(axis=-1)]
        if not len(pixels):
            continue
        share = float(((pixels >= 0) & (pixels <= sequence.camera.image_size)).all(axis=-1).mean())
        lowest = min(lowest, share)
        if share < INSIDE:
            faults.append(f"{sequence.info.id}: only {100 * share:.0f} % of the joints")
    return _check("inside image", faults, f"{100 * lowest:.1f} % of the joints or more", "check the cameras")


def check_reprojection(dataset: Dataset) -> Check:
    """The user's keypoints are about where the poses project to."""
    faults, furthest = [], 0.0
    for sequence in _sequences(dataset):
        projected = project(sequence.poses, sequence.camera)
        away = np.linalg.norm(np.asarray(sequence.keypoints[SOURCE].pixels) - projected, axis=-1)
        whole = np.isfinite(projected).all(axis=(1, 2))
        if not whole.any() or not np.isfinite(away[whole]).any():
            continue
        size = np.linalg.norm(np.ptp(projected[whole], axis=1), axis=-1)
        distance = float(np.nanmedian(away[whole]))
        furthest = max(furthest, distance)
        if distance > ASTRAY * float(np.median(size)):
            faults.append(f"{sequence.info.id}: {distance:.0f} px in the median")
    detail = f"keypoints are {furthest:.1f} px or less from the projected poses, in the median of a sequence"
    return _check(
        "reprojection", faults, detail, "check the cameras, the units, and that 2D and 3D are of the same frames"
    )


def _sequences(dataset: Dataset) -> Iterator[Sequence]:
    for info in dataset.sequences("all"):
        yield dataset.read(info)


def _check(name: str, faults: list[str], detail: str, advice: str) -> Check:
    if not faults:
        return Check(name, True, detail)
    more = f"; and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
    return Check(name, False, f"{'; '.join(faults[:NAMED])}{more}; {advice}")
