"""From several hypotheses to the one pose that is scored.

Three kinds, and they are three types, so that a column cannot hold another's
numbers. An `HonestAggregate` sees hypotheses alone: its function has no
argument for the truth. An `AssistedAggregate` sees where the hypotheses fall
in the image, for which the true root or camera was taken. An `OracleSelection`
chooses with the true poses.

Poses are (..., hypotheses, frames, joints, 3) mm, the truth (..., frames,
joints, 3) mm. D3DP's numbers are compositions: `mpjpe(p_agg(poses), truth)`,
`mpjpe(j_best(poses, truth), truth)` and so on, and for its Procrustes-aligned
ones (`p_` before the name) the hypotheses go through `align_hypotheses` before
they are chosen; only P-P-Agg aligns after the mean: `p_mpjpe(p_agg(poses), truth)`.
Choices raise `NotFiniteError` for NaN, which would win or lose every comparison.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from posebench.errors import UsageError
from posebench.metrics.alignment import procrustes_align
from posebench.metrics.best_of import BEST_OF
from posebench.metrics.finite import require_finite
from posebench.metrics.position import joint_errors


@dataclass(frozen=True)
class HonestAggregate:
    """`combine(poses, weight)`: hypotheses and their weights (..., hypotheses, frames) or None to (..., frames, joints, 3)."""

    name: str
    title: str
    combine: Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class AssistedAggregate:
    """`combine(poses, reprojected, keypoints)`: to (..., frames, joints, 3) with the image, never with true poses.

    `reprojected` (..., hypotheses, frames, joints, 2) was made with the true
    root, or a true camera, whence the name; `keypoints` (..., frames, joints, 2)
    are what the lifter was given.
    """

    name: str
    title: str
    combine: Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class OracleSelection:
    """`select(poses, truth)`: to (..., frames, joints, 3), chosen with the true poses among at least `least` hypotheses."""

    name: str
    title: str
    select: Callable[[Tensor, Tensor], Tensor]
    least: int = 2


def p_agg(poses: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean of the hypotheses, weighted where the lifter gave weights: D3DP's P-Agg.

    A hypothesis with NaN makes the mean NaN. Raises `UsageError` when the
    weights of a frame do not sum to more than 0.
    """
    if weight is None:
        return poses.mean(dim=-4)
    total = weight.sum(dim=-2)
    if not (total > 0).all():
        raise UsageError("The weights of the hypotheses of some frame do not sum to more than 0; there is no mean.")
    return (poses * weight[..., None, None]).sum(dim=-4) / total[..., None, None]


def j_agg(poses: Tensor, reprojected: Tensor, keypoints: Tensor) -> Tensor:
    """For every joint the hypothesis that falls nearest to its 2D keypoint: J-Agg or JPMA (D3DP, section 3.4).

    2D in any one unit; equal distances take the first hypothesis.
    """
    distances = hypothesis_errors(reprojected, keypoints)
    require_finite("J-Agg", distances)
    return _take(poses, distances.argmin(dim=-3))


def j_best(poses: Tensor, truth: Tensor) -> Tensor:
    """For every joint of every frame the hypothesis nearest to the truth: D3DP's J-Best (`mpjpe_diffusion_all_min`)."""
    errors = hypothesis_errors(poses, truth)
    require_finite("J-Best", errors)
    return _take(poses, errors.argmin(dim=-3))


def p_best(poses: Tensor, truth: Tensor) -> Tensor:
    """For every pose the hypothesis of least MPJPE: best-of-m as Wehrbein et al. count it, not D3DP's per batch."""
    return _take(poses, _pose_errors("P-Best", poses, truth).argmin(dim=-2))


def p_best_aligned(poses: Tensor, truth: Tensor) -> Tensor:
    """For every pose the hypothesis of least P-MPJPE, as it is, not aligned.

    Its P-MPJPE is the best P-MPJPE of Wehrbein et al. and DiffPose, who choose for each metric anew (protocols.md, D6).
    """
    return _take(poses, _pose_errors("P-Best", align_hypotheses(poses, truth), truth.double()).argmin(dim=-2))


def p_best_batch(poses: Tensor, truth: Tensor) -> Tensor:
    """One hypothesis, of least mean error, for all frames given: D3DP's P-Best (`mpjpe_diffusion`).

    Its batch is all clips of a forward pass, so the number depends on the batch
    size: give the clips of a batch joined along the frames.
    """
    errors = _pose_errors("P-Best", poses, truth)
    best = errors.mean(dim=-1).argmin(dim=-1)
    return _take(poses, best[..., None].expand(*best.shape, poses.shape[-3]))


