"""3DPW: the owner's layout, the moving camera, valid frames, regressed joints, and refusals."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threedpw_files import (
    ACROSS,
    BODY,
    REGRESSED_BODY,
    SEQUENCES,
    camera_poses,
    in_camera,
    moved,
    python2_pickle,
    recording,
    regressed,
    write_meshes,
    write_recording,
    write_regressed,
    write_threedpw,
)

from posebench.datasets.clip import Clip
from posebench.datasets.store import Dataset
from posebench.datasets.threedpw import ThreeDPW, checks
from posebench.datasets.verification import run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError
from posebench.skeletons import HUMAN36M_17

OWN, REGRESSED = ThreeDPW.forms
FRAMES = 12


def clips(source: Path, form: int = 0) -> dict[str, Clip]:
    return {clip.id: clip for clip in ThreeDPW().clips(source, ThreeDPW.forms[form])}


def store(source: Path, path: Path, form: int = 0) -> Dataset:
    return write_store(ThreeDPW(), ThreeDPW.forms[form], ThreeDPW().clips(source, ThreeDPW.forms[form]), path)


def test_reads_the_owner_s_tree(tmp_path: Path) -> None:
    source = write_threedpw(tmp_path)
    (source / "sequenceFiles" / "test" / "._downtown_walkUphill_00.pkl").write_bytes(b"macOS")
    assert ThreeDPW().found(source) == (OWN,)
    found = clips(source)
    assert {name: clip.split for name, clip in found.items()} == {
        "courtyard_arguing_00/courtyard_arguing/person0": "train",
        "courtyard_arguing_00/courtyard_arguing/person1": "train",
        "outdoors_fencing_02/outdoors_fencing/person0": "validation",
        "downtown_walkUphill_00/downtown_walkUphill/person0": "test",
        "downtown_walkUphill_00/downtown_walkUphill/person1": "test",
    }
    for clip in found.values():
        person = int(clip.name.removeprefix("person"))
        (view,) = clip.views
        assert clip.world is None
        assert dict(clip.metadata) == {
            "gender": "mf"[person],
            "people": str(SEQUENCES[clip.subject][1]),
            "detections_px": "5.0",
        }
        expected = in_camera(moved(BODY, FRAMES, person), camera_poses(FRAMES))
        # Frame 1 has no camera; frames 2 and 3 have one but no detection, so the challenge leaves them out.
        assert np.isnan(view.poses[1]).all()
        there = np.arange(FRAMES) != 1
        np.testing.assert_allclose(view.poses[there], expected[there], atol=1e-9)
        assert np.flatnonzero(~view.valid).tolist() == [1, 2, 3]
        assert view.camera.image_size == (1080, 1920)
        assert view.camera.lens == (1961.0, 1969.0, 540.0, 960.0, 0, 0, 0, 0, 0)
        assert (view.camera.orientation, view.camera.position) == ((1, 0, 0, 0), (0, 0, 0))
    assert (OWN.skeleton.name, OWN.fps, OWN.truth) == ("smpl-24", 30.0, "poses")


def test_the_folder_sequence_files_itself_and_images_across(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recording(tmp_path, "test", recording("flat_guitar_01", 1, intrinsics=ACROSS))
    (clip,) = clips(tmp_path / "sequenceFiles").values()
    assert clip.views[0].camera.image_size == (1920, 1080)
    monkeypatch.chdir(tmp_path / "sequenceFiles")
    assert list(clips(Path())) == [clip.id]


def test_same_files_same_fingerprint(tmp_path: Path) -> None:
    stores = [store(write_threedpw(tmp_path / name), tmp_path / f"{name}.safetensors") for name in ("a", "b")]
    assert stores[0].fingerprint == stores[1].fingerprint == stores[0].compute_fingerprint()


@pytest.mark.parametrize("write", [write_regressed, write_meshes])
def test_regressed_joints_by_name_and_every_frame_with_a_camera(tmp_path: Path, write: Callable[[Path], None]) -> None:
    source = write_threedpw(tmp_path)
    write(source)
    assert ThreeDPW().found(source) == (OWN, REGRESSED)
    found = clips(source, 1)
    assert list(found) == list(clips(source))
    # By hand: which of the regressor's rows is which of Human3.6M's joints.
    rows = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
    for clip in found.values():
        (view,) = clip.views
        expected = in_camera(moved(REGRESSED_BODY[rows], FRAMES, int(clip.name[-1])), camera_poses(FRAMES))
        assert np.flatnonzero(~view.valid).tolist() == [1]
        np.testing.assert_allclose(view.poses[view.valid], expected[view.valid], atol=2e-3)
    made = store(source, tmp_path / "s.safetensors", 1)
    assert (made.form, made.skeleton) == ("regressed17", HUMAN36M_17)
    left = {check.name: check for check in run_checks(ThreeDPW(), made)}["left and right"]
    assert left.passed, left.detail


def test_regressed_joints_of_the_test_split_alone(tmp_path: Path) -> None:
    source = write_threedpw(tmp_path)
    write_regressed(source, ("downtown_walkUphill_00",))
    assert {clip.split for clip in clips(source, 1).values()} == {"test"}
    write_regressed(source, ("courtyard_arguing_00",))
    assert {clip.split for clip in clips(source, 1).values()} == {"train", "test"}
    made = store(source, tmp_path / "s.safetensors", 1)
    detail = checks.check_sequences(made).detail
    assert "missing" not in detail


def test_verify_tells_what_is_not_the_benchmark_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = store(write_threedpw(tmp_path), tmp_path / "s.safetensors")
    found = {check.name: check for check in run_checks(ThreeDPW(), made)}
    assert all(check.passed for check in found.values())
    part, *notes = found["sequences"].detail.split("; ")
    assert part.startswith("a part of the data set")
    assert notes[:2] == ["test has 1 sequences, not 24", "train has 1 sequences, not 24"]
    assert "test 1 sequences, 2 people, 18 of 24 frames valid (75.0 %)" in found["sequences"].detail
    assert found["detections"].detail.startswith("limbs are 5.0 px")
    assert found["in the image"].detail.startswith("100.0 %")
    assert found["cameras"].detail == "focal lengths 1961 .. 1969 px, images 1080 x 1920"
    monkeypatch.setattr(checks, "SEQUENCES", {"train": 1, "validation": 1, "test": 1})
    assert "; 5 people, not 87; " in checks.check_sequences(made).detail
    monkeypatch.setattr(checks, "PEOPLE", 5)
    assert checks.check_sequences(made).detail.startswith("test 1 sequences")


def spoil_camera(stored: dict[str, Any]) -> None:
    stored["cam_poses"] = np.linalg.inv(stored["cam_poses"])


def spoil_sides(stored: dict[str, Any]) -> None:
    mirrored = [2, 3, 4, 5, 6, 7]
    for detected in stored["poses2d"]:
        detected[:, :, mirrored] = detected[:, :, [5, 6, 7, 2, 3, 4]]
        detected[:, :, [8, 9, 10, 11, 12, 13]] = detected[:, :, [11, 12, 13, 8, 9, 10]]


def spoil_focal(stored: dict[str, Any]) -> None:
    stored["cam_intrinsics"] = np.array([[19610.0, 0, 540], [0, 19690.0, 960], [0, 0, 1]])


def spoil_square(stored: dict[str, Any]) -> None:
    stored["cam_intrinsics"] = np.array([[1961.0, 0, 540], [0, 1761.0, 960], [0, 0, 1]])


def swap_people_sides(stored: dict[str, Any]) -> None:
    for joints in stored["jointPositions"]:
        body = joints.reshape(len(joints), 24, 3)
        body[:, [1, 2, 4, 5, 7, 8]] = body[:, [2, 1, 5, 4, 8, 7]]


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        (spoil_camera, {"in the image", "detections"}),
        (spoil_sides, {"detections"}),
        (spoil_focal, {"in the image", "cameras", "detections"}),
        (spoil_square, {"cameras"}),
        (swap_people_sides, {"left and right"}),
    ],
)
def test_verify_finds_what_makes_results_wrong(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None], failing: set[str]
) -> None:
    for name, (split, people) in SEQUENCES.items():
        stored = recording(name, people)
        spoil(stored)
        write_recording(tmp_path, split, stored)
    made = store(tmp_path, tmp_path / "s.safetensors")
    failed = {check.name for check in run_checks(ThreeDPW(), made) if not check.passed}
    assert failed == failing


def test_a_person_without_a_valid_frame_is_kept_and_told(tmp_path: Path) -> None:
    stored = recording("flat_guitar_01", 2)
    stored["campose_valid"][1][:] = 0
    write_recording(tmp_path, "test", stored)
    made = store(tmp_path, tmp_path / "s.safetensors")
    found = {check.name: check for check in run_checks(ThreeDPW(), made)}
    assert found["valid frames"].passed
    assert "without a valid frame: flat_guitar_01/flat_guitar/person1/cam" in found["valid frames"].detail
    assert "detections_px" not in made.metadata("flat_guitar_01/flat_guitar/person1")
    assert "test 1 sequences, 2 people, 9 of 24 frames valid" in found["sequences"].detail


@pytest.mark.parametrize("limb", range(2, 14))
def test_each_detected_limb_is_compared_with_its_own_joint(tmp_path: Path, limb: int) -> None:
    stored = recording("flat_guitar_01", 1)
    (detected,) = stored["poses2d"]
    others = [number for number in range(18) if number != limb]
    detected[:, :2, others] = 700.0
    detected[:, 2, others] = 0.0
    write_recording(tmp_path, "test", stored)
    (clip,) = clips(tmp_path).values()
    assert clip.metadata["detections_px"] == "5.0"


def test_verify_tells_a_missing_joint_and_a_person_behind_the_camera(tmp_path: Path) -> None:
    write_recording(tmp_path, "test", recording("flat_guitar_01", 1))
    (clip,) = clips(tmp_path).values()
    (view,) = clip.views

    def check(poses: np.ndarray) -> dict[str, str]:
        spoiled_clip = replace(clip, views=(replace(view, poses=poses),))
        made = write_store(ThreeDPW(), OWN, [spoiled_clip], tmp_path / "s.safetensors")
        return {check.name: check.detail for check in ThreeDPW().verify(made) if not check.passed}

    assert check(view.poses) == {}
    missing = view.poses.copy()
    missing[6, 3] = np.nan
    assert "person0/cam: a joint is missing in frame 6" in check(missing)["valid frames"]
    # Through the lens, what is behind the camera falls into the image too.
    assert check(-view.poses)["in the image"].startswith("0.0 %")


def test_numbers_are_not_asked_for_where_the_camera_is_not_valid(tmp_path: Path) -> None:
    stored = recording("flat_guitar_01", 1)
    stored["cam_poses"][1] = np.nan
    stored["jointPositions"][0][1] = np.inf
    write_recording(tmp_path, "test", stored)
    (clip,) = clips(tmp_path).values()
    assert np.isnan(clip.views[0].poses[1]).all()
    assert np.isfinite(np.delete(clip.views[0].poses, 1, axis=0)).all()


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def without(key: str) -> Callable[[dict[str, Any]], None]:
    def spoil(stored: dict[str, Any]) -> None:
        del stored[key]

    return spoil


def with_value(key: str, make: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def spoil(stored: dict[str, Any]) -> None:
        stored[key] = make(stored[key])

    return spoil


def at(place: tuple[Any, ...], value: float) -> Callable[[Any], Any]:
    def make(arrays: Any) -> Any:
        target = arrays
        for index in place[:-1]:
            target = target[index]
        target[place[-1]] = value
        return arrays

    return make


DAMAGES = {
    **{
        f"no {key}": (without(key), f"has no '{key}'")
        for key in ("sequence", "cam_poses", "cam_intrinsics", "jointPositions", "genders", "campose_valid", "poses2d")
    },
    "another sequence": (with_value("sequence", lambda _: "flat_guitar_02"), "holds the sequence 'flat_guitar_02'"),
    "millimetres": (with_value("jointPositions", lambda v: [p * 1000 for p in v]), "3DPW gives metres"),
    "a person less": (with_value("campose_valid", lambda v: v[:1]), "of 2, 2, 1, 2 people; they must agree"),
    "nobody": (
        lambda stored: stored.update(jointPositions=[], genders=[], campose_valid=[], poses2d=[]),
        "of 0, 0, 0, 0 people",
    ),
    "a frame less of joints": (
        with_value("jointPositions", lambda v: [v[0], v[1][:-1]]),
        r"jointPositions\[1\] of shape \(11, 72\), not \(12, 72\)",
    ),
    "a frame less of cameras": (with_value("cam_poses", lambda v: v[:-1]), r"jointPositions\[0\] of shape \(12, 72\)"),
    "a frame less of flags": (with_value("campose_valid", lambda v: [v[0], v[1][:-1]]), r"campose_valid\[1\] of shape"),
    "a frame less of detections": (with_value("poses2d", lambda v: [v[0][1:], v[1]]), r"poses2d\[0\] of shape"),
    "detections turned": (
        with_value("poses2d", lambda v: [p.transpose(0, 2, 1) for p in v]),
        r"poses2d\[0\] of shape \(12, 18, 3\)",
    ),
    "no frame": (with_value("cam_poses", lambda v: v[:0]), "has no frame"),
    "cameras 3 x 4": (
        with_value("cam_poses", lambda v: v[:, :3]),
        r"cam_poses of shape \(12, 3, 4\), not \(frames, 4, 4\)",
    ),
    "NaN joint": (with_value("jointPositions", at((1, (4, 7)), np.nan)), r"jointPositions\[1\], frame 4"),
    "infinite camera": (with_value("cam_poses", at(((5, 0, 3),), np.inf)), "cam_poses, frame 5"),
    "scaled camera": (with_value("cam_poses", at(((6, 0, 0),), -3.0)), "cam_poses, frame 6, that is no rotation"),
    "mirrored camera": (
        with_value("cam_poses", lambda v: np.diag([-1.0, 1, 1, 1]) @ v),
        "cam_poses, frame 0, that is no rotation",
    ),
    "projective camera": (with_value("cam_poses", at(((7, 3, 2),), 0.5)), "cam_poses, frame 7, that is no rotation"),
    "no flags": (with_value("campose_valid", at((0, 3), 7)), "other values than 0 and 1"),
    "text for joints": (with_value("jointPositions", lambda v: ["left", "right"]), "no array of numbers"),
    "one array": (with_value("genders", lambda v: "mf"), "'genders' as str, not as a list"),
    "a distorted lens": (with_value("cam_intrinsics", at(((0, 1),), 3.0)), r"not \[fx 0 cx; 0 fy cy; 0 0 1\]"),
    "a negative lens": (with_value("cam_intrinsics", at(((0, 0),), -3.0)), r"not \[fx 0 cx; 0 fy cy; 0 0 1\]"),
    "another image": (with_value("cam_intrinsics", at(((0, 2),), 320.0)), r"principal point at \(320, 960\)"),
}


def refuse(source: Path | None, folder: Path, error: type[PosebenchError], message: str, form: int = 0) -> None:
    """The sentence is one, the exit code 3, and nothing is left in the store's folder."""
    with pytest.raises(error, match=message) as caught:
        write_store(
            ThreeDPW(),
            ThreeDPW.forms[form],
            ThreeDPW().clips(source, ThreeDPW.forms[form]),
            folder / "stores" / "s.safetensors",
        )
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    assert not (folder / "stores").exists() or not list((folder / "stores").iterdir())


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    spoil, message = DAMAGES[name]
    write_recording(tmp_path, "test", recording("downtown_bus_00", 1))
    stored = recording("flat_guitar_01", 2)
    spoil(stored)
    write_recording(tmp_path, "test", stored, "flat_guitar_01")
    refuse(tmp_path, tmp_path, DataDamagedError, f"flat_guitar_01.pkl.*{message}")


