"""Lifting a user's own keypoints: the poses of a run, whatever files they come in, and what is written."""

import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from array_files import write
from detection_files import write_coco_annotations, write_coco_results, write_openpose
from PIL import Image
from tiny import STANDING, tiny_cameras

import posebench
from posebench.cameras import project, world_to_camera
from posebench.datasets.library import load_dataset
from posebench.datasets.pose2sim.trc import read_trc
from posebench.errors import DataDamagedError, DataMissingError, NotFiniteError, PosebenchError, UsageError
from posebench.inputs.projected import read_projected
from posebench.prediction.lifter import Lifted as LifterOutput
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec
from posebench.results.api import predict
from posebench.results.drawing import FROM_THE_SIDE, draw_keypoints, draw_pose
from posebench.results.lift import Lifted, lift_file
from posebench.results.lift_files import as_trc, write_lifted
from posebench.results.lift_picture import animation_frames
from posebench.skeletons import BODY_25, COCO_17, HUMAN36M_17

SIZE = (1000, 1000)
FRAMES = 24


class Flat(torch.nn.Module):
    """Three times the pixels about the hip, and the confidence as depth; keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[LifterInputs] = []

    def lift(self, inputs: LifterInputs) -> torch.Tensor:
        self.shown.append(inputs)
        x = inputs.keypoints - inputs.keypoints[:, :, :1]
        return torch.cat([3 * x, inputs.confidence[..., None]], dim=-1)


Register = Callable[..., torch.nn.Module]


@pytest.fixture
def register(registry: None) -> Register:
    def made(module: torch.nn.Module | None = None, **spec: Any) -> torch.nn.Module:
        module = module or Flat()
        posebench.register_lifter("flat", spec=LifterSpec(**{"window": 1, "stride": 1, **spec}))(lambda: module)
        return module

    return made


def sway(frames: int = FRAMES) -> np.ndarray:
    """(frames, 17, 2) pixels of a person who sways, seen by the tiny set's first camera."""
    t = np.arange(frames)[:, None, None] / 25
    world = STANDING + 60 * np.sin(4 * t + np.arange(17)[:, None]) * [1, 0.5, 0]
    camera = tiny_cameras()[0]
    return project(world_to_camera(world, camera), camera)


def human36m_file(path: Path, **changes: Any) -> Path:
    values = {"keypoints": sway(), "image_size": SIZE, "fps": 25.0, "joint_set": "human36m-17", **changes}
    return write(path, {key: value for key, value in values.items() if value is not None})


def coco(frames: int = FRAMES, shift: float = 0.0, size: float = 1.0) -> np.ndarray:
    """(frames, 17, 3) of a COCO detector that sees the same person."""
    seen = sway(frames)
    seen = seen[:, :1] + size * (seen - seen[:, :1]) + [shift, 0]
    from_human36m = [9, 9, 9, 10, 10, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]
    pixels = seen[:, from_human36m] + [[2.0, -3.0]] * np.array([[0]] + [[1], [-1]] * 8)
    return np.concatenate([pixels, np.full((frames, 17, 1), 0.9)], axis=-1)


def test_the_very_poses_of_a_run(tiny: str, tmp_path: Path) -> None:
    folder = predict("videopose3d", tmp_path / "p", dataset=tiny, device="cpu", batch_size=8)
    dataset = load_dataset(tiny)
    for info in dataset.sequences("test")[:2]:
        seen = read_projected(dataset.read(info))
        path = human36m_file(tmp_path / "clip.npz", keypoints=seen.pixels, image_size=seen.image_size, fps=info.fps)
        lifted = lift_file(path, "videopose3d", device="cpu", batch_size=8)
        assert (lifted.poses == np.round(folder.read(info.id).poses[0].astype(np.float64), 3).astype(np.float32)).all()
        assert lifted.skeleton == HUMAN36M_17
        assert lifted.space == "root_relative"


