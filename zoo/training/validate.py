"""Validation subjects as prediction sees them: whole sequences, the data set's own cameras, every 2D source."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from posebench.inputs.missing import interpolate_missing
from posebench.inputs.sources import find_source
from posebench.prediction.flip import averaged, doubled
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec
from posebench.prediction.windows import plan_windows
from posebench.seeding import torch_generator
from posebench.skeletons import HUMAN36M_17
from zoo.training.objectives import denoising_error
from zoo.training.stores import TrainingStore

#: Dimensions of a lifter's poses (batch, hypotheses, frames, joints, 3) when there are several.
HYPOTHESES = 5
#: Windows of a sequence on which a prior's errors are measured.
MEASURED = 32


@dataclass(frozen=True)
class ValidationSequence:
    """One validation sequence, ready to be lifted; `label` is `dataset/source`."""

    label: str
    inputs: LifterInputs
    poses: Tensor
    """(rows, 17, 3) root-relative mm of the rows that are kept; a frame that is predicted twice is there twice."""
    keep: Tensor
    """bool (windows, outputs): the rows of the lifter's output that are frames of the sequence."""
    draws: int
    """How many windows noise is drawn for; 0 for a lifter that does not sample."""


def read_validation(
    stores: Sequence[TrainingStore], sources: Sequence[str], spec: LifterSpec, device: torch.device
) -> list[ValidationSequence]:
    """Every validation sequence of every store through every 2D source."""
    found = []
    for store in stores:
        for sequence in store.validation_sequences():
            plan = plan_windows(spec, sequence.info.frames)
            shown = plan.inputs(np.arange(len(plan.starts)))
            returned = plan.outputs(np.arange(len(plan.starts)))[plan.keep]
            relative = torch.from_numpy((sequence.poses - sequence.poses[:, :1])[returned]).to(device)
            draws = len(plan.starts) if spec.samples else 0
            keep = torch.from_numpy(plan.keep).to(device)
            for name in sources:
                keypoints, _ = interpolate_missing(find_source(name).read(sequence), sequence.info.id)
                pixels = torch.from_numpy(keypoints.pixels[shown]).to(device)
                inputs = LifterInputs(
                    keypoints=pixels,
                    confidence=torch.from_numpy(keypoints.confidence[shown]).to(device),
                    image_size=torch.tensor(keypoints.image_size, dtype=torch.float32, device=device),
                    fps=sequence.info.fps,
                )
                found.append(ValidationSequence(f"{store.name}/{name}", inputs, relative, keep, draws))
    return found


@torch.no_grad()
def validate_prior(lifter: nn.Module, sequences: Sequence[ValidationSequence], flip: bool) -> dict[str, float]:
    """What selects a prior of poses, which lifts nothing by itself: `denoising_error` in mm of each data set, as `dataset/denoised`.

    Mean over times and frames. 2D sources have no part: one is enough. Of a sequence whole windows count.
    """
    lifter.eval()
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for number, (label, windows) in enumerate(_whole_windows(lifter, sequences)):
        errors = denoising_error(lifter, windows, torch_generator("zoo-validation", number))  # type: ignore[arg-type]
        name, frames = f"{label.split('/')[0]}/denoised", windows.shape[0] * windows.shape[1]
        total[name] = total.get(name, 0.0) + frames * sum(errors.values()) / len(errors)
        count[name] = count.get(name, 0) + frames
    return {name: total[name] / count[name] for name in sorted(total)}


@torch.no_grad()
def measure_prior(lifter: nn.Module, sequences: Sequence[ValidationSequence]) -> None:
    """Measure on the validation subjects how far a prior's clean poses are off: `PosePrior.errors`, which guidance needs.

    Of each sequence at most `MEASURED` windows, evenly spread.
    """
    lifter.eval()
    found = [windows[:: -(-len(windows) // MEASURED)] / 1000.0 for _, windows in _whole_windows(lifter, sequences)]
    lifter.network.measure(found, torch_generator("zoo-validation", "errors"))  # type: ignore[union-attr, operator]


def _whole_windows(lifter: nn.Module, sequences: Sequence[ValidationSequence]) -> list[tuple[str, Tensor]]:
    """Labels and windows (n, frames, 17, 3) in mm of the sequences that have one; what is left of a sequence is left out."""
    length: int = lifter.spec.window  # type: ignore[union-attr, assignment]
    found = []
    for sequence in sequences:
        whole = len(sequence.poses) // length * length
        if whole:
            found.append((sequence.label, sequence.poses[:whole].view(-1, length, *sequence.poses.shape[1:])))
    return found


@torch.no_grad()
def validate(lifter: nn.Module, sequences: Sequence[ValidationSequence], flip: bool) -> dict[str, float]:
    """Root-relative MPJPE in mm, averaged over frames, of each `dataset/source`, sorted by name.

    The predicted root counts as it is, in mm beside the true root.
    """
    lifter.eval()
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for number, sequence in enumerate(sequences):
        # The same noise every time, for lifters that draw some.
        streams = tuple(torch_generator("zoo-validation", number, window) for window in range(sequence.draws))
        inputs = replace(sequence.inputs, noise_streams=streams)
        poses = lifter.lift(doubled(inputs, HUMAN36M_17.mirrored) if flip else inputs)  # type: ignore[operator]
        if poses.ndim == HYPOTHESES:
            # The honest aggregate.
            poses = poses.mean(dim=1)
        if flip:
            poses = averaged(poses, HUMAN36M_17.mirrored)
        errors = torch.linalg.vector_norm(poses[sequence.keep] - sequence.poses, dim=-1)
        total[sequence.label] = total.get(sequence.label, 0.0) + float(errors.double().sum())
        count[sequence.label] = count.get(sequence.label, 0) + errors.numel()
    return {label: total[label] / count[label] for label in sorted(total)}