def test_a_file_that_is_no_sequence_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    path = write_recording(tmp_path, "train", recording("flat_guitar_01", 2))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"PK\x03\x04", whole[:-1]):
        path.write_bytes(content)
        refuse(tmp_path, tmp_path, DataDamagedError, r"flat_guitar_01\.pkl")
    path.write_bytes(python2_pickle([1, 2]))
    refuse(tmp_path, tmp_path, DataDamagedError, "holds no dictionary")
    marker = tmp_path / "ran"
    stored = {**recording("flat_guitar_01", 2), "texture_maps": Malicious(marker)}
    path.write_bytes(python2_pickle(stored))
    refuse(tmp_path, tmp_path, DataDamagedError, r"(posix|nt|os)\.system")
    assert not marker.exists()


def test_a_wrong_folder_is_refused(tmp_path: Path) -> None:
    refuse(None, tmp_path, DataMissingError, "no folder was given")
    refuse(tmp_path / "nowhere", tmp_path, DataMissingError, "nowhere is not a folder")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", tmp_path, DataMissingError, "No file of 3DPW")
    with pytest.raises(DataMissingError, match="No file of 3DPW"):
        ThreeDPW().found(tmp_path / "empty")
    odd = write_recording(tmp_path, "test", recording("notes", 1))
    refuse(tmp_path, tmp_path, DataDamagedError, "notes.pkl is not named")
    odd.unlink()
    for split in ("train", "test"):
        write_recording(tmp_path, split, recording("flat_guitar_01", 1))
    refuse(tmp_path, tmp_path, DataDamagedError, "flat_guitar_01 is there twice")


