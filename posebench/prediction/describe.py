"""What a lifter takes each motion to be: the windows of a run, asked in passes of their own.

Nothing here touches a prediction, its folder or the clock, so a run's numbers are the same whether or not it is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.datasets.store import Dataset
from posebench.errors import LifterContractError, NotFiniteError
from posebench.inputs.frames import wanted_frames
from posebench.inputs.keypoints import Keypoints
from posebench.inputs.sources import find_source
from posebench.inputs.spec import InputsSpec
from posebench.prediction.create import LoadedLifter
from posebench.prediction.joints import JointConversion, joints_between
from posebench.prediction.lifter import Described, DescribingLifter
from posebench.prediction.predict_resampled import check_resample
from posebench.prediction.predict_sequence import noise_streams, show_sequence, window_batch
from posebench.prediction.resample import resample_keypoints, resampled_frames
from posebench.prediction.run_options import Precision, check_describes
from posebench.prediction.runner import (
    RunSettings,
    auto_batch_size,
    check_grants,
    choose_device,
    fit_on_training_split,
    full_float32,
)
from posebench.prediction.spec import LifterSpec
from posebench.prediction.windows import plan_windows

#: Called with (camera frames done, camera frames in all) after every sequence.
Progress = Callable[[int, int], None]

Frames = npt.NDArray[np.int64]

#: How far from 1 the probabilities of a window may sum to, in bfloat16 too.
TOLERANCE = 0.01


@dataclass(frozen=True)
class SequenceDescription:
    """What one sequence seems to be: `scores` (windows, names), of the windows that return a wanted frame."""

    info: SequenceInfo
    names: tuple[str, ...]
    scores: npt.NDArray[np.float64]


def describe_sequences(
    lifter: LoadedLifter,
    dataset: Dataset,
    inputs: InputsSpec,
    settings: RunSettings,
    progress: Progress | None = None,
) -> list[SequenceDescription]:
    """Ask for every sequence of which a run with these settings predicts a frame; `settings.flip` asks nothing.

    Raises what `run_predictions` raises, and `LifterContractError` for a lifter
    that does not answer as `DescribingLifter` has it.
    """
    check_describes(lifter.spec, lifter.name)
    if not isinstance(lifter.module, DescribingLifter):
        raise LifterContractError(
            f"{lifter.name} declares that it describes, but has no methods describe(inputs) and label_of(dataset, action)."
        )
    check_grants(lifter, inputs)
    if settings.resample:
        check_resample(lifter)
    joints = joints_between(lifter.spec, lifter.name, dataset.name, dataset.skeleton)
    device = choose_device(settings.device)
    lifter.module.to(device)
    if lifter.spec.fitted:
        fit_on_training_split(lifter, dataset)
    source = find_source(inputs.source)
    wanted = wanted_frames(dataset, inputs, settings.limit)
    total, done = sum(len(item.frames) for item in wanted), 0
    made: list[SequenceDescription] = []
    with torch.inference_mode(), full_float32():
        for item in wanted:
            sequence = dataset.read(item.info)
            shown = sequence, source.read(sequence), item.frames
            if settings.resample:
                shown = _at_own_rate(lifter.spec, *shown)
            made.append(_describe(lifter, joints, *shown, settings, device, made[0].names if made else ()))
            done += len(item.frames)
            if progress:
                progress(done, total)
    return made


def _at_own_rate(
    spec: LifterSpec, sequence: Sequence, keypoints: Keypoints, frames: Frames
) -> tuple[Sequence, Keypoints, Frames]:
    """As `predict_resampled` shows a sequence: all of it, at the lifter's frame rate."""
    own, info = spec.fps, sequence.info
    if own is None or own == info.fps:
        return sequence, keypoints, frames
    count = resampled_frames(info.frames, info.fps, own)
    shown = replace(sequence, info=replace(info, frames=count, fps=own))
    return shown, resample_keypoints(keypoints, info.fps, own), np.arange(count)


def _describe(
    lifter: LoadedLifter,
    joints: JointConversion,
    sequence: Sequence,
    keypoints: Keypoints,
    frames: Frames,
    settings: RunSettings,
    device: torch.device,
    names: tuple[str, ...],
) -> SequenceDescription:
    shown, _ = show_sequence(lifter, joints, sequence, keypoints, device)
    # What is to be inferred is not told, whatever was granted.
    shown = replace(shown, action=None)
    plan = plan_windows(lifter.spec, sequence.info.frames)
    scores: list[npt.NDArray[np.float64]] = []
    for windows, real in plan.batches(settings.batch_size or auto_batch_size(device, lifter)):
        streams = noise_streams(settings.seed, sequence.info.id, windows)
        described = _ask(lifter, window_batch(shown, plan.inputs(windows), streams, device), settings.precision)
        _check(lifter, described, len(windows), names)
        names = described.names
        counts = np.any(plan.keep[windows] & np.isin(plan.outputs(windows), frames), axis=1)
        scores.append(described.scores.double().cpu().numpy()[:real][counts[:real]])
    every = np.concatenate(scores)
    if not np.isfinite(every).all():
        raise NotFiniteError(f"{lifter.name} describes the sequence {sequence.info.id} by NaN or infinity.")
    if every.min() < 0 or np.abs(every.sum(axis=1) - 1).max() > TOLERANCE:
        raise LifterContractError(
            f"{lifter.name} describes {sequence.info.id} by scores that are no probabilities: "
            "those of a window must be 0 or more and sum to 1."
        )
    return SequenceDescription(sequence.info, names, every)


def _ask(lifter: LoadedLifter, inputs: Any, precision: Precision) -> Described:
    with torch.autocast(inputs.keypoints.device.type, torch.bfloat16, enabled=precision == "bf16"):
        described: Described = lifter.module.describe(inputs)  # type: ignore[operator]  # a DescribingLifter
    return described


def _check(lifter: LoadedLifter, described: Described, batch: int, names: tuple[str, ...]) -> None:
    if not described.names or len(set(described.names)) != len(described.names):
        raise LifterContractError(f"{lifter.name} describes motions by no names, or by one name twice.")
    if names and described.names != names:
        raise LifterContractError(f"{lifter.name} describes one window by other names than the window before.")
    if tuple(described.scores.shape) != (batch, len(described.names)):
        raise LifterContractError(
            f"{lifter.name} returned scores of shape {tuple(described.scores.shape)}; "
            f"({batch} windows, {len(described.names)} names) were promised."
        )
