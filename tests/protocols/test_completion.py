"""The protocols of completion as values: every field is in the hash, and hidden joints depend on nothing but them."""

from dataclasses import fields, replace

import numpy as np
import pytest

from posebench.errors import UsageError
from posebench.protocols.completion import MASKS, CompletionSpec, completion_spec
from posebench.skeletons import HUMAN36M_17

OTHER = {
    "rule": "fill",
    "version": 2,
    "mask": "m",
    "joints": ("Head",),
    "random": 5,
    "metrics": ("mpjpe",),
    "aggregates": ("p-agg",),
}


def test_ids_and_json_come_back() -> None:
    for mask in MASKS:
        spec = completion_spec("procedural", mask, "simulated" if mask == "random-4" else None)
        assert CompletionSpec.from_json(spec.to_json()) == spec
        assert CompletionSpec.from_json(spec.to_json()).hash == spec.hash
    assert completion_spec("procedural", "right-arm").id == "procedural/complete-right-arm@1"
    assert completion_spec("procedural", "right-arm", "gt").id == "procedural/complete-right-arm+gt@1"


def test_every_field_is_in_the_hash() -> None:
    spec = completion_spec("procedural", "right-arm")
    for field in fields(spec):
        value = replace(spec.inputs, split="train") if field.name == "inputs" else OTHER[field.name]
        assert replace(spec, **{field.name: value}).hash != spec.hash, field.name


def test_a_limb_is_hidden_in_every_frame() -> None:
    hidden = completion_spec("procedural", "left-leg").hidden_joints("any", np.arange(3))
    assert [[HUMAN36M_17.joints[joint] for joint in row] for row in hidden] == [["LKnee", "LFoot"]] * 3


def test_left_and_right_masks_are_mirror_images() -> None:
    for right, joints in MASKS.items():
        if right.startswith("right"):
            left = [HUMAN36M_17.joints[HUMAN36M_17.mirrored[joint]] for joint in HUMAN36M_17.indices(joints)]
            assert sorted(MASKS[right.replace("right", "left")]) == sorted(left)


def test_random_joints_are_a_frame_s_own() -> None:
    spec = completion_spec("procedural", "random-4")
    hidden = spec.hidden_joints("S1/walk/0/east", np.arange(200))
    assert hidden.shape == (200, 4)
    assert all(len(set(row)) == 4 and list(row) == sorted(row) for row in hidden)
    # Never the root; every other joint in its turn.
    assert set(hidden.ravel()) == set(range(1, 17))
    np.testing.assert_array_equal(spec.hidden_joints("S1/walk/0/east", np.array([7, 150])), hidden[[7, 150]])
    assert (spec.hidden_joints("S1/walk/0/west", np.arange(200)) != hidden).any()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("procedural", "right-ear"), "no mask 'right-ear'; choose one of right-arm"),
        (("procedural", "right-arm", "guessed"), "no computed 2D source 'guessed'"),
        (("nothing", "right-arm"), "no data set 'nothing'"),
    ],
)
def test_unknown_names_are_refused(asked: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        completion_spec(*asked)
