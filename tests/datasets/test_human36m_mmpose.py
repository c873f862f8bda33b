"""Human3.6M from mmpose's files: two frame rates, detections, and each thing that is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from human36m_files import camera_poses, mmpose_content, world_poses, write_mmpose
from human36m_reading import FPS10, OWN, Change, drop, put, read, refuses, with_nan

from posebench.cameras import project
from posebench.datasets import human36m_cameras
from posebench.datasets.human36m import Human36M
from posebench.errors import DataDamagedError, DataMissingError


@pytest.mark.parametrize(("step", "form"), [(1, OWN), (5, FPS10)])
def test_reads_mmpose_s_files(tmp_path: Path, step: int, form: Any) -> None:
    source = write_mmpose(tmp_path, step=step)
    assert Human36M().found(source) == (form,)
    clips = read(source, form)
    assert list(clips) == [
        *("S1/Directions/1", "S1/Photo/2"),
        *("S9/Greeting/2", "S9/Waiting/1", "S9/WalkDog/1", "S11/Phoning/1"),
    ]
    clip = clips["S9/WalkDog/1"]
    assert clip.split == "test"
    assert clips["S1/Photo/2"].split == "train"
    assert clip.world is None
    assert clip.metadata == {"take_name": "WalkingDog 1", "file": "h36m_test.npz"}
    world = world_poses("S9", "WalkingDog 1", 12 * step)[::step]
    for i, view in enumerate(clip.views):
        seen = camera_poses(world, "S9", i)
        assert view.camera == human36m_cameras.LENSES[i]
        np.testing.assert_allclose(view.poses, seen, atol=1e-6)
        np.testing.assert_allclose(view.keypoints["gt_npz"].pixels, project(seen, view.camera), atol=1e-6)
        detected = view.keypoints["cpn_ft_h36m_dbb"]
        assert 1 < np.median(np.linalg.norm(detected.pixels - project(seen, view.camera), axis=-1)) < 8
        assert (detected.confidence == 1).all()


def test_one_split_of_mmpose(tmp_path: Path) -> None:
    source = write_mmpose(tmp_path, splits=("test",))
    assert {clip.split for clip in read(source).values()} == {"test"}
    write_mmpose(tmp_path / "both")
    alone = tmp_path / "both" / "annotation_body3d" / "fps50" / "h36m_train.npz"
    assert {clip.split for clip in read(alone).values()} == {"train"}
    (tmp_path / "both" / "joint_2d_det_files" / "cpn_ft_h36m_dbb_train.npy").unlink()
    refuses(tmp_path / "both", DataMissingError, "but no cpn_ft_h36m_dbb_train.npy for .*h36m_train.npz")


def _rows(chosen: slice | list[int]) -> Change:
    def change(content: dict[str, Any]) -> None:
        for name in content:
            content[name] = content[name][chosen]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("imgname"), "h36m_test.npz has no array 'imgname'"),
        (put("imgname", to=np.zeros(4)), "is not mmpose's Human3.6M: its 'imgname' is no list of names"),
        (drop("S"), "h36m_test.npz has no array 'S'"),
        (put("S", to=lambda a: a[..., :3]), r"'S' has the shape \(240, 17, 3\), not \(240, 17, 4\)"),
        (put("imgname", to=lambda a: a[:-3]), r"'S' has the shape \(240, 17, 4\), not \(237, 17, 4\)"),
        (put("S", to=with_nan), "'S' holds NaN or infinite numbers, first in frame 7"),
        (put("part", to=with_nan), "2D source 'gt_npz' holds NaN or infinite numbers, first in frame 7"),
        (put("S", to=lambda a: a * 1000), "S9 Greeting camera 54138969: .* look like millimetres"),
        (put("imgname", 3, to="S9/a/S9_Greeting.54138969_000099.jpg"), "in row 3, where frame 4 was to be"),
        (put("imgname", 12, to="walk.jpg"), "the image name 'walk.jpg' is not <subject>"),
        (put("imgname", 12, to="S9/a/S9_Greeting.7_000001.jpg"), "is not <subject>_<action>.<camera>_<frame>.jpg"),
        (put("imgname", to=lambda a: np.char.replace(a, "Greeting", "Juggling")), "of S9, 'Juggling' is not the name"),
        (put("imgname", to=lambda a: np.char.replace(a, "S9", "S8")), "has the subject S8 of the other split"),
        (_rows([*range(12), *range(15, 240)]), "_000004.jpg' is in row 12, where frame 1 was to be"),
        (_rows([*range(21), *range(24, 240)]), "S9 Greeting take 2 has 12 frames of camera 54138969 and 9 of camera"),
        (_rows([*range(240), *range(12)]), "S9 Greeting camera 54138969 is there twice"),
    ],
)
def test_annotations_that_are_not_in_the_layout(tmp_path: Path, change: Change, message: str) -> None:
    content: dict[str, Any] = mmpose_content("test")
    change(content)
    np.savez(tmp_path / "h36m_test.npz", **content)
    refuses(tmp_path, DataDamagedError, message)


def test_detections_of_other_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "h36m_test.npz", **mmpose_content("test"))
    np.save(tmp_path / "hrnet_test.npy", np.zeros((239, 17, 3)))
    refuses(tmp_path, DataDamagedError, r"hrnet_test.npy has the shape \(239, 17, 3\), not \(240, 17, 3\)")
    (tmp_path / "hrnet_test.npy").write_bytes(b"\x93NUMPY no")
    refuses(tmp_path, DataDamagedError, "hrnet_test.npy cannot be read")
    np.save(tmp_path / "hrnet_test.npy", np.array([{}]), allow_pickle=True)
    refuses(tmp_path, DataDamagedError, "hrnet_test.npy cannot be read")


def test_another_frame_rate(tmp_path: Path) -> None:
    np.savez(tmp_path / "h36m_test.npz", **mmpose_content("test", step=2))
    with pytest.raises(DataDamagedError, match="has 25 frames a second; make it with every frame or every fifth"):
        Human36M().found(tmp_path)