def test_arrays_of_both_kinds_and_a_plain_one(register: Register, tmp_path: Path) -> None:
    register()
    expected = 3 * (sway() - sway()[:, :1])
    confident = np.concatenate([sway(), np.full((FRAMES, 17, 1), 0.25)], axis=-1)
    np.savez(tmp_path / "plain.npz", confident)
    plain = {"fps": 25.0, "image_size": SIZE, "joint_set": "human36m-17"}
    for lifted, depth in (
        (lift_file(human36m_file(tmp_path / "a.npz"), "flat"), 1.0),
        (lift_file(human36m_file(tmp_path / "a.safetensors", keypoints=confident), "flat"), 0.25),
        (lift_file(tmp_path / "plain.npz", "flat", **plain), 0.25),
        (lift_file(human36m_file(tmp_path / "view.npz", keypoints=sway()[None]), "flat", **plain), 1.0),
    ):
        np.testing.assert_allclose(lifted.poses[..., :2], expected, atol=0.01)
        np.testing.assert_allclose(lifted.poses[..., 2], depth)
        assert lifted.fps == 25.0
        assert lifted.about["input"]["kind"] == "arrays"
        assert lifted.warnings == ()


def test_files_of_detectors(register: Register, tmp_path: Path) -> None:
    register()
    # A small stranger stands beside the person, first in each file.
    people = np.stack([coco(shift=300, size=0.3), coco()], axis=1)
    results = write_coco_results(tmp_path / "results.json", people)
    annotations = write_coco_annotations(tmp_path / "annotations.json", people, SIZE)
    for path, size in ((results, SIZE), (annotations, None)):
        lifted = lift_file(path, "flat", fps=30, image_size=size)
        hip = (coco()[:, 11, :2] + coco()[:, 12, :2]) / 2
        np.testing.assert_allclose(lifted.keypoints.pixels[:, 0], hip, atol=0.001)
        np.testing.assert_allclose(lifted.poses[:, 13, :2], 3 * (coco()[:, 9, :2] - hip), atol=0.01)
        told = lifted.about["input"]
        assert (told["joint_set"], told["people"], told["person"]) == ("coco-17", 2, "largest")
        assert told["approximate_joints"] == ["Spine", "Thorax", "Neck/Nose", "Head"]
    first = lift_file(results, "flat", fps=30, image_size=SIZE, person="first")
    other = lift_file(results, "flat", fps=30, image_size=SIZE, person=0)
    assert (first.poses == other.poses).all()
    assert first.keypoints.pixels[:, 0, 0].mean() > lifted.keypoints.pixels[:, 0, 0].mean() + 200
    order = [list(COCO_17.joints).index("nose")] * 25
    openpose = write_openpose(tmp_path / "json", coco()[:, None, order] + np.arange(25)[:, None] * [1.0, 2.0, 0.0])
    lifted = lift_file(openpose, "flat", fps=30, image_size=SIZE)
    np.testing.assert_allclose(lifted.keypoints.pixels[:, 0], coco()[:, 0, :2] + 8 * np.array([1.0, 2.0]), atol=0.001)
    assert lifted.about["input"]["joint_set"] == BODY_25.name
    assert lifted.about["input"]["name"] == "json"


def test_missing_joints_are_interpolated_and_counted(register: Register, tmp_path: Path) -> None:
    module = register()
    people = coco()[:, None].copy()
    wrist, hip = 9, 11
    people[4:6, 0, wrist, 2] = 0
    people[9, 0, hip] = 0
    people[12, 0] = 0
    path = write_coco_results(tmp_path / "r.json", people)
    lifted = lift_file(path, "flat", fps=30, image_size=SIZE)
    # One wrist twice; a hip, and with it the pelvis and the spine; a whole person of 17.
    assert lifted.about["input"]["missing_joints"] == 2 + 3 + 17
    assert lifted.about["input"]["interpolated"]
    assert lifted.about["input"]["frames_with_nobody"] == 1
    assert any("Nobody was found in 1 of 24 frames" in warning for warning in lifted.warnings)
    gone = np.isnan(lifted.keypoints.pixels).any(axis=-1)
    assert gone.sum() == 22
    assert (lifted.keypoints.confidence[gone] == 0).all()
    shown = torch.cat([inputs.keypoints for inputs in module.shown]).numpy()
    assert np.isfinite(shown).all()
    between = (people[3, 0, wrist, :2] * 2 + people[6, 0, wrist, :2]) / 3
    np.testing.assert_allclose(shown[4 - FRAMES, 0, 13], between, atol=0.01)
    assert np.isfinite(lifted.poses).all()


