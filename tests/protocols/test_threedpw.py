"""The rules of 3DPW: which joints, splits and forms, and SPIN's number from its own indices."""

import numpy as np
import pytest
from threedpw_files import BODY, REGRESSED_BODY, moved

from posebench.cameras import Camera
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.datasets.threedpw.regressed import ROWS, TO_HUMAN36M
from posebench.inputs.frames import WantedFrames
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.headline import ScoredSequence, combine
from posebench.protocols.protocol import Scoring
from posebench.protocols.scoring import score_sequence
from posebench.protocols.threedpw import CHALLENGE_24, SPIN_14, SPIN_JOINTS, families
from posebench.skeletons import HUMAN36M_17, SMPL_24, Skeleton

#: SPIN, constants.py: H36M_TO_J14, places in the regressor's rows.
H36M_TO_J14 = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
CAMERA = Camera(
    "cam",
    1080,
    1920,
    (1961.0, 1969.0),
    (540.0, 960.0),
    (0.0, 0.0, 0.0),
    (0.0, 0.0),
    (1.0, 0.0, 0.0, 0.0),
    (0.0, 0.0, 0.0),
)


def score(rule: Scoring, skeleton: Skeleton, truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    info = SequenceInfo("3dpw", "flat_guitar_01", "flat_guitar", "person0", "cam", "test", len(truth), 30.0)
    sequence = Sequence(info, skeleton, CAMERA, truth.astype(np.float32))
    frames = np.arange(len(truth))
    prediction = SequencePrediction(predicted.astype(np.float32)[None], frames)
    statistics = score_sequence(
        rule, sequence, prediction, WantedFrames(info, frames), space="root_relative", tail="pad"
    )
    return combine(rule, [ScoredSequence(info.id, info.clip, statistics)]).overall["p-agg"]


def test_spin_scores_its_own_joints_of_the_regressor() -> None:
    assert [ROWS[row] for row in H36M_TO_J14] == list(SPIN_JOINTS)
    random = np.random.RandomState(0)
    rows = moved(REGRESSED_BODY, 20, 0) * 1000 + np.array([0, 0, 6000])
    other = rows + random.normal(0, 60, rows.shape)
    errors = []
    for truth, predicted in zip(rows, other, strict=True):
        for row in H36M_TO_J14:
            errors.append(np.linalg.norm((predicted[row] - predicted[0]) - (truth[row] - truth[0])))
    numbers = score(SPIN_14, HUMAN36M_17, rows[:, TO_HUMAN36M], other[:, TO_HUMAN36M])
    assert numbers["mpjpe"] == pytest.approx(np.mean(errors), abs=1e-3)
    assert numbers["p_mpjpe"] < numbers["mpjpe"]


def test_the_challenge_scores_all_joints_of_smpl_about_the_pelvis() -> None:
    truth = moved(BODY, 20, 1) * 1000 + np.array([0, 0, 6000])
    predicted = truth + np.random.RandomState(1).normal(0, 40, truth.shape)
    relative = (predicted - predicted[:, :1]) - (truth - truth[:, :1])
    errors = np.linalg.norm(relative, axis=-1)
    numbers = score(CHALLENGE_24, SMPL_24, truth, predicted)
    assert numbers["mpjpe"] == pytest.approx(errors.mean(), abs=1e-3)
    limbs = errors[:, [1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21]]
    assert numbers["pck50_inclusive"] == pytest.approx(100 * (limbs <= 50).mean(), abs=1e-6)


def test_what_each_rule_is_given() -> None:
    given = {family.name: family.inputs for family in families()}
    assert (given["3dpw/challenge24"].split, given["3dpw/challenge24"].form) == ("all", "")
    assert (given["3dpw/spin14"].split, given["3dpw/spin14"].form) == ("test", "regressed17")
