"""Joint sets and conversions between them: laws that hold for every pair, and the points that pairs are made from."""

import numpy as np
import pytest

from posebench.errors import UsageError
from posebench.joint_maps import RULES, approximate, convert_confidence, convert_joints, joint_map
from posebench.skeletons import (
    BODY_25,
    BODY_25B,
    COCO_17,
    HUMAN36M_16,
    HUMAN36M_17,
    LSP_14,
    LSP_14_PELVIS,
    MPI_INF_3DHP_17,
    MPI_INF_3DHP_28,
    SKELETONS,
    SMPL_24,
    Skeleton,
)

#: What protocols and data sets rely on.
NEEDED = [
    *(
        (source, HUMAN36M_17)
        for source in (
            HUMAN36M_16, MPI_INF_3DHP_28, MPI_INF_3DHP_17, SMPL_24, COCO_17, BODY_25, BODY_25B, LSP_14, LSP_14_PELVIS,
        )
    ),
    *((HUMAN36M_17, target) for target in (HUMAN36M_16, MPI_INF_3DHP_17, LSP_14, LSP_14_PELVIS)),
    (MPI_INF_3DHP_28, MPI_INF_3DHP_17),
]  # fmt: skip


def possible(source: Skeleton, target: Skeleton) -> bool:
    try:
        joint_map(source, target)
    except UsageError:
        return False
    return True


PAIRS = [(a, b) for a in SKELETONS.values() for b in SKELETONS.values() if possible(a, b)]


def names(pair: tuple[Skeleton, Skeleton]) -> str:
    return f"{pair[0].name} to {pair[1].name}"


def points_of(skeleton: Skeleton, *leading: int) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 500, (*leading, skeleton.num_joints, 3))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_every_joint_set_is_a_tree_that_is_its_own_mirror_image(skeleton: Skeleton) -> None:
    assert len(set(skeleton.joints)) == skeleton.num_joints
    assert skeleton.parents.count(-1) == 1
    for joint in range(skeleton.num_joints):
        steps = 0
        while joint != skeleton.root:
            joint, steps = skeleton.parents[joint], steps + 1
            assert steps < skeleton.num_joints
    mirror = (*skeleton.mirrored, -1)
    assert [skeleton.parents[mirror[joint]] for joint in range(skeleton.num_joints)] == [
        mirror[parent] for parent in skeleton.parents
    ]
    for parent, child in skeleton.bones:
        assert (parent in skeleton.left) <= (child in skeleton.left)
        assert (parent in skeleton.right) <= (child in skeleton.right)
    for left, right in zip(skeleton.left, skeleton.right, strict=True):
        a, b = skeleton.joints[left].lower(), skeleton.joints[right].lower()
        assert a.startswith("l")
        assert b == a.replace("left", "right") if a.startswith("left") else b == "r" + a[1:]
    sided = [name for name in skeleton.joints if name.lower().startswith(("left_", "right_")) or name[:2].isupper()]
    assert len(sided) == 2 * len(skeleton.left)


@pytest.mark.parametrize("pair", NEEDED, ids=names)
def test_the_needed_pairs_are_there(pair: tuple[Skeleton, Skeleton]) -> None:
    assert pair in PAIRS


@pytest.mark.parametrize("pair", PAIRS, ids=names)
def test_laws_of_every_conversion(pair: tuple[Skeleton, Skeleton]) -> None:
    source, target = pair
    weights = joint_map(source, target)
    assert weights.shape == (target.num_joints, source.num_joints)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)
    points = points_of(source, 4)
    converted = convert_joints(points, source, target)
    np.testing.assert_allclose(converted, np.einsum("tj,fjd->ftd", weights, points), atol=1e-9)
    offset = np.array([10.0, -20.0, 5000.0])
    np.testing.assert_allclose(convert_joints(points + offset, source, target), converted + offset, atol=1e-9)
    # A mirrored person is converted to the mirror image.
    reflect = np.array([-1.0, 1.0, 1.0])
    mirrored = convert_joints((points * reflect)[:, list(source.mirrored)], source, target)
    np.testing.assert_allclose(mirrored, (converted * reflect)[:, list(target.mirrored)], atol=1e-9)
    assert set(approximate(source, target)) <= set(target.joints)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_the_same_joint_set_is_left_as_it_is(skeleton: Skeleton) -> None:
    points = points_of(skeleton, 2).astype(np.float32)
    assert convert_joints(points, skeleton, skeleton) is points
    np.testing.assert_array_equal(joint_map(skeleton, skeleton), np.eye(skeleton.num_joints))
    assert approximate(skeleton, skeleton) == ()


