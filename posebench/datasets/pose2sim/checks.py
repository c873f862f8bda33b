"""Checks of detections beside the 3D that was triangulated from them."""

import numpy as np

from posebench.cameras import project
from posebench.datasets.adapter import Check
from posebench.datasets.store import Dataset

#: Share of the person's height beyond which the median says that cameras, axes or times do not belong together: an
#: exchanged pair of the demo's cameras gives 0.13, a delay of ten frames 0.05 .. 0.08, its own files 0.01 .. 0.03.
REPROJECTION_LIMIT = 0.05
#: Two people are further apart than this share of the box around one: median over the joints that both have.
ANOTHER = 0.2


def check_reprojection(dataset: Dataset, source: str) -> Check:
    """The truth projected into each camera lies on the detections: median distance over all joints, by camera."""
    faults, medians = [], []
    for info in dataset.sequences("all"):
        sequence = dataset.read(info)
        projected = project(sequence.poses, sequence.camera)
        distance = np.linalg.norm(projected - np.asarray(sequence.keypoints[source].pixels), axis=-1)
        height = np.ptp(projected[..., 1], axis=-1)[:, None]
        if not np.isfinite(distance).any():
            faults.append(f"{info.id}: no detection at all")
            continue
        share = float(np.nanmedian(distance / height))
        text = f"{info.camera} {np.nanmedian(distance):.1f} px ({100 * share:.1f} % of the height)"
        medians.append(text)
        if share > REPROJECTION_LIMIT:
            faults.append(f"{text}: camera, 3D and detections do not belong together")
    return Check(f"reprojection on {source}", not faults, "; ".join(faults) or f"median {', '.join(medians)}")


def check_missing(dataset: Dataset, source: str) -> Check:
    """How many joints a source lacks, by camera: the owner's, so reported and never a fault."""
    shares = []
    for info in dataset.sequences("all"):
        missing = np.isnan(np.asarray(dataset.read(info).keypoints[source].pixels)).any(axis=-1)
        text = f"{info.camera} {100 * missing.mean():.2f} %"
        nobody = np.flatnonzero(missing.all(axis=-1)).tolist()
        shares.append(text + (f" (nobody in frame {', '.join(map(str, nobody))})" if nobody else ""))
    return Check(f"missing joints of {source}", True, ", ".join(shares))


def check_person(dataset: Dataset, source: str, owner: str) -> Check:
    """In which frames a source shows another person than the owner's association: reported, never a fault."""
    findings = []
    for info in dataset.sequences("all"):
        keypoints = dataset.read(info).keypoints
        pixels, own = (np.asarray(keypoints[name].pixels, dtype=np.float64) for name in (source, owner))
        both = np.asarray(np.isfinite(pixels).all(axis=-1) & np.isfinite(own).all(axis=-1))
        frames = []
        for frame in np.flatnonzero(both.any(axis=-1)).tolist():
            joints = both[frame]
            apart = np.median(np.linalg.norm(pixels[frame, joints] - own[frame, joints], axis=-1))
            size = float(np.linalg.norm(np.ptp(own[frame, joints], axis=0)))
            if apart > ANOTHER * max(size, 1.0):
                frames.append(frame)
        if frames:
            named = ", ".join(map(str, frames[:5])) + (f" and {len(frames) - 5} more" if len(frames) > 5 else "")
            findings.append(f"{info.camera} in {len(frames)} frames ({named})")
    return Check(f"person of {source}", True, "another than the owner's: " + (", ".join(findings) or "in no frame"))