def test_what_is_missing_for_regressed_joints_is_told(tmp_path: Path) -> None:
    source = write_threedpw(tmp_path)
    refuse(source, tmp_path, DataMissingError, r"no regressed joints of 3DPW; put J_regressor_h36m\.npy and meshes", 1)
    np.save(source / "J_regressor_h36m.npy", np.full((17, 6890), 1 / 6890))
    wanted = r"meshes/downtown_walkUphill_00\.npz .*'vertices', float32 \(people"
    with pytest.raises(DataMissingError, match=wanted):
        ThreeDPW().found(source)
    refuse(source, tmp_path, DataMissingError, wanted, 1)
    (source / "J_regressor_h36m.npy").unlink()
    write_meshes(source, ("downtown_walkUphill_00",))
    (source / "J_regressor_h36m.npy").unlink()
    refuse(source, tmp_path, DataMissingError, r"meshes but no .*J_regressor_h36m\.npy", 1)
    write_regressed(source, ("courtyard_arguing_00",))
    refuse(source, tmp_path, DataDamagedError, "Both .*regressed and .*meshes are there", 1)
    for path in (source / "meshes").iterdir():
        path.unlink()
    (source / "meshes").rmdir()
    refuse(source, tmp_path, DataMissingError, r"regressed/downtown_walkUphill_00\.npz \(1 such .*'joints', float32", 1)
    write_regressed(source)
    write_recording(source, "train", recording("flat_guitar_01", 1))
    refuse(source, tmp_path, DataMissingError, r"regressed/flat_guitar_01\.npz \(1 such files of the split 'train'", 1)


