"""Human3.6M from VideoPose3D's files: what is read, and each thing that is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from human36m_files import (
    CAMERAS,
    OWNER_INDEX,
    SYMMETRY,
    camera_poses,
    pixels,
    save_2d,
    videopose3d_content,
    world_poses,
    write_videopose3d,
)
from human36m_reading import OWN, Change, details, drop, prepared, put, read, refuses, with_nan

from posebench.cameras import world_to_camera
from posebench.datasets.human36m import Human36M
from posebench.errors import DataDamagedError


def test_reads_videopose3d_s_files(tmp_path: Path) -> None:
    source = write_videopose3d(tmp_path / "h36m", sources={"cpn_ft_h36m_dbb": 3.0, "gt": 0.0}, extra=2)
    assert Human36M().found(source) == (OWN,)
    clips = read(source)
    assert list(clips) == [
        *("S1/Directions/1", "S1/Directions/2", "S1/Eating/1", "S1/Eating/2", "S5/Photo/1", "S5/Photo/2"),
        *("S9/Greeting/1", "S9/Greeting/2", "S9/SittingDown/1", "S9/SittingDown/2", "S9/Waiting/1", "S9/Waiting/2"),
        *("S11/Directions/1", "S11/Phoning/1", "S11/Phoning/2"),
    ]
    assert {clip.split for clip in clips.values() if clip.subject in ("S1", "S5")} == {"train"}
    assert {clip.split for clip in clips.values() if clip.subject in ("S9", "S11")} == {"test"}
    clip = clips["S9/SittingDown/2"]
    assert clip.metadata == {
        "take_name": "SittingDown 1",
        "file": "data_3d_h36m.npz",
        "extra_2d_frames_cpn_ft_h36m_dbb": "8",
        "extra_2d_frames_gt_npz": "8",
    }
    expected = world_poses("S9", "SittingDown 1", 14)[:12]
    np.testing.assert_allclose(clip.world, expected, atol=1e-3)
    assert [view.camera.name for view in clip.views] == list(CAMERAS)
    for i, view in enumerate(clip.views):
        seen = camera_poses(expected, "S9", i)
        np.testing.assert_allclose(world_to_camera(clip.world, view.camera), seen, atol=1e-3)
        np.testing.assert_allclose(view.keypoints["gt_npz"].pixels, pixels(seen, i), atol=1e-3)
        off = np.linalg.norm(view.keypoints["cpn_ft_h36m_dbb"].pixels - pixels(seen, i), axis=-1)
        assert 1 < np.median(off) < 8
        assert view.keypoints["gt_npz"].confidence is None
    # One file of the folder stands for it, 2D beside it included.
    assert read(source / "data_3d_h36m.npz").keys() == clips.keys()


def test_the_17_joints_are_selected_by_the_owner_s_order(tmp_path: Path) -> None:
    positions, _ = videopose3d_content({"S9": ("Posing",)})
    assert OWNER_INDEX == (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
    # What is in the joints that are left out does not matter, NaN included.
    others = [joint for joint in range(32) if joint not in OWNER_INDEX]
    positions["S9"]["Posing"][:, others] = np.nan
    np.savez_compressed(tmp_path / "data_3d_h36m.npz", positions_3d=positions)
    (clip,) = read(tmp_path).values()
    np.testing.assert_allclose(clip.world, world_poses("S9", "Posing", 12), atol=1e-3)
    assert clip.views[0].keypoints == {}


def test_the_damaged_take_is_left_out(tmp_path: Path) -> None:
    clips = read(write_videopose3d(tmp_path, {"S11": ("Directions 1", "Directions", "Posing")}))
    assert list(clips) == ["S11/Directions/1", "S11/Posing/2"]


def test_a_confidence_in_the_third_column_is_kept(tmp_path: Path) -> None:
    write_videopose3d(tmp_path, {"S9": ("Posing",)}, sources={})
    _, keypoints = videopose3d_content({"S9": ("Posing",)})
    sure = np.full((12, 17, 1), 0.25, np.float32)
    keypoints["S9"]["Posing"] = [np.concatenate([view, sure], axis=-1) for view in keypoints["S9"]["Posing"]]
    save_2d(tmp_path / "data_2d_h36m_hrnet.npz", keypoints)
    view = read(tmp_path)["S9/Posing/2"].views[3]
    assert view.keypoints["hrnet"].pixels.shape == (12, 17, 2)
    assert (view.keypoints["hrnet"].confidence == 0.25).all()


CONTENT, _ = videopose3d_content({"S9": ("Posing",)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("S2", to={}), "has a subject 'S2', for whom there are no cameras"),
        (put("S9", to=[1, 2]), "its 'S9' is a list, not a dict by name"),
        (put("S9", "Juggling", to=1), "S9 Juggling is not one of the 15 actions"),
        (put("S9", "Posing", to=lambda a: a[:, :17]), r"S9 Posing has the shape \(12, 17, 3\), not \(frames, 32, 3\)"),
        (put("S9", "Posing", to=lambda a: a[:0]), r"S9 Posing has the shape \(0, 32, 3\)"),
        (put("S9", "Posing", to="poses"), "S9 Posing is a str, not an array of numbers"),
        (put("S9", "Posing", to=lambda a: a.astype(object)), "S9 Posing is an array of object"),
        (put("S9", "Posing", to=with_nan), "S9 Posing holds NaN or infinite numbers, first in frame 7"),
        (put("S9", "Posing", to=lambda a: a * 1000), "S9 Posing: a person of .* and these look like millimetres"),
        (put("S9", "Posing", to=lambda a: a * 100), "these look like centimetres; this file must be in metres"),
        (put("S9", "Posing", to=lambda a: a * 3), "no person has that size"),
        (put("S9", "Posing 2", to=CONTENT["S9"]["Posing"]), "of S9, Posing has 3 takes"),
        (drop("S9"), "has no poses"),
    ],
)
def test_3d_that_is_not_in_the_layout(tmp_path: Path, change: Change, message: str) -> None:
    positions, _ = videopose3d_content({"S9": ("Posing", "Posing 1")})
    change(positions)
    np.savez_compressed(tmp_path / "data_3d_h36m.npz", positions_3d=positions)
    refuses(tmp_path, DataDamagedError, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("S9"), "data_2d_h36m_cpn_ft_h36m_dbb.npz has no subject S9, who has poses"),
        (drop("S9", "Posing"), "has no S9 Posing, which has poses"),
        (drop("S9", "Posing", 2), "S9 Posing has 2D of 3 cameras, not of the 4 cameras 54138969, 55011271"),
        (put("S9", "Posing", to=None), "S9 Posing has 2D of 0 cameras"),
        (put("S9", "Posing", 2, to=lambda a: a[:9]), "S9 Posing camera 58860488 has 9 frames of 2D for 12 poses"),
        (
            put("S9", "Posing", 1, to=lambda a: a[:, :16]),
            r"camera 55011271 has the shape \(12, 16, 2\), not \(frames, 17",
        ),
        (
            put("S9", "Posing", 0, to=with_nan),
            "S9 Posing camera 54138969 holds NaN or infinite numbers, first in frame 7",
        ),
    ],
)
def test_2d_that_does_not_fit_the_3d(tmp_path: Path, change: Change, message: str) -> None:
    write_videopose3d(tmp_path, {"S9": ("Posing", "Posing 1")})
    _, keypoints = videopose3d_content({"S9": ("Posing", "Posing 1")})
    change(keypoints)
    save_2d(tmp_path / "data_2d_h36m_cpn_ft_h36m_dbb.npz", keypoints)
    refuses(tmp_path, DataDamagedError, message)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"layout_name": "own", "num_joints": 16}, r"has joints \(layout 'own'\) that are none of .*: 16 of them"),
        (
            {"keypoints_symmetry": SYMMETRY[::-1]},
            "has joints .* that are none of human36m-17, human36m-16, coco-17: 17",
        ),
        ({"keypoints_symmetry": [[4, 5, 6], [1, 2, 3]]}, "has joints .* that are none of"),
        ({"keypoints_symmetry": [[4, 5]]}, "its 'metadata' cannot be read"),
        ({"num_joints": "many"}, "its 'metadata' cannot be read"),
    ],
)
def test_unknown_joints_are_refused(tmp_path: Path, metadata: dict[str, Any], message: str) -> None:
    write_videopose3d(tmp_path, {"S9": ("Posing",)})
    _, keypoints = videopose3d_content({"S9": ("Posing",)})
    save_2d(tmp_path / "data_2d_h36m_detectron_pt_coco.npz", keypoints, **metadata)
    refuses(tmp_path, DataDamagedError, message)


#: What each layout's file has of a take whose 17 joints are known: joints, left and right, and where they stand.
WITHOUT_NOSE = [joint for joint in range(17) if joint != 9]
HOURGLASS = {"num_joints": 16, "keypoints_symmetry": [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]]}
MPII = {"layout_name": "mpii", "num_joints": 16, "keypoints_symmetry": [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]]}
MPII_FROM_17 = [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13]


@pytest.mark.parametrize(("metadata", "order"), [(HOURGLASS, WITHOUT_NOSE), (MPII, MPII_FROM_17)])
def test_hourglass_files_lack_the_nose(tmp_path: Path, metadata: dict[str, Any], order: list[int]) -> None:
    write_videopose3d(tmp_path, {"S9": ("Posing",)})
    _, keypoints = videopose3d_content({"S9": ("Posing",)})
    truth = keypoints["S9"]["Posing"][1]
    own = {"S9": {"Posing": [view[:, order] for view in keypoints["S9"]["Posing"]]}}
    save_2d(tmp_path / "data_2d_h36m_sh_pt_mpii.npz", own, **metadata)
    (clip,) = read(tmp_path).values()
    found = clip.views[1].keypoints["sh_pt_mpii"].pixels
    np.testing.assert_allclose(found[:, WITHOUT_NOSE], truth[:, WITHOUT_NOSE])
    np.testing.assert_allclose(found[:, 9], (truth[:, 8] + truth[:, 10]) / 2)
    assert clip.metadata["joints_sh_pt_mpii"] == "human36m-16"
    checks = details(prepared(tmp_path, tmp_path / "store"))
    assert checks["joints"] == (True, "sh_pt_mpii has human36m-16; approximate: Neck/Nose")


def test_coco_joints_become_human36m_s(tmp_path: Path) -> None:
    write_videopose3d(tmp_path, {"S9": ("Posing",)})
    random = np.random.RandomState(0).uniform(100, 900, (12, 17, 3)).astype(np.float32)
    random[..., 2] /= 1000
    coco = {"layout_name": "coco", "keypoints_symmetry": [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]}
    save_2d(tmp_path / "data_2d_h36m_detectron_pt_coco.npz", {"S9": {"Posing": [random] * 4}}, **coco)
    (clip,) = read(tmp_path).values()
    found = clip.views[0].keypoints["detectron_pt_coco"]
    np.testing.assert_allclose(found.pixels[:, 0], (random[:, 11, :2] + random[:, 12, :2]) / 2, rtol=1e-6)
    np.testing.assert_allclose(found.pixels[:, 13], random[:, 9, :2], rtol=1e-6)
    np.testing.assert_allclose(found.confidence[:, 0], random[:, [11, 12], 2].min(axis=1), rtol=1e-6)


def test_files_that_lack_an_array(tmp_path: Path) -> None:
    write_videopose3d(tmp_path, {"S9": ("Posing",)})
    np.savez_compressed(tmp_path / "data_2d_h36m_own.npz", positions_2d={"S9": {}})
    refuses(tmp_path, DataDamagedError, "data_2d_h36m_own.npz has no array 'metadata'")
    np.savez_compressed(tmp_path / "data_2d_h36m_own.npz", positions_2d={"S9": {}}, metadata={"num_joints": 17})
    refuses(tmp_path, DataDamagedError, "its 'metadata' do not hold num_joints and keypoints_symmetry")
    (tmp_path / "data_2d_h36m_own.npz").rename(tmp_path / "data_2d_h36m_my own.npz")
    refuses(tmp_path, DataDamagedError, "cannot name a 2D source")
    np.savez_compressed(tmp_path / "data_3d_h36m.npz", poses=np.zeros(3))
    (tmp_path / "data_2d_h36m_my own.npz").unlink()
    refuses(tmp_path, DataDamagedError, "data_3d_h36m.npz has no array 'positions_3d'")
