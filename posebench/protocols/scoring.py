"""Scoring one sequence: predicted poses and true poses to additive statistics."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.datasets.sequence import Sequence
from posebench.errors import DataDamagedError, NotFiniteError, UsageError
from posebench.inputs.frames import WantedFrames
from posebench.metrics.hypotheses import AGGREGATES, HonestAggregate
from posebench.metrics.table import METRICS, Metric
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.protocol import Scoring


@dataclass(frozen=True)
class Statistic:
    """Sum and weight of a metric over a sequence: headlines are functions of these and nothing else."""

    sum: float
    weight: float


#: aggregate name -> metric name -> statistic
SequenceStatistics = dict[str, dict[str, Statistic]]


def score_sequence(
    scoring: Scoring, sequence: Sequence, prediction: SequencePrediction, wanted: WantedFrames, space: str, tail: str
) -> SequenceStatistics:
    """Score a sequence under a rule, in float64.

    The truth is `sequence.poses` minus its root; `space` and `tail` are those
    of the lifter that predicted. Raises `DataDamagedError` when
    the predicted frames are not exactly the wanted ones, `NotFiniteError`
    naming the sequence, and `UsageError` for a space without a rule here.
    """
    where = sequence.info.id
    rows = _scored_rows(scoring, prediction, wanted, tail, where)
    truth = torch.from_numpy(sequence.poses[prediction.frame[rows]]).double()
    truth = truth - truth[:, :1]
    poses = _root_relative(torch.from_numpy(prediction.poses[:, rows]).double(), space, scoring, where)
    weight = None if prediction.weight is None else torch.from_numpy(prediction.weight[:, rows]).double()
    for name, values in (("predictions", poses), ("true poses", truth)):
        if not torch.isfinite(values).all():
            raise NotFiniteError(f"The {name} of sequence {where} hold NaN or infinity; nothing was scored.")
    if poses.shape[2:] != truth.shape[1:]:
        raise UsageError(f"The predictions of {where} have {poses.shape[2]} joints, the data set has {truth.shape[1]}.")
    statistics: SequenceStatistics = {}
    for name in scoring.aggregates:
        aggregate = AGGREGATES[name]
        if isinstance(aggregate, HonestAggregate):
            chosen = aggregate.combine(poses, weight)
        elif poses.shape[0] > 1:
            chosen = aggregate.select(poses, truth)
        else:
            continue  # one hypothesis leaves an oracle nothing to choose
        statistics[name] = {
            metric: _statistic(METRICS[metric], scoring, sequence, chosen, truth) for metric in scoring.metrics
        }
    return statistics


def _scored_rows(
    scoring: Scoring, prediction: SequencePrediction, wanted: WantedFrames, tail: str, where: str
) -> npt.NDArray[np.int64]:
    """The rows that count, once it is sure that every wanted frame was predicted and no other."""
    frames, first = np.unique(prediction.frame, return_index=True)
    repeated = len(frames) < len(prediction.frame)
    if not np.array_equal(frames, wanted.frames) or (repeated and tail != "overlap-chunk"):
        raise DataDamagedError(
            f"The predictions of {where} hold {len(prediction.frame)} rows for {len(frames)} frames, the protocol wants each of "
            f"{len(wanted.frames)} frames{' at least' if tail == 'overlap-chunk' else ''} once; predict it again."
        )
    return np.arange(len(prediction.frame)) if scoring.repeats == "all" else first


def _root_relative(poses: Tensor, space: str, scoring: Scoring, where: str) -> Tensor:
    if space == "camera":
        return poses - poses[..., :1, :]
    if space != "root_relative":
        raise UsageError(
            f"The predictions of {where} are in the space {space!r}, for which {scoring.rule!r} has no rule."
        )
    if scoring.root == "subtracted":
        return poses - poses[..., :1, :]
    if scoring.root == "zeroed":
        return torch.cat([torch.zeros_like(poses[..., :1, :]), poses[..., 1:, :]], dim=-2)
    return poses


def _statistic(metric: Metric, scoring: Scoring, sequence: Sequence, predicted: Tensor, truth: Tensor) -> Statistic:
    joints = list(sequence.skeleton.indices(scoring.pck_joints if metric.joints == "pck" else scoring.joints))
    values = metric.values(predicted[:, joints], truth[:, joints])
    if values.shape[0] == 0:
        return Statistic(0.0, 0.0)  # a clip too short for a difference says nothing about motion
    frames = truth.shape[0]
    # fsum: the exactly rounded sum, the same whatever the order or the number of threads.
    total = math.fsum(values.tolist()) * sequence.info.fps**metric.per_second
    # Differences are fewer than frames; their mean counts with the frames of the sequence (VideoPose3D, run.py).
    return Statistic(total * (frames / values.shape[0]), float(frames))