def joints(people: int = 2) -> np.ndarray:
    return regressed(people).astype(np.float32)


def spoiled(index: Any, value: float) -> np.ndarray:
    made = joints()
    made[index] = value
    return made


REGRESSED_DAMAGES = {
    "another key": ({"vertices": joints()}, "'joints'"),
    "a person less": (
        {"joints": joints(1)},
        r"of shape \(1, 12, 17, 3\), where downtown_walkUphill_00.pkl asks for \(2, 12",
    ),
    "a frame less": ({"joints": joints()[:, 1:]}, r"of shape \(2, 11, 17, 3\)"),
    "14 joints": ({"joints": joints()[:, :, :14]}, r"of shape \(2, 12, 14, 3\)"),
    "half floats": ({"joints": joints().astype(np.float16)}, "as float16, which rounds"),
    "whole numbers": ({"joints": joints().astype(np.int64)}, "as int64"),
    "millimetres": ({"joints": joints() * 1000}, "m from SMPL's"),
    "another place": ({"joints": joints() + np.float32(1)}, r"1\.7\d m from SMPL's"),
    "people exchanged": ({"joints": joints()[::-1]}, "Person 0 of .* m from SMPL's"),
    "NaN": ({"joints": spoiled((1, 5, 3, 0), np.nan)}, "NaN or infinity in person 1, frame 5"),
    "right leg first": (
        {"joints": joints()[:, :, [0, 4, 5, 6, 1, 2, 3, *range(7, 17)]]},
        "LKnee, LFoot, RKnee, RFoot are where the joints of the other side .* left leg first",
    ),
    "right arm first": (
        {"joints": joints()[:, :, [*range(11), 14, 15, 16, 11, 12, 13]]},
        "LElbow, LWrist, RElbow, RWrist are where the joints of the other side",
    ),
}


