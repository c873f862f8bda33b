"""Where samples are drawn to by what is seen: the gradient of the evidence, with roots that are solved along the way."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.blocks.pose_prior import PosePrior
from zoo.guidance.camera import project
from zoo.guidance.evidence import SHARPEST, HeatmapEvidence
from zoo.guidance.placement import begin, improve, in_metres

#: Gauss-Newton steps for the roots in a step of the sampler, which start from the roots of the step before, and at the end.
ROUNDS, LAST_ROUNDS = 1, 5
#: Least share of the precision of a place that is kept where a map makes it no narrower.
LEAST_SHARE = 0.02


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


class Steering:
    """The gradient of the evidence for one run of the sampler."""

    def __init__(self, prior: PosePrior, seen: Seen, hypotheses: int) -> None:
        self.prior, self.seen = prior, seen
        self.start = begin(seen.evidence.centre, seen.evidence.weight, seen.lens, prior.bones)
        self.root = self.start.root[:, None].expand(-1, hypotheses, -1)
        """(n, hypotheses, 3) as `placement` has them: every sample has its own."""

    def slope(self, estimate: Tensor, error: Tensor) -> Tensor:
        """Gradient by standardised coordinates (windows, hypotheses, frames, 16, 3) that are known up to `error` (16,)."""
        poses, metres = by_frame(self.prior.outward(estimate)), self._metres(error)
        # Where a pose stands is solved for the estimate as it is, and then held.
        roots = self._solve(poses, metres, ROUNDS)
        deviation, evidence = self._pixels(roots, metres), self.seen.evidence
        with torch.enable_grad():
            varied = estimate.detach().requires_grad_(True)
            pixels = project(by_frame(self.prior.outward(varied)) + roots[..., None, :], self.seen.lens)
            pull = evidence.weight[:, None, :, None] * evidence.slope(pixels, deviation)
            (slope,) = torch.autograd.grad(pixels, varied, pull)
        return slope

    def roots(self, poses: Tensor) -> Tensor:
        """Where poses (windows, hypotheses, frames, 17, 3) in metres stand that are known as they are, in metres."""
        found = self._solve(by_frame(poses), poses.new_zeros(poses.shape[-2]), LAST_ROUNDS)
        return by_window(found, poses.shape[2])

    def _metres(self, error: Tensor) -> Tensor:
        """(17,): the error of each joint; the root of a root-relative pose has none."""
        metres = error * self.prior.deviation.mean(-1)
        return torch.cat([torch.zeros_like(metres[:1]), metres])

    def _pixels(self, roots: Tensor, metres: Tensor) -> Tensor:
        """The same in pixels, (n, hypotheses, 17), of persons who stand at roots (n, hypotheses, 3)."""
        return self.seen.lens[:2].mean() / roots[..., 2:].clamp(min=1e-3) * metres

    def _solve(self, poses: Tensor, metres: Tensor, rounds: int) -> Tensor:
        """Roots (n, hypotheses, 3) in metres of poses (n, hypotheses, 17, 3) whose joints are known up to `metres` (17,)."""
        evidence, lens = self.seen.evidence, self.seen.lens
        if self.seen.roots is not None:
            return by_frame(self.seen.roots.expand(-1, poses.shape[1], -1, -1))
        narrowest = SHARPEST * evidence.cell.mean(-1)[:, None, None]
        for _ in range(rounds):
            roots = in_metres(self.root)
            pixels = project(poses + roots[..., None, :], lens)
            deviation = self._pixels(roots, metres).maximum(narrowest)
            near = evidence.nearby(pixels, deviation)
            # Of a map N(y, s^2): 1 - variance / r^2 = r^2 / (r^2 + s^2), so that y and 1 / (r^2 + s^2) come back.
            share = (1 - near.variance / deviation.square()).clamp(min=LEAST_SHARE)
            residual = (near.place - pixels) / share[..., None]
            weight = evidence.weight[:, None] * share / deviation.square()
            self.root = improve(self.root, self.start, poses, residual, weight, lens[:2])
        return in_metres(self.root)


def by_frame(values: Tensor) -> Tensor:
    """(windows, hypotheses, frames, ...) to (windows * frames, hypotheses, ...)."""
    return values.transpose(1, 2).flatten(0, 1)


def by_window(values: Tensor, frames: int) -> Tensor:
    """The inverse of `by_frame`."""
    return values.reshape(-1, frames, *values.shape[1:]).transpose(1, 2)
