"""Samples of a prior that agree with an image: DDIM steps whose clean-pose estimate is drawn to the evidence.

At each step the prior gives a clean pose x0 for the noisy x_t. It is known up to r^2 = 1 - a, for coordinates of unit
variance, so what the image says of it is its heatmaps blurred by r, each joint by its own r in pixels. The estimate that has
seen the image is then, with the score of both (diffusion posterior sampling; Chung et al., ICLR 2023),

    x0 + (1 - a) / sqrt(a) (dx0 / dx_t)^T  d log H_r(project(x0 + root)) / dx0

The gradient goes through the clean-pose estimate, so what is seen of one joint moves the others, and in depth, as the
prior has it. Without the network's derivative the middle factor is taken as sqrt(a): cheaper, and each joint moves alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from posebench.errors import UsageError
from zoo.blocks.diffusion import cosine_schedule, ddim_step, ddim_times
from zoo.blocks.pose_prior import PosePrior
from zoo.guidance.camera import project, rays
from zoo.guidance.evidence import HeatmapEvidence
from zoo.guidance.placement import place_root

#: Where sampling begins: later the schedule leaves so little of a pose that its estimate is noise.
FIRST_TIME = 979
#: Standardised coordinates of a clean pose are kept within this.
BOUND = 5.0


@dataclass(frozen=True)
class Guidance:
    """How samples are steered.

    `steps`
        Of the sampler.
    `scale`
        What the gradient of the evidence is multiplied by. 1 is what it says; 0 is the prior alone.
    `ancestral`
        Share of fresh noise in a step: 0 is DDIM, 1 the ancestral sampler.
    `through_network`
        The gradient goes through the prior's clean-pose estimate.
    """

    steps: int = 25
    scale: float = 1.0
    ancestral: float = 1.0
    through_network: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= FIRST_TIME:
            raise UsageError(f"{self.steps} steps cannot be sampled; give 1 to {FIRST_TIME}.")
        if self.scale < 0 or not 0 <= self.ancestral <= 1:
            raise UsageError(
                f"guidance has scale {self.scale} and ancestral {self.ancestral}; give a scale of 0 or more and a share of 0 to 1."
            )


@dataclass(frozen=True)
class Seen:
    """What the samples of `windows` windows are steered by.

    `evidence`
        Of windows * frames frames, window after window.
    `lens`
        (9,).
    `roots`
        Where the root is, (windows, 1, frames, 3) metres; None to solve it.
    """

    evidence: HeatmapEvidence
    lens: Tensor
    roots: Tensor | None = None


@dataclass(frozen=True)
class Samples:
    """`poses` (windows, hypotheses, frames, 17, 3) in metres about the root, `roots` (windows, hypotheses, frames, 3)."""

    poses: Tensor
    roots: Tensor | None


def sample(
    prior: PosePrior,
    seen: Seen | None,
    guidance: Guidance,
    noise: Callable[[], Tensor],
    known: Tensor | None = None,
    start: tuple[Tensor, int] | None = None,
) -> Samples:
    """Draw poses or motions: of the prior alone without `seen`.

    `noise` draws standard normal noise (windows, hypotheses, frames, 16, 3).
    `known` is of that shape in standardised coordinates, NaN where a pose is
    to be found: what is known is put in its place in every estimate.
    `start` is a noisy pose x_t of that shape, standardised, and its time t:
    the steps go from there instead of from pure noise, so that they denoise.
    A pose with noise of deviation s added is sqrt(a) of itself at the time
    whose share a has sqrt((1 - a) / a) = s. Raises `UsageError` for a time
    that is none.
    """
    left = cosine_schedule()
    x, first = (noise(), FIRST_TIME) if start is None else start
    if not 0 <= first < len(left):
        raise UsageError(f"{first} is no time of the diffusion; give 0 to {len(left) - 1}.")
    windows, hypotheses = x.shape[:2]
    steered = seen is not None and guidance.scale > 0
    for time, after in ddim_times(min(guidance.steps, first + 1), first + 1):
        share = left[time]
        with torch.set_grad_enabled(steered and guidance.through_network):
            noisy = x.detach().flatten(0, 1).requires_grad_(torch.is_grad_enabled())
            predicted = prior(noisy, torch.full((len(noisy),), time, device=x.device))
            clean = (noisy - math.sqrt(1 - share) * predicted) / math.sqrt(share)
        estimate = clean.detach().clamp(-BOUND, BOUND)
        if seen is not None and steered:
            slope = _slope(prior, seen, estimate.unflatten(0, (windows, hypotheses)), math.sqrt(1 - share))
            if guidance.through_network:
                (slope,) = torch.autograd.grad(clean, noisy, slope)
                slope = slope / math.sqrt(share)
            estimate = (estimate + (1 - share) * guidance.scale * slope).clamp(-BOUND, BOUND)
        estimate = estimate.unflatten(0, (windows, hypotheses))
        if known is not None:
            estimate = torch.where(known.isnan(), estimate, known)
        x = estimate if after < 0 else ddim_step(x, estimate, left, time, after, noise(), guidance.ancestral)
    poses = prior.outward(x)
    roots = None if seen is None else _by_window(_place(prior, seen, _by_frame(poses), 0.0)[0], poses.shape[2])
    return Samples(poses, roots)


def _slope(prior: PosePrior, seen: Seen, estimate: Tensor, deviation: float) -> Tensor:
    """Gradient of the evidence by standardised coordinates (windows * hypotheses, frames, 16, 3), known up to `deviation`."""
    frames = estimate.shape[2]
    # Where a pose stands is solved for the estimate as it is, and then held.
    roots, level = _place(prior, seen, _by_frame(prior.outward(estimate)), deviation)
    with torch.enable_grad():
        varied = estimate.detach().requires_grad_(True)
        points = _by_frame(prior.outward(varied)) + roots[..., None, :]
        density = seen.evidence.log_density(project(points, seen.lens), level)
        total = (seen.evidence.weight[:, None] * density).sum()
        (slope,) = torch.autograd.grad(total, varied)
    return slope.reshape(-1, frames, *slope.shape[3:])


def _place(prior: PosePrior, seen: Seen, poses: Tensor, deviation: float) -> tuple[Tensor, Tensor]:
    """Roots (n, m, 3) of poses (n, m, 17, 3) in metres, and the blur (n, 17) at which each joint sees the evidence."""
    evidence = seen.evidence
    weight = evidence.weight[:, None].expand(poses.shape[:-1])
    if seen.roots is not None:
        roots = _by_frame(seen.roots.expand(-1, poses.shape[1], -1, -1))
        return roots, _level(prior, seen, roots, deviation)
    # First where all of the evidence is, then where it is near the pose that stands there.
    roots = place_root(poses, rays(evidence.centre, seen.lens)[:, None].expand(poses.shape), weight)
    for _ in range(2):
        level = _level(prior, seen, roots, deviation)
        nearby = evidence.nearby(project(poses + roots[..., None, :], seen.lens), level)
        roots = place_root(poses, rays(nearby, seen.lens), weight)
    return roots, level


def _level(prior: PosePrior, seen: Seen, roots: Tensor, deviation: float) -> Tensor:
    """The blur (n, 17) for poses whose standardised coordinates are known up to `deviation`, standing at roots (n, m, 3)."""
    metres = deviation * torch.cat([prior.deviation[:1], prior.deviation]).mean(-1)
    pixels = seen.lens[:2].mean() / roots[..., 2].mean(-1, keepdim=True).clamp(min=1e-3) * metres
    return seen.evidence.level(pixels)


def _by_frame(values: Tensor) -> Tensor:
    """(windows, hypotheses, frames, ...) to (windows * frames, hypotheses, ...)."""
    return values.transpose(1, 2).flatten(0, 1)


def _by_window(values: Tensor, frames: int) -> Tensor:
    """The inverse of `_by_frame`."""
    return values.view(-1, frames, *values.shape[1:]).transpose(1, 2)
