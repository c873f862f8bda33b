"""Human3.6M from MotionBERT's pickle: the 2.5D truth, its 2D, and each thing that is refused."""

from pathlib import Path

import numpy as np
import pytest
from human36m_files import CAMERAS, motionbert_content, write_motionbert
from human36m_reading import MOTIONBERT, Change, drop, put, read, refuses, with_nan

from posebench.datasets import human36m_cameras
from posebench.datasets.human36m import Human36M
from posebench.errors import DataDamagedError


@pytest.mark.parametrize("confidence_axis", [True, False])
def test_reads_motionbert_s_pickle(tmp_path: Path, confidence_axis: bool) -> None:
    content = motionbert_content(confidence_axis=confidence_axis)
    source = write_motionbert(tmp_path, content)
    assert Human36M().found(tmp_path) == Human36M().found(source) == (MOTIONBERT,)
    clips = read(source, MOTIONBERT)
    # All takes of the test subjects, the damaged one of S11 too: its 566,920 frames are those of the file.
    assert list(clips) == ["S9/Directions/1", "S9/Greeting/2", "S9/Waiting/1", "S11/Directions/2"]
    assert {clip.split for clip in clips.values()} == {"test"}
    clip = clips["S9/Greeting/2"]
    assert clip.world is None
    assert clip.metadata == {
        "take_name": "Greeting",
        "file": "h36m_sh_conf_cam_source_final.pkl",
        "confidences_clipped": "0",
    }
    assert [view.camera for view in clip.views] == list(human36m_cameras.LENSES)
    test = content["test"]
    for i, view in enumerate(clip.views):
        rows = [row for row, name in enumerate(test["source"]) if name == f"s_09_act_05_subact_02_ca_{i + 1:02d}"]
        np.testing.assert_array_equal(view.poses, test["joints_2.5d_image"][rows])
        np.testing.assert_array_equal(view.image_scale, test["2.5d_factor"][rows])
        np.testing.assert_array_equal(view.keypoints["gt"].pixels, test["joint3d_image"][rows][..., :2])
        np.testing.assert_array_equal(view.keypoints["sh_ft_h36m"].pixels, test["joint_2d"][rows])
        np.testing.assert_array_equal(view.keypoints["sh_ft_h36m"].confidence, test["confidence"][rows].reshape(-1, 17))


def test_motionbert_s_other_files(tmp_path: Path) -> None:
    content = motionbert_content()
    del content["test"]["confidence"]
    # MotionBERT's code also takes lists here.
    for name in ("2.5d_factor", "joints_2.5d_image"):
        content["test"][name] = list(content["test"][name])
    content["test"]["camera_name"] = content["test"]["camera_name"].tolist()
    source = write_motionbert(tmp_path, content, detector="cpn")
    view = read(source, MOTIONBERT)["S9/Directions/1"].views[0]
    assert set(view.keypoints) == {"gt", "cpn"}
    assert view.keypoints["cpn"].confidence is None


def test_a_camera_that_is_not_there_is_not_needed(tmp_path: Path) -> None:
    content = motionbert_content()
    test = content["test"]
    kept = [row for row, name in enumerate(test["source"]) if name != "s_11_act_02_subact_02_ca_01"]
    for name, values in test.items():
        test[name] = [values[row] for row in kept] if isinstance(values, list) else values[kept]
    clip = read(write_motionbert(tmp_path, content), MOTIONBERT)["S11/Directions/2"]
    assert [view.camera.name for view in clip.views] == list(CAMERAS[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("test"), "is not MotionBERT's pickle: it has no split 'test'"),
        (drop("test", "2.5d_factor"), "its split 'test' has no '2.5d_factor'"),
        (
            put("test", "joint_2d", to=lambda a: a[:-1]),
            r"test 'joint_2d' has the shape \(191, 17, 2\), not \(192, 17, 2\)",
        ),
        (put("test", "joints_2.5d_image", to=lambda a: a[..., :2]), "test 'joints_2.5d_image' has the shape"),
        (
            put("test", "joint3d_image", to=with_nan),
            "test 'joint3d_image' holds NaN or infinite numbers, first in frame 7",
        ),
        (put("test", "2.5d_factor", to=lambda a: -a), "test '2.5d_factor' is not positive in frame 0"),
        (put("test", "confidence", to=lambda a: a[:, :5]), "test 'confidence' has the shape"),
        (
            put("test", "confidence", to=lambda a: a * 100),
            "test 'confidence' goes from 3.* to .*, which is not 0 to 1",
        ),
        (put("test", "camera_name", to=lambda a: a[:-2]), "192 names in 'source' and 190 in 'camera_name'"),
        (put("test", "camera_name", to=lambda a: np.where(a == "55011271", "7", a)), "is seen by the camera '7'"),
        (put("test", "camera_name", 3, to="60457274"), "'s_09_act_02_subact_01_ca_01' is seen by several cameras"),
        (put("test", "source", 60, to="s_09_act_17_subact_01_ca_01"), "frame 60 is of 's_09_act_17_subact_01_ca_01'"),
        (put("test", "source", 60, to="s_01_act_02_subact_01_ca_01"), "no sequence of a test subject"),
        (put("test", "source", 60, to="walk"), "frame 60 is of 'walk'"),
        (
            put("test", "source", slice(12, 14), to=["s_09_act_02_subact_01_ca_01"] * 2),
            "'s_09_act_02_subact_01_ca_01' is seen by several cameras",
        ),
        (
            put("test", "source", slice(0, 2), to=["s_11_act_16_subact_02_ca_01"] * 2),
            "has 10 frames of camera 54138969",
        ),
        (
            put("test", "source", 4, to="s_11_act_16_subact_02_ca_01"),
            "S9 Directions take 1 camera 54138969 is there twice",
        ),
    ],
)
def test_a_pickle_that_is_not_in_the_layout(tmp_path: Path, change: Change, message: str) -> None:
    content = motionbert_content()
    change(content)
    refuses(write_motionbert(tmp_path, content), DataDamagedError, message, MOTIONBERT)
