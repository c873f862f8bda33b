"""`posebench denoise`: poses with noise of a known strength, restored by a prior; beside doing nothing and beside PCA."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from posebench.datasets.library import load_dataset
from posebench.datasets.sequence import SequenceInfo
from posebench.errors import UsageError
from posebench.generation.pca import TrainingSpace
from posebench.generation.pose_file import read_pose_file
from posebench.generation.prior import Prior, Progress, load_prior
from posebench.generation.real_poses import Poses, check_joint_set, real_poses, root_relative
from posebench.inputs.frames import wanted_frames
from posebench.metrics.alignment import p_mpjpe
from posebench.metrics.bones import symmetry_error
from posebench.metrics.position import mpjpe
from posebench.prediction.runner import full_float32
from posebench.prediction.windows import plan_windows
from posebench.protocols.completion import KEEP_EVERY
from posebench.protocols.open_sets import open_standard
from posebench.seeding import frozen_generator, torch_generator
from posebench.skeletons import HUMAN36M_17

#: Training poses that the baseline is made of.
TRAINING_POSES = 20000
#: Noise (mm) of every coordinate: less is no noise, and beyond the second nothing of a pose is left.
LEAST, MOST = 0.1, 1000.0


@dataclass(frozen=True)
class Denoised:
    """`noisy`, `poses` (restored, the mean of the hypotheses) and `truth` (frames, 17, 3) mm about the root.

    `truth` is None for a user's own file, which is noisy as it is. `measures` has a row of numbers for each way to treat
    the noisy poses; without a truth only what needs none.
    """

    noisy: Poses
    poses: Poses
    truth: Poses | None
    root: Poses
    fps: float
    measures: dict[str, dict[str, float]]
    about: dict[str, Any]


def denoise_dataset(
    model: str,
    dataset: str,
    deviation: float,
    *,
    split: str = "test",
    hypotheses: int | None = None,
    steps: int | None = None,
    weights: Path | None = None,
    limit: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Denoised:
    """Add normal noise of `deviation` mm to every coordinate of every joint but the root, and restore the poses.

    Every 8th frame of a split is measured, as in completion; `limit` keeps the first so many. Nothing is written. Raises
    subclasses of `PosebenchError`.
    """
    _check_deviation(deviation)
    prior = load_prior(model, weights, hypotheses=hypotheses, steps=steps, device=device, seed=seed, progress=progress)
    data = load_dataset(dataset)
    check_joint_set(data)
    inputs = open_standard(dataset, "gt", split=split).inputs
    space = TrainingSpace(real_poses(data, "train", TRAINING_POSES, every_camera=True))
    wanted = [(item.info, item.frames[item.frames % KEEP_EVERY == 0]) for item in wanted_frames(data, inputs)]
    if limit is not None:
        wanted = _first(wanted, limit)
    clean = [root_relative(data.read(info).poses) for info, _ in wanted]
    noisy = [_with_noise(poses, deviation, seed, info.id) for poses, (info, _) in zip(clean, wanted, strict=True)]
    restored = denoise_all(prior, noisy, wanted, deviation, progress)
    shown = np.concatenate([poses[frames] for poses, (_, frames) in zip(noisy, wanted, strict=True)])
    truth = np.concatenate([poses[frames] for poses, (_, frames) in zip(clean, wanted, strict=True)])
    found = np.concatenate(restored)
    rows = {"as it is": shown, "PCA": space.denoise(shown, deviation), prior.lifter.name: found}
    about = {
        **prior.about(),
        "input": {
            "dataset": data.name, "version": data.version, "fingerprint": data.fingerprint, "split": split,
            "keep_every": KEEP_EVERY, "frames": len(shown), "noise_mm": deviation,
        },
    }  # fmt: skip
    measures = {name: _measured(poses, truth) for name, poses in rows.items()}
    return Denoised(shown, found, truth, np.zeros_like(truth[:, :1]), data.fps / KEEP_EVERY, measures, about)


def denoise_file(
    path: Path | str,
    model: str,
    deviation: float,
    *,
    hypotheses: int | None = None,
    steps: int | None = None,
    weights: Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Denoised:
    """Restore the poses of a file (`read_pose_file`), which have noise of `deviation` mm; nothing is written.

    Raises `UsageError` for a file with a missing joint, and subclasses of `PosebenchError`.
    """
    _check_deviation(deviation)
    file = read_pose_file(Path(path))
    if np.isnan(file.poses).any():
        raise UsageError(f"{file.about['name']} lacks joints; complete it first: `posebench complete {path}`.")
    prior = load_prior(model, weights, hypotheses=hypotheses, steps=steps, device=device, seed=seed, progress=progress)
    (found,) = denoise_all(prior, [file.poses], [(file.info, np.arange(len(file.poses)))], deviation, progress)
    about = {**prior.about(), "input": {**file.about, "noise_mm": deviation}}
    measures = {name: _measured(poses, None) for name, poses in (("as it is", file.poses), (prior.lifter.name, found))}
    return Denoised(file.poses, found, None, file.root, file.info.fps, measures, about)


def denoise_all(
    prior: Prior,
    noisy: list[Poses],
    wanted: list[tuple[SequenceInfo, npt.NDArray[np.int64]]],
    deviation: float,
    progress: Progress | None = None,
) -> list[Poses]:
    """The wanted frames of each sequence (frames, 17, 3) mm, restored: the mean of the hypotheses."""
    size = prior.together(prior.hypotheses)
    windows: list[tuple[int, int, npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for number, (poses, (_, frames)) in enumerate(zip(noisy, wanted, strict=True)):
        plan = plan_windows(prior.lifter.spec, len(poses))
        index = np.arange(len(plan.starts))
        outputs = np.where(plan.keep, plan.outputs(index), -1)
        for window in np.flatnonzero(np.isin(outputs, frames).any(axis=1)):
            windows.append((number, int(window), plan.inputs(index)[window], outputs[window]))
    restored = [np.full_like(poses, np.nan) for poses in noisy]
    with torch.inference_mode(), full_float32():
        for first in range(0, len(windows), size):
            real = windows[first : first + size]
            # The last batch is filled up: one shape gives one set of bits.
            batch = [*real, *[real[-1]] * (size - len(real))]
            shown = np.stack([noisy[number][frames] for number, _, frames, _ in batch]).astype(np.float32)
            streams = tuple(
                torch_generator("denoise", prior.seed, wanted[n][0].id, window) for n, window, _, _ in batch
            )
            made = prior.module.denoise(torch.from_numpy(shown).to(prior.device), deviation, streams)
            drawn = prior.checked(made, (size, prior.hypotheses, prior.window), "restored")
            means = drawn[: len(real)].mean(axis=1, dtype=np.float64)
            for (number, _, _, outputs), mean in zip(real, means, strict=True):
                kept = outputs >= 0
                restored[number][outputs[kept]] = mean[kept]
            if progress:
                progress("denoise", min(first + size, len(windows)), len(windows))
    return [poses[frames] for poses, (_, frames) in zip(restored, wanted, strict=True)]


def _with_noise(poses: Poses, deviation: float, seed: int, sequence: str) -> Poses:
    random = frozen_generator("denoise-noise", seed, sequence)
    noise = deviation * random.standard_normal(poses.shape)
    noise[:, HUMAN36M_17.root] = 0.0
    return poses + noise


def _measured(poses: Poses, truth: Poses | None) -> dict[str, float]:
    shown = torch.from_numpy(np.ascontiguousarray(poses))
    measures = {"asymmetry_mm": float(symmetry_error(shown, HUMAN36M_17).mean())}
    if truth is None:
        return measures
    true = torch.from_numpy(truth)
    return {"mpjpe": float(mpjpe(shown, true).mean()), "p_mpjpe": float(p_mpjpe(shown, true).mean()), **measures}


def _first(
    wanted: list[tuple[SequenceInfo, npt.NDArray[np.int64]]], limit: int
) -> list[tuple[SequenceInfo, npt.NDArray[np.int64]]]:
    if limit < 1:
        raise UsageError(f"--limit is {limit}; give 1 frame or more.")
    kept, left = [], limit
    for info, frames in wanted:
        if left:
            kept.append((info, frames[:left]))
            left -= len(kept[-1][1])
    return kept


def _check_deviation(deviation: float) -> None:
    if not LEAST <= deviation <= MOST:
        raise UsageError(f"--noise is {deviation:g} mm; give {LEAST:g} to {MOST:g}.")