def test_a_lifter_that_accepts_missing_joints_gets_them(register: Register, tmp_path: Path) -> None:
    class Counts(Flat):
        def lift(self, inputs: LifterInputs) -> torch.Tensor:
            return torch.nan_to_num(super().lift(inputs), nan=-1.0)

    register(Counts(), accepts_missing=True)
    seen = sway()
    seen[3, 5] = np.nan
    seen[:, 16] = np.nan
    lifted = lift_file(human36m_file(tmp_path / "a.npz", keypoints=seen), "flat")
    assert (lifted.poses[3, 5, :2] == -1).all()
    assert not lifted.about["input"]["interpolated"]
    assert lifted.warnings == ("No frame has RWrist: what stands there is a guess.",)


def test_resampling_shows_the_training_rate_and_brings_poses_back(register: Register, tmp_path: Path) -> None:
    module = register(fps=50.0)
    path = human36m_file(tmp_path / "a.npz")
    plain = lift_file(path, "flat")
    assert {inputs.fps for inputs in module.shown} == {25.0}
    assert "shown 25: movement looks 2 times as fast to it; --resample" in plain.warnings[0]
    assert plain.about["settings"]["resampled_to_fps"] is None
    module.shown.clear()
    lifted = lift_file(path, "flat", resample=True, batch_size=100)
    assert {inputs.fps for inputs in module.shown} == {50.0}
    assert module.shown[-1].keypoints.shape[0] == 2 * FRAMES - 1
    assert lifted.warnings == ()
    assert lifted.about["settings"]["resampled_to_fps"] == 50.0
    assert lifted.fps == 25.0
    # A lifter of single frames is as good at double the rate: the old frames are among the new.
    assert (lifted.poses == plain.poses).all()
    same = lift_file(human36m_file(tmp_path / "b.npz", fps=50.0), "flat", resample=True)
    assert same.about["settings"]["resampled_to_fps"] is None
    assert lift_file(human36m_file(tmp_path / "c.npz", fps=49.95), "flat").warnings == ()


def test_hypotheses(register: Register, tmp_path: Path) -> None:
    class Draws(torch.nn.Module):
        def lift(self, inputs: LifterInputs) -> LifterOutput:
            poses = inputs.noise(3, 4, 17, 3)
            weight = torch.tensor([0.2, 0.3, 0.5])[None, :, None].expand(len(poses), 3, 4)
            return LifterOutput(poses, torch.ones(len(poses), 4, 3), weight)

    # Chunks that overlap predict some frames twice.
    register(Draws(), window=4, stride=4, tail="overlap-chunk", privileges=("future_frames",))
    lifted = lift_file(human36m_file(tmp_path / "a.npz", keypoints=sway(22)), "flat", seed=3)
    assert lifted.hypotheses.shape == (3, 22, 17, 3)
    assert lifted.weight.shape == (3, 22)
    assert lifted.root.shape == (22, 3)
    mean = np.einsum("h,hfjd->fjd", [0.2, 0.3, 0.5], lifted.hypotheses)
    np.testing.assert_allclose(lifted.poses, mean, atol=0.002)
    # The noise is that of the seed, not of the file's name.
    renamed = lift_file((tmp_path / "a.npz").rename(tmp_path / "b.npz"), "flat", seed=3)
    assert (renamed.hypotheses == lifted.hypotheses).all()
    assert (lift_file(tmp_path / "b.npz", "flat", seed=4).hypotheses != lifted.hypotheses).any()


def test_the_lens_is_only_for_those_who_declare_it(register: Register, tmp_path: Path) -> None:
    module = register(privileges=("intrinsics",), space="camera")
    path = human36m_file(tmp_path / "a.npz")
    with pytest.raises(UsageError, match="needs the camera's intrinsics; add --focal PIXELS"):
        lift_file(path, "flat")
    lifted = lift_file(path, "flat", focal=1200.0)
    assert module.shown[0].lens.tolist() == [1200, 1200, 500, 500, 0, 0, 0, 0, 0]
    assert lifted.space == "camera"
    assert lifted.about["lifter"]["granted"] == ["intrinsics"]
    with pytest.raises(UsageError, match="--focal is -3"):
        lift_file(path, "flat", focal=-3.0)


