"""`posebench data verify` names what is wrong: each store is spoiled in one place, and that place must be told."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from asf_files import amc_text, asf_text, motion, write
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from posebench.datasets.adapter import Check
from posebench.datasets.clip import Clip
from posebench.datasets.cmu import Cmu
from posebench.datasets.hdm05 import Hdm05
from posebench.datasets.store import Dataset
from posebench.datasets.verification import check_frame_counts, check_inside_image, check_speeds, run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, UsageError
from posebench.skeletons import HUMAN36M_17

World = npt.NDArray[np.floating[Any]]
JOINT = {name: i for i, name in enumerate(HUMAN36M_17.joints)}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Three clips of one actor, and one of a second."""
    source = tmp_path_factory.mktemp("hdm05")
    for actor, number in (("bd", 1), ("bd", 2), ("bd", 3), ("tr", 4)):
        write(source / f"HDM_{actor}.asf", asf_text())
        write(source / f"HDM_{actor}_squat1Reps_{number:03}_120.amc", amc_text(motion(40)))
    return list(Hdm05().clips(source, Hdm05.forms[0]))


def spoil(clips: list[Clip], change: Callable[[World], World], path: Path) -> dict[str, Check]:
    """The checks of a store whose clip `bd/squat1Reps/002` is changed."""

    def changed() -> Iterator[Clip]:
        for clip in clips:
            yield replace(clip, world=change(clip.world.copy())) if clip.id == "bd/squat1Reps/002" else clip

    store = write_store(Hdm05(), Hdm05.forms[0], changed(), path / "hdm05.safetensors")
    return {check.name: check for check in run_checks(Hdm05(), store) if check.name not in ("actions", "frames")}


def failures(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.detail for name, check in checks.items() if not check.passed}


def test_sound_clips_pass(clips: list[Clip], tmp_path: Path) -> None:
    assert failures(spoil(clips, lambda world: world, tmp_path)) == {}


def swap(*names: str) -> Callable[[World], World]:
    order = list(range(17))
    for name in names:
        order[JOINT["L" + name]], order[JOINT["R" + name]] = JOINT["R" + name], JOINT["L" + name]
    return lambda world: world[:, order]


def lie_down(world: World) -> World:
    root = world[:1, :1]
    turned: World = (world - root) @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]) + root
    return turned


@pytest.mark.parametrize("posture", [lambda world: world, lie_down], ids=["upright", "lying"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap("Hip", "Knee", "Foot", "Shoulder", "Elbow", "Wrist"), "the knees bend as if left and right were swapped"),
        (swap("Hip", "Knee", "Foot"), "the knees bend as if left and right were swapped"),
        (swap("Shoulder", "Elbow", "Wrist"), "left and right shoulder are swapped against the hips"),
        (lambda world: world * np.array([-1.0, 1.0, 1.0]), "the knees bend as if left and right were swapped"),
    ],
    ids=["all", "legs", "arms", "mirror"],
)
def test_swapped_left_and_right_names_the_clip(
    clips: list[Clip], tmp_path: Path, change: Callable[[World], World], message: str, posture: Callable[[World], World]
) -> None:
    failed = failures(spoil(clips, lambda world: change(posture(world)), tmp_path))
    assert failed["left and right"].startswith(f"bd/squat1Reps/002: {message}")
    assert "001" not in failed["left and right"]
    assert "003" not in failed["left and right"]


def test_lying_alone_is_no_fault(clips: list[Clip], tmp_path: Path) -> None:
    assert spoil(clips, lie_down, tmp_path)["left and right"].passed


def test_swapped_wrists_alone_are_told_by_the_bones(clips: list[Clip], tmp_path: Path) -> None:
    failed = failures(spoil(clips, swap("Wrist"), tmp_path))
    assert "bd/squat1Reps/002: LElbow-LWrist varies by" in failed["bones"]


