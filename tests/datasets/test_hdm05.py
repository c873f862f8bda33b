"""HDM05: the owner's layouts, splits, virtual cameras, refusals, and the real clips where they are."""

import json
from pathlib import Path

import numpy as np
import pytest
from asf_files import amc_text, asf_text, motion, naive_ends, write, write_hdm05

from posebench.cameras import project, world_to_camera
from posebench.datasets.hdm05 import FRAMES, Hdm05
from posebench.datasets.verification import run_checks
from posebench.datasets.virtual_rig import MARGIN, RIG, inside_image, virtual_cameras
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
REAL = SHARED / "data" / "hdm05"
CALIBRATION = SHARED / "human36m_cameras.json"
CLIPS = {
    "bd_squat1Reps_001": 7,
    "bk_grabHighR_009": 4,
    "dg_squat1Reps_025": 5,
    "mm_squat1Reps_037": 6,
    "tr_grabHighR_020": 3,
}


@pytest.mark.parametrize("flat", [False, True])
def test_reads_the_owner_s_tree(tmp_path: Path, flat: bool) -> None:
    source = write_hdm05(tmp_path / "source", CLIPS, flat)
    (source / "squat1Reps" if not flat else source).joinpath("._HDM_bd_squat1Reps_001_120.amc").write_bytes(b"macOS")
    adapter = Hdm05()
    assert adapter.count(source, adapter.forms[0]) == 5
    clips = {clip.id: clip for clip in adapter.clips(source, adapter.forms[0])}
    assert {clip.split: clip.subject for clip in clips.values()} == {"train": "bk", "validation": "dg", "test": "tr"}
    assert list(clips) == sorted(clips)
    # 120 to 60 Hz: frames 0, 2, 4, 6.
    first = clips["bd/squat1Reps/001"]
    assert first.split == "train"
    assert len(first.world) == 4
    for kept, frame in enumerate(motion(7)[::2]):
        np.testing.assert_allclose(first.world[kept, 16], naive_ends(frame)["rwrist"], atol=1e-9)


def test_skeleton_beside_its_clip_and_upper_case_names(tmp_path: Path) -> None:
    write(tmp_path / "HDM_bk.asf", asf_text(scale={"ltibia": 2.0}))
    write(tmp_path / "squat1Reps" / "HDM_BK.ASF", asf_text())
    write(tmp_path / "squat1Reps" / "HDM_bk_squat1Reps_006_120.AMC", amc_text(motion(2)))
    (clip,) = Hdm05().clips(tmp_path, Hdm05.forms[0])
    np.testing.assert_allclose(clip.world[0, 6], naive_ends(motion(1)[0])["ltibia"], atol=1e-9)


def test_same_files_same_fingerprint(tmp_path: Path) -> None:
    source = write_hdm05(tmp_path / "source", CLIPS)
    flat = write_hdm05(tmp_path / "flat", CLIPS, flat=True)
    stores = [
        write_store(Hdm05(), Hdm05.forms[0], Hdm05().clips(s, Hdm05.forms[0]), tmp_path / f"{s.name}.safetensors")
        for s in (source, flat)
    ]
    assert stores[0].fingerprint == stores[1].fingerprint == stores[0].compute_fingerprint()


def test_cameras_stand_where_documented(tmp_path: Path) -> None:
    (clip,) = Hdm05().clips(write_hdm05(tmp_path, {"bd_squat1Reps_001": 9}), Hdm05.forms[0])
    # The numbers of docs/datasets/hdm05.md.
    assert [(mount.azimuth, mount.distance, mount.height) for mount in RIG] == [
        (47.0, 4800.0, 1550.0),
        (131.0, 5300.0, 1700.0),
        (228.0, 5000.0, 1400.0),
        (313.0, 5500.0, 1850.0),
    ]
    root = clip.world[:, 0, :2]
    middle = np.round((root.min(axis=0) + root.max(axis=0)) / 2)
    assert [camera.name for camera in [view.camera for view in clip.views]] == ["cam1", "cam2", "cam3", "cam4"]
    for camera, mount in zip([view.camera for view in clip.views], RIG, strict=True):
        offset = np.array(camera.position[:2]) - middle
        assert np.hypot(*offset) == pytest.approx(mount.distance, abs=0.01)
        assert 4500 <= mount.distance <= 5500
        assert np.rad2deg(np.arctan2(offset[1], offset[0])) % 360 == pytest.approx(mount.azimuth, abs=0.001)
        assert 1300 <= camera.position[2] == mount.height <= 1900
        target = project(world_to_camera(np.array([*middle, 900.0]), camera), camera)
        np.testing.assert_allclose(target, camera.center, atol=1e-6)
        # Upright: up in the world is up, that is towards smaller rows, in the image.
        higher = project(world_to_camera(np.array([*middle, 1000.0]), camera), camera)
        assert higher[1] < target[1]
        assert higher[0] == pytest.approx(target[0], abs=1.0)


