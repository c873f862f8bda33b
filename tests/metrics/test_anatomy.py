"""What is said of bodies, whatever the camera: their own frame, their limits, and distances between sets of poses."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tiny import STANDING

from posebench.errors import NotFiniteError, UsageError
from posebench.metrics.body_frame import body_frames, in_body_frame
from posebench.metrics.distributions import diversity, frechet_distance, nearest_distance, pose_features
from posebench.metrics.validity import BodyLimits
from posebench.skeletons import HUMAN36M_17

JOINT = {name: place for place, name in enumerate(HUMAN36M_17.joints)}


def people(count: int, seed: int = 0) -> np.ndarray:
    """Standing people (n, 17, 3) mm of several sizes, seen from anywhere, who bend their elbows and knees."""
    random = np.random.RandomState(seed)
    poses = np.repeat(STANDING[None] - STANDING[0], count, axis=0)
    for upper, lower, axis in (("Elbow", "Wrist", -1), ("Knee", "Foot", 1)):
        for side in "LR":
            middle, end = JOINT[side + upper], JOINT[side + lower]
            bend = Rotation.from_rotvec(axis * random.uniform(0.1, 1.2, (count, 1)) * [-1.0, 0.0, 0.0])
            poses[:, end] = poses[:, middle] + bend.apply(poses[:, end] - poses[:, middle])
    poses *= random.uniform(0.95, 1.05, (count, 1, 1))
    turns = Rotation.random(count, random_state=random).as_matrix()
    return poses @ turns


def test_the_body_s_frame_does_not_see_the_camera() -> None:
    pose = (STANDING - STANDING[0])[None]
    seen = pose @ Rotation.random(50, random_state=1).as_matrix() + np.array([100.0, 200.0, 4000.0])
    own = in_body_frame(seen)
    np.testing.assert_allclose(own, np.repeat(own[:1], 50, 0), atol=1e-6)
    np.testing.assert_allclose(
        body_frames(seen) @ body_frames(seen).transpose(0, 2, 1), np.eye(3)[None].repeat(50, 0), atol=1e-9
    )
    # Left is left, the head above, and who faces +y has what is before him in front.
    assert own[0, JOINT["LShoulder"], 0] > 100
    assert own[0, JOINT["Head"], 1] > 700
    assert own[0, JOINT["LWrist"], 2] > 50


@pytest.mark.parametrize(
    ("wrong", "error"), [(np.zeros((2, 16, 3)), UsageError), (np.full((1, 17, 3), np.nan), NotFiniteError)]
)
def test_no_body_is_refused(wrong: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        in_body_frame(wrong)


def test_other_people_of_the_same_kind_keep_to_the_limits() -> None:
    found = BodyLimits(people(500)).check(people(300, seed=1))
    assert found.valid.mean() > 0.99
    assert found.summary()["valid_percent"] > 99
    assert found.asymmetry.max() < 30


@pytest.mark.parametrize("broken", ["lengths", "symmetry", "joints"])
def test_each_limit_sees_what_breaks_it_and_nothing_else(broken: str) -> None:
    poses = people(100, seed=2)
    foot, knee, hip = (JOINT[name] for name in ("RFoot", "RKnee", "RHip"))
    if broken == "lengths":
        # Both shins half as long again: symmetric still.
        for side in "LR":
            middle, end = JOINT[side + "Knee"], JOINT[side + "Foot"]
            poses[:, end] = poses[:, middle] + 1.6 * (poses[:, end] - poses[:, middle])
    elif broken == "symmetry":
        poses[:, foot] = poses[:, knee] + 0.82 * (poses[:, foot] - poses[:, knee])
    else:
        # A knee that bends forwards: the shin mirrored about the thigh.
        thigh = poses[:, knee] - poses[:, hip]
        thigh /= np.linalg.norm(thigh, axis=-1, keepdims=True)
        shin = poses[:, foot] - poses[:, knee]
        ahead = body_frames(poses)[:, 2]
        poses[:, foot] = poses[:, knee] + shin - 2 * (shin * ahead).sum(-1, keepdims=True) * ahead
    found = BodyLimits(people(500)).check(poses)
    assert getattr(found, broken).mean() < 0.5
    assert not found.valid[~getattr(found, broken)].any()
    for other in {"lengths", "symmetry", "joints"} - {broken}:
        assert getattr(found, other).mean() > 0.95, other


def test_where_a_bone_may_point_goes_with_its_parent() -> None:
    """Straight arms raised to the side: a forearm that points there is allowed with the upper arm alone."""

    def raised(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        poses = np.repeat(STANDING[None] - STANDING[0], len(upper), axis=0)
        elbow, wrist, shoulder = (JOINT["L" + name] for name in ("Elbow", "Wrist", "Shoulder"))
        for angle, start, end, length in ((upper, shoulder, elbow, 285.0), (lower, elbow, wrist, 257.0)):
            side = np.stack([-np.sin(angle), np.zeros_like(angle), -np.cos(angle)], axis=-1)
            poses[:, end] = poses[:, start] + length * side
        return poses

    angles = np.radians(np.linspace(0, 140, 200))
    limits = BodyLimits(raised(angles, angles))
    assert limits.check(raised(angles[5::10], angles[5::10])).joints.all()
    assert not limits.check(raised(np.zeros(5), np.radians(np.full(5, 90.0)))).joints.any()


def test_few_poses_set_no_limits() -> None:
    with pytest.raises(UsageError, match="49 real poses say too little"):
        BodyLimits(people(49))


def test_features_leave_out_camera_and_size() -> None:
    poses = people(20)
    turned = 1.3 * poses @ Rotation.random(20, random_state=3).as_matrix() + 5000
    np.testing.assert_allclose(pose_features(turned), pose_features(poses), atol=1e-6)


def test_the_frechet_distance_of_normal_sets_is_the_closed_form() -> None:
    random = np.random.RandomState(0)
    features = random.standard_normal((4000, 48)) * 10
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(features, features + 4.0) == pytest.approx(np.sqrt(48 * 16 / 16), rel=1e-6)
    # Twice the deviation: sqrt(tr (2S^1/2 - S^1/2)^2) = sqrt(tr S), here of the sample.
    expected = np.sqrt(np.trace(np.cov(features, rowvar=False)) / 16)
    assert frechet_distance(features, 2 * features - features.mean(0)) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(features, 3 * features) == pytest.approx(frechet_distance(3 * features, features), rel=1e-9)
    with pytest.raises(UsageError):
        frechet_distance(features[:1], features)


def test_nearest_and_diversity_are_per_joint() -> None:
    base = np.zeros((1, 48))
    one = np.tile([3.0, 4.0, 0.0], 16)[None]
    assert nearest_distance(one, base) == pytest.approx(5)
    assert nearest_distance(np.concatenate([base, one]), base) == pytest.approx(2.5)
    assert nearest_distance(base, np.concatenate([base, one])) == 0
    assert diversity(np.concatenate([base, one])) == pytest.approx(5)
    with pytest.raises(UsageError):
        diversity(base)
