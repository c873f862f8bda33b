"""From several hypotheses to the one pose that is scored.

Two kinds, and they are two types: an `HonestAggregate` never sees the truth,
its function has no argument for it; an `OracleSelection` chooses with it. The
honest columns of records and tables take the first type only.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from posebench.metrics.position import mpjpe


@dataclass(frozen=True)
class HonestAggregate:
    """`combine(poses, weight)`: (hypotheses, frames, joints, 3) and (hypotheses, frames) or None to (frames, joints, 3)."""

    name: str
    title: str
    combine: Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class OracleSelection:
    """`select(poses, truth)`: the same shapes, chosen with the true poses (frames, joints, 3)."""

    name: str
    title: str
    select: Callable[[Tensor, Tensor], Tensor]


def p_agg(poses: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean of the hypotheses, weighted where the lifter gave weights: D3DP's P-Agg."""
    if weight is None:
        return poses.mean(dim=0)
    return (poses * weight[..., None, None]).sum(dim=0) / weight.sum(dim=0)[..., None, None]


def p_best(poses: Tensor, truth: Tensor) -> Tensor:
    """For every pose the hypothesis of least MPJPE: best-of-m as Wehrbein et al. count it, not D3DP's per batch."""
    best = mpjpe(poses, truth.expand_as(poses)).argmin(dim=0)
    return poses[best, torch.arange(poses.shape[1], device=poses.device)]


P_AGG = HonestAggregate("p-agg", "mean of the hypotheses", p_agg)
P_BEST = OracleSelection("p-best", "best hypothesis of every pose", p_best)

AGGREGATES: dict[str, HonestAggregate | OracleSelection] = {a.name: a for a in (P_AGG, P_BEST)}
