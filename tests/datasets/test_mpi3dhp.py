"""MPI-INF-3DHP: the owner's containers, both ground truths, cameras, npz files of others, refusals, verify."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from mpi3dhp_files import (
    NAMES,
    OUTDOORS,
    RELEVANT,
    SCALES,
    STUDIO,
    calibration_text,
    see,
    sequence_arrays,
    training_arrays,
    training_lens,
    training_poses,
    write_mat73,
    write_npz_test,
    write_sequences,
    write_training,
)
from scipy.io import savemat

from posebench.cameras import project
from posebench.datasets.adapter import Check
from posebench.datasets.clip import Clip
from posebench.datasets.mpi3dhp import Mpi3dhp
from posebench.datasets.mpi3dhp.facts import SELECTED, TRAIN_FRAMES, VALID_2875, VALID_2929
from posebench.datasets.mpi3dhp.lenses import calibrated, pinhole
from posebench.datasets.store import Dataset
from posebench.datasets.verification import run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError
from posebench.skeletons import MPI_INF_3DHP_17

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
REAL = SHARED / "conformance" / "end_to_end" / "mpi3dhp"
OWN = Mpi3dhp.forms[0]


def read(source: Path) -> dict[str, Clip]:
    (form,) = Mpi3dhp().found(source)
    return {clip.id: clip for clip in Mpi3dhp().clips(source, form)}


def store(source: Path | None, folder: Path) -> Dataset:
    (form,) = Mpi3dhp().found(source)
    return write_store(Mpi3dhp(), form, Mpi3dhp().clips(source, form), folder / "mpi3dhp.safetensors")


def verify(dataset: Dataset) -> dict[str, Check]:
    return {check.name: check for check in run_checks(Mpi3dhp(), dataset)}


@pytest.mark.parametrize("inside", ["", "mpi_inf_3dhp_test_set", "mpi_inf_3dhp/mpi_inf_3dhp_test_set"])
def test_reads_the_owner_s_test_set(tmp_path: Path, inside: str) -> None:
    write_sequences(tmp_path / inside)
    assert Mpi3dhp().count(tmp_path, OWN) == 6
    clips = read(tmp_path)
    assert list(clips) == [f"{name}/all/{name}" for name in SCALES]
    for name in SCALES:
        clip, arrays = clips[f"{name}/all/{name}"], sequence_arrays(name)
        (view,) = clip.views
        assert (clip.split, clip.world, view.camera.name) == ("test", None, "cam0")
        assert view.camera.image_size == ((1920, 1080) if name in ("TS5", "TS6") else (2048, 2048))
        np.testing.assert_array_equal(view.poses, arrays["annot3"])
        np.testing.assert_array_equal(view.truths["univ_annot3"], arrays["univ_annot3"])
        np.testing.assert_array_equal(view.keypoints["annot2"].pixels, arrays["annot2"])
        assert view.valid.tolist() == [True] * 35 + [False] * 5
    assert clips["TS4/all/TS4"].views[0].activity == ("Miscellaneous",) * 20 + ("Standing/Walking",) * 20
    assert clips["TS3/all/TS3"].views[0].activity[19:21] == ("On The Floor", "Sports")


def test_one_sequence_or_one_file_is_enough(tmp_path: Path) -> None:
    write_sequences(tmp_path, ("TS5", "TS6"))
    assert list(read(tmp_path / "TS5")) == ["TS5/all/TS5"]
    assert list(read(tmp_path / "TS6" / "annot_data.mat")) == ["TS6/all/TS6"]
    assert list(read(tmp_path)) == ["TS5/all/TS5", "TS6/all/TS6"]


def test_the_root_is_the_pelvis_at_14_and_the_17_are_the_owner_s_among_28() -> None:
    # MHFormer on P-STMO's file with root 0 had 370 mm (protocols.md, M10).
    assert MPI_INF_3DHP_17.root == 14
    assert MPI_INF_3DHP_17.joints == RELEVANT
    assert SELECTED == (7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6)


def test_reads_the_owner_s_training_set(tmp_path: Path) -> None:
    write_training(tmp_path, "S1", "Seq1")
    write_training(tmp_path, "S1", "Seq2")
    clips = read(tmp_path)
    assert list(clips) == ["S1/Seq1/Seq1", "S1/Seq2/Seq2"]
    assert [clip.fps for clip in clips.values()] == [None, 50.0]
    clip = clips["S1/Seq1/Seq1"]
    assert clip.split == "train"
    assert [view.camera.name for view in clip.views] == [f"cam{n}" for n in (0, 1, 2, 4, 5, 6, 7, 8)]
    for view in clip.views:
        number = int(view.camera.name[3:])
        assert (*view.camera.focal, *view.camera.center) == training_lens(number)
        assert view.camera.image_size == (2048, 2048)
        expected = training_poses(number, 30, seed=1)
        for joint, name in enumerate(MPI_INF_3DHP_17.joints):
            np.testing.assert_allclose(view.poses[:, joint], expected[:, NAMES.index(name)], atol=1e-9)
        np.testing.assert_allclose(project(view.poses, view.camera), view.keypoints["annot2"].pixels, atol=1e-9)
        assert view.valid.all()
        assert set(view.activity) == {"unlabelled"}


def test_the_order_of_the_cells_is_that_of_their_cameras(tmp_path: Path) -> None:
    write_training(tmp_path)
    arrays = training_arrays(30, seed=1)
    for key in ("annot2", "annot3", "univ_annot3"):
        arrays[key] = arrays[key][::-1]
    arrays["cameras"] = arrays["cameras"][:, ::-1]
    before = read(tmp_path)["S1/Seq1/Seq1"]
    savemat(tmp_path / "S1" / "Seq1" / "annot.mat", arrays)
    for one, other in zip(before.views, read(tmp_path)["S1/Seq1/Seq1"].views, strict=True):
        np.testing.assert_array_equal(one.poses, other.poses)


def test_annotations_without_an_image_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_training(tmp_path)
    monkeypatch.setitem(TRAIN_FRAMES, ("S1", "Seq1"), (29, 25.0))
    clip = read(tmp_path)["S1/Seq1/Seq1"]
    assert {len(view.poses) for view in clip.views} == {29}
    assert clip.metadata["annotations_cut"] == "1"


def test_both_sets_share_a_store(tmp_path: Path) -> None:
    write_sequences(tmp_path)
    write_training(tmp_path, "S3", "Seq2")
    made = store(tmp_path, tmp_path)
    assert made.splits == ("test", "train")
    assert made.truths == ("annot3", "univ_annot3")
    assert made.sources == ("annot2",)
    assert [info.fps for info in made.sequences("all")] == [50.0] * 8 + [25.0] * 6
    assert made.sequences("test")[4].id == "TS5/all/TS5/cam0"
    np.testing.assert_allclose(made.read(made.sequences("test")[4]).poses, sequence_arrays("TS5")["annot3"], atol=1e-3)


def test_the_lens_is_that_under_which_annot3_falls_on_annot2(tmp_path: Path) -> None:
    distortion = (-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332)
    bent = (OUTDOORS[0], OUTDOORS[1] * 0.993236423, *OUTDOORS[2:])
    arrays = sequence_arrays("TS5")
    write_mat73(tmp_path / "TS5" / "annot_data.mat", {**arrays, "annot2": see(arrays["annot3"], bent, distortion)})
    write_mat73(tmp_path / "TS6" / "annot_data.mat", sequence_arrays("TS6"))
    clips = read(tmp_path)
    assert clips["TS5/all/TS5"].views[0].camera == calibrated("TS5")
    assert clips["TS5/all/TS5"].metadata["lens"].startswith("calibrated, ")
    assert clips["TS6/all/TS6"].views[0].camera == pinhole("TS6")
    assert clips["TS6/all/TS6"].metadata["lens"].startswith("pinhole, ")


def test_the_cameras_are_the_owner_s() -> None:
    for name, lens in (("TS1", STUDIO), ("TS4", STUDIO), ("TS5", OUTDOORS), ("TS6", OUTDOORS)):
        assert (*pinhole(name).focal, *pinhole(name).center) == pytest.approx(lens, abs=1e-6)
        assert pinhole(name).radial == (0, 0, 0)
    # All over the image of TS5: as OpenCV bends it, but for VideoPose3D's tangential term.
    corners = np.stack(np.meshgrid(np.linspace(-0.55, 0.55, 9), np.linspace(-0.32, 0.32, 9), [1.0]), axis=-1)
    bent = (OUTDOORS[0], OUTDOORS[1] * 0.993236423, *OUTDOORS[2:])
    theirs = see(corners, bent, (-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332))
    camera = calibrated("TS5")
    assert np.abs(project(corners, camera) - theirs).max() < 0.7
    for other in ((0.0, 0.0), camera.tangential[::-1]):
        assert np.abs(project(corners, replace(camera, tangential=other)) - theirs).max() > 1.0


def test_frames_that_are_not_scored_may_lack_annotations(tmp_path: Path) -> None:
    arrays = sequence_arrays("TS1")
    for key in ("annot2", "annot3", "univ_annot3"):
        arrays[key][37] = 0
        arrays[key][38, 3] = np.nan
    arrays["activity_annotation"][39] = 0
    write_mat73(tmp_path / "TS1" / "annot_data.mat", arrays)
    (view,) = read(tmp_path)["TS1/all/TS1"].views
    assert np.isnan(view.poses).all(axis=(1, 2)).tolist() == [False] * 37 + [True, True, False]
    assert view.activity[38:] == ("Exercising", "unlabelled")
    assert verify(store(tmp_path, tmp_path))["finite"].passed


def test_verify_tells_the_owner_s_defects(tmp_path: Path) -> None:
    made = store(write_sequences(write_training(tmp_path, "S4", "Seq2")), tmp_path)
    checks = verify(made)
    assert [check for check in checks.values() if not check.passed] == []
    assert checks["sequences"].detail.startswith(
        "6 of 6 test sequences; 1 of 16 training sequences, not here: S1/Seq1, "
    )
    assert "40 frames of the owner's 320; 35 valid; annot3 median 0.00, most 0.00 px" in checks["TS5"].detail
    assert checks["TS5"].detail.endswith("annot3 = 1.04672 x univ_annot3; lens pinhole")
    assert "annot3 = 0.99200 x univ_annot3 but for knee (mean 18.8, most 18.8 mm), ankle (mean 32.7, most 32.7 mm)" in (
        checks["TS6"].detail
    )
    assert "stale" in checks["TS6"].detail
    assert "30 frames of the owner's 6675; 25 a second, 8 cameras; annot3 median 0.00" in checks["S4/Seq2"].detail
    assert checks["S4/Seq2"].detail.endswith("in frames 3759 to 5852")


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (VALID_2875, "2875 valid frames, those of the release in circulation"),
        (VALID_2929, "2929 valid frames, those of the older release"),
        ({**VALID_2929, "TS6": 100}, "neither the 2875"),
        ({"TS5": 276, "TS6": 392}, "668 valid frames, a part of the release in circulation"),
    ],
)
def test_verify_tells_the_release_by_its_valid_frames(tmp_path: Path, counts: dict[str, int], text: str) -> None:
    for name, count in counts.items():
        write_mat73(tmp_path / name / "annot_data.mat", sequence_arrays(name, count + 3, count))
    assert text in verify(store(tmp_path, tmp_path))["valid frames"].detail


def test_verify_fails_where_annot3_does_not_fall_on_annot2(tmp_path: Path) -> None:
    # The outdoor sequences seen through the studio's camera: 2048 for 1920 (protocols.md, M8).
    arrays = sequence_arrays("TS5")
    write_sequences(tmp_path, ("TS1", "TS5"))
    write_mat73(tmp_path / "TS5" / "annot_data.mat", {**arrays, "annot2": see(arrays["annot3"], STUDIO)})
    checks = verify(store(tmp_path, tmp_path))
    assert [check.name for check in checks.values() if not check.passed] == ["TS5"]
    assert "px (median) from annot2, more than 5" in checks["TS5"].detail


def change(key: str, value: Callable[[Any], Any]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        arrays = sequence_arrays("TS2")
        arrays[key] = value(arrays[key])
        write_mat73(path, arrays)

    return apply


def without(key: str) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            del file[key]

    return apply


def hole(array: Any) -> Any:
    array[7, 3] = np.nan
    return array


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3000])


def text_file(path: Path) -> None:
    path.write_text("MATLAB 5.0 MAT-file")


def cell(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["annot2"]
        file["annot2"] = file["bb_crop"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, "cannot be read as a MATLAB 7.3 file"),
        (text_file, "cannot be read as a MATLAB 7.3 file"),
        (without("univ_annot3"), "has no array univ_annot3"),
        (without("valid_frame"), "has no array valid_frame"),
        (cell, "annot2 of .* is an array of object"),
        (
            change("annot3", lambda a: a[:, :16]),
            r"annot3 of .* has the shape \(40, 1, 16, 3\), not \(frames, 1, 17, 3\)",
        ),
        (change("annot2", lambda a: a[:39]), "has 39 frames of annot2 and 40 of annot3"),
        (change("valid_frame", lambda a: a[:39]), "has 40 frames of annot2 and 39 of valid_frame"),
        (change("valid_frame", lambda a: a * 2), "valid_frame of .* holds 2, not 0 or 1 alone"),
        (change("valid_frame", lambda a: a * 0), "calls no frame valid"),
        (change("annot3", hole), "annot3 of .* has NaN.* in frame 7, which is scored"),
        (change("annot2", hole), "annot2 of .* has NaN.* in frame 7, which is scored"),
        (change("annot3", lambda a: a / 1000), "annot3 of .* these look like metres"),
        (change("univ_annot3", lambda a: a / 1000), "univ_annot3 of .* these look like metres"),
        (change("annot3", lambda a: a - a[:, 14:15]), "not relative to the pelvis"),
        (change("activity_annotation", lambda a: a * 0 + 8), "activity_annotation of .* is 8 in frame 0, not 1 to 7"),
    ],
)
def test_damaged_test_files_are_refused(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    source = write_sequences(tmp_path / "source", ("TS1", "TS2"))
    spoil(source / "TS2" / "annot_data.mat")
    refuse(source, tmp_path, DataDamagedError, rf"TS2.*{message}|{message}.*TS2|{message}")


def refuse(source: Path | None, folder: Path, error: type[PosebenchError], message: str) -> None:
    stores = folder / "stores"
    with pytest.raises(error, match=message) as caught:
        store(source, stores)
    assert "\n" not in str(caught.value)
    assert source is None or str(source) in str(caught.value)
    assert not stores.exists() or not list(stores.iterdir())


def change_cell(key: str, value: Callable[[Any], Any], camera: int = 4) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        arrays = training_arrays()
        arrays[key][camera, 0] = value(arrays[key][camera, 0])
        savemat(folder / "annot.mat", arrays)

    return apply


def drop(key: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        savemat(folder / "annot.mat", {name: value for name, value in training_arrays().items() if name != key})

    return apply


def write_calibration(text: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / "camera.calibration").write_text(text)

    return apply


def hole_in_row(array: Any) -> Any:
    array[9, 60] = np.nan
    return array


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change_cell("annot3", lambda a: a[:29]), "annot3 of camera 4 in .* has 29 frames, and the file lists 30"),
        (
            change_cell("annot2", lambda a: a[:, :50]),
            r"annot2 of camera 4 in .* has the shape \(30, 50\), not \(frames, 56\)",
        ),
        (change_cell("annot3", hole_in_row), "annot3 of camera 4 in .* in frame 9, which is scored"),
        (change_cell("univ_annot3", lambda a: a / 1000), "univ_annot3 of camera 4 .* these look like metres"),
        (drop("univ_annot3"), "annot.mat has no univ_annot3"),
        (drop("cameras"), "annot.mat has no cameras"),
        (lambda folder: write_mat73(folder / "annot.mat", sequence_arrays("TS1")), "cannot be read as a MATLAB file"),
        (write_calibration(calibration_text(tuple(range(5)))), "camera.calibration has no camera 5"),
        (write_calibration(calibration_text()[:-200]), "ends within a camera, after"),
        (
            write_calibration(calibration_text().replace("radial      0", "radial      2 0.1 0.1", 1)),
            "Line 8 .* distortion",
        ),
        (write_calibration(calibration_text().replace("intrinsic", "intrinsics", 1)), "Line 6 .*'intrinsics'"),
        (write_calibration(calibration_text().replace("2048 2048", "2048 wide", 1)), "Line 4 .* other than numbers"),
        (write_calibration(calibration_text().replace(" 2048\n", "\n", 1)), "Line 8 .* two sizes"),
    ],
)
def test_damaged_training_files_are_refused(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    source = write_training(tmp_path / "source")
    spoil(source / "S1" / "Seq1")
    refuse(source, tmp_path, DataDamagedError, message)


@pytest.mark.parametrize("size", [0, 60, 127, 200, 2000, -1000, -1])
def test_training_files_cut_anywhere_are_refused(tmp_path: Path, size: int) -> None:
    source = write_training(tmp_path / "source")
    path = source / "S1" / "Seq1" / "annot.mat"
    path.write_bytes(path.read_bytes()[:size])
    refuse(source, tmp_path, DataDamagedError, "annot.mat")


def test_folders_that_are_not_this_data_set_are_refused(tmp_path: Path) -> None:
    refuse(None, tmp_path, DataMissingError, "no folder was given")
    refuse(tmp_path / "nowhere", tmp_path, DataMissingError, "there is no")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", tmp_path, DataMissingError, "is not MPI-INF-3DHP: give a folder with TS1 to TS6")
    source = write_training(tmp_path / "source")
    calibration = source / "S1" / "Seq1" / "camera.calibration"
    calibration.unlink()
    refuse(source, tmp_path, DataMissingError, "annot.mat has no camera.calibration beside it")
    calibration.write_text(calibration_text())
    write_mat73(source / "TS7" / "annot_data.mat", sequence_arrays("TS1"))
    refuse(source, tmp_path, DataDamagedError, "TS7.* is not named after a sequence")
    shutil.rmtree(source / "TS7")
    write_sequences(source, ("TS1",))
    write_sequences(source / "again", ("TS1",))
    refuse(source, tmp_path, DataDamagedError, "Both .*TS1.* and .*TS1.* are there")
    shutil.rmtree(source / "again")
    write_npz_test(source / "data_test_3dhp.npz")
    refuse(source, tmp_path, DataDamagedError, "Both .*data_test_3dhp.npz and .*TS1.* are there")


@pytest.mark.skipif(not REAL.is_dir(), reason="the test tree of conformance/end_to_end/mpi3dhp is not in ../shared")
def test_the_conformance_tree(tmp_path: Path) -> None:
    checks = verify(store(REAL, tmp_path))
    for name in SCALES:
        assert checks[name].passed
        assert "annot3 median 0.00, most 0.00 px" in checks[name].detail
    assert "annot3 = 1.02205 x univ_annot3; lens pinhole" in checks["TS5"].detail
    assert "annot3 = 0.98296 x univ_annot3 but for knee (mean 13" in checks["TS6"].detail
    assert "neither the 2875" in checks["valid frames"].detail
