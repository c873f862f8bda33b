"""What each kind of lifter is trained to do: a loss of a batch, and the parts of it that are logged."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from posebench.skeletons import HUMAN36M_17
from zoo.blocks.diffusion import TIMESTEPS, add_noise, cosine_schedule
from zoo.blocks.pose_prior import BOUND
from zoo.lifters.d3dp import D3DP
from zoo.lifters.dreampose3d import DreamPose3D
from zoo.lifters.heatmap_diffusion import HeatmapDiffusion
from zoo.training.batches import TrainingBatch
from zoo.training.config import LossConfig

METRES = 0.001
#: Times at which a prior is validated: little noise, half, nearly all.
VALIDATION_TIMES = (100, 300, 500, 700)


class Loss(NamedTuple):
    """`total` has the gradient; `parts` are logged: `pose` in mm, the others by their own units."""

    total: Tensor
    parts: dict[str, Tensor]


#: A lifter, a batch, the loss section of the configuration, and the share of the steps that is done.
Objective = Callable[[nn.Module, TrainingBatch, LossConfig, float], Loss]


def regression(lifter: nn.Module, batch: TrainingBatch, loss: LossConfig, done: float) -> Loss:
    """Mean distance of the joints, the root a joint like any other."""
    distance = mpjpe(lifter(batch.windows).float(), batch.returned)
    return Loss(distance * METRES, {"pose": distance})


def trusting(lifter: nn.Module, batch: TrainingBatch, loss: LossConfig, done: float) -> Loss:
    """As `regression`, for a lifter that sees how far each keypoint is to be trusted."""
    distance = mpjpe(lifter(batch.windows, batch.confidence).float(), batch.returned)
    return Loss(distance * METRES, {"pose": distance})


def d3dp(lifter: D3DP, batch: TrainingBatch, loss: LossConfig, done: float) -> Loss:
    """Mean distance of the clean poses that are made of noisy ones, of times drawn uniformly (D3DP, section 3.3)."""
    clean = batch.returned * METRES
    noisy, times = noised(clean, lifter.scale, lifter.bound)
    predicted = lifter(batch.windows, noisy[:, None], times)[:, 0].float()
    distance = mpjpe(predicted, clean)
    return Loss(distance, {"pose": distance / METRES})


def dreampose3d(lifter: DreamPose3D, batch: TrainingBatch, loss: LossConfig, done: float) -> Loss:
    """Poses about every frame, their bones, the action, and (an option) their motion; weights stand in `loss`."""
    around = batch.around(lifter.network.hallucinated) * METRES
    middle = lifter.network.hallucinated // 2
    noisy, times = noised(around[:, :, middle], 1.0, lifter.bound)
    predicted, features = lifter(batch.windows, noisy[:, None], times)
    predicted = predicted[:, 0].float()
    # One pose a frame first, the poses around it later (the paper: 25 of 100 epochs).
    reach = middle if done >= loss.hallucinate_from else 0
    total = predicted.new_zeros(())
    inside = batch.inside_around(lifter.network.hallucinated)
    for offset in range(-reach, reach + 1):
        place, known = middle + offset, inside[:, :, middle + offset]
        apart = _apart(predicted[:, :, place], around[:, :, place], loss.pose)
        total = total + _mean(apart, known) / (1 + abs(offset))
    shown, true, there = predicted[:, :, middle], around[:, :, middle], inside[:, :, middle]
    parts = {"pose": _mean(_apart(shown, true, "mpjpe"), there) / METRES}
    if loss.bone:
        parts["bone"] = _mean((_bones(shown) - _bones(true)).abs().mean(-1), there) / METRES
        total = total + loss.bone * parts["bone"] * METRES
    if loss.temporal:
        moved = _apart(shown.diff(dim=1), true.diff(dim=1), "mpjpe")
        parts["temporal"] = _mean(moved, there[:, 1:] & there[:, :-1]) / METRES
        total = total + loss.temporal * parts["temporal"] * METRES
    prompt = lifter.network.prompt
    if loss.action and prompt is not None and lifter.infers_actions:
        # Likeness over a small temperature: half precision would be off by a tenth of a nat and more.
        with torch.autocast(features.device.type, enabled=False):
            logits = prompt.logits(features.float())
        parts["action"] = functional.cross_entropy(logits, batch.actions)
        parts["accuracy"] = (logits.argmax(-1) == batch.actions).float().mean()
        total = total + loss.action * parts["action"]
    return Loss(total, {name: value.detach() for name, value in parts.items()})


def prior(lifter: HeatmapDiffusion, batch: TrainingBatch, loss: LossConfig, done: float) -> Loss:
    """Squared error of the noise in noisy poses, of times drawn uniformly (DDPM); no image, no keypoint has a part."""
    clean = lifter.network.inward(batch.returned * METRES)
    times = torch.randint(TIMESTEPS, (len(clean),))
    noise = torch.randn(clean.shape)
    left = torch.tensor(cosine_schedule(), dtype=torch.float32)[times]
    times, noise, left = (drawn.to(clean.device) for drawn in (times, noise, left))
    predicted = lifter(add_noise(clean, noise, left), times).float()
    # The noise that is left over in a pose, in the size in which it was added.
    error = (left / (1 - left) * (predicted - clean).square().mean((1, 2, 3))).mean()
    return Loss(error, {"pose": _clean_error(lifter, clean, predicted.detach()), "noise": error})


def denoising_error(lifter: HeatmapDiffusion, poses: Tensor, generator: torch.Generator) -> dict[int, float]:
    """What validation of a prior is: mean joint distance in mm of the clean poses that are made of noisy ones.

    `poses` are (n, frames, 17, 3) root-relative mm; the times are `VALIDATION_TIMES`, the noise is the generator's.
    """
    clean = lifter.network.inward(poses * METRES)
    schedule, errors = cosine_schedule(), {}
    for time in VALIDATION_TIMES:
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        left = clean.new_full((len(clean),), schedule[time])
        times = torch.full((len(clean),), time, device=clean.device)
        predicted = lifter(add_noise(clean, noise, left), times)
        errors[time] = float(_clean_error(lifter, clean, predicted))
    return errors


def _clean_error(lifter: HeatmapDiffusion, clean: Tensor, predicted: Tensor) -> Tensor:
    """In mm, each predicted coordinate within the sampler's bound."""
    outward = lifter.network.outward
    return mpjpe(outward(predicted.clamp(-BOUND, BOUND)), outward(clean)) / METRES


