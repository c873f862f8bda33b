"""Hypotheses as samples of a distribution: is it calibrated, sharp, and near the truth?

Samples are (..., samples, frames, joints, 3) mm, the truth (..., frames, joints, 3) mm. NaN raises `NotFiniteError`:
it passes below no quantile.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from posebench.metrics.finite import require_finite
from posebench.metrics.hypotheses import hypothesis_errors
from posebench.metrics.position import joint_errors, same_shape

#: 0, 0.05, ..., 1 (Platypose).
QUANTILES = tuple(step / 20 for step in range(21))
#: Distances that are held at a time, 32 MB.
CHUNK = 4_000_000


def observed_frequency(samples: Tensor, truth: Tensor, quantiles: Sequence[float] = QUANTILES) -> Tensor:
    """Share of poses whose truth is strictly nearer to the samples' centre than each quantile of the samples.

    To (..., quantiles, joints), float64. The centre is the coordinate-wise
    lower median; distances are Euclidean, a joint at a time; quantiles follow
    numpy's linear rule (Pierzchlewicz et al. 2022, whose code Platypose's
    calibration follows). A calibrated distribution observes every quantile as
    often as it says. Samples that all coincide observe 0 everywhere.
    """
    return observed_counts(samples, truth, quantiles) / truth.shape[-3]


def observed_counts(samples: Tensor, truth: Tensor, quantiles: Sequence[float] = QUANTILES) -> Tensor:
    """How many poses `observed_frequency` is the share of: (..., quantiles, joints), whole numbers, which add up over poses."""
    same_shape(samples.select(-4, 0), truth)
    require_finite("Calibration", samples, truth)
    counted = torch.zeros((*samples.shape[:-4], len(quantiles), samples.shape[-2]), dtype=torch.float64)
    chunks = max(1, math.ceil(samples[..., 0].numel() / CHUNK))
    for part, true in zip(samples.chunk(chunks, dim=-3), truth.double().chunk(chunks, dim=-3), strict=True):
        some = part.double()
        centre = some.median(dim=-4).values  # torch's median is the lower one
        distances = hypothesis_errors(some, centre).cpu().numpy()
        levels = torch.from_numpy(np.asarray(np.quantile(distances, quantiles, axis=-3)))
        nearer = joint_errors(true, centre).cpu() < levels
        counted += nearer.sum(dim=-2).movedim(0, -2)
    return counted.to(samples.device)


def expected_calibration_error(observed: Tensor, quantiles: Sequence[float] = QUANTILES) -> Tensor:
    """ECE: mean over quantiles of |median over joints of the observed frequency - quantile|; (...), 0 is best.

    `observed` (..., quantiles, joints) as of `observed_frequency`; of an even
    number of joints the median is the mean of the middle two (Platypose).
    """
    require_finite("ECE", observed)
    levels = torch.tensor(quantiles, dtype=torch.float64, device=observed.device)
    return (typical_frequency(observed) - levels).abs().mean(dim=-1)


def typical_frequency(observed: Tensor) -> Tensor:
    """Median over joints of observed frequencies: (..., quantiles, joints) to (..., quantiles), what ECE compares."""
    return observed.double().quantile(0.5, dim=-1)


def energy_score(samples: Tensor, truth: Tensor) -> Tensor:
    """Energy score of every pose, mean over joints; (..., frames) mm, float64, less is better.

    A joint's score is mean |x_i - y| - (1/2) mean |x_i - x_j| over all pairs,
    i = j among them (Gneiting and Raftery 2007, equations 21 and 22, for the
    distribution that gives every sample the same weight): proper, never
    negative, and MPJPE itself for a single sample.
    """
    require_finite("Energy score", samples, truth)
    samples, truth = samples.double(), truth.double()
    near = hypothesis_errors(samples, truth).mean(dim=-3)
    chunks = max(1, math.ceil(near.numel() * samples.shape[-4] ** 2 / CHUNK))
    apart = [_mean_distance(part.movedim(-4, -2)) for part in samples.chunk(chunks, dim=-3)]
    return (near - torch.cat(apart, dim=-2) / 2).mean(dim=-1)


def _mean_distance(points: Tensor) -> Tensor:
    """Mean distance of all pairs, of points with themselves too: (..., samples, 3) to (...)."""
    # Not by products of matrices, which lose half of the digits of a small distance.
    distances = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    mean: Tensor = distances.mean(dim=(-2, -1))
    return mean


def spread(samples: Tensor) -> Tensor:
    """Standard deviation of the samples about their mean, mean over joints; (..., frames) mm: the mean of `joint_spread`."""
    return joint_spread(samples).mean(dim=-1)


def joint_spread(samples: Tensor) -> Tensor:
    """Standard deviation of the samples of every joint about their mean; (..., frames, joints) mm.

    sqrt(mean_i |x_i - mean|^2), of the population: 0 for one sample. By definition; says nothing about the truth.
    """
    require_finite("Spread", samples)
    return samples.var(dim=-4, correction=0).sum(dim=-1).sqrt()
