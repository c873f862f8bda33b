"""A user's own files: what they may hold, what becomes of it, and a sentence for each thing that does not fit."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_files import FPS, seen, walking, world_file, world_to_camera_matrix, write
from tiny import tiny_cameras

from posebench.cameras import project, world_to_camera
from posebench.datasets.arrays import Arrays
from posebench.datasets.clip import Clip
from posebench.datasets.store import Dataset
from posebench.datasets.verification import run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError
from posebench.joint_maps import convert_joints
from posebench.skeletons import COCO_17, HUMAN36M_17, SKELETONS

EAST = tiny_cameras()[0]


def prepare(source: Path) -> Dataset:
    adapter = Arrays()
    (form,) = adapter.found(source)
    return write_store(adapter, form, adapter.clips(source, form), source.parent / "stores" / "arrays.safetensors")


def only_clip(tmp_path: Path, **changes: Any) -> Clip:
    adapter = Arrays()
    path = write(tmp_path / "clip.npz", world_file(**changes))
    (clip,) = adapter.clips(path, adapter.found(path)[0])
    return clip


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_a_file_becomes_a_clip(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"first try{ending}", world_file(subject="P7", split="train"))
    dataset = prepare(path)
    (info,) = dataset.sequences("train")
    assert info.id == "P7/walk/first_try/cam1"
    assert (info.fps, dataset.fps, info.frames) == (FPS, FPS, 20)
    sequence = dataset.read(info)
    np.testing.assert_allclose(sequence.poses, world_to_camera(walking(), EAST), atol=0.002)
    np.testing.assert_allclose(sequence.camera.orientation, EAST.orientation, atol=1e-9)
    np.testing.assert_allclose(sequence.camera.position, EAST.position, atol=1e-3)
    assert sequence.camera.lens == EAST.lens
    assert dataset.sources == ("user",)
    np.testing.assert_allclose(sequence.keypoints["user"].pixels, seen(walking(), EAST), atol=0.001)
    assert (np.asarray(sequence.keypoints["user"].confidence) == np.float32(0.9)).all()
    assert dataset.metadata(info.clip_id)["joint_set"] == "human36m-17"
    assert dataset.metadata(info.clip_id)["approximate_joints"] == ""


def test_both_endings_and_both_ways_to_place_a_camera_are_the_same(tmp_path: Path) -> None:
    other = {"rotation": None, "translation": None, "orientation": EAST.orientation, "position": EAST.position}
    clips = [
        only_clip(tmp_path / "rotation"),
        only_clip(tmp_path / "quaternion", **other),
        only_clip(
            tmp_path / "metres",
            units="m",
            poses=walking() / 1000,
            translation=world_to_camera_matrix(EAST)[1] / 1000,
        ),
    ]
    for clip in clips:
        np.testing.assert_allclose(clip.world, walking(), atol=1e-9)
        (view,) = clip.views
        np.testing.assert_allclose(view.camera.orientation, EAST.orientation, atol=1e-9)
        np.testing.assert_allclose(view.camera.position, EAST.position, atol=1e-5)


def test_defaults(tmp_path: Path) -> None:
    clip = only_clip(tmp_path, action=None, radial=None, tangential=None, focal=1145.0)
    assert clip.id == "S1/all/clip"
    assert clip.split == "test"
    assert clip.views[0].camera.lens == (1145.0, 1145.0, *EAST.center, 0, 0, 0, 0, 0)
    assert clip.views[0].valid is None


def test_camera_space(tmp_path: Path) -> None:
    poses = world_to_camera(walking(), EAST)
    path = write(tmp_path / "a.npz", world_file(poses=poses, space="camera", rotation=None, translation=None))
    dataset = prepare(path)
    (info,) = dataset.sequences("test")
    assert dataset.world(info.clip_id) is None
    np.testing.assert_allclose(dataset.read(info).poses, poses, atol=0.001)
    assert all(check.passed for check in run_checks(Arrays(), dataset)), run_checks(Arrays(), dataset)


def test_several_views(tmp_path: Path) -> None:
    cameras = tiny_cameras()
    placed = [world_to_camera_matrix(camera) for camera in cameras]
    clip = only_clip(
        tmp_path,
        rotation=np.stack([rotation for rotation, _ in placed]),
        translation=np.stack([translation for _, translation in placed]),
        focal=np.stack([camera.focal for camera in cameras]),
        image_size=[(1000, 1000), (1010, 1002)],
        keypoints=np.stack([seen(walking(), camera) for camera in cameras]),
    )
    assert [view.camera.name for view in clip.views] == ["cam1", "cam2"]
    assert [view.camera.image_size for view in clip.views] == [(1000, 1000), (1010, 1002)]
    for view, camera in zip(clip.views, cameras, strict=True):
        np.testing.assert_allclose(view.camera.position, camera.position, atol=1e-5)
        np.testing.assert_allclose(view.keypoints["user"].pixels, seen(walking(), camera))
        assert view.keypoints["user"].confidence is None


@pytest.mark.parametrize("name", ["mpi-inf-3dhp-17", "mpi-inf-3dhp-28", "smpl-24", "coco-17", "body_25", "3dpw-14"])
def test_other_joint_sets_are_converted_and_said(tmp_path: Path, name: str) -> None:
    skeleton = SKELETONS[name]
    # Whose joints these points are matters to the conversion alone: any points of the size of a person do.
    points = np.random.default_rng(0).uniform(-700, 700, (20, skeleton.num_joints, 3))
    clip = only_clip(tmp_path, poses=points, joint_set=name, keypoints_joint_set="human36m-17")
    np.testing.assert_allclose(clip.world, convert_joints(points, skeleton, HUMAN36M_17))
    assert clip.metadata["joint_set"] == name
    assert "Spine" in clip.metadata["approximate_joints"] or name.startswith("mpi")
    assert clip.metadata["keypoints_joint_set"] == "human36m-17"
    assert clip.metadata["approximate_keypoints"] == ""


def test_keypoints_of_another_joint_set_and_missing_ones(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).uniform(100, 900, (20, 17, 2))
    confidence = np.full((20, 17, 1), 0.8)
    elbow, hip = COCO_17.joints.index("left_elbow"), COCO_17.joints.index("right_hip")
    pixels[3, elbow] = np.nan
    confidence[4, elbow] = 0
    confidence[5, hip] = 0.1
    clip = only_clip(tmp_path, keypoints=np.concatenate([pixels, confidence], axis=-1), keypoints_joint_set="coco-17")
    stored = clip.views[0].keypoints["user"]
    missing = np.isnan(stored.pixels).any(axis=-1)
    assert np.argwhere(missing).tolist() == [[3, 12], [4, 12]]
    assert (stored.confidence[missing] == 0).all()
    # The pelvis lies between the hips, and is as sure as the less sure one.
    assert stored.confidence[5, 0] == pytest.approx(0.1)
    assert "Thorax" in clip.metadata["approximate_keypoints"]


def test_frames_that_are_not_valid_may_be_missing(tmp_path: Path) -> None:
    poses, valid = walking(), np.ones(20, bool)
    poses[[4, 11]] = np.nan
    poses[12, 3, 0] = np.nan
    valid[[4, 11, 12]] = False
    dataset = prepare(write(tmp_path / "a.npz", world_file(poses=poses, valid=valid)))
    (info,) = dataset.sequences("test")
    assert np.flatnonzero(~dataset.valid(info)).tolist() == [4, 11, 12]
    assert {check.name: check.passed for check in run_checks(Arrays(), dataset)}["finite"]


def test_heatmaps(tmp_path: Path) -> None:
    maps = np.random.default_rng(2).uniform(0, 1, (20, 17, 4, 6)).astype(np.float32)
    crop = np.tile([10.0, 20.0, 400.0, 300.0], (20, 1))
    clip = only_clip(tmp_path, heatmaps=maps, heatmap_crop=crop)
    np.testing.assert_allclose(clip.views[0].heatmaps.maps, maps)
    np.testing.assert_allclose(clip.views[0].heatmaps.crop, crop)
    # A map cannot be the middle of two.
    with pytest.raises(DataDamagedError, match="none of them is Hip of human36m-17"):
        only_clip(tmp_path, heatmaps=maps, heatmap_crop=crop, keypoints=None, keypoints_joint_set="coco-17")


def test_clips_of_several_frame_rates(tmp_path: Path) -> None:
    write(tmp_path / "clips" / "a.npz", world_file())
    write(tmp_path / "clips" / "b.safetensors", world_file(fps=60.0))
    write(tmp_path / "clips" / "._a.npz", {})
    dataset = prepare(tmp_path / "clips")
    assert {info.clip: info.fps for info in dataset.sequences("all")} == {"a": 25.0, "b": 60.0}
    assert Arrays().count(tmp_path / "clips", Arrays.forms[0]) == 2


JOINTS_16 = np.delete(walking(), 9, axis=1)

REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "2D alone": ({"poses": None}, "has no 'poses': .* use `posebench lift`"),
    "2D shorter": ({"keypoints": seen(walking(12), EAST)}, "12 frames of 'keypoints' and 20 of 'poses': .* shorter"),
    "2D longer": ({"keypoints": seen(walking(22), EAST)}, "the 2D is longer"),
    "no camera": ({"focal": None}, "has no 'focal': give the camera's focal length"),
    "no principal point": ({"center": None}, "has no 'center'"),
    "no image": ({"image_size": None}, "has no 'image_size'"),
    "nowhere": ({"rotation": None, "translation": None}, "has no 'rotation': poses of the world need"),
    "half a place": ({"translation": None}, "has no 'translation'"),
    "two places": (
        {"orientation": EAST.orientation, "position": EAST.position},
        "says twice where the camera stands",
    ),
    "camera space with a place": ({"space": "camera"}, "poses in camera space and a 'rotation and translation'"),
    "no space": ({"space": None}, "has no 'space': say 'world'"),
    "unknown space": ({"space": "image"}, "'space' of 'image'; it is one of world, camera"),
    "metres": ({"poses": walking() / 1000}, "look like metres; add units='m'"),
    "unknown unit": ({"units": "cm"}, "'units' of 'cm'; it is one of mm, m"),
    "unknown joints": ({"joint_set": "h36m-17"}, "unknown joint set 'h36m-17'; did you mean human36m-17"),
    "unknown joints of the 2D": ({"keypoints_joint_set": "coco"}, "unknown joint set 'coco'; did you mean coco-17"),
    "no joint set": ({"joint_set": None}, "has no 'joint_set': say whose joints these are"),
    "16 joints": ({"poses": JOINTS_16}, "has 16 joints in 'poses'; the joint set human36m-17 has 17"),
    "no rate": ({"fps": None}, "has no 'fps': give the frames per second"),
    "no time": ({"fps": 0.0}, "'fps' of 0; it must be above 0"),
    "NaN frame": (
        {"poses": np.where(np.arange(20)[:, None, None] == 7, np.nan, walking())},
        "all joints are NaN in frame 7, the first of 1 such frames: .*'valid'",
    ),
    "infinite": ({"poses": np.where(np.arange(17)[:, None] == 3, np.inf, walking())}, "infinite numbers"),
    "no poses": ({"poses": walking(0)}, "'poses' of the empty shape"),
    "flat poses": ({"poses": walking()[..., :2]}, r"not \(frames, joints, 3\)"),
    "words": ({"poses": np.array(["a", "b"])}, "'poses' of type <U1, not numbers"),
    "normalised": ({"keypoints": seen(walking(), EAST) / 1000}, "looks normalised; give pixels"),
    "another image": ({"image_size": (320, 240)}, "% lie outside of the image of 320 x 240 pixels"),
    "half a pixel": ({"image_size": (1000.5, 1000)}, "give whole pixels"),
    "confidence": (
        {"keypoints": np.concatenate([seen(walking(), EAST), np.full((20, 17, 1), 90.0)], axis=-1)},
        "confidences from 90 to 90 in 'keypoints'",
    ),
    "no rotation": ({"rotation": np.eye(3) * 2}, "'rotation' that is no rotation"),
    "mirror": ({"rotation": np.diag([1.0, 1.0, -1.0])}, "'rotation' that is no rotation"),
    "quaternion": (
        {"rotation": None, "translation": None, "orientation": (2.0, 0, 0, 0), "position": (0, 0, 0)},
        "'orientation' of length 2, not a unit quaternion",
    ),
    "negative focal": ({"focal": (-1000.0, 1000.0)}, "'focal' of -1000 pixels"),
    "five distortions": ({"radial": np.zeros(5)}, r"'radial' of shape \(5,\), not \(3,\)"),
    "fewer views": (
        {"keypoints": np.stack([seen(walking(), EAST)] * 2), "rotation": np.ones((3, 3, 3))},
        "3 views in 'rotation' and 2 in 'keypoints'",
    ),
    "views": ({"focal": np.ones((3, 2)), "rotation": np.ones((2, 3, 3))}, "3 views in 'focal' and 2 in 'rotation'"),
    "validity": ({"valid": np.ones(19)}, r"'valid' of shape \(19,\)"),
    "odd validity": ({"valid": np.full(20, 2)}, "other numbers than 0 and 1"),
    "spelling": ({"fpss": 3.0}, "unknown key 'fpss'; did you mean 'fps'"),
    "split": ({"split": "tset"}, "'split' of 'tset'; it is one of train, validation, test"),
    "subject": ({"subject": "Ann Lee"}, "'subject' of 'Ann Lee'; use letters"),
    "maps without a crop": ({"heatmaps": np.ones((20, 17, 4, 4))}, "has no 'heatmap_crop'"),
    "maps below 0": (
        {"heatmaps": -np.ones((20, 17, 4, 4)), "heatmap_crop": np.ones((20, 4))},
        "'heatmaps' below 0",
    ),
}


#: safetensors has no arrays of words.
CASES = [
    (case, ending)
    for case in REFUSALS
    for ending in (".npz", ".safetensors")
    if (case, ending) != ("words", ".safetensors")
]


@pytest.mark.parametrize(("case", "ending"), CASES)
def test_refusals(tmp_path: Path, case: str, ending: str) -> None:
    changes, message = REFUSALS[case]
    path = write(tmp_path / f"clip{ending}", world_file(**changes))
    with pytest.raises(DataDamagedError, match=message) as caught:
        prepare(path)
    said = str(caught.value)
    assert said.startswith(path.name)
    assert "\n" not in said
    assert not (tmp_path / "stores").exists() or not list((tmp_path / "stores").iterdir())


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"keypoints": None}, "a.npz has 'keypoints' and b.npz has not"),
        ({"keypoints": seen(walking(), EAST)}, "a.npz has a confidence in 'keypoints' and b.npz has not"),
        ({"valid": np.ones(20)}, "b.npz has 'valid' and a.npz has not"),
        (
            {"space": "camera", "rotation": None, "translation": None},
            "a.npz has poses in the world and b.npz has not",
        ),
    ],
)
def test_files_of_a_folder_hold_the_same_kinds(tmp_path: Path, second: dict[str, Any], message: str) -> None:
    write(tmp_path / "clips" / "a.npz", world_file())
    write(tmp_path / "clips" / "b.npz", world_file(**second))
    with pytest.raises(DataDamagedError, match=message):
        prepare(tmp_path / "clips")


def test_sources_that_are_none(tmp_path: Path) -> None:
    def refuse(source: Path | None, error: type[PosebenchError], message: str) -> None:
        with pytest.raises(error, match=message) as caught:
            Arrays().found(source)
        assert caught.value.exit_code == 3

    refuse(None, DataMissingError, "No folder was given")
    refuse(tmp_path / "absent", DataMissingError, "There is no .*absent")
    refuse(tmp_path, DataMissingError, "No npz or safetensors file is in")
    (tmp_path / "notes.txt").write_text("no poses")
    refuse(tmp_path / "notes.txt", DataMissingError, "neither an npz nor a safetensors file")
    for ending in (".npz", ".safetensors"):
        path = write(tmp_path / f"cut{ending}", world_file())
        path.write_bytes(path.read_bytes()[:-500])
        refuse(path, DataDamagedError, re.escape(str(path)))


def failed_checks(tmp_path: Path, **changes: Any) -> dict[str, str]:
    dataset = prepare(write(tmp_path / "clip.npz", world_file(**changes)))
    return {check.name: check.detail for check in run_checks(Arrays(), dataset) if not check.passed}


def test_verify_accepts_a_sound_clip(tmp_path: Path) -> None:
    assert failed_checks(tmp_path) == {}
    dataset = Dataset(tmp_path / "stores" / "arrays.safetensors")
    told = {check.name: check.detail for check in run_checks(Arrays(), dataset)}
    assert told["joint sets"].startswith("poses from human36m-17, approximate: none; keypoints from human36m-17")
    assert told["reprojection"].startswith("keypoints are 0.0 px")
    assert told["inside image"].startswith("100.0 %")


def test_verify_finds_what_no_shape_tells(tmp_path: Path) -> None:
    swapped = failed_checks(tmp_path, poses=walking()[:, HUMAN36M_17.mirrored], keypoints=None)
    assert "as if left and right were swapped" in swapped["left and right"]
    poses = world_to_camera(walking(), EAST)
    in_camera = {"space": "camera", "rotation": None, "translation": None, "keypoints": None}
    # Camera y up and z towards the camera's back, as in graphics, with the person put in front again.
    upside_down = poses * [1, -1, 1]
    assert "below the feet" in failed_checks(tmp_path, poses=upside_down, **in_camera)["upright"]
    assert (
        "only 0 % of the joints"
        in failed_checks(tmp_path, poses=poses + np.array([9000, 0, 0]), **in_camera)["inside image"]
    )
    late = seen(walking(), EAST) + np.array([260, 0])
    assert "px in the median" in failed_checks(tmp_path, keypoints=late)["reprojection"]


def test_projected_keypoints_of_the_store_are_those_of_the_camera(tmp_path: Path) -> None:
    dataset = prepare(write(tmp_path / "a.npz", world_file()))
    sequence = dataset.read(dataset.sequences("test")[0])
    np.testing.assert_allclose(project(sequence.poses, sequence.camera), seen(walking(), EAST), atol=0.01)