@pytest.mark.parametrize(("factor", "unit"), [(0.001, "metres"), (0.1, "centimetres")])
def test_other_units_are_refused_at_the_door(clips: list[Clip], tmp_path: Path, factor: float, unit: str) -> None:
    with pytest.raises(DataDamagedError, match=rf"bd/squat1Reps/002 of 'hdm05': .* these look like {unit}"):
        spoil(clips, lambda world: world * factor, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_scale_names_the_clip(clips: list[Clip], tmp_path: Path) -> None:
    failed = failures(spoil(clips, lambda world: world * 0.5, tmp_path))
    assert failed["stature"].startswith("bd/squat1Reps/002: ")


def stretch(child: str, by: Callable[[int], npt.NDArray[np.floating[Any]]]) -> Callable[[World], World]:
    """Move a joint that ends its chain along its bone, by mm for each frame."""

    def change(world: World) -> World:
        end, start = JOINT[child], HUMAN36M_17.parents[JOINT[child]]
        bone = world[:, end] - world[:, start]
        world[:, end] += bone / np.linalg.norm(bone, axis=-1, keepdims=True) * by(len(world))[:, None]
        return world

    return change


def test_a_stretching_bone_names_clip_and_bone(clips: list[Clip], tmp_path: Path) -> None:
    failed = failures(spoil(clips, stretch("LFoot", lambda n: np.linspace(0.0, 4.0, n)), tmp_path))
    assert set(failed) == {"bones"}
    assert failed["bones"].startswith("bd/squat1Reps/002: LKnee-LFoot varies by 1.2")
    assert failed["bones"].count("bd/squat1Reps/") == failed["bones"].count("LKnee-LFoot")
    assert "001" not in failed["bones"]
    assert "003" not in failed["bones"]


def test_a_bone_longer_than_in_other_clips_names_clip_and_bone(clips: list[Clip], tmp_path: Path) -> None:
    failed = failures(spoil(clips, stretch("RWrist", lambda n: np.full(n, 9.0)), tmp_path))
    assert list(failed) == ["bones"]
    assert failed["bones"].startswith("bd/squat1Reps/002: RElbow-RWrist is 279.9 mm")
    assert "other clips 270.9" in failed["bones"]
    assert failed["bones"].count("RElbow-RWrist") == 1


def test_a_joint_from_the_wrong_bone_is_named(clips: list[Clip], tmp_path: Path) -> None:
    # lradius for lwrist: two thirds of the forearm, in every clip alike.
    shorter = [replace(clip, world=stretch("LWrist", lambda n: np.full(n, -90.3))(clip.world.copy())) for clip in clips]
    failed = failures(spoil(shorter, lambda world: world, tmp_path))
    assert "bd/squat1Reps/001: LElbow-LWrist is 181 mm long, not 190 .. 360" in failed["bones"]


def test_a_jump_names_clip_joint_and_frame(clips: list[Clip], tmp_path: Path) -> None:
    def jump(world: World) -> World:
        world[12:, JOINT["LKnee"]] += 400.0
        return world

    failed = failures(spoil(clips, jump, tmp_path))
    assert failed["speeds"].startswith("bd/squat1Reps/002: LKnee at 4")
    assert failed["speeds"].endswith("m/s after frame 11")


def test_a_known_glitch_is_reported_and_passes(clips: list[Clip], tmp_path: Path) -> None:
    store = write_store(Hdm05(), Hdm05.forms[0], clips, tmp_path / "hdm05.safetensors")
    check = check_speeds(store, 0.5, {clip.id: "as documented" for clip in clips})
    assert check.passed
    assert "known: bd/squat1Reps/001" in check.detail
    assert "(as documented)" in check.detail
    assert not check_speeds(store, 0.5, {clips[0].id: "as documented"}).passed


def test_missing_and_half_missing_joints(clips: list[Clip], tmp_path: Path) -> None:
    def missing(world: World) -> World:
        world[3, JOINT["LElbow"]] = np.nan
        return world

    def half(world: World) -> World:
        world[4, JOINT["RKnee"], 1] = np.nan
        return world

    assert failures(spoil(clips, missing, tmp_path)) == {"complete": "bd/squat1Reps/002: LElbow in frame 3 is missing"}
    assert failures(spoil(clips, half, tmp_path))["finite"] == "bd/squat1Reps/002: RKnee in frame 4 is not finite"


def test_a_person_who_never_stands_is_named(clips: list[Clip], tmp_path: Path) -> None:
    failed = failures(spoil(clips, lie_down, tmp_path))
    assert list(failed) == ["height"]
    assert failed["height"].startswith("bd/squat1Reps/002: ")


def test_cameras_that_do_not_see_the_clip_are_named(clips: list[Clip], tmp_path: Path) -> None:
    failed = failures(spoil(clips, lambda world: world + np.array([4000.0, 4000.0, 0.0]), tmp_path))
    assert failed["inside image"].startswith("bd/squat1Reps/002/cam1: only 0.00 % of frames")
    assert failed["in front"].startswith("bd/squat1Reps/002/cam1: a joint")
    assert "cam3" not in failed["in front"]


def test_frame_counts_by_split(clips: list[Clip], tmp_path: Path) -> None:
    store = write_store(Hdm05(), Hdm05.forms[0], clips, tmp_path / "hdm05.safetensors")
    assert check_frame_counts(store, {"train": 60, "test": 20}) == Check(
        "frames", True, "test 20 in 1 clips, train 60 in 3 clips"
    )
    wrong = check_frame_counts(store, {"train": 61, "validation": 5})
    assert (
        wrong.detail
        == "train has 60 frames in 3 clips, not 61 frames; validation has 0 frames in 0 clips, not 5 frames"
    )
    assert check_inside_image(store, 1.0).passed


def test_altered_bytes_are_told(clips: list[Clip], tmp_path: Path) -> None:
    path = tmp_path / "hdm05.safetensors"
    write_store(Hdm05(), Hdm05.forms[0], clips, path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
    world = load_file(path)["world"].copy()
    world[5, 3, 1] += 0.001
    save_file({"world": world}, path, metadata=metadata)
    check = run_checks(Hdm05(), Dataset(path))[0]
    assert check.name == "store"
    assert not check.passed
    assert "as prepared; delete and prepare it again" in check.detail


def test_another_version_and_another_data_set(clips: list[Clip], tmp_path: Path) -> None:
    class Next(Hdm05):
        version = "2"

    store = write_store(Hdm05(), Hdm05.forms[0], clips, tmp_path / "hdm05.safetensors")
    check = run_checks(Next(), store)[0]
    assert not check.passed
    assert "prepared by version 1 of the adapter, which is now 2" in check.detail
    with pytest.raises(UsageError, match="holds 'hdm05', not 'cmu'"):
        run_checks(Cmu(), store)


def test_only_the_first_culprits_are_named(clips: list[Clip], tmp_path: Path) -> None:
    many = [replace(clip, name=f"{i}{clip.name}", world=clip.world / 2) for i in range(3) for clip in clips]
    store = write_store(Hdm05(), Hdm05.forms[0], many, tmp_path / "hdm05.safetensors")
    stature = next(check for check in run_checks(Hdm05(), store) if check.name == "stature")
    assert stature.detail.count("mm from ankle to head") == 5
    assert stature.detail.endswith("; and 7 more")
