"""`posebench complete` on a user's own file: the joints that are NaN are found, all others stay."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posebench.errors import UsageError
from posebench.generation.completing import Partial, complete_all
from posebench.generation.pose_file import read_pose_file
from posebench.generation.prior import Progress, load_prior
from posebench.generation.real_poses import Poses


@dataclass(frozen=True)
class CompletedFile:
    """`hypotheses` (hypotheses, frames, 17, 3) mm where the file's own root stood; `known` (frames, 17, 3), NaN where missing."""

    hypotheses: Poses
    known: Poses
    fps: float
    about: dict[str, Any]


def complete_file(
    path: Path | str,
    model: str,
    *,
    focal: float | None = None,
    hypotheses: int | None = None,
    steps: int | None = None,
    weights: Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> CompletedFile:
    """Complete the poses of a file (`read_pose_file`); nothing is written.

    `focal` is the focal length in pixels of what saw its keypoints, for a lifter with the privilege `intrinsics`. Raises
    `UsageError` where nothing is missing or a privilege cannot be had, and subclasses of `PosebenchError`.
    """
    file = read_pose_file(Path(path))
    if not np.isnan(file.poses).any():
        raise UsageError(
            f"{file.about['name']} lacks no joint, so there is nothing to complete; write NaN where one is to be found."
        )
    prior = load_prior(model, weights, hypotheses=hypotheses, steps=steps, device=device, seed=seed, progress=progress)
    lens = None
    if file.keypoints is not None:
        lens = _lens(prior.lifter.name, prior.lifter.spec.privileges, focal, file.keypoints.image_size)
    part = Partial(file.info, file.poses, np.arange(len(file.poses)), file.keypoints, lens)
    report = None if progress is None else lambda done, total: progress("complete", done, total)
    (poses,) = complete_all(prior, [part], report)
    missing = int(np.isnan(file.poses).any(axis=-1).sum())
    about = {
        **prior.about(),
        "input": {**file.about, "missing_joints": missing, "keypoints": file.keypoints is not None},
    }
    return CompletedFile(poses + file.root, file.poses + file.root, file.info.fps, about)


def _lens(
    name: str, privileges: tuple[str, ...], focal: float | None, image_size: tuple[int, int]
) -> tuple[float, ...] | None:
    """(9,) f, c, k, p of a lens without distortion; raises `UsageError` for what a file cannot grant."""
    if "root_depth" in privileges:
        raise UsageError(
            f"{name} needs the true depth of the root, which a file of poses does not tell; choose another."
        )
    if "intrinsics" not in privileges:
        return None
    if focal is None or not 0 < focal < float("inf"):
        raise UsageError(f"{name} needs the camera's intrinsics beside keypoints; add --focal PIXELS, above 0.")
    return (focal, focal, image_size[0] / 2, image_size[1] / 2, 0.0, 0.0, 0.0, 0.0, 0.0)