def test_cameras_step_back_until_a_long_walk_is_in_view() -> None:
    pose = naive_joints()
    walk = pose + np.linspace(0, 6000, 40)[:, None, None] * np.array([1.0, 0.0, 0.0])
    cameras = virtual_cameras(walk)
    assert all(inside_image(walk, camera, MARGIN).all() for camera in cameras)
    assert max(np.hypot(*(np.array(camera.position[:2]) - walk[:, 0, :2].mean(axis=0))) for camera in cameras) > 6000
    with pytest.raises(DataDamagedError, match="check the unit"):
        virtual_cameras(pose[None] * 1000)


def test_a_point_behind_a_camera_is_not_inside() -> None:
    pose = naive_joints()
    camera = virtual_cameras(pose[None])[0]
    behind = pose.copy()
    # The lens polynomial would put it in the image.
    behind[3] = np.array(camera.position) + 2.0 * (np.array(camera.position) - pose[0])
    assert inside_image(np.stack([pose, behind]), camera).tolist() == [True, False]


def naive_joints() -> np.ndarray:
    from posebench.datasets.asf_joints import JOINT_BONES
    from posebench.skeletons import HUMAN36M_17

    ends = naive_ends(motion(1)[0])
    ends["hip"] = [(a + b) / 2 for a, b in zip(ends["lhipjoint"], ends["rhipjoint"], strict=True)]
    return np.array([ends[{**JOINT_BONES, "Hip": "hip"}[name]] for name in HUMAN36M_17.joints])


def test_refusals_leave_no_store(tmp_path: Path) -> None:
    def refuse(folder: Path | None, error: type[PosebenchError], message: str) -> None:
        store = tmp_path / "stores" / "hdm05.safetensors"
        with pytest.raises(error, match=message) as caught:
            write_store(Hdm05(), Hdm05.forms[0], Hdm05().clips(folder, Hdm05.forms[0]), store)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 3
        assert not store.parent.exists() or not list(store.parent.iterdir())

    refuse(None, DataMissingError, "no folder was given")
    refuse(tmp_path / "nowhere", DataMissingError, "nowhere is not a folder")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", DataMissingError, "No AMC file of HDM05")

    source = write_hdm05(tmp_path / "source", CLIPS)
    (source / "HDM_mm.asf").unlink()
    refuse(source, DataMissingError, "skeleton HDM_mm.asf of HDM_mm_squat1Reps_037_120.amc is neither beside it nor")
    write_hdm05(source, CLIPS)
    extra = write(source / "HDM_xx_squat1Reps_001_120.amc", "")
    refuse(source, DataDamagedError, "HDM_xx_squat1Reps_001_120.amc is not named HDM_<actor>")
    extra.unlink()
    double = write(source / "HDM_tr_grabHighR_020_120.amc", amc_text(motion(2)))
    refuse(source, DataDamagedError, "tr/grabHighR/020 of 'hdm05' is there twice")
    double.unlink()
    # The last clip in order: all others are read before the damage is found.
    last = source / "grabHighR" / "HDM_tr_grabHighR_020_120.amc"
    last.write_bytes(last.read_bytes()[:-400])
    refuse(source, DataDamagedError, r"HDM_tr_grabHighR_020_120.amc is damaged at line \d+: ")


def test_verify_tells_an_incomplete_benchmark(tmp_path: Path) -> None:
    source = write_hdm05(tmp_path / "source", {**CLIPS, "tr_walk_001": 4})
    store = write_store(Hdm05(), Hdm05.forms[0], Hdm05().clips(source, Hdm05.forms[0]), tmp_path / "hdm05.safetensors")
    failed = {check.name: check.detail for check in run_checks(Hdm05(), store) if not check.passed}
    assert set(failed) == {"actions", "frames"}
    assert "squat1Reps has 3 clips, not 52" in failed["actions"]
    assert "walk is not one of the benchmark's actions" in failed["actions"]
    assert f"validation has 3 frames in 1 clips, not {FRAMES['validation']} frames" in failed["frames"]


@pytest.mark.skipif(not REAL.is_dir(), reason="HDM05 is not at ../shared/data/hdm05 beside the repository")
def test_the_real_clips_pass_every_check(tmp_path: Path) -> None:
    adapter = Hdm05()
    store = write_store(
        adapter, adapter.forms[0], adapter.clips(REAL, adapter.forms[0]), tmp_path / "hdm05.safetensors"
    )
    checks = {check.name: check for check in run_checks(adapter, store)}
    assert [check for check in checks.values() if not check.passed] == []
    assert "known: dg/lieDownFloor/014: LKnee at 34.3 m/s after frame 120" in checks["speeds"].detail
    assert len(store.sequences("train")) == 4 * 128
    assert len(store.sequences("test")) == 4 * 99
    assert checks["inside image"].detail.startswith("all joints in view in 100.00 %")


@pytest.mark.skipif(not CALIBRATION.is_file(), reason="human36m_cameras.json is not at ../shared beside the repository")
def test_the_lenses_are_those_of_human36m() -> None:
    for mount, public in zip(RIG, json.loads(CALIBRATION.read_text())["intrinsics"], strict=True):
        expected = (
            *public["focal_length"],
            *public["center"],
            *public["radial_distortion"],
            *public["tangential_distortion"],
        )
        assert mount.lens.lens == expected
        assert mount.lens.image_size == (public["width"], public["height"])
