"""Scoring one sequence: root rules, spaces, repeated frames, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import STANDING, tiny_cameras

from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.errors import DataDamagedError, NotFiniteError, UsageError
from posebench.inputs.frames import WantedFrames
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.open_sets import OPEN_SCORING
from posebench.protocols.protocol import Protocol, Scoring, parse_protocol_id
from posebench.protocols.resolve import resolve_protocol
from posebench.protocols.scoring import score_sequence
from posebench.skeletons import HUMAN36M_17

FRAMES = 6


@pytest.fixture
def sequence() -> Sequence:
    steps = np.arange(FRAMES)[:, None, None] * np.array([10.0, 0.0, 5.0])
    poses = (STANDING + np.array([0, 0, 5000]) + steps).astype(np.float32)
    info = SequenceInfo("tiny", "S", "walk", "0", "east", "test", FRAMES, 50.0)
    return Sequence(info, HUMAN36M_17, tiny_cameras()[0], poses)


def score(
    sequence: Sequence,
    poses: np.ndarray,
    scoring: Scoring = OPEN_SCORING,
    space: str = "root_relative",
    tail: str = "pad",
    frame: np.ndarray | None = None,
    metric: str = "mpjpe",
) -> float:
    rows = np.arange(FRAMES) if frame is None else frame
    wanted = WantedFrames(sequence.info, np.arange(FRAMES))
    statistics = score_sequence(
        scoring, sequence, SequencePrediction(poses[None].astype(np.float32), rows), wanted, space=space, tail=tail
    )
    value = statistics["walk"]["p-agg"][metric]
    return value.sum / value.weight


def truth(sequence: Sequence) -> np.ndarray:
    return sequence.poses - sequence.poses[:, :1]


def test_the_three_root_rules(sequence: Sequence) -> None:
    moved = truth(sequence)
    moved[:, 0] += [30, 0, 0]
    rules = {
        root: score(sequence, moved, replace(OPEN_SCORING, root=root))
        for root in ("as-predicted", "zeroed", "subtracted")
    }
    assert rules["as-predicted"] == pytest.approx(30 / 17, rel=1e-6)
    assert rules["zeroed"] == pytest.approx(0, abs=1e-9)
    assert rules["subtracted"] == pytest.approx(30 * 16 / 17, rel=1e-6)


def test_camera_space_is_scored_about_its_own_root(sequence: Sequence) -> None:
    assert score(sequence, sequence.poses + np.float32(250), space="camera") == pytest.approx(0, abs=1e-9)
    with pytest.raises(UsageError, match="image25d"):
        score(sequence, sequence.poses, space="image25d")


def test_per_second_units_are_per_frame_units_times_the_rate(sequence: Sequence) -> None:
    wobble = truth(sequence)
    wobble[::2] += 8
    assert score(sequence, wobble, metric="mpjve_s") == pytest.approx(
        50 * score(sequence, wobble, metric="mpjve"), rel=1e-12
    )
    assert score(sequence, wobble, metric="accel_s") == pytest.approx(
        2500 * score(sequence, wobble, metric="accel"), rel=1e-12
    )


def test_the_mean_of_differences_counts_with_the_frames_of_the_sequence(sequence: Sequence) -> None:
    wobble = truth(sequence)
    wobble[2, 1:] += [0, 17, 0]
    # The jump in and the jump out are two of five differences; their mean has the weight of six frames.
    assert score(sequence, wobble, metric="mpjve") == pytest.approx(2 * 16 / 5, rel=1e-6)


def test_a_frame_predicted_twice_counts_first_or_in_all(sequence: Sequence) -> None:
    frame = np.array([0, 1, 2, 3, 2, 3, 4, 5])
    poses = truth(sequence)[frame]
    poses[4:6, 1:] += [17, 0, 0]
    once = score(sequence, poses, tail="overlap-chunk", frame=frame)
    both = score(sequence, poses, replace(OPEN_SCORING, repeats="all"), tail="overlap-chunk", frame=frame)
    assert once == pytest.approx(0, abs=1e-9)
    assert both == pytest.approx(2 * 16 / 8, rel=1e-6)
    with pytest.raises(DataDamagedError, match="walk"):
        score(sequence, poses, tail="pad", frame=frame)


@pytest.mark.parametrize("frame", [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 4], [0, 1, 2, 3, 4, 6]])
def test_a_missing_or_surplus_frame_stops_before_any_arithmetic(sequence: Sequence, frame: list[int]) -> None:
    with pytest.raises(DataDamagedError, match="each of 6 frames once"):
        score(sequence, truth(sequence)[np.minimum(frame, 5)], frame=np.array(frame))


def test_nan_is_never_averaged(sequence: Sequence) -> None:
    poses = truth(sequence)
    poses[3, 4] = np.nan
    with pytest.raises(NotFiniteError, match="S/walk/0/east"):
        score(sequence, poses)


def test_hashes_follow_values_and_nothing_else() -> None:
    protocol: Protocol = resolve_protocol("hdm05/standard")
    assert protocol.id == "hdm05/standard+simulated@1"
    assert resolve_protocol("hdm05/standard+simulated@1") == protocol
    assert resolve_protocol("standard", "hdm05") == protocol
    other = resolve_protocol("hdm05/standard", source="gt")
    assert other.scoring.hash == protocol.scoring.hash
    assert other.inputs.hash != protocol.inputs.hash
    assert Scoring.from_json(protocol.scoring.to_json()) == protocol.scoring
    for changed in (
        {"root": "zeroed"},
        {"averaging": "frames"},
        {"joints": ("Hip",)},
        {"repeats": "all"},
        {"version": 2},
    ):
        assert replace(protocol.scoring, **changed).hash != protocol.scoring.hash


@pytest.mark.parametrize("text", ["hdm05", "hdm05/", "/standard", "a/b/c", "hdm05/standard@x"])
def test_a_malformed_protocol_id_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_protocol_id(text)
