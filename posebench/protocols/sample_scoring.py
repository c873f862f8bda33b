"""Scoring the hypotheses of one sequence together, as samples of a distribution: additive, as all statistics are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.datasets.sequence import Sequence
from posebench.errors import UsageError
from posebench.inputs.frames import WantedFrames
from posebench.inputs.heatmaps import BuiltHeatmaps
from posebench.inputs.keypoints import Keypoints
from posebench.metrics.calibration import energy_score, joint_spread, observed_counts
from posebench.metrics.samples import ECE, PLACED, SAMPLES, SIGMAS, SURE, WITHIN
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.protocol import Scoring
from posebench.protocols.scored_poses import ScoredPoses, read_poses, reproject
from posebench.protocols.scoring import SequenceStatistics, Statistic

Mask = npt.NDArray[np.bool_]
#: What a metric sums up over a frame, and the weight of that sum: (rows,) each.
Sums = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Observed:
    """How often the truth was nearer to the hypotheses' centre than their quantiles: `counts[quantile][joint]` of `frames`.

    The quantiles are `calibration.QUANTILES`, the joints those of the rule without the root.
    """

    frames: int
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SampleStatistics:
    """`statistics[action][aggregate][metric]` under the aggregates `SAMPLES` and `PLACED`, and `observed[action]` for the ECE."""

    statistics: SequenceStatistics
    observed: dict[str, Observed]


def score_samples(
    scoring: Scoring,
    sequence: Sequence,
    prediction: SequencePrediction,
    wanted: WantedFrames,
    *,
    space: str,
    tail: str,
    keypoints: Keypoints,
) -> SampleStatistics:
    """The sample metrics of a rule over one sequence; arguments and errors as `score_sequence`.

    Of a single hypothesis there is no spread and no calibration. What needs a root and a lens is told with those of the
    lifter, where it gave both, and under `PLACED` with the true ones. Nothing is told of heatmaps that a data set stores:
    they have no peaks of known width. Raises `UsageError` for weighted hypotheses, which are no samples.
    """
    shown = read_poses(scoring, sequence, prediction, wanted, space=space, tail=tail)
    if shown.weight is not None:
        raise UsageError(
            f"{scoring.rule!r} takes hypotheses as equally likely samples, and those of {sequence.info.id} are weighted; "
            "choose another rule, or leave the weights away."
        )
    joints = list(sequence.skeleton.indices(scoring.joints))
    bones = [
        joint for joint in joints if joint != shown.root
    ]  # the root is the origin, and no hypothesis differs in it
    measured = {(SAMPLES, name): sums for name, sums in _plain(scoring, shown, joints, bones, keypoints)}
    if WITHIN in scoring.samples and sequence.heatmaps is None:
        maps = BuiltHeatmaps(keypoints, sequence.skeleton, sequence.info)
        if shown.placed is not None and prediction.lens is not None:
            measured[SAMPLES, WITHIN] = _within(maps, shown, shown.placed, prediction.lens, joints)
        measured[PLACED, WITHIN] = _within(maps, shown, shown.at_true_root, sequence.camera.lens, joints)
    statistics: SequenceStatistics = {}
    observed: dict[str, Observed] = {}
    for action, rows in _actions(sequence, shown):
        for (aggregate, name), (sums, weights) in measured.items():
            own = Statistic(math.fsum(sums[rows].tolist()), math.fsum(weights[rows].tolist()))
            statistics.setdefault(action, {}).setdefault(aggregate, {})[name] = own
        if ECE in scoring.samples and len(shown.poses) > 1:
            counts = observed_counts(shown.poses[:, rows][:, :, bones], shown.truth[rows][:, bones])
            observed[action] = Observed(int(rows.sum()), tuple(tuple(map(int, line)) for line in counts.tolist()))
    return SampleStatistics(statistics, observed)


def _actions(sequence: Sequence, shown: ScoredPoses) -> Iterator[tuple[str, Mask]]:
    """The actions of a sequence and which rows are theirs."""
    if sequence.activity is None:
        yield sequence.info.action, np.ones(len(shown.frames), dtype=bool)
        return
    labels = np.asarray(sequence.activity)[shown.frames]
    for label in sorted(set(labels.tolist())):
        yield label, labels == label


def _plain(
    scoring: Scoring, shown: ScoredPoses, joints: list[int], bones: list[int], keypoints: Keypoints
) -> Iterator[tuple[str, Sums]]:
    """The metrics that need no camera."""
    if "energy" in scoring.samples:
        energy = energy_score(shown.poses[:, :, joints], shown.truth[:, joints])
        yield "energy", (energy, torch.ones_like(energy))
    if len(shown.poses) == 1:
        return
    spread = joint_spread(shown.poses[:, :, bones])
    confidence = torch.from_numpy(keypoints.confidence[shown.frames][:, bones])
    groups = {
        "spread": torch.ones_like(confidence, dtype=torch.bool),
        "spread_sure": confidence >= SURE,
        "spread_doubtful": (confidence < SURE) & (confidence > 0),
        "spread_missing": confidence == 0,
    }
    for name, among in groups.items():
        if name in scoring.samples:
            yield name, ((spread * among).sum(dim=-1), among.double().sum(dim=-1))


def _within(maps: BuiltHeatmaps, shown: ScoredPoses, placed: Tensor, lens: object, joints: list[int]) -> Sums:
    """Percent, and joints of all hypotheses that have a heatmap. A joint behind the camera is seen nowhere."""
    pixels = reproject(placed, lens)
    pixels[placed[..., 2] <= 0] = torch.inf
    away = torch.from_numpy(maps.deviations(shown.frames, pixels.numpy())[..., joints])
    weight = (~torch.isnan(away)).double()
    return 100.0 * (away <= SIGMAS).double().sum(dim=(0, 2)), weight.sum(dim=(0, 2))