def median_hypothesis(poses: Tensor, truth: Tensor) -> Tensor:
    """For every pose the hypothesis whose MPJPE is the (lower) median: what one sample of the lifter is worth."""
    order = _pose_errors("The median hypothesis", poses, truth).argsort(dim=-2, stable=True)
    return _take(poses, order.select(-2, (poses.shape[-4] - 1) // 2))


def worst_hypothesis(poses: Tensor, truth: Tensor) -> Tensor:
    """For every pose the hypothesis of greatest MPJPE: how wrong a sample of the lifter gets."""
    return _take(poses, _pose_errors("The worst hypothesis", poses, truth).argmax(dim=-2))


def best_of_m_curve(errors: Tensor) -> Tensor:
    """Best of the first 1, 2, ..., m hypotheses: (..., hypotheses, frames) to the same shape, row m - 1 is best-of-m.

    `errors` is any metric of which less is better. P-MPJPE has its own best
    hypothesis, not that of MPJPE (Wehrbein et al. 2021, protocols.md, D6).
    """
    require_finite("Best-of-m", errors)
    return errors.cummin(dim=-2).values


def align_hypotheses(poses: Tensor, truth: Tensor) -> Tensor:
    """Every hypothesis moved onto the truth by `procrustes_align`; the same shape, float64."""
    return procrustes_align(poses, truth.unsqueeze(-4).expand_as(poses))


def hypothesis_errors(poses: Tensor, truth: Tensor) -> Tensor:
    """Joint errors of every hypothesis: to (..., hypotheses, frames, joints), in the unit of the coordinates (2D or 3D)."""
    # One hypothesis at a time: the differences of all of them would be another copy of the poses.
    return torch.stack([joint_errors(hypothesis, truth) for hypothesis in poses.unbind(dim=-4)], dim=-3)


def _pose_errors(metric: str, poses: Tensor, truth: Tensor) -> Tensor:
    errors = hypothesis_errors(poses, truth).mean(dim=-1)
    require_finite(metric, errors)
    return errors


def _take(poses: Tensor, choice: Tensor) -> Tensor:
    """The chosen hypothesis of every frame (..., frames) or of every joint (..., frames, joints)."""
    per_joint = choice if choice.ndim == poses.ndim - 2 else choice[..., None]
    index = per_joint[..., None].unsqueeze(-4).expand(*poses.shape[:-4], 1, *poses.shape[-3:])
    return poses.gather(-4, index).squeeze(-4)


#: Frames of D3DP's batch on Human3.6M: 4 clips of 243 frames, all of one sequence.
D3DP_BATCH = 4 * 243


def p_best_blocks(poses: Tensor, truth: Tensor, block: int = D3DP_BATCH) -> Tensor:
    """`p_best_batch` of each run of `block` frames: D3DP's P-Best with its published batch, which a sequence never shares.

    Another batch size gives another number: that is the rule, and why it cannot be cut anywhere else.
    """
    parts = zip(torch.split(poses, block, dim=-3), torch.split(truth, block, dim=-3), strict=True)
    return torch.cat([p_best_batch(some, true) for some, true in parts], dim=-3)


P_AGG = HonestAggregate("p-agg", "mean of the hypotheses", p_agg)
J_AGG = AssistedAggregate("j-agg", "hypothesis of every joint nearest to its keypoint, with the true root", j_agg)
P_BEST = OracleSelection("p-best", "best hypothesis of every pose", p_best)
P_BEST_ALIGNED = OracleSelection("p-best-aligned", "best hypothesis of every pose after alignment", p_best_aligned)
P_BEST_BATCH = OracleSelection("p-best-batch", "best hypothesis of every batch of 4 x 243 frames", p_best_blocks)
J_BEST = OracleSelection("j-best", "best hypothesis of every joint", j_best)
MEDIAN = OracleSelection("median", "median hypothesis of every pose", median_hypothesis)
WORST = OracleSelection("worst", "worst hypothesis of every pose", worst_hypothesis)


def _best_of_first(m: int, poses: Tensor, truth: Tensor) -> Tensor:
    return p_best(poses.narrow(-4, 0, m), truth)


#: The curve of best-of-m: the best of the first m hypotheses.
BEST_OF_CURVE = tuple(
    OracleSelection(
        f"p-best-{m}", f"best of the first {m} hypotheses of every pose", partial(_best_of_first, m), least=m
    )
    for m in BEST_OF
)

_ALL: tuple[HonestAggregate | AssistedAggregate | OracleSelection, ...] = (
    P_AGG, J_AGG, P_BEST, P_BEST_ALIGNED, P_BEST_BATCH, *BEST_OF_CURVE, J_BEST, MEDIAN, WORST,
)  # fmt: skip
#: What a scoring rule may name.
AGGREGATES = {aggregate.name: aggregate for aggregate in _ALL}