def mpjpe(predicted: Tensor, poses: Tensor) -> Tensor:
    """Mean distance of joints (..., 17, 3), in their own unit."""
    return torch.linalg.vector_norm(predicted - poses, dim=-1).mean()  # type: ignore[no-any-return]


def noised(clean: Tensor, scale: float, bound: float) -> tuple[Tensor, Tensor]:
    """Clean poses (batch, ...) in metres with noise of a random time each, and the times (batch,).

    Drawn on the CPU by torch's generator, whose state a checkpoint keeps.
    """
    times = torch.randint(TIMESTEPS, (len(clean),))
    left = torch.tensor(cosine_schedule(), dtype=torch.float32)[times].to(clean.device)
    noisy = add_noise(clean * scale, torch.randn(clean.shape).to(clean.device), left)
    return noisy.clamp(-bound, bound) / scale, times.to(clean.device)


def _mean(values: Tensor, known: Tensor) -> Tensor:
    """Of values (batch, frames), over those that are known; 0 where none is."""
    return (values * known).sum() / known.sum().clamp(min=1)


def _apart(predicted: Tensor, poses: Tensor, kind: str) -> Tensor:
    """(batch, frames): how far poses (batch, frames, 17, 3) are apart, averaged over joints."""
    if kind == "l1":
        return (predicted - poses).abs().sum(-1).mean(-1)
    return torch.linalg.vector_norm(predicted - poses, dim=-1).mean(-1)  # type: ignore[no-any-return]


def _bones(poses: Tensor) -> Tensor:
    """Lengths (..., bones)."""
    one, other = zip(*HUMAN36M_17.bones, strict=True)
    return torch.linalg.vector_norm(poses[..., list(one), :] - poses[..., list(other), :], dim=-1)  # type: ignore[no-any-return]