def test_conversions_by_the_owners_index_lists() -> None:
    def indices(source: Skeleton, target: Skeleton) -> list[int]:
        weights = joint_map(source, target)
        assert ((weights == 0) | (weights == 1)).all()
        return weights.argmax(axis=1).tolist()

    # The selection and the permutation that the P-STMO lineage uses.
    assert indices(MPI_INF_3DHP_28, MPI_INF_3DHP_17) == [
        7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6,
    ]  # fmt: skip
    assert indices(MPI_INF_3DHP_17, HUMAN36M_17) == [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
    # SemGCN's 16 joints.
    assert indices(HUMAN36M_17, HUMAN36M_16) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16]
    # The order of LSP; SPIN's own list is for a regressor whose rows have the left leg first.
    assert indices(HUMAN36M_17, LSP_14) == [3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10]
    assert indices(HUMAN36M_17, LSP_14_PELVIS) == [3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10, 0]


def test_round_trips_of_permutations_keep_every_bit() -> None:
    points = points_of(MPI_INF_3DHP_17, 7).astype(np.float32)
    there = convert_joints(points, MPI_INF_3DHP_17, HUMAN36M_17)
    assert there.dtype == np.float32
    np.testing.assert_array_equal(convert_joints(there, HUMAN36M_17, MPI_INF_3DHP_17), points)
    points = points_of(LSP_14_PELVIS, 3)
    there = convert_joints(points, LSP_14_PELVIS, HUMAN36M_17)
    np.testing.assert_array_equal(convert_joints(there, HUMAN36M_17, LSP_14_PELVIS), points)


@pytest.mark.parametrize(
    ("source", "joint", "parts"),
    [
        (HUMAN36M_16, "Neck/Nose", {"Thorax": 0.5, "Head": 0.5}),
        (LSP_14, "Hip", {"right_hip": 0.5, "left_hip": 0.5}),
        (LSP_14, "Spine", {"right_hip": 0.25, "left_hip": 0.25, "neck": 0.5}),
        (LSP_14, "Neck/Nose", {"neck": 0.5, "head_top": 0.5}),
        (LSP_14_PELVIS, "Hip", {"pelvis": 1.0}),
        (COCO_17, "Hip", {"left_hip": 0.5, "right_hip": 0.5}),
        (COCO_17, "Thorax", {"left_shoulder": 0.5, "right_shoulder": 0.5}),
        (COCO_17, "Neck/Nose", {"nose": 1.0}),
        (COCO_17, "Head", {"left_eye": 0.5, "right_eye": 0.5}),
        (COCO_17, "LFoot", {"left_ankle": 1.0}),
        (BODY_25, "Hip", {"MidHip": 1.0}),
        (BODY_25, "Thorax", {"Neck": 1.0}),
        (BODY_25, "Spine", {"MidHip": 0.5, "Neck": 0.5}),
        (BODY_25, "RWrist", {"RWrist": 1.0}),
        (BODY_25B, "Hip", {"LHip": 0.5, "RHip": 0.5}),
        (BODY_25B, "Thorax", {"LShoulder": 0.5, "RShoulder": 0.5}),
        (BODY_25B, "Spine", {"LHip": 0.25, "RHip": 0.25, "LShoulder": 0.25, "RShoulder": 0.25}),
        (BODY_25B, "Neck/Nose", {"Neck": 1.0}),
        (BODY_25B, "Head", {"Head": 1.0}),
        (SMPL_24, "Hip", {"left_hip": 0.5, "right_hip": 0.5}),
        (SMPL_24, "Spine", {"spine2": 1.0}),
        (SMPL_24, "Thorax", {"neck": 1.0}),
        (SMPL_24, "Neck/Nose", {"head": 1.0}),
        (SMPL_24, "Head", {"head": 2.0, "neck": -1.0}),
        (SMPL_24, "RFoot", {"right_ankle": 1.0}),
        (MPI_INF_3DHP_28, "Spine", {"spine": 1.0}),
    ],
    ids=lambda value: getattr(value, "name", None) or str(value),
)
def test_what_a_joint_of_human36m_is_made_from(source: Skeleton, joint: str, parts: dict[str, float]) -> None:
    row = joint_map(source, HUMAN36M_17)[HUMAN36M_17.joints.index(joint)]
    assert {source.joints[i]: row[i] for i in np.flatnonzero(row)} == parts


