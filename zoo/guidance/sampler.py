"""Samples of a prior that agree with an image: DDIM steps whose clean-pose estimate is drawn to the evidence.

At each step the prior gives a clean pose x0 for the noisy x_t. Projected, its joints have evidence near by, at a distance d
of variance s^2 (the blur of the maps at this step); x0 itself is known up to r^2 = 1 - a, for coordinates of unit
variance. With both taken as Gaussian, the estimate that has seen the image is

    x0 + (1 - a) / sqrt(a) (dx0 / dx_t)^T (d / (r^2 + s^2))

(Song, Vahdat, Mardani, Kautz, ICLR 2023, for linear measurements): the gradient goes through the clean-pose estimate, so
what is seen of one joint moves the others, and in depth, as the prior has it. Without the network's derivative the
middle factor is taken as sqrt(a), which is cheaper and moves each joint alone.
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
        How much the evidence counts: its variance is divided by this. 0 is the prior alone.
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
    prior: PosePrior, seen: Seen | None, guidance: Guidance, noise: Callable[[], Tensor], known: Tensor | None = None
) -> Samples:
    """Draw poses or motions: of the prior alone without `seen`.

    `noise` draws standard normal noise (windows, hypotheses, frames, 16, 3).
    `known` is of that shape in standardised coordinates, NaN where a pose is
    to be found: what is known is put in its place in every estimate.
    """
    left = cosine_schedule()
    x = noise()
    windows, hypotheses = x.shape[:2]
    times = ddim_times(guidance.steps, FIRST_TIME + 1)
    roots: Tensor | None = None
    for number, (time, after) in enumerate(times):
        share = left[time]
        with torch.set_grad_enabled(seen is not None and guidance.through_network and guidance.scale > 0):
            noisy = x.detach().flatten(0, 1).requires_grad_(torch.is_grad_enabled())
            predicted = prior(noisy, torch.full((len(noisy),), time, device=x.device))
            clean = (noisy - math.sqrt(1 - share) * predicted) / math.sqrt(share)
        estimate = clean.detach().clamp(-BOUND, BOUND)
        if seen is not None and guidance.scale > 0:
            level = seen.evidence.level(number / len(times))
            pull, roots = _pull(prior, seen, estimate.unflatten(0, (windows, hypotheses)), level, share, guidance.scale)
            pull = pull.flatten(0, 1)
            if guidance.through_network:
                (pull,) = torch.autograd.grad(clean, noisy, pull)
                estimate = estimate + (1 - share) / math.sqrt(share) * pull
            else:
                estimate = estimate + (1 - share) * pull
            estimate = estimate.clamp(-BOUND, BOUND)
        estimate = estimate.unflatten(0, (windows, hypotheses))
        if known is not None:
            estimate = torch.where(known.isnan(), estimate, known)
        x = estimate if after < 0 else ddim_step(x, estimate, left, time, after, noise(), guidance.ancestral)
    poses = prior.outward(x)
    if seen is not None:
        roots = _placed(seen, poses, seen.evidence.level(1.0))[0]
    return Samples(poses, roots)


def _pull(
    prior: PosePrior, seen: Seen, estimate: Tensor, level: int, share: float, scale: float
) -> tuple[Tensor, Tensor]:
    """d / (r^2 + s^2) in standardised coordinates, (windows, hypotheses, frames, 16, 3), and the roots."""
    poses = prior.outward(estimate)
    roots, pixels, nearby = _placed(seen, poses, level)
    # From pixels to metres at the joint's depth, across the optical axis.
    metres = (poses + roots[..., None, :])[..., 2:].clamp(min=1e-3) / seen.lens[:2]
    apart = torch.cat([(nearby - pixels) * metres, torch.zeros_like(metres[..., :1])], dim=-1)
    evidence = seen.evidence
    windows, _, frames = poses.shape[:3]
    spread = evidence.deviation(level).mean(-1).view(windows, 1, frames, 1) * metres.mean(-1)
    weight = evidence.weight.view(windows, 1, frames, -1)[..., 1:, None]
    unit = prior.deviation
    variance = spread[..., 1:, None].square() / scale / unit.square()
    pull = weight * (apart[..., 1:, :] / unit) / ((1 - share) * weight + variance)
    return pull, roots


def _placed(seen: Seen, poses: Tensor, level: int) -> tuple[Tensor, Tensor, Tensor]:
    """Roots, pixels and the evidence near them of poses (windows, hypotheses, frames, 17, 3) in metres."""
    evidence = seen.evidence
    frames = poses.shape[2]

    def by_frame(values: Tensor) -> Tensor:
        """(windows, hypotheses, frames, ...) to (windows * frames, hypotheses, ...)."""
        return values.transpose(1, 2).flatten(0, 1)

    def by_window(values: Tensor) -> Tensor:
        return values.view(-1, frames, *values.shape[1:]).transpose(1, 2)

    standing = by_frame(poses)
    weight = evidence.weight[:, None].expand(standing.shape[:-1])
    if seen.roots is not None:
        roots = by_frame(seen.roots.expand(*poses.shape[:3], 3))
        pixels = project(standing + roots[..., None, :], seen.lens)
        nearby = evidence.nearby(pixels, level)
    else:
        nearby = evidence.centre[:, None].expand(*standing.shape[:-1], 2)
        # First where all of the evidence is, then where it is near the pose that stands there.
        for _ in range(2):
            roots = place_root(standing, rays(nearby, seen.lens), weight)
            pixels = project(standing + roots[..., None, :], seen.lens)
            nearby = evidence.nearby(pixels, level)
        roots = place_root(standing, rays(nearby, seen.lens), weight)
        pixels = project(standing + roots[..., None, :], seen.lens)
    return by_window(roots), by_window(pixels), by_window(nearby)
