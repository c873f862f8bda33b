"""Samples of a prior that agree with coordinates which are known, or known up to normal noise: a linear observation, no image.

At each step the prior gives a clean pose x0 for the noisy x_t, whose covariance is C = (1 - a) / sqrt(a) dx0 / dx_t
(Tweedie's formula, its second moment). Were it normal, the pose given an observation y of some of its coordinates, with
noise of covariance S, would be

    x0 + C A^T (A C A^T + S)^-1 (y - A x0),

A choosing the coordinates. The system is solved by a few conjugate gradients, each a backward pass of the network, so
that C is never written out: moment matching posterior sampling (Rozet, Andry, Lanusse, Louppe, NeurIPS 2024, section 4).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.blocks.diffusion import cosine_schedule, ddim_step, ddim_times
from zoo.blocks.pose_prior import BOUND, PosePrior
from zoo.guidance.sampler import Guidance

#: Conjugate gradients of a step: the paper takes one to three. Four made limbs of HDM05's validation actor worse: C is a
#: network's, neither quite symmetric nor quite positive.
ITERATIONS = 2
#: Share of a network's own error (`PosePrior.errors`) that is added to the deviation of the noise: where the estimate is far
#: off, its covariance is too. 0.3, 0.5 and 1 were tried on that actor.
OWN_ERROR = 0.5


def sample_given(
    prior: PosePrior, guidance: Guidance, noise: Callable[[], Tensor], observed: Tensor, deviation: Tensor
) -> Tensor:
    """Poses (windows, hypotheses, frames, 17, 3) in metres given standardised coordinates of them.

    `noise` draws standard normal noise (windows, hypotheses, frames, 16, 3). `observed` is of that shape, NaN where
    nothing is known; `deviation` (16, 1) is that of its noise, standardised.
    """
    left = cosine_schedule()
    x = noise()
    windows, hypotheses = x.shape[:2]
    there = ~observed.isnan().flatten(0, 1)
    wanted = observed.nan_to_num().flatten(0, 1)
    for time, after in ddim_times(guidance.steps):
        share = left[time]
        with torch.enable_grad():
            now = x.detach().flatten(0, 1).requires_grad_(True)
            clean = prior(now, torch.full((1,), time, device=x.device))

        def spread(vector: Tensor, clean: Tensor = clean, now: Tensor = now, share: float = share) -> Tensor:
            (product,) = torch.autograd.grad(clean, now, vector, retain_graph=True)
            return (1 - share) / math.sqrt(share) * product

        estimate = clean.detach().clamp(-BOUND, BOUND)

        own = deviation.square() + (OWN_ERROR * prior.uncertainty(time)[:, None]).square()

        def system(vector: Tensor, spread: Callable[[Tensor], Tensor] = spread, own: Tensor = own) -> Tensor:
            return torch.where(there, own * vector + spread(vector), 0.0)

        solved = conjugate_gradients(system, torch.where(there, wanted - estimate, 0.0), ITERATIONS)
        estimate = (estimate + spread(solved)).clamp(-BOUND, BOUND).unflatten(0, (windows, hypotheses))
        x = estimate if after < 0 else ddim_step(x, estimate, left, time, after, noise(), guidance.ancestral)
    return prior.outward(x)


def conjugate_gradients(system: Callable[[Tensor], Tensor], right: Tensor, iterations: int) -> Tensor:
    """Of (n, ...) systems that are symmetric and positive, each by itself: about their solutions, from 0.

    A system that shows itself not to be positive along a direction is left as it is there.
    """
    found = torch.zeros_like(right)
    rest = direction = right
    size = _dot(rest, rest)
    for _ in range(iterations):
        product = system(direction)
        along = _dot(direction, product)
        length = torch.where(along > 0, size / along.clamp(min=torch.finfo(right.dtype).tiny), 0.0)
        found = found + length * direction
        rest = rest - length * product
        before, size = size, _dot(rest, rest)
        direction = rest + size / before.clamp(min=torch.finfo(right.dtype).tiny) * direction
    return found


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """(n, 1, ...): products of vectors (n, ...)."""
    return (one * other).flatten(1).sum(-1).view(-1, *[1] * (one.ndim - 1))
