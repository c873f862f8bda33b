"""`posebench generate`: poses or short motions of a prior alone, and how they compare with real ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from posebench.datasets.library import load_dataset
from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.generation.prior import Prior, Progress, check_count, load_prior
from posebench.generation.real_poses import Poses, real_poses
from posebench.metrics.body_frame import in_body_frame
from posebench.metrics.bones import bone_length_jitter
from posebench.metrics.distributions import diversity, frechet_distance, nearest_distance, pose_features
from posebench.metrics.validity import BodyLimits
from posebench.prediction.runner import full_float32
from posebench.seeding import frozen_generator, torch_generator
from posebench.skeletons import HUMAN36M_17

#: Real poses of each data set that limits and distances are made from.
REFERENCE_POSES = 20000
#: Poses of each set that are compared: distances of pairs grow with their square.
MOST_COMPARED = 5000
#: Fewer poses than this say nothing of a distribution.
LEAST_COMPARED = 2
#: Splits that may be held out, the first that a data set has.
HELD_OUT = ("test", "validation")


@dataclass(frozen=True)
class Generated:
    """`poses` float32 (count, frames, 17, 3) mm about the root; `real` (n, 17, 3) as many held-out ones for the picture.

    `measures` has a row of numbers for each of the sets that are compared: the generated poses, held-out real ones, and a
    normal distribution that was fitted to the training poses.
    """

    poses: npt.NDArray[np.float32]
    real: Poses
    fps: float | None
    measures: dict[str, dict[str, float]]
    about: dict[str, Any]


def generate_poses(
    model: str,
    *,
    count: int = 64,
    datasets: Sequence[str] = (),
    weights: Path | None = None,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Generated:
    """Draw `count` poses, or motions of a prior of motions, and compare them with real poses; nothing is written.

    `datasets` are prepared data sets, those that the tag was trained on unless they are named. The training splits of all
    of them say what real poses are, their test splits (validation, where there is none) what other real poses score. The
    first `n` poses are the same whatever `count`.
    Raises subclasses of `PosebenchError`.
    """
    check_count("count", count)
    prior = load_prior(model, weights, steps=steps, device=device, seed=seed, progress=progress)
    opened = [load_dataset(name) for name in datasets or _trained_on(prior)]
    reference = np.concatenate([real_poses(dataset, "train", REFERENCE_POSES) for dataset in opened])
    held_out = [_held_out(dataset) for dataset in opened]
    other = np.concatenate(
        [real_poses(dataset, split, MOST_COMPARED) for dataset, split in zip(opened, held_out, strict=True)]
    )
    poses = draw(prior, count, progress)
    about = {
        **prior.about(),
        "reference": [
            {"dataset": dataset.name, "version": dataset.version, "fingerprint": dataset.fingerprint, "held_out": split}
            for dataset, split in zip(opened, held_out, strict=True)
        ],
        "reference_poses": len(reference),
    }
    fps = prior.lifter.spec.fps
    return Generated(poses, _evenly(other, count), fps, compare(poses, reference, other, seed), about)


def draw(prior: Prior, count: int, progress: Progress | None = None) -> npt.NDArray[np.float32]:
    """`count` windows (count, frames, 17, 3) mm of a prior. Batches are filled up, so that none depends on the count."""
    size = prior.together(1)
    parts = []
    with torch.inference_mode(), full_float32():
        for first in range(0, count, size):
            streams = tuple(torch_generator("generate", prior.seed, number) for number in range(first, first + size))
            parts.append(prior.checked(prior.module.generate(streams), (size, prior.window), "drew"))
            if progress:
                progress("generate", min(first + size, count), count)
    return np.concatenate(parts)[:count]


def compare(
    poses: npt.NDArray[np.floating[Any]], reference: Poses, held_out: Poses, seed: int
) -> dict[str, dict[str, float]]:
    """The numbers of generated windows (count, frames, 17, 3), of held-out poses and of a fitted normal distribution.

    Sets of one size are compared, the generated one's or `MOST_COMPARED`: distances depend on it. Distances are in mm
    per joint (`posebench.metrics.distributions`); of fewer than two poses there are none.
    """
    frames = poses.reshape(-1, *poses.shape[2:])
    size = min(len(frames), MOST_COMPARED, len(held_out))
    sets = {
        "generated": _evenly(frames, size),
        "real, held out": _evenly(held_out, size),
        "normal distribution": _normal(reference, size, seed),
    }
    limits, features = BodyLimits(reference), pose_features(reference)
    measures = {name: limits.check(part).summary() for name, part in sets.items()}
    for name, part in sets.items():
        measures[name]["poses"] = float(size)
        if size >= LEAST_COMPARED:
            own = pose_features(part)
            measures[name] |= {
                "frechet_mm": frechet_distance(own, features),
                "to_nearest_real_mm": nearest_distance(own, features),
                "from_real_to_nearest_mm": nearest_distance(_evenly(features, MOST_COMPARED), own),
                "diversity_mm": diversity(own),
            }
    if poses.shape[1] > 1:
        jitter = bone_length_jitter(torch.from_numpy(poses).double(), HUMAN36M_17.bones)
        measures["generated"]["bone_jitter_mm"] = float(jitter.mean())
    return measures


def _normal(reference: Poses, count: int, seed: int) -> Poses:
    """Poses (count, 17, 3) of the normal distribution with mean and covariance of real ones in the body's frame."""
    flat = in_body_frame(reference)[:, 1:].reshape(len(reference), -1)
    random = frozen_generator("generate-normal", seed)
    values, vectors = np.linalg.eigh(np.cov(flat, rowvar=False))
    noise = random.standard_normal((count, flat.shape[1])) * np.sqrt(np.maximum(values, 0))
    drawn = (flat.mean(0) + noise @ vectors.T).reshape(count, -1, 3)
    return np.concatenate([np.zeros_like(drawn[:, :1]), drawn], axis=1)


def _evenly(values: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """At most `count` rows at equal steps."""
    rows = np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int)
    taken: npt.NDArray[Any] = values[rows]
    return taken


def _trained_on(prior: Prior) -> tuple[str, ...]:
    """The data sets whose training splits a tag's own weights have seen; raises `UsageError` where nobody says which."""
    tag, file = prior.lifter.tag, prior.lifter.weights
    seen = () if file is not None and file.origin == "file" else tag.described.trained_on or ()
    if not seen:
        raise UsageError(
            f"Nothing says what {prior.lifter.name} was trained on; say which real poses to compare with: --dataset D."
        )
    return tuple(dict.fromkeys(item.dataset for item in seen))


def _held_out(dataset: Dataset) -> str:
    for split in HELD_OUT:
        if split in dataset.splits:
            return split
    raise UsageError(
        f"{dataset.name} has no split {' or '.join(HELD_OUT)} to hold out; choose another data set to compare with."
    )
