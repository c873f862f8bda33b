"""Scoring at the size of Human3.6M's test set. The full size runs under `tox -e bench`, a hundredth of it in the suite."""

import resource
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from plain_evaluator import evaluate
from pytest_benchmark.fixture import BenchmarkFixture
from ratios import Beside
from tiny import STANDING, tiny_cameras

from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.inputs.frames import WantedFrames
from posebench.inputs.projected import read_projected
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.headline import ScoredSequence, combine
from posebench.protocols.human36m import VIDEOPOSE3D
from posebench.protocols.open_sets import OPEN_SCORING, PCK_14
from posebench.protocols.protocol import Scoring
from posebench.protocols.scoring import score_sequence
from posebench.skeletons import HUMAN36M_17

#: Human3.6M's test frames, and the length of one of its videos.
FRAMES, LENGTH = 543_344, 2_324
#: Every aggregation of several hypotheses in one pass; the Procrustes forms are their P-MPJPE.
AGGREGATIONS = ("p-agg", "j-agg", "p-best-batch", "p-best", "p-best-aligned", "j-best")


def predictions(frames: int, hypotheses: int) -> list[np.ndarray]:
    """Four different predictions stand for all: what counts is that nothing of a sequence stays."""
    random = np.random.RandomState(1)
    few = [60 * random.standard_normal((hypotheses, LENGTH, 17, 3)).astype(np.float32) for _ in range(4)]
    return [few[number % 4] for number in range(-(-frames // LENGTH))]


def truth() -> np.ndarray:
    return (STANDING + np.array([0, 0, 5000]) + np.random.RandomState(0).normal(0, 20, (LENGTH, 17, 3))).astype(
        np.float32
    )


def score_set(scoring: Scoring, noise: list[np.ndarray]) -> dict[str, float]:
    """Score predictions, sequence by sequence as `score_predictions` does; the headline's numbers."""
    poses, wanted = truth(), np.arange(LENGTH)
    rows = []
    for number, of_sequence in enumerate(noise):
        info = SequenceInfo("human36m", "S9", f"action{number % 15}", str(number), "east", "test", LENGTH, 50.0)
        sequence = Sequence(info, HUMAN36M_17, tiny_cameras()[0], poses)
        statistics = score_sequence(
            scoring, sequence, SequencePrediction((poses - poses[:, :1])[None] + of_sequence, wanted),
            WantedFrames(info, wanted), space="root_relative", tail="pad",
            keypoints=read_projected(sequence) if len(of_sequence) > 1 else None,
        )  # fmt: skip
        rows.append(ScoredSequence(info.id, info.clip, statistics))
    return combine(scoring, rows).overall["p-agg"]


def plain_set(noise: list[np.ndarray]) -> dict[str, float]:
    """The reference: a plain evaluator over every sequence, the mean of actions of all frames' means."""
    poses = truth().astype(np.float64)
    relative = poses - poses[:, :1]
    joints = [HUMAN36M_17.joints.index(joint) for joint in PCK_14]
    actions: dict[int, list[dict[str, float]]] = {}
    for number, of_sequence in enumerate(noise):
        found = evaluate(relative + of_sequence[0], relative, joints)
        actions.setdefault(number % 15, []).append(found)
    means = [{name: np.mean([one[name] for one in rows]) for name in rows[0]} for rows in actions.values()]
    return {name: float(np.mean([one[name] for one in means])) for name in means[0]}


def peak_gib() -> float:
    """Highest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@pytest.mark.benchmark(timer=time.process_time)
def test_scoring_beside_a_plain_evaluator(beside: Beside, benchmark: BenchmarkFixture, one_thread: None) -> None:
    noise = predictions(FRAMES // (100 if benchmark.disabled else 10), 1)
    theirs, ours = beside(lambda: plain_set(noise), lambda: score_set(OPEN_SCORING, noise), least=1)
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, rel=1e-4)


def test_all_metrics_of_a_whole_test_set(benchmark: BenchmarkFixture) -> None:
    once(benchmark, lambda frames: score_set(OPEN_SCORING, predictions(frames, 1)))
    if not benchmark.disabled:
        assert benchmark.stats.stats.max < 15
        assert peak_gib() < 2


def test_twenty_hypotheses_of_a_whole_test_set_stream(benchmark: BenchmarkFixture) -> None:
    rule = replace(VIDEOPOSE3D, rule="all-aggregations", aligned="hypotheses", aggregates=AGGREGATIONS)
    once(benchmark, lambda frames: score_set(rule, predictions(frames, 20)))
    if not benchmark.disabled:
        assert peak_gib() < 3


def once(benchmark: BenchmarkFixture, score: Callable[[int], dict[str, float]]) -> None:
    found = benchmark.pedantic(score, (FRAMES // 100 if benchmark.disabled else FRAMES,), rounds=1)
    assert found["mpjpe"] > 0