def test_flip(register: Register, tmp_path: Path) -> None:
    module = register()
    path = human36m_file(tmp_path / "a.npz")
    assert lift_file(path, "flat", flip=True, batch_size=8).about["settings"]["flip"] is True
    assert len(module.shown[-1].keypoints) == 16
    absolute = LifterSpec(space="camera", privileges=("intrinsics",))
    posebench.register_lifter("absolute", spec=absolute)(lambda: module)
    with pytest.raises(UsageError, match="flip is only defined for root_relative poses"):
        lift_file(path, "absolute", flip=True, focal=1200.0)


def test_built_heatmaps(register: Register, tmp_path: Path) -> None:
    module = register(privileges=("heatmaps",))
    lift_file(human36m_file(tmp_path / "a.npz"), "flat")
    assert module.shown[0].heatmaps is not None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"privileges": ("root_depth",)}, "needs the true depth of the root"),
        ({"privileges": ("action_label",)}, "needs the action's label"),
        ({"fitted": True}, "is fitted on a data set's training split"),
        ({"skeleton": "smpl-24"}, "cannot be converted to 'smpl-24'"),
    ],
)
def test_lifters_that_need_more_than_a_file_has(
    register: Register, tmp_path: Path, spec: dict[str, Any], message: str
) -> None:
    register(**spec)
    with pytest.raises(UsageError, match=message):
        lift_file(human36m_file(tmp_path / "a.npz"), "flat")


