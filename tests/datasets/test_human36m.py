"""Human3.6M: the owner's numbering of takes, what a folder has, what verify says, the real calibration."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from human36m_files import (
    OWNER_INDEX,
    camera_poses,
    motionbert_content,
    save_2d,
    videopose3d_content,
    write_mmpose,
    write_motionbert,
    write_videopose3d,
)
from human36m_reading import FPS10, MOTIONBERT, OWN, details, prepared, read, refuses

from posebench.datasets import human36m_cameras
from posebench.datasets.human36m import Human36M
from posebench.datasets.human36m.takes import ACTIONS, SPLITS, TAKES, action_of, number_takes, take_name
from posebench.datasets.sequence import IMAGE25D
from posebench.errors import DataDamagedError, DataMissingError

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CALIBRATION = SHARED / "human36m_cameras.json"
CONFORMANCE = SHARED / "conformance" / "end_to_end" / "videopose3d"


@pytest.mark.parametrize(
    ("subject", "names", "expected"),
    [
        # The damaged takes of S9 that MotionBERT leaves out as act05.02, act10.02 and act13.01.
        ("S9", ["Greeting", "Greeting 1"], {"Greeting": "2", "Greeting 1": "1"}),
        ("S9", ["SittingDown", "SittingDown 1"], {"SittingDown": "1", "SittingDown 1": "2"}),
        ("S9", ["Waiting 1", "Waiting"], {"Waiting 1": "1", "Waiting": "2"}),
        ("S9", ["Discussion 2", "Discussion 1"], {"Discussion 1": "1", "Discussion 2": "2"}),
        ("S11", ["Phoning 2", "Phoning 3"], {"Phoning 3": "1", "Phoning 2": "2"}),
        ("S5", ["Photo", "Photo 2"], {"Photo": "1", "Photo 2": "2"}),
        ("S7", ["TakingPhoto", "TakingPhoto 1"], {"TakingPhoto": "1", "TakingPhoto 1": "2"}),
        ("S6", ["Waiting", "Waiting 3"], {"Waiting 3": "1", "Waiting": "2"}),
        # One take alone keeps its number.
        ("S11", ["Directions"], {"Directions": "2"}),
        ("S11", ["Phoning 2"], {"Phoning 2": "2"}),
        # Names that are not the owner's: what is left over, numbered names first.
        ("S9", ["Discussion", "Discussion 1"], {"Discussion 1": "1", "Discussion": "2"}),
        ("S11", ["Phoning", "Phoning 1"], {"Phoning 1": "1", "Phoning": "2"}),
        ("S1", ["Eating 1", "Eating"], {"Eating 1": "1", "Eating": "2"}),
    ],
)
def test_takes_have_the_owner_s_numbers(subject: str, names: list[str], expected: dict[str, str]) -> None:
    numbered = number_takes(subject, names)
    assert {name: take for name, (_, take) in numbered.items()} == expected
    assert {action for action, _ in numbered.values()} == {action_of(names[0])}


def test_every_take_has_a_name_of_its_own() -> None:
    for subject in SPLITS:
        names = [take_name(subject, action, take) for action in ACTIONS for take in TAKES]
        assert len(set(names)) == 30
        assert number_takes(subject, names) == {
            take_name(subject, action, take): (action, take) for action in ACTIONS for take in TAKES
        }
    assert action_of("WalkingDog 1") == "WalkDog"
    assert action_of("Sitting") == "Sitting"
    assert action_of("SittingDown 2") == "SittingDown"
    assert action_of("_ALL") is None
    assert action_of("Photo x") is None


def test_takes_that_cannot_be_numbered() -> None:
    with pytest.raises(ValueError, match=r"Eating has 3 takes \(Eating, Eating 1, Eating 2\), not 2"):
        number_takes("S1", ["Eating", "Eating 1", "Eating 2"])
    with pytest.raises(ValueError, match="Photo 1 and TakingPhoto 1 are the same take"):
        number_takes("S1", ["TakingPhoto 1", "Photo 1"])


def test_what_is_not_there(tmp_path: Path) -> None:
    for source, message in (
        (None, "no folder was given"),
        (tmp_path / "nowhere", "there is no .*nowhere"),
        (tmp_path, "is not Human3.6M as it is in circulation"),
    ):
        refuses(source, DataMissingError, message)
        with pytest.raises(DataMissingError, match=message):
            Human36M().found(source)
    write_videopose3d(tmp_path, {"S9": ("Posing",)})
    refuses(tmp_path, DataMissingError, r"has no h36m_sh_conf_cam_source_final.pkl \(MotionBERT\)", MOTIONBERT)
    refuses(tmp_path, DataMissingError, "has no fps10/h36m_train.npz", FPS10)
    (tmp_path / "data_3d_h36m.npz").unlink()
    refuses(tmp_path, DataMissingError, "has 2D of Human3.6M but no data_3d_h36m.npz")
    refuses(
        tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz", DataMissingError, "put it beside the 2D and name their folder"
    )
    refuses(write_motionbert(tmp_path), DataMissingError, "has no data_3d_h36m.npz", OWN)


def test_all_forms_of_one_folder_and_no_guessing(tmp_path: Path) -> None:
    write_videopose3d(tmp_path / "data", {"S9": ("Posing",)})
    write_motionbert(tmp_path / "data" / "motion3d")
    write_mmpose(tmp_path, step=5)
    assert Human36M().found(tmp_path) == (OWN, MOTIONBERT, FPS10)
    assert list(read(tmp_path)) == ["S9/Posing/2"]
    assert len(read(tmp_path, MOTIONBERT)) == 4
    write_mmpose(tmp_path)
    for act in (lambda: Human36M().found(tmp_path), lambda: read(tmp_path)):
        with pytest.raises(DataDamagedError, match=r"Both .*data_3d_h36m.npz and .*fps50.* have all frames at 50 Hz"):
            act()
    write_videopose3d(tmp_path / "again", {"S9": ("Posing",)})
    refuses(tmp_path, DataDamagedError, r"Both .*again.* and .*data.* are there; name the one to read as --source")


def test_verify_of_a_subset(tmp_path: Path) -> None:
    source = write_videopose3d(tmp_path / "h36m", sources={"cpn_ft_h36m_dbb": 3.0, "gt": 0.0}, extra=1)
    found = details(prepared(source, tmp_path))
    assert [name for name, (passed, _) in found.items() if not passed] == []
    assert "60 sequences of 4 subjects; not here: S1/Discussion/1" in found["sequences"][1]
    assert found["frames"][1] == "camera frames: test 432 (whole: 543,344), train 288 (whole: 1,559,752)"
    assert found["takes"][1] == "every take has the owner's name"
    assert found["extra 2D frames"][1] == "cpn_ft_h36m_dbb 60 cut, gt_npz 60 cut"
    assert found["2D gt_npz"][1].startswith("median 0.0")
    median = float(found["2D cpn_ft_h36m_dbb"][1].split()[1])
    # The distance of two normal deviates of 3 px.
    assert median == pytest.approx(3 * np.sqrt(2 * np.log(2)), rel=0.1)


def test_verify_tells_swapped_cameras_and_another_projection(tmp_path: Path) -> None:
    takes = {"S1": ("Posing", "Posing 1"), "S9": ("Posing", "Posing 1")}
    write_videopose3d(tmp_path, takes, sources={"gt": 0.0})
    _, keypoints = videopose3d_content(takes)
    for name in takes["S9"]:
        views = keypoints["S9"][name]
        keypoints["S9"][name] = [views[0], views[2], views[1], views[3]]
    save_2d(tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz", keypoints)
    found = details(prepared(tmp_path, tmp_path / "stores"))
    assert found["2D gt_npz"][0]
    passed, text = found["2D cpn_ft_h36m_dbb"]
    assert not passed
    assert "S9 camera 55011271: median" in text
    assert "S9 camera 58860488: median" in text
    assert "S9 camera 54138969" not in text
    assert "S1" not in text

    _, off = videopose3d_content(takes, noise=2.0)
    save_2d(tmp_path / "data_2d_h36m_gt.npz", off)
    passed, text = details(prepared(tmp_path, tmp_path / "stores"))["2D gt_npz"]
    assert not passed
    assert "not under 1" in text


def test_verify_names_takes_that_were_numbered_by_order(tmp_path: Path) -> None:
    found = details(prepared(write_videopose3d(tmp_path, {"S11": ("Phoning", "Phoning 1")}), tmp_path / "stores"))
    assert found["takes"] == (
        True,
        "numbered by order: S11/Phoning/1 is 'Phoning 1', the owner's 'Phoning 3'; "
        "S11/Phoning/2 is 'Phoning', the owner's 'Phoning 2'",
    )


def test_verify_motionbert(tmp_path: Path) -> None:
    content = motionbert_content()
    dataset = prepared(write_motionbert(tmp_path, content), tmp_path / "stores", MOTIONBERT)
    assert dataset.truth == IMAGE25D
    found = details(dataset)
    assert [name for name, (passed, _) in found.items() if not passed] == []
    assert found["frames"][1] == "camera frames: test 192 (whole: 566,920)"
    assert found["2D gt"][1].startswith("median 0")
    # Only the test split has this truth: training subjects are not missing.
    assert "S1/" not in found["sequences"][1]
    assert "all of" not in found["sequences"][1]
    assert found["confidence"][1].startswith("0 confidences")
    # The peak of a heatmap can lie a little above 1.
    content["test"]["confidence"][:3, 2] = 1.04
    dataset = prepared(write_motionbert(tmp_path, content), tmp_path / "stores", MOTIONBERT)
    assert details(dataset)["confidence"] == (True, "3 confidences were out of 0 to 1 and cut to it")
    info = dataset.sequences("test")[0]
    confidence = dataset.read(info).keypoints["sh_ft_h36m"].confidence
    assert confidence is not None
    assert confidence.max() <= 1
    # Another factor than the one that made the truth: its millimetres would be wrong.
    content["test"]["2.5d_factor"] = content["test"]["2.5d_factor"] * 1.05
    dataset = prepared(write_motionbert(tmp_path, content), tmp_path / "stores", MOTIONBERT)
    assert not details(dataset)["2D gt"][0]


@pytest.mark.parametrize(("step", "form"), [(1, OWN), (5, FPS10)])
def test_verify_mmpose(tmp_path: Path, step: int, form: Any) -> None:
    dataset = prepared(write_mmpose(tmp_path, step=step), tmp_path / "stores", form)
    assert dataset.fps == 50 / step
    found = details(dataset)
    assert [name for name, (passed, _) in found.items() if not passed] == []
    assert found["2D gt_npz"][1].startswith("median 0")
    assert "WalkDog/1" not in found["sequences"][1]


@pytest.mark.skipif(not CALIBRATION.is_file(), reason="human36m_cameras.json is not at ../shared beside the repository")
def test_the_cameras_are_the_owner_s() -> None:
    public = json.loads(CALIBRATION.read_text())
    assert tuple(entry["id"] for entry in public["intrinsics"]) == human36m_cameras.CAMERAS
    for entry, lens in zip(public["intrinsics"], human36m_cameras.LENSES, strict=True):
        assert lens.lens == (
            *entry["focal_length"],
            *entry["center"],
            *entry["radial_distortion"],
            *entry["tangential_distortion"],
        )
        assert lens.image_size == (entry["width"], entry["height"])
    assert set(human36m_cameras.EXTRINSICS) == set(SPLITS)
    for subject in SPLITS:
        for entry, camera in zip(public["extrinsics"][subject], human36m_cameras.placed_cameras(subject), strict=True):
            assert list(camera.orientation) == entry["orientation"]
            assert list(camera.position) == entry["translation"]


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the conformance files are not at ../shared beside the repository")
def test_the_conformance_files(tmp_path: Path) -> None:
    dataset = prepared(CONFORMANCE, tmp_path)
    assert len(dataset.sequences("train")) == 5 * 30 * 4
    assert len(dataset.sequences("test")) == (2 * 30 - 1) * 4
    assert dataset.sources == ("cpn_ft_h36m_dbb",)
    found = details(dataset)
    assert found["extra 2D frames"][1] == "cpn_ft_h36m_dbb 605 cut"
    assert found["sequences"][1] == "836 sequences of 7 subjects; not here: S11/Directions/2 (damaged video)"
    assert all(passed for passed, _ in found.values())
    with np.load(CONFORMANCE / "data_3d_h36m.npz", allow_pickle=True) as content:
        positions = content["positions_3d"].item()
    info = next(info for info in dataset.sequences("test") if info.id == "S9/Greeting/2/60457274")
    seen = camera_poses(positions["S9"]["Greeting"][:, list(OWNER_INDEX)].astype(np.float64) * 1000, "S9", 3)
    np.testing.assert_allclose(dataset.read(info).poses, seen, atol=1e-2)
