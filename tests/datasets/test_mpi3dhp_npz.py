"""MPI-INF-3DHP from P-STMO's and D3DP's npz files: which ground truth they have, their cameras, refusals."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mpi3dhp_files import (
    sequence_arrays,
    training_lens,
    write_npz,
    write_npz_test,
    write_npz_training,
)

from posebench.datasets.adapter import Check
from posebench.datasets.clip import Clip
from posebench.datasets.mpi3dhp import Mpi3dhp
from posebench.datasets.mpi3dhp.facts import TEST_FRAMES
from posebench.datasets.mpi3dhp.lenses import pinhole
from posebench.datasets.store import Dataset
from posebench.datasets.verification import run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError

OWN = Mpi3dhp.forms[0]


def read(source: Path) -> dict[str, Clip]:
    (form,) = Mpi3dhp().found(source)
    return {clip.id: clip for clip in Mpi3dhp().clips(source, form)}


def store(source: Path | None, folder: Path) -> Dataset:
    (form,) = Mpi3dhp().found(source)
    return write_store(Mpi3dhp(), form, Mpi3dhp().clips(source, form), folder / "mpi3dhp.safetensors")


def verify(dataset: Dataset) -> dict[str, Check]:
    return {check.name: check for check in run_checks(Mpi3dhp(), dataset)}


def refuse(source: Path, folder: Path, error: type[PosebenchError], message: str) -> None:
    stores = folder / "stores"
    with pytest.raises(error, match=message) as caught:
        store(source, stores)
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)
    assert not stores.exists() or not list(stores.iterdir())


def test_reads_p_stmo_s_files(tmp_path: Path) -> None:
    write_npz_test(tmp_path / "data_test_3dhp.npz")
    write_npz_training(tmp_path / "data_train_3dhp.npz")
    made = store(tmp_path, tmp_path)
    assert made.truths == ("univ_annot3",)
    assert made.splits == ("test", "train")
    by_id = {info.id: info for info in made.sequences("all")}
    assert len(by_id) == 6 + 2 * 8
    sequence = made.read(by_id["TS6/all/TS6/cam0"])
    np.testing.assert_allclose(sequence.poses, sequence_arrays("TS6")["univ_annot3"], atol=1e-3)
    assert set(sequence.activity) == {"unlabelled"}
    assert sequence.camera == pinhole("TS6")
    assert made.valid(by_id["TS6/all/TS6/cam0"]).sum() == 35
    assert made.metadata("TS6/all/TS6")["ground_truth"].startswith("univ_annot3: its poses do not fall on its 2D")
    assert by_id["S1/Seq2/Seq2/cam4"].fps == 50.0
    checks = verify(made)
    assert [check for check in checks.values() if not check.passed] == []
    assert "univ_annot3 median" in checks["TS5"].detail


def test_the_fitted_lens_of_annot3_is_the_true_one(tmp_path: Path) -> None:
    clips = read(write_npz_training(tmp_path / "data_train_3dhp_ori.npz", "annot3"))
    for view in clips["S1/Seq1/Seq1"].views:
        found = (*view.camera.focal, *view.camera.center)
        assert found == pytest.approx(training_lens(int(view.camera.name[3:])), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "truth", "frames", "found", "why"),
    [
        ("data_test_3dhp_ori.npz", "annot3", {}, "annot3", "named _ori, as D3DP names it"),
        # Whole sequences in which the owner's two truths differ: the geometry tells, whatever the name.
        ("data_test_3dhp.npz", "annot3", TEST_FRAMES, "annot3", "its poses fall on its 2D, which those of univ_annot3"),
        ("data_test_3dhp.npz", "univ_annot3", TEST_FRAMES, "univ_annot3", "do not fall on its 2D"),
        ("data_test_3dhp.npz", "annot3", {}, "univ_annot3", "named as P-STMO names it; too little"),
    ],
)
def test_the_truth_of_an_npz_is_told_by_its_geometry_and_name(
    tmp_path: Path, name: str, truth: str, frames: dict[str, int], found: str, why: str
) -> None:
    frames = {key: value for key, value in frames.items() if key in ("TS5", "TS6")}
    source = write_npz_test(tmp_path / name, truth, frames)
    (form,) = Mpi3dhp().found(source)
    assert form == replace(OWN, truth=found)
    clip = next(Mpi3dhp().clips(source, form))
    assert why in clip.metadata["ground_truth"]
    other = replace(OWN, truth="annot3" if found == "univ_annot3" else "univ_annot3")
    with pytest.raises(DataMissingError, match=f"has {found} and not {other.truth}"):
        next(Mpi3dhp().clips(source, other))


def test_npz_files_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    path = write_npz_test(source / "data_test_3dhp_ori.npz", "univ_annot3")
    refuse(source, tmp_path, DataDamagedError, "named as D3DP's file of annot3, but its poses do not fall on its 2D")
    path.unlink()
    write_npz_test(source / "data_test_3dhp_ori.npz", "annot3")
    write_npz_training(source / "data_train_3dhp.npz", "univ_annot3")
    refuse(source, tmp_path, DataDamagedError, "hold different ground truths")


def spoiled(**changes: Any) -> dict[str, Any]:
    arrays = sequence_arrays("TS1")
    entry = {"data_2d": arrays["annot2"], "data_3d": arrays["annot3"], "valid": arrays["valid_frame"], **changes}
    return {"TS1": {key: value for key, value in entry.items() if value is not None}}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1, 2], "'data' of .* is not a dictionary"),
        ({}, "has no sequence"),
        ({"TS9": {}}, "'TS9' of .* is not a sequence of MPI-INF-3DHP's test set"),
        ({"TS1": [1]}, "'TS1' of .* is not a dictionary"),
        (spoiled(data_3d=None), "'data_3d' of 'TS1' .* is a NoneType"),
        (spoiled(valid=np.ones(39)), "has 40 frames of data_2d and 39 of valid"),
        (spoiled(data_3d=sequence_arrays("TS1")["annot3"] / 1000), "these look like metres"),
        (spoiled(data_3d=np.full((40, 17, 3), np.nan)), "in frame 0, which is scored"),
    ],
)
def test_npz_files_of_another_layout_are_refused(tmp_path: Path, data: Any, message: str) -> None:
    write_npz(tmp_path / "source" / "data_test_3dhp.npz", data)
    refuse(tmp_path / "source", tmp_path, DataDamagedError, message)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([{}], "is not a list of cameras and a frame rate"),
        ([{}, "fast"], "has the frame rate 'fast'"),
        ([{"0": {}}, 25], "'data_2d' of camera '0'"),
        ([{"1": {}}, 25], "has no camera '0'"),
    ],
)
def test_training_npz_of_another_layout_is_refused(tmp_path: Path, entry: Any, message: str) -> None:
    write_npz(tmp_path / "source" / "data_train_3dhp.npz", {"S1 Seq1": entry})
    refuse(tmp_path / "source", tmp_path, DataDamagedError, message)
