"""Pose2Sim's demo: its layout, axes, lenses and joints, what is refused, and the real demo where it is."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from pose2sim_files import (
    DISTORTIONS,
    KEYPOINTS,
    POSITIONS,
    TRC_NAME,
    TRIAL,
    calibration_text,
    frame_text,
    keypoints,
    person,
    seen,
    trc_text,
    write_session,
)

from posebench.cameras import project, world_to_camera
from posebench.datasets.clip import Clip
from posebench.datasets.pose2sim import Pose2Sim
from posebench.datasets.pose2sim.calibration import read_calibration
from posebench.datasets.pose2sim.trc import read_trc
from posebench.datasets.verification import run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError
from posebench.skeletons import HUMAN36M_17

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "pose2sim_demo"
FORM = Pose2Sim.forms[0]
JOINT = {name: index for index, name in enumerate(HUMAN36M_17.joints)}


def read(source: Path | None) -> Clip:
    (clip,) = Pose2Sim().clips(source, FORM)
    return clip


def test_the_one_clip(tmp_path: Path) -> None:
    clip = read(write_session(tmp_path))
    assert (clip.id, clip.split) == ("S00/balancing/T01", "test")
    assert Pose2Sim.pseudo_truth
    assert Pose2Sim().count(tmp_path, FORM) == 1
    assert Pose2Sim().found(tmp_path) == (FORM,)
    assert [view.camera.name for view in clip.views] == ["cam_01", "cam_02", "cam_03", "cam_04"]
    assert clip.metadata == {
        "file": TRC_NAME,
        "joint_set": "body_25b",
        "approximate_joints": "Spine, Thorax, Neck/Nose, Head",
    }


def test_the_world_is_in_mm_with_z_up_and_the_joints_of_the_table(tmp_path: Path) -> None:
    world = read(write_session(tmp_path)).world
    assert world is not None
    points = {name: 1000 * track for name, track in person(12).items()}
    points["Hip"] = (points["LHip"] + points["RHip"]) / 2
    points["Thorax"] = (points["LShoulder"] + points["RShoulder"]) / 2
    points["Spine"] = (points["Hip"] + points["Thorax"]) / 2
    points |= {"RFoot": points["RAnkle"], "LFoot": points["LAnkle"], "Neck/Nose": points["Neck"]}
    for name, index in JOINT.items():
        np.testing.assert_allclose(world[:, index], points[name], atol=1e-6, err_msg=name)


def test_cameras_stand_where_they_stood_and_see_what_opencv_s_saw(tmp_path: Path) -> None:
    clip = read(write_session(tmp_path))
    points = np.stack([person(12)[name] for name in KEYPOINTS], axis=1)
    for camera, view in enumerate(clip.views):
        np.testing.assert_allclose(view.camera.position, 1000 * np.array(POSITIONS[camera]), atol=1e-3)
        assert view.camera.image_size == (1088, 1920)
        mine = project(world_to_camera(1000 * points, view.camera), view.camera)
        # The lens models differ in the tangential terms of x^2, xy and y^2.
        np.testing.assert_allclose(mine, seen(points, camera), atol=0.1)
    lens = clip.views[0].camera
    assert lens.radial == (DISTORTIONS[0], DISTORTIONS[1], 0.0)
    assert lens.tangential == (DISTORTIONS[3], DISTORTIONS[2])


def test_a_third_radial_coefficient_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    path.write_text(calibration_text().replace("-0.0003]", "-0.0003, 0.125]"))
    assert read_calibration(path, ["cam_02"])[0].radial == (DISTORTIONS[0], DISTORTIONS[1], 0.125)


def test_an_unturned_camera_has_no_rotation(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    path.write_text(re.sub(r"rotation = \[.*\]", "rotation = [0.0, 0.0, 0.0]", calibration_text()))
    assert read_calibration(path, ["cam_01"])[0].orientation == (1.0, 0.0, 0.0, 0.0)


def test_the_two_sources(tmp_path: Path) -> None:
    clip = read(write_session(tmp_path))
    walker = person(12)
    for camera, view in enumerate(clip.views):
        assert set(view.keypoints) == {"openpose", "openpose-raw"}
        for name, source in view.keypoints.items():
            assert source.pixels.shape == (12, 17, 2)
            assert source.confidence is not None
            assert source.confidence.shape == (12, 17)
            missing = np.isnan(source.pixels).any(axis=-1)
            np.testing.assert_array_equal(missing, source.confidence == 0)
            expected = np.zeros((12, 17), dtype=bool)
            if (camera, name) == (2, "openpose"):
                expected[3] = True
            if camera == 3:
                expected[1, JOINT["LWrist"]] = True
            np.testing.assert_array_equal(missing, expected)
            for frame in (0, 5, 11):
                own = keypoints(walker, frame, camera)
                stranger = (camera, frame, name) == (0, 5, "openpose-raw")
                at = np.linalg.norm(source.pixels[frame, JOINT["RWrist"]] - own[KEYPOINTS.index("RWrist"), :2])
                assert at > 100 if stranger else at < 1e-9
                assert source.confidence[frame, JOINT["Head"]] == pytest.approx(0.9 if stranger else 0.7)
                hips = own[[KEYPOINTS.index("LHip"), KEYPOINTS.index("RHip")], :2].mean(axis=0)
                if not stranger:
                    np.testing.assert_allclose(source.pixels[frame, 0], hips)


def test_a_short_tree_is_found_and_two_are_refused(tmp_path: Path) -> None:
    session = write_session(tmp_path / "session")
    shutil.move(session / TRIAL, session / "balancing")
    assert read(session).id == "S00/balancing/T01"
    shutil.copytree(session, tmp_path / "copy")
    with pytest.raises(DataMissingError, match="name the folder of one demo session"):
        read(tmp_path)


def test_verify(tmp_path: Path) -> None:
    adapter = Pose2Sim()
    store = write_store(adapter, FORM, adapter.clips(write_session(tmp_path / "s"), FORM), tmp_path / "p.safetensors")
    assert store.pseudo_truth
    assert store.sources == ("openpose", "openpose-raw")
    checks = {check.name: check for check in run_checks(adapter, store)}
    # A cut of twelve frames is not the benchmark.
    assert [name for name, check in checks.items() if not check.passed] == ["frames"]
    assert checks["reprojection on openpose"].detail.startswith("median cam_01 0.0 px (0.0 % of the height), cam_02")
    missing = checks["missing joints of openpose"].detail
    assert "cam_03 8.33 % (nobody in frame 3)" in missing
    assert "cam_04 0.49 %" in missing
    assert checks["person of openpose-raw"].detail == "another than the owner's: cam_01 in 1 frames (5)"


def test_verify_finds_cameras_that_were_exchanged(tmp_path: Path) -> None:
    adapter = Pose2Sim()
    (clip,) = adapter.clips(write_session(tmp_path / "s"), FORM)
    first, second, *others = clip.views
    exchanged = (
        dataclasses.replace(first, keypoints=second.keypoints),
        dataclasses.replace(second, keypoints=first.keypoints),
        *others,
    )
    store = write_store(adapter, FORM, [dataclasses.replace(clip, views=exchanged)], tmp_path / "p.safetensors")
    checks = {check.name: check for check in run_checks(adapter, store)}
    found = checks["reprojection on openpose"]
    assert not found.passed
    assert re.search(r"cam_01 \d+\.\d px .*: camera, 3D and detections do not belong together; cam_02", found.detail)
    assert "cam_03" not in found.detail


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_refusals_leave_no_store(tmp_path: Path) -> None:
    good = write_session(tmp_path / "good")

    def refuse(session: Path | None, error: type[PosebenchError], message: str) -> None:
        store = tmp_path / "stores" / "pose2sim.safetensors"
        with pytest.raises(error, match=message) as caught:
            write_store(Pose2Sim(), FORM, Pose2Sim().clips(session, FORM), store)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 3
        assert not store.parent.exists() or not list(store.parent.iterdir())
        if session is not None and session.name == "bad":
            shutil.rmtree(session)

    def bad() -> Path:
        shutil.copytree(good, tmp_path / "bad")
        return tmp_path / "bad"

    refuse(None, DataMissingError, "no folder was given")
    refuse(tmp_path / "nowhere", DataMissingError, "nowhere is not a folder")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", DataMissingError, "No Calib_qualisys.toml is under")

    session = bad()
    (session / TRIAL / "pose-3d" / TRC_NAME).unlink()
    refuse(session, DataMissingError, f"No {TRC_NAME} is under")
    session = bad()
    shutil.rmtree(session / TRIAL / "pose-associated")
    refuse(session, DataMissingError, "cam01_json is missing: the trial of .* needs the detections 'pose' and")
    session = bad()
    (session / TRIAL / "pose" / "cam02_json" / "cam02.0004.json").unlink()
    refuse(session, DataMissingError, "Frame 4 is missing in .*cam02_json: cam02.0003.json is followed by")
    session = bad()
    (session / TRIAL / "pose" / "cam02_json" / "cam02.0011.json").unlink()
    refuse(session, DataDamagedError, "cam02_json has 11 frames, the triangulated motion 12")
    session = bad()
    file = session / TRIAL / "pose-associated" / "cam04_json" / "cam04.0002.json"
    file.write_bytes(file.read_bytes()[:300])
    refuse(session, DataDamagedError, "cam04.0002.json is not JSON: .* at line 1, column")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[cam_03]", "[cam_05]", "has no camera 'cam_03'"),
        ("[cam_03]", "[cam_03", "is not TOML that can be read .*line"),
        ("fisheye = false", "fisheye = true", "Camera 'cam_01' of .* has a fisheye lens"),
        ("size = [ 1088.0, 1920.0]", "size = [ 1088.0]", r"'size' of shape \(1,\), not \(2,\)"),
        ("size = [ 1088.0, 1920.0]", "size = [ 0.0, 1920.0]", "that is not that of a pinhole camera"),
        ("[ 1680.0, 0.0,", "[ 1680.0, 2.0,", "a pinhole camera without skew"),
        ("distortions = [-0.02, ", "distortions = [", "has 3 'distortions', not OpenCV's k1 k2 p1 p2"),
        ("distortions", "distorsions", "'cam_01' of .* has no 'distortions' of numbers"),
        ("distortions = [-0.02", 'distortions = ["a"', "has no 'distortions' of numbers"),
        ("rotation = [", "rotation = [nan, ", r"'rotation' of shape \(4,\), not \(3,\), or not finite"),
        ("translation", "moved", "has no 'translation' of numbers"),
    ],
)
def test_calibrations_that_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    session = write_session(tmp_path, frames=2)
    edit(session / "calibration" / "Calib_qualisys.toml", old, new)
    with pytest.raises(DataDamagedError, match=message) as caught:
        read(session)
    assert "\n" not in str(caught.value)
    assert "Calib_qualisys.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PathFileType", "Path", "does not begin with the five header lines"),
        ("\tm\t60", "\tcm\t60", "damaged at line 3: .*'cm'"),
        ("DataRate\t", "Rate\t", "damaged at line 3: .*'DataRate'"),
        ("60\t60\t3\t21", "60\t60\tthree\t21", "damaged at line 3: .*three"),
        ("60\t60\t3\t21", "60\t60\t4\t21", "has 3 frames where line 3 says 4; it may be cut short"),
        ("60\t60\t3\t21", "60\t60\t3\t22", "damaged at line 4: 21 different markers where line 3 says 22"),
        ("60\t60\t3\t21", "50\t60\t3\t21", "has 50 frames a second, not 60"),
        ("RKnee", "RHip", "damaged at line 4: 20 different markers"),
        ("RKnee", "RPatella", "has the marker 'RPatella', which is no keypoint of BODY_25B"),
        ("\n2\t", "\n3\t", "damaged at line 7: frame 3 follows frame 1"),
        ("\n2\t", "\nx\t", "damaged at line 7: invalid literal"),
        ("\t1.4", "\tone", "damaged at line 6: could not convert"),
        ("\t1.4", "\tinf\t1.4", "damaged at line 6: 64 coordinates, not 63"),
        ("\t1.72\t", "\tinf\t", "damaged at line 6: a coordinate is infinite"),
    ],
)
def test_motions_that_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    session = write_session(tmp_path, frames=3)
    edit(session / TRIAL / "pose-3d" / TRC_NAME, old, new)
    with pytest.raises(DataDamagedError, match=message) as caught:
        read(session)
    assert "\n" not in str(caught.value)
    assert TRC_NAME in str(caught.value)


def test_a_missing_marker_is_a_missing_joint_and_a_lost_one_is_refused(tmp_path: Path) -> None:
    session = write_session(tmp_path, frames=3)
    path = session / TRIAL / "pose-3d" / TRC_NAME
    points = person(3)
    points["LHip"][1] = np.nan
    path.write_text(trc_text(points).replace("nan", ""))
    world = read(session).world
    assert world is not None
    missing = np.isnan(world).any(axis=-1)
    assert {HUMAN36M_17.joints[i] for i in np.flatnonzero(missing[1])} == {"Hip", "LHip", "Spine"}
    assert not missing[[0, 2]].any()
    path.write_text(trc_text(points, ["RHip", "LHip", "Nose"]).replace("nan", ""))
    with pytest.raises(DataDamagedError, match="lacks a marker that 'RKnee' is made from"):
        read(session)


def test_trc_in_millimetres_with_tabs_at_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "motion.trc"
    text = trc_text(person(2), ["Nose", "Neck"]).replace("\tm\t", "\tmm\t")
    lines = text.splitlines()
    path.write_text("\n".join([*lines[:5], "", *(line + "\t" for line in lines[5:]), ""]))
    markers = read_trc(path)
    assert markers.names == ("Nose", "Neck")
    assert markers.fps == 60.0
    # World (0, 0.12, 1.56) is written y, z, x.
    np.testing.assert_allclose(markers.positions[0, 0], [0.12, 1.56, 0.0])


def test_frames_without_anybody(tmp_path: Path) -> None:
    session = write_session(tmp_path, frames=3)
    for frame in range(3):
        name = f"cam04.{frame:04d}.json"
        (session / TRIAL / "pose" / "cam04_json" / name).write_text(frame_text())
        (session / TRIAL / "pose-associated" / "cam04_json" / name).write_text(frame_text(None))
    view = read(session).views[3]
    assert all(np.isnan(source.pixels).all() for source in view.keypoints.values())


@pytest.mark.skipif(
    not REAL.is_dir(), reason="Pose2Sim's demo is not at ../shared/data/pose2sim_demo beside the repository"
)
def test_the_real_demo(tmp_path: Path) -> None:
    adapter = Pose2Sim()
    store = write_store(adapter, FORM, adapter.clips(REAL, FORM), tmp_path / "pose2sim.safetensors")
    checks = {check.name: check for check in run_checks(adapter, store)}
    assert [check for check in checks.values() if not check.passed] == []
    # The numbers of docs/datasets/pose2sim.md.
    assert checks["reprojection on openpose"].detail == (
        "median cam_01 13.4 px (1.9 % of the height), cam_02 7.3 px (1.1 % of the height), "
        "cam_03 21.7 px (3.0 % of the height), cam_04 7.8 px (1.1 % of the height)"
    )
    assert checks["missing joints of openpose"].detail == (
        "cam_01 0.59 %, cam_02 0.00 %, cam_03 1.00 % (nobody in frame 52), cam_04 0.00 %"
    )
    assert checks["person of openpose-raw"].detail == "another than the owner's: cam_01 in 1 frames (37)"
    assert [(info.id, info.frames) for info in store.sequences("test")] == [
        (f"S00/balancing/T01/cam_0{camera}", 100) for camera in (1, 2, 3, 4)
    ]