@pytest.mark.parametrize("name", REGRESSED_DAMAGES)
def test_regressed_joints_that_do_not_fit_are_refused(tmp_path: Path, name: str) -> None:
    arrays, message = REGRESSED_DAMAGES[name]
    source = write_threedpw(tmp_path)
    write_regressed(source)
    np.savez(source / "regressed" / "downtown_walkUphill_00.npz", **arrays)
    refuse(source, tmp_path, DataDamagedError, message, 1)


def test_a_regressed_joint_may_be_missing_where_no_camera_is_valid(tmp_path: Path) -> None:
    source = write_threedpw(tmp_path)
    write_regressed(source)
    np.savez(source / "regressed" / "downtown_walkUphill_00.npz", joints=spoiled((1, 1, 3, 0), np.nan))
    assert len(clips(source, 1)) == 5


def test_another_regressor_is_refused(tmp_path: Path) -> None:
    source = write_threedpw(tmp_path)
    write_meshes(source)
    path = source / "J_regressor_h36m.npy"
    right_first = np.load(path)[[0, 4, 5, 6, 1, 2, 3, *range(7, 17)]]
    np.save(path, right_first)
    refuse(
        source, tmp_path, DataDamagedError, "left leg first, which Pose2Mesh's J_regressor_h36m_correct.npy is not", 1
    )
    np.save(path, right_first[:14])
    refuse(source, tmp_path, DataDamagedError, r"no array of floats \(17, 6890\)", 1)
    np.save(path, right_first * 2)
    refuse(source, tmp_path, DataDamagedError, "do not sum to 1", 1)
    np.save(path, np.array([Malicious(tmp_path / "ran")], dtype=object), allow_pickle=True)
    refuse(source, tmp_path, DataDamagedError, r"J_regressor_h36m\.npy cannot be read", 1)
    path.write_bytes(b"")
    refuse(source, tmp_path, DataDamagedError, r"J_regressor_h36m\.npy cannot be read", 1)
    assert not (tmp_path / "ran").exists()


def test_the_regressor_works_about_the_pelvis(tmp_path: Path) -> None:
    """As SPIN's mesh at the origin: rows that sum to 1.01 must not move joints by a hundredth of their place in the world."""
    source = write_threedpw(tmp_path)
    write_meshes(source)
    before = clips(source, 1)
    np.save(source / "J_regressor_h36m.npy", np.load(source / "J_regressor_h36m.npy") * 1.01)
    for name, clip in clips(source, 1).items():
        then = before[name].views[0].poses
        offset = clip.views[0].poses - then
        pelvis = in_camera(moved(BODY, FRAMES, int(clip.name[-1])), camera_poses(FRAMES))[:, :1]
        np.testing.assert_allclose(offset, 0.01 * (then - pelvis), atol=2e-3)
