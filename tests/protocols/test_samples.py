"""Hypotheses as samples: each metric against its definition written out, additive evidence, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import STANDING, tiny_cameras

from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.errors import UsageError
from posebench.inputs.frames import WantedFrames
from posebench.inputs.keypoints import Keypoints
from posebench.inputs.projected import read_projected
from posebench.metrics.calibration import expected_calibration_error, observed_frequency
from posebench.metrics.samples import ECE, PLACED, SAMPLE_METRICS, SAMPLES, WITHIN
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.headline import ScoredSequence, combine
from posebench.protocols.open_sets import OPEN_BEST_OF_M, OPEN_SCORING
from posebench.protocols.protocol import Scoring
from posebench.protocols.sample_scoring import SampleStatistics, score_samples
from posebench.protocols.scoring import score_sequence
from posebench.skeletons import HUMAN36M_17

FRAMES, HYPOTHESES = 12, 7


def make(clip: str = "0", seed: int = 0) -> Sequence:
    random = np.random.RandomState(seed)
    poses = (
        STANDING @ np.diag([1, -1, -1])[[0, 2, 1]].T + np.array([0, 900, 5000]) + random.normal(0, 20, (FRAMES, 17, 3))
    )
    info = SequenceInfo("tiny", "S", "walk", clip, "east", "test", FRAMES, 50.0)
    return Sequence(info, HUMAN36M_17, tiny_cameras()[0], poses.astype(np.float32))


def predict(
    sequence: Sequence, spread: float = 40.0, hypotheses: int = HYPOTHESES, seed: int = 1
) -> SequencePrediction:
    """True poses and noise, the root the true one of each hypothesis, seen by the true lens."""
    random = np.random.RandomState(seed)
    poses = sequence.poses - sequence.poses[:, :1] + random.normal(0, spread, (hypotheses, FRAMES, 17, 3))
    poses[:, :, 0] = 0
    root = np.broadcast_to(sequence.poses[:, 0], (hypotheses, FRAMES, 3))
    lens = np.array(sequence.camera.lens, np.float32)
    return SequencePrediction(poses.astype(np.float32), np.arange(FRAMES), 0, root.astype(np.float32), None, lens)


def score(sequence: Sequence, prediction: SequencePrediction, keypoints: Keypoints | None = None) -> SampleStatistics:
    wanted = WantedFrames(sequence.info, np.arange(FRAMES))
    keypoints = read_projected(sequence) if keypoints is None else keypoints
    return score_samples(
        OPEN_BEST_OF_M, sequence, prediction, wanted, space="root_relative", tail="pad", keypoints=keypoints
    )


def numbers(made: SampleStatistics, aggregate: str = SAMPLES) -> dict[str, float]:
    return {name: s.sum / s.weight for name, s in made.statistics["walk"][aggregate].items() if s.weight}


def test_energy_and_spread_are_their_definitions() -> None:
    sequence = make()
    prediction = predict(sequence)
    found = numbers(score(sequence, prediction))
    truth = sequence.poses.astype(np.float64) - sequence.poses[:, :1]
    poses = prediction.poses.astype(np.float64)
    near = np.linalg.norm(poses - truth, axis=-1).mean()
    apart = np.mean([[np.linalg.norm(a - b, axis=-1).mean() for a in poses] for b in poses])
    assert found["energy"] == pytest.approx(near - apart / 2, rel=1e-9)
    centred = poses - poses.mean(axis=0)
    assert found["spread"] == pytest.approx(np.sqrt((centred**2).sum(-1).mean(0))[:, 1:].mean(), rel=1e-9)


def test_one_hypothesis_has_its_mpjpe_for_an_energy_score_and_neither_spread_nor_calibration() -> None:
    sequence = make()
    prediction = predict(sequence, 5.0, hypotheses=1)
    wanted = WantedFrames(sequence.info, np.arange(FRAMES))
    plain = score_sequence(OPEN_BEST_OF_M, sequence, prediction, wanted, space="root_relative", tail="pad")
    mpjpe = plain["walk"]["p-agg"]["mpjpe"]
    made = score(sequence, prediction)
    assert numbers(made) == {"energy": pytest.approx(mpjpe.sum / mpjpe.weight, rel=1e-9), WITHIN: 100.0}
    assert made.observed == {}


def test_spread_stands_apart_for_sure_doubtful_and_missing_joints() -> None:
    sequence = make()
    seen = read_projected(sequence)
    confidence, pixels = np.full((FRAMES, 17), 0.9, np.float32), seen.pixels.copy()
    confidence[:, 3], confidence[:, 13] = 0.4, 0.0
    pixels[:, 13] = np.nan
    prediction = predict(sequence, 20.0)
    about = sequence.poses - sequence.poses[:, :1]
    for joint, factor in ((3, 3.0), (13, 6.0)):
        prediction.poses[:, :, joint] = about[:, joint] + factor * (prediction.poses[:, :, joint] - about[:, joint])
    found = numbers(score(sequence, prediction, replace(seen, pixels=pixels, confidence=confidence)))
    assert found["spread_doubtful"] == pytest.approx(3 * found["spread_sure"], rel=0.2)
    assert found["spread_missing"] == pytest.approx(6 * found["spread_sure"], rel=0.2)
    parts = 14 * found["spread_sure"] + found["spread_doubtful"] + found["spread_missing"]
    assert found["spread"] == pytest.approx(parts / 16, rel=1e-9)
    # With exact keypoints no joint is in doubt, and nothing is said of those that are not there.
    assert not {"spread_doubtful", "spread_missing"} & numbers(score(sequence, prediction)).keys()


def test_within_three_sigma_looks_through_the_root_and_lens_that_the_lifter_gave() -> None:
    sequence = make()
    exact = predict(sequence, 0.0)
    assert numbers(score(sequence, exact))[WITHIN] == numbers(score(sequence, exact), PLACED)[WITHIN] == 100.0
    aside = replace(exact, root=exact.root + np.float32([800, 0, 0]))
    assert numbers(score(sequence, aside))[WITHIN] == 0.0
    assert numbers(score(sequence, aside), PLACED)[WITHIN] == 100.0
    half = exact.root.copy()
    half[:4, :, 0] += 800
    assert numbers(score(sequence, replace(exact, root=half)))[WITHIN] == pytest.approx(100 * 3 / 7)
    # One root for all hypotheses will do, a longer lens is another view, and behind the camera nothing is seen.
    assert numbers(score(sequence, replace(exact, root=exact.root[0])))[WITHIN] == 100.0
    longer = exact.lens * np.float32([2, 2, 1, 1, 1, 1, 1, 1, 1])
    assert numbers(score(sequence, replace(exact, lens=longer)))[WITHIN] < 60.0
    behind = replace(exact, poses=-exact.poses, root=-exact.root)
    assert numbers(score(sequence, behind))[WITHIN] == 0.0


def test_without_a_root_or_a_lens_only_the_assisted_share_is_told() -> None:
    sequence = make()
    for part in ("root", "lens"):
        made = score(sequence, replace(predict(sequence), **{part: None}))
        assert WITHIN not in made.statistics["walk"][SAMPLES]
        assert WITHIN in made.statistics["walk"][PLACED]


def test_a_missing_joint_has_no_heatmap_to_fall_on() -> None:
    sequence = make()
    seen = read_projected(sequence)
    confidence = seen.confidence.copy()
    confidence[:, 5] = 0
    made = score(sequence, predict(sequence), replace(seen, confidence=confidence))
    assert made.statistics["walk"][PLACED][WITHIN].weight == HYPOTHESES * FRAMES * 16


def test_the_calibration_error_of_a_whole_split_is_that_of_all_its_poses() -> None:
    rows, every = [], []
    for clip in range(3):
        sequence = make(str(clip), clip)
        prediction = predict(sequence, seed=clip)
        # Off by more from clip to clip, so that each is calibrated in its own way.
        prediction.poses[:, :, 1:] += np.float32([30 * clip, 0, 0])
        made = score(sequence, prediction)
        rows.append(ScoredSequence(sequence.info.id, str(clip), made.statistics, made.observed))
        every.append((prediction.poses, sequence.poses - sequence.poses[:, :1]))
    whole = combine(OPEN_BEST_OF_M, rows).overall[SAMPLES]
    samples = torch.from_numpy(np.concatenate([poses for poses, _ in every], axis=1))[:, :, 1:]
    truth = torch.from_numpy(np.concatenate([true for _, true in every]))[:, 1:]
    assert whole[ECE] == pytest.approx(float(expected_calibration_error(observed_frequency(samples, truth))), abs=1e-12)
    assert combine(OPEN_BEST_OF_M, rows[::-1]).overall[SAMPLES] == whole
    assert set(whole) == set(SAMPLE_METRICS) - {"spread_doubtful", "spread_missing"}
    one = combine(OPEN_BEST_OF_M, rows[:1]).overall[SAMPLES][ECE]
    assert abs(one - whole[ECE]) > 0.01


def test_activities_have_evidence_of_their_own() -> None:
    sequence = make()
    labels = np.array(["sit"] * 5 + ["stand"] * (FRAMES - 5))
    prediction = predict(sequence)
    made = score(replace(sequence, activity=labels), prediction)
    whole = score(sequence, prediction)
    assert {name: part.frames for name, part in made.observed.items()} == {"sit": 5, "stand": FRAMES - 5}
    counts = [np.array(part.counts) for part in made.observed.values()]
    assert (sum(counts) == np.array(whole.observed["walk"].counts)).all()
    energies = [made.statistics[name][SAMPLES]["energy"].sum for name in ("sit", "stand")]
    assert sum(energies) == pytest.approx(whole.statistics["walk"][SAMPLES]["energy"].sum, rel=1e-12)


def test_weighted_hypotheses_are_no_samples() -> None:
    sequence = make()
    prediction = replace(predict(sequence), weight=np.ones((HYPOTHESES, FRAMES), np.float32))
    with pytest.raises(UsageError, match=r"equally likely samples, and those of S/walk/0/east are weighted"):
        score(sequence, prediction)


def test_a_rule_without_sample_metrics_has_the_value_that_it_had() -> None:
    assert "samples" not in OPEN_SCORING.to_json()
    assert Scoring.from_json(OPEN_SCORING.to_json()) == OPEN_SCORING
    assert Scoring.from_json(OPEN_BEST_OF_M.to_json()) == OPEN_BEST_OF_M
    assert replace(OPEN_BEST_OF_M, samples=("energy",)).hash != OPEN_BEST_OF_M.hash
    # Of before there were any: leaderboards/records name it.
    assert OPEN_SCORING.hash.startswith(STANDARD)


STANDARD = "925e1570f078a1e992f4dc9d9d08557c7b7b2eba6b73fce3e55a147897ed1d81"