BAD_INPUTS: dict[str, tuple[dict[str, Any], dict[str, Any], type[PosebenchError], str]] = {
    "no rate": ({"fps": None}, {}, UsageError, "has no 'fps'; add --fps"),
    "no size": ({"image_size": None}, {}, UsageError, "has no 'image_size'; add --image-size"),
    "no joints": ({"joint_set": None}, {}, UsageError, "has no 'joint_set'; add --joint-set, one of human36m-17"),
    "another rate": ({}, {"fps": 30.0}, UsageError, "says 25, --fps 30; leave the option away"),
    "another size": ({}, {"image_size": (640, 480)}, UsageError, "says 1000x1000, --image-size 640x480"),
    "other joints": ({}, {"joint_set": "coco-17"}, UsageError, "says human36m-17, --joint-set coco-17"),
    "unknown joints": ({}, {"joint_set": "coco"}, UsageError, "unknown joint set 'coco'; did you mean coco-17"),
    "no time": ({}, {"fps": 0.0}, UsageError, "--fps is 0"),
    "no image": ({}, {"image_size": (0, 480)}, UsageError, "--image-size is 0x480"),
    "a person": ({}, {"person": "largest"}, UsageError, "holds one person; leave --person away"),
    "no batch": ({}, {"batch_size": 0}, UsageError, "--batch-size is 0"),
    "no device": ({}, {"device": "warp"}, UsageError, "'warp' is not on this machine"),
    "joints": ({"joint_set": "body_25"}, {}, DataDamagedError, "has 17 joints in 'keypoints'; .* body_25 has 25"),
    "normalised": ({"keypoints": sway() / 1000}, {}, DataDamagedError, "looks normalised"),
    "outside": ({"image_size": (200, 200)}, {}, DataDamagedError, "lie outside of the image of 200 x 200"),
    "views": ({"keypoints": np.stack([sway()] * 3)}, {}, DataDamagedError, "of 3 views; give one person in one view"),
    "3D": ({"keypoints": np.ones((4, 17, 4))}, {}, DataDamagedError, "'keypoints' of shape"),
    "nobody": ({"keypoints": np.full((4, 17, 2), np.nan)}, {}, DataDamagedError, "no keypoint in any of its 4 frames"),
    "no keypoints": ({"keypoints": None}, {}, DataDamagedError, r"has no 'keypoints' \(it has image_size"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_inputs(register: Register, tmp_path: Path, case: str) -> None:
    register()
    changes, asked, kind, message = BAD_INPUTS[case]
    with pytest.raises(kind, match=message) as caught:
        lift_file(human36m_file(tmp_path / "a.npz", **changes), "flat", **asked)
    assert "\n" not in str(caught.value)


def test_bad_files_of_detectors(register: Register, tmp_path: Path) -> None:
    register()
    path = write_coco_results(tmp_path / "r.json", coco()[:, None])
    with pytest.raises(UsageError, match=r"r.json does not say how many frames a second has; add --fps"):
        lift_file(path, "flat", image_size=SIZE)
    with pytest.raises(UsageError, match=r"r.json does not say how large the images are; add --image-size"):
        lift_file(path, "flat", fps=30)
    with pytest.raises(UsageError, match="'tallest' is no way to choose a person"):
        lift_file(path, "flat", fps=30, image_size=SIZE, person="tallest")
    with pytest.raises(DataMissingError, match=r"There is no .*absent.json"):
        lift_file(tmp_path / "absent.json", "flat")
    path.write_text(path.read_text()[:-9])
    with pytest.raises(DataDamagedError, match=r"r.json is not JSON"):
        lift_file(path, "flat", fps=30, image_size=SIZE)


def test_a_lifter_that_returns_nan(register: Register, tmp_path: Path) -> None:
    class Broken(Flat):
        def lift(self, inputs: LifterInputs) -> torch.Tensor:
            return super().lift(inputs) * math.nan

    register(Broken())
    with pytest.raises(NotFiniteError, match=r"flat\.default returned NaN"):
        lift_file(human36m_file(tmp_path / "a.npz"), "flat")


def lifted_example(register: Register, tmp_path: Path, **spec: Any) -> Lifted:
    register(**spec)
    seen = sway()
    seen[2, 13] = np.nan
    return lift_file(human36m_file(tmp_path / "walk.npz", keypoints=seen), "flat")


def test_what_is_written(register: Register, tmp_path: Path) -> None:
    lifted = lifted_example(register, tmp_path)
    files = write_lifted(lifted, tmp_path / "out")
    assert [file.name for file in files] == ["poses.json", "poses.npz", "poses.png", "poses.trc"]
    with np.load(tmp_path / "out" / "poses.npz", allow_pickle=False) as arrays:
        assert (arrays["poses"] == lifted.poses).all()
        assert arrays["poses"].dtype == np.float32
        assert arrays["hypotheses"].shape == (1, FRAMES, 17, 3)
        np.testing.assert_array_equal(arrays["keypoints"], lifted.keypoints.pixels)
        assert arrays["joint_set"] == "human36m-17"
        assert arrays["joints"].tolist() == list(HUMAN36M_17.joints)
        assert (arrays["fps"], arrays["space"]) == (25.0, "root_relative")
        assert json.loads(str(arrays["about"])) == lifted.about
    told = json.loads((tmp_path / "out" / "poses.json").read_text())
    assert told["output"]["units"] == "mm"
    assert told["input"]["sha256"] == posebench_hash(tmp_path / "walk.npz")
    assert told["lifter"]["name"] == "flat.default"
    assert len(told["frames"]) == FRAMES
    assert told["frames"][2]["keypoints"][13] is None
    assert told["frames"][3]["time"] == pytest.approx(3 / 25)
    np.testing.assert_allclose([frame["pose"] for frame in told["frames"]], lifted.poses, atol=0.001)
    with Image.open(tmp_path / "out" / "poses.png") as picture:
        assert picture.format == "PNG"
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def posebench_hash(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_marker_file_is_opensim_s(register: Register, tmp_path: Path) -> None:
    lifted = lifted_example(register, tmp_path)
    text = as_trc(lifted)
    lines = text.split("\n")
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\tposes.trc"
    assert lines[2].split("\t") == ["25", "25", "24", "17", "mm", "25", "1", "24"]
    assert lines[3].startswith("Frame#\tTime\tHip\t\t\tRHip\t\t\tRKnee")
    assert lines[4].startswith("\t\tX1\tY1\tZ1\tX2")
    assert lines[5] == ""
    assert len(lines[6].split("\t")) == 2 + 3 * 17
    assert "/" not in lines[3]
    (tmp_path / "poses.trc").write_text(text)
    markers = read_trc(tmp_path / "poses.trc")
    assert markers.fps == 25.0
    assert markers.names[9] == "Neck_Nose"
    np.testing.assert_allclose(markers.positions, lifted.poses * [1, -1, -1], atol=0.001)
    # A rotation, no mirror: left stays left.
    assert np.linalg.det(np.diag([1, -1, -1])) == 1
    head, foot = markers.names.index("Head"), markers.names.index("RFoot")
    assert (markers.positions[:, head, 1] > markers.positions[:, foot, 1]).all()


def test_pictures_have_up_above() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots(1, 2)
    pixels = sway(1)[0]
    pixels[16] = np.nan
    draw_keypoints(axes[0], HUMAN36M_17, pixels)
    lines = draw_pose(axes[1], HUMAN36M_17, np.zeros((17, 3)) + np.arange(17)[:, None], FROM_THE_SIDE)
    assert axes[0].yaxis_inverted()
    assert axes[1].yaxis_inverted()
    left, right = axes[0].get_xlim()
    assert left < np.nanmin(pixels[:, 0]) < np.nanmax(pixels[:, 0]) < right
    assert len(lines.get_segments()) == 16


def test_an_animation_lasts_as_long_as_the_video(register: Register, tmp_path: Path) -> None:
    lifted = lifted_example(register, tmp_path)
    done: list[tuple[str, int, int]] = []
    files = write_lifted(lifted, tmp_path / "out", gif=True, progress=lambda *step: done.append(step))
    assert "poses.png" not in [file.name for file in files]
    with Image.open(tmp_path / "out" / "poses.gif") as picture:
        assert picture.n_frames == FRAMES
        assert picture.info["duration"] == 40
    assert done[-1] == ("draw", FRAMES, FRAMES)
    for frames, fps in ((24, 25.0), (300, 60.0), (5000, 50.0), (7, 240.0)):
        rows, rate = animation_frames(frames, fps)
        assert len(rows) <= 100
        assert rate <= 25
        assert abs(len(rows) / rate - frames / fps) <= 1 / rate


def test_spaces(register: Register, tmp_path: Path) -> None:
    lifted = lifted_example(register, tmp_path, space="image25d")
    files = write_lifted(lifted, tmp_path / "out")
    assert [file.name for file in files] == ["poses.json", "poses.npz", "poses.png"]
    assert json.loads((tmp_path / "out" / "poses.json").read_text())["output"]["units"] == "px"


def test_folders_that_are_not_lift_s_are_left_alone(
    register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifted = lifted_example(register, tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    write_lifted(lifted, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "plain").mkdir()
    assert out.stat().st_mode == (tmp_path / "plain").stat().st_mode
    # What lift wrote is replaced, a picture by an animation too.
    write_lifted(lifted, out, gif=True)
    assert "poses.gif" in {path.name for path in out.iterdir()}
    assert (out / "poses.npz").stat().st_mode & 0o444
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files"):
        write_lifted(lifted, out)
    (out / "notes.txt").unlink()
    for name, content in (("notes.txt", "mine"), ("poses.json", '{"other": 1}')):
        other = tmp_path / f"other-{name}"
        other.mkdir()
        (other / name).write_text(content)
        with pytest.raises(UsageError, match="holds other files than those of `posebench lift`"):
            write_lifted(lifted, other)
        assert [path.name for path in other.iterdir()] == [name]
    with pytest.raises(UsageError, match="is a file; give a folder"):
        write_lifted(lifted, tmp_path / "walk.npz")
    # A failure in the last step leaves the older folder as it was, and nothing beside it.
    whole = {path.name: path.read_bytes() for path in out.iterdir()}

    def fail(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("posebench.results.lift_files.draw_frames", fail)
    with pytest.raises(OSError, match="no space left"):
        write_lifted(lifted, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole
    assert before["poses.trc"] == whole["poses.trc"]
    monkeypatch.undo()
    rename = os.replace

    def fail_into_place(old: Path, new: Path) -> None:
        if Path(new) == out and not str(old).endswith(".old"):
            raise OSError("no permission")
        rename(old, new)

    monkeypatch.setattr("posebench.results.output_folder.os.replace", fail_into_place)
    with pytest.raises(OSError, match="no permission"):
        write_lifted(lifted, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_progress(register: Register, tmp_path: Path) -> None:
    register()
    done: list[tuple[str, int, int]] = []
    lift_file(human36m_file(tmp_path / "a.npz"), "flat", batch_size=10, progress=lambda *step: done.append(step))
    assert done == [("lift", 10, 24), ("lift", 20, 24), ("lift", 24, 24)]


def test_the_page_s_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "lift.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    human36m_file(tmp_path / "walk.npz")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert (tmp_path / "walk" / "poses.gif").is_file()
