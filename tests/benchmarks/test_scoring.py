"""Scoring at the size of Human3.6M's test set. The full size runs under `tox -e bench`, a hundredth of it in the suite."""

import resource
from dataclasses import replace

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture
from tiny import STANDING, tiny_cameras

from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.inputs.frames import WantedFrames
from posebench.inputs.projected import read_projected
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.headline import ScoredSequence, combine
from posebench.protocols.human36m import VIDEOPOSE3D
from posebench.protocols.open_sets import OPEN_SCORING
from posebench.protocols.protocol import Scoring
from posebench.protocols.scoring import score_sequence
from posebench.skeletons import HUMAN36M_17

#: Human3.6M's test frames, and the length of one of its videos.
FRAMES, LENGTH = 543_344, 2_324
#: Every aggregation of several hypotheses in one pass; the Procrustes forms are their P-MPJPE.
AGGREGATIONS = ("p-agg", "j-agg", "p-best-batch", "p-best", "p-best-aligned", "j-best")


def score_set(scoring: Scoring, frames: int, hypotheses: int) -> float:
    """Score `frames` frames, sequence by sequence as `score_predictions` does, and return MPJPE.

    One sequence's numbers stand for all: what counts is that nothing of a sequence stays.
    """
    random = np.random.RandomState(0)
    poses = (STANDING + np.array([0, 0, 5000]) + random.normal(0, 20, (LENGTH, 17, 3))).astype(np.float32)
    rows = []
    for number in range(-(-frames // LENGTH)):
        info = SequenceInfo("human36m", "S9", f"action{number % 15}", str(number), "east", "test", LENGTH, 50.0)
        sequence = Sequence(info, HUMAN36M_17, tiny_cameras()[0], poses)
        predicted = (poses - poses[:, :1])[None] + 60 * random.standard_normal((hypotheses, LENGTH, 17, 3)).astype(
            np.float32
        )
        wanted = np.arange(LENGTH)
        statistics = score_sequence(
            scoring, sequence, SequencePrediction(predicted.astype(np.float32), wanted), WantedFrames(info, wanted),
            space="root_relative", tail="pad", keypoints=read_projected(sequence) if hypotheses > 1 else None,
        )  # fmt: skip
        rows.append(ScoredSequence(info.id, info.clip, statistics))
    return combine(scoring, rows).overall["p-agg"]["mpjpe"]


def peak_gib() -> float:
    """Highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def test_all_metrics_of_a_whole_test_set(benchmark: BenchmarkFixture) -> None:
    frames = FRAMES // 100 if benchmark.disabled else FRAMES
    assert benchmark.pedantic(score_set, (OPEN_SCORING, frames, 1), rounds=1) > 0
    if not benchmark.disabled:
        assert benchmark.stats.stats.max < 15
        assert peak_gib() < 2


def test_twenty_hypotheses_of_a_whole_test_set_stream(benchmark: BenchmarkFixture) -> None:
    rule = replace(VIDEOPOSE3D, rule="all-aggregations", aligned="hypotheses", aggregates=AGGREGATIONS)
    frames = FRAMES // 100 if benchmark.disabled else FRAMES
    assert benchmark.pedantic(score_set, (rule, frames, 20), rounds=1) > 0
    if not benchmark.disabled:
        assert peak_gib() < 3
