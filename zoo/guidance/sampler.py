"""Samples of a prior that agree with an image: DDIM steps whose clean-pose estimate is drawn to the evidence.

At each step the prior gives a clean pose x0 for the noisy x_t. It is known up to an error r that is measured when training
ends (`PosePrior.errors`), so what the image says of it is its heatmaps blurred by r, each joint by its own r in pixels. The
estimate that has seen the image is then, with the score of both (diffusion posterior sampling; Chung et al., ICLR 2023),

    x0 + C d log H_r(project(x0 + root)) / dx0,    C = (1 - a) / sqrt(a) (dx0 / dx_t)^T,

where C is the covariance of the clean pose given x_t. The gradient goes through the estimate, so what is seen of one joint
moves the others, and in depth, as the prior has it. Without the network's derivative C is taken as the squares of r: cheaper,
and each joint moves alone.

What is known of the pose itself joins in the same way, as if it were seen with an error of r, and is put in its place after.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from posebench.errors import UsageError
from zoo.blocks.diffusion import TIMESTEPS, cosine_schedule, ddim_step, ddim_times
from zoo.blocks.pose_prior import BOUND, PosePrior
from zoo.blocks.sizes import check_counts, check_switches
from zoo.guidance.steering import Seen as Seen
from zoo.guidance.steering import Steering


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

    steps: int = 50
    scale: float = 1.0
    ancestral: float = 1.0
    through_network: bool = True

    def __post_init__(self) -> None:
        check_counts(steps=self.steps)
        check_switches(through_network=self.through_network)
        if self.steps > TIMESTEPS:
            raise UsageError(f"{self.steps} steps cannot be sampled; give 1 to {TIMESTEPS}.")
        for name, value, most in (("scale", self.scale, sys.float_info.max), ("ancestral", self.ancestral, 1.0)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise UsageError(f"{name} is {value!r}; give a number from 0{' to 1' if most == 1 else ''}.")


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
) -> Samples:
    """Draw poses or motions: of the prior alone without `seen`.

    `noise` draws standard normal noise (windows, hypotheses, frames, 16, 3).
    `known` is of that shape in standardised coordinates, NaN where a pose is
    to be found: what is known is put in its place in every estimate.
    """
    left = cosine_schedule()
    x = noise()
    steering = None if seen is None else Steering(prior, seen, hypotheses=x.shape[1])
    steered = (seen is not None or known is not None) and guidance.scale > 0
    for time, after in ddim_times(guidance.steps):
        share = left[time]
        with torch.set_grad_enabled(steered and guidance.through_network):
            noisy = x.detach().flatten(0, 1).requires_grad_(torch.is_grad_enabled())
            # One time for all: what the layers make of it is made once.
            clean = prior(noisy, torch.full((1,), time, device=x.device))
        estimate = clean.detach().clamp(-BOUND, BOUND).view(x.shape)
        if steered:
            slope = torch.zeros_like(estimate)
            error = prior.uncertainty(time)
            if steering is not None:
                slope += steering.slope(estimate, error)
            if known is not None:
                slope += torch.where(known.isnan(), 0.0, (known - estimate) / error[:, None].square())
            slope = guidance.scale * slope
            if guidance.through_network:
                (slope,) = torch.autograd.grad(clean, noisy, slope.flatten(0, 1) / math.sqrt(share))
                moved = (1 - share) * slope.view(x.shape)
            else:
                moved = error[:, None].square() * slope
            estimate = (estimate + moved).clamp(-BOUND, BOUND)
        if known is not None:
            estimate = torch.where(known.isnan(), estimate, known)
        x = estimate if after < 0 else ddim_step(x, estimate, left, time, after, noise(), guidance.ancestral)
    poses = prior.outward(x)
    return Samples(poses, None if steering is None else steering.roots(poses))