def test_what_is_approximate() -> None:
    assert approximate(HUMAN36M_16, HUMAN36M_17) == ("Neck/Nose",)
    assert approximate(MPI_INF_3DHP_17, HUMAN36M_17) == ("Thorax", "Neck/Nose", "Head")
    # Regressed with Human3.6M's own regressor: the same points.
    assert approximate(HUMAN36M_17, LSP_14) == ()
    assert approximate(LSP_14, HUMAN36M_17) == ("Spine", "Neck/Nose")
    assert approximate(MPI_INF_3DHP_28, MPI_INF_3DHP_17) == ()
    for source in (COCO_17, BODY_25, BODY_25B, SMPL_24):
        assert approximate(source, HUMAN36M_17) == ("Spine", "Thorax", "Neck/Nose", "Head")


def test_what_is_made_from_the_approximate_is_approximate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "left_ear", (({"left_eye": 1.0}, False),))
    monkeypatch.setitem(RULES, "left_eye", (({"nose": 1.0}, True),))
    nose, ear = Skeleton("coco-17", ("nose",), (-1,), (), ()), Skeleton("one", ("left_ear",), (-1,), (), ())
    assert approximate(nose, ear) == ("left_ear",)


@pytest.mark.parametrize(
    ("source", "target", "joint"),
    [
        (HUMAN36M_17, SMPL_24, "spine1"),
        (HUMAN36M_17, COCO_17, "nose"),
        (HUMAN36M_17, BODY_25, "Nose"),
        (HUMAN36M_17, MPI_INF_3DHP_28, "spine3"),
        (COCO_17, BODY_25, "LBigToe"),
        (MPI_INF_3DHP_17, SMPL_24, "spine1"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_joint_that_is_missing_is_named(source: Skeleton, target: Skeleton, joint: str) -> None:
    for ask in (joint_map, approximate):
        with pytest.raises(
            UsageError, match=f"{source.name!r} cannot be converted to {target.name!r}: .* its {joint!r}"
        ):
            ask(source, target)


def test_a_missing_joint_stays_missing_and_takes_no_other_with_it() -> None:
    points = points_of(COCO_17, 5)[..., :2]
    points[2, COCO_17.joints.index("left_hip")] = np.nan
    missing = np.isnan(convert_joints(points, COCO_17, HUMAN36M_17)).any(axis=-1)
    assert {HUMAN36M_17.joints[i] for i in np.flatnonzero(missing[2])} == {"Hip", "LHip", "Spine"}
    assert not missing[[0, 1, 3, 4]].any()


def test_confidence_is_that_of_the_least_sure_joint() -> None:
    confidence = np.full((2, 17), 0.9, np.float32)
    confidence[1, COCO_17.joints.index("left_hip")] = 0.2
    confidence[1, COCO_17.joints.index("right_ear")] = 0.0
    converted = convert_confidence(confidence, COCO_17, HUMAN36M_17)
    assert converted.shape == (2, 17)
    assert converted.dtype == np.float32
    low = {HUMAN36M_17.joints[i] for i in np.flatnonzero(converted[1] < 0.5)}
    assert low == {"Hip", "LHip", "Spine"}
    np.testing.assert_array_equal(converted[0], np.float32(0.9))


def test_another_number_of_joints_is_refused() -> None:
    with pytest.raises(UsageError, match=r"shape \(3, 17, 2\) does not hold the 24 joints of 'smpl-24'"):
        convert_joints(np.zeros((3, 17, 2)), SMPL_24, HUMAN36M_17)
    with pytest.raises(UsageError, match=r"shape \(24,\) does not hold the 17 joints"):
        convert_joints(np.zeros(24), HUMAN36M_17, HUMAN36M_17)
    with pytest.raises(UsageError, match=r"shape \(3, 18\) does not hold the 17 joints of 'coco-17'"):
        convert_confidence(np.zeros((3, 18)), COCO_17, HUMAN36M_17)


def test_maps_cannot_be_altered_and_whole_numbers_are_not_cut() -> None:
    weights = joint_map(COCO_17, HUMAN36M_17)
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 1.0
    pixels = np.zeros((17, 2), dtype=np.int64)
    pixels[COCO_17.joints.index("left_hip")] = [3, 5]
    np.testing.assert_array_equal(convert_joints(pixels, COCO_17, HUMAN36M_17)[0], [1.5, 2.5])


def test_rules_sum_to_one() -> None:
    assert all(sum(parts.values()) == 1 for rules in RULES.values() for parts, _ in rules)
