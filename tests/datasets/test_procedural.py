"""The generated data set: the same everywhere, anatomical, on the floor, inside the images."""

import hashlib
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posebench.cameras import Camera, project, world_to_camera
from posebench.datasets.adapter import Check
from posebench.datasets.clip import Clip
from posebench.datasets.procedural import Procedural
from posebench.datasets.procedural.actions import ACTIONS
from posebench.datasets.procedural.adapter import perform
from posebench.datasets.procedural.anthropometry import SEED, SUBJECTS, make_bodies
from posebench.datasets.procedural.arithmetic import Array, sin_cos, soft_floor, turn_about_z
from posebench.datasets.procedural.curves import fourier, harmonics, minimum_jerk, sway
from posebench.datasets.procedural.gait import RUN, WALK
from posebench.datasets.procedural.kinematics import Motion, joints
from posebench.datasets.store import Dataset
from posebench.datasets.write_store import write_store
from posebench.errors import UsageError
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17

ROOT = Path(__file__).resolve().parents[2]

#: Raise `Procedural.version` when this changes: every published number on the data set hangs on it.
FINGERPRINT = "a7cb5fc53b6977274a24886bb9f5af38e2cea6f6a9232cad4b9d867ff2507caa"


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return list(Procedural().clips(None, Procedural.forms[0]))


@pytest.fixture(scope="module")
def dataset(clips: list[Clip], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_store(
        Procedural(), Procedural.forms[0], clips, tmp_path_factory.mktemp("procedural") / "procedural.safetensors"
    )


def changed(clips: list[Clip], tmp_path: Path, world: Array) -> list[Check]:
    """What `verify` finds when the first clip is replaced."""
    clip = clips[0]
    damaged = replace(clip, world=world)
    store = write_store(Procedural(), Procedural.forms[0], [damaged, *clips[1:]], tmp_path / "procedural.safetensors")
    return Procedural().verify(store)


def failed(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if not check.passed}


def test_the_store_is_the_pinned_one(dataset: Dataset) -> None:
    assert dataset.fingerprint == FINGERPRINT
    assert dataset.compute_fingerprint() == FINGERPRINT


def test_a_second_process_makes_the_same_clip_whatever_was_made_before(clips: list[Clip]) -> None:
    code = (
        "from posebench.datasets.procedural.adapter import perform\n"
        "from posebench.datasets.procedural.anthropometry import make_bodies\n"
        "import hashlib\n"
        "bodies = make_bodies('1')\n"
        "for row in ((6, 'Walking', 1), (2, 'Throwing', 3), (0, 'Turning', 4)):\n"
        "    world = perform('1', bodies[row[0]], *row[1:])\n"
        "    print(hashlib.sha256(world.tobytes()).hexdigest())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    by_id = {clip.id: clip for clip in clips}
    here = [
        hashlib.sha256(by_id[name].world.tobytes()).hexdigest()
        for name in ("S7/Walking/01", "S3/Throwing/03", "S1/Turning/04")
    ]
    assert done.stdout.split() == here


def test_a_clip_made_again_has_the_same_bits_and_another_version_has_not(clips: list[Clip]) -> None:
    body = make_bodies("1")[4]
    again = perform("1", body, "Reaching", 1)
    kept = next(clip for clip in clips if clip.id == "S5/Reaching/01")
    assert np.array_equal(again, kept.world)
    assert not np.allclose(perform("2", body, "Reaching", 1), kept.world)


def test_splits_subjects_and_frames(dataset: Dataset, clips: list[Clip]) -> None:
    frames = {split: sum(info.frames for info in dataset.sequences(split)) for split in dataset.splits}
    assert frames == {"train": 240_000, "validation": 15_000, "test": 30_000}
    subjects = {split: {info.subject for info in dataset.sequences(split)} for split in dataset.splits}
    assert subjects == {"train": {"S1", "S2", "S3", "S4"}, "validation": {"S5"}, "test": {"S6", "S7"}}
    assert len(ACTIONS) >= 15
    for name in ("train", "validation", "test"):
        assert {info.action for info in dataset.sequences(name)} == set(ACTIONS)
        assert len({info.camera for info in dataset.sequences(name)}) == 4
    assert len(clips) == Procedural().count(None, Procedural.forms[0])
    assert all(clip.metadata["generated"] == "true" for clip in clips)


def test_everything_verify_looks_at_holds(dataset: Dataset) -> None:
    checks = Procedural().verify(dataset)
    assert len(checks) == 6
    assert failed(checks) == set()


def test_verify_sees_a_stretched_bone_a_sunken_foot_and_a_jump(clips: list[Clip], tmp_path: Path) -> None:
    stretched = clips[0].world.copy()
    stretched[5, 13] += (0.0, 0.0, 1.0)
    assert failed(changed(clips, tmp_path, stretched)) == {"rigid bones"}
    assert failed(changed(clips, tmp_path, clips[0].world - np.array([0.0, 0.0, 140.0]))) == {
        "no joint under the floor"
    }
    jump = clips[0].world.copy()
    jump[100:] += (250.0, 0.0, 0.0)
    assert failed(changed(clips, tmp_path, jump)) == {"plausible speeds"}


def test_verify_sees_swapped_sides_a_missing_frame_and_a_joint_outside(clips: list[Clip], tmp_path: Path) -> None:
    swapped = clips[0].world[:, list(HUMAN36M_17.mirrored)]
    assert "left is left" in failed(changed(clips, tmp_path, swapped))
    assert failed(changed(clips, tmp_path, clips[0].world[:-1])) == {"camera frames per split"}
    assert failed(changed(clips, tmp_path, clips[0].world + np.array([900.0, 900.0, 0.0]))) == {
        "all joints inside the images"
    }
    behind = clips[0].world + np.array([6000.0, 6000.0, 0.0])
    assert failed(changed(clips, tmp_path, behind)) == {"all joints inside the images"}


def test_a_source_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="generated and reads no folder"):
        next(Procedural().clips(tmp_path, Procedural.forms[0]))


def test_bodies_are_varied_and_their_proportions_plausible() -> None:
    bodies = make_bodies("1")
    assert {body.sex for body in bodies} == {"male", "female"}
    statures = {split: [b.stature for b in bodies if b.split == split] for split in ("train", "test")}
    assert (min(statures["train"]), max(statures["train"])) == (1500.0, 1950.0)
    assert min(statures["train"]) < min(statures["test"]) <= max(statures["test"]) < max(statures["train"])
    for body in bodies:
        assert 0.47 < body.leg / body.stature < 0.52
        assert 0.28 < (body.lumbar + body.thoracic) / body.stature < 0.34
        assert 65.0 < body.ankle < 110.0
        assert body.shoulder_half > body.hip_half


def standing(frames: int = 1) -> Motion:
    body = make_bodies("1")[2]
    zero = np.zeros((frames, 3))
    feet = [zero + np.array([0.0, y, body.ankle]) for y in (-120.0, 120.0)]
    return Motion(
        pelvis=zero + np.array([0.0, 0.0, body.hip_height]),
        pelvis_turn=zero.copy(),
        spine=zero.copy(),
        neck=zero.copy(),
        arms=np.zeros((2, frames, 4)),
        ankles=np.stack(feet),
        toes=np.zeros((2, frames)),
    )


def test_angles_turn_the_way_their_names_say() -> None:
    body = make_bodies("1")[2]
    rest = joints(body, standing())[0]
    assert rest[4, 1] > 0 > rest[1, 1]  # left hip on the left
    assert rest[11, 1] > 0 > rest[14, 1]
    assert abs(rest[10, 2] - body.stature) < 0.06 * body.stature
    assert rest[2, 0] > 0  # knees in front
    assert rest[9, 0] > rest[8, 0] + 40  # nose in front
    for side, (shoulder, elbow, wrist) in enumerate(((14, 15, 16), (11, 12, 13))):
        out = 1.0 if side else -1.0
        for angle, index, direction in (
            (0, elbow, (1.0, 0.0, 0.0)),
            (1, elbow, (0.0, out, 0.0)),
            (3, wrist, (1.0, 0.0, 0.0)),
        ):
            motion = standing()
            motion.arms[side, :, angle] = 90.0
            pose = joints(body, motion)[0]
            start = shoulder if index == elbow else elbow
            bone = pose[index] - pose[start]
            assert np.dot(bone, direction) / np.linalg.norm(bone) == pytest.approx(1.0, abs=1e-9)
        inward = standing()
        inward.arms[side, :, 2:] = 90.0
        pose = joints(body, inward)[0]
        assert (pose[wrist] - pose[elbow])[1] * out < -200.0
    for name, index, check in (
        ("spine", 0, lambda p: p[8, 0] > 100),
        ("spine", 1, lambda p: p[11, 2] > p[14, 2] + 50),
        ("spine", 2, lambda p: p[11, 0] < p[14, 0] - 50),
        ("neck", 0, lambda p: p[10, 0] > rest[10, 0] + 20),
        ("neck", 2, lambda p: p[9, 1] > 5),
        ("pelvis_turn", 0, lambda p: p[4, 0] < p[1, 0] - 50),
        ("pelvis_turn", 1, lambda p: p[8, 0] > 100),
        ("pelvis_turn", 2, lambda p: p[4, 2] > p[1, 2] + 30),
    ):
        motion = standing()
        getattr(motion, name)[:, index] = 30.0
        assert check(joints(body, motion)[0]), (name, index)


def test_a_mirrored_motion_is_the_mirror_image_of_its_joints() -> None:
    body = make_bodies("1")[5]
    for action in ("Throwing", "Turning", "Walking"):
        motion = ACTIONS[action][0](body, frozen_generator("test", action), 60)
        image = joints(body, motion)[:, list(HUMAN36M_17.mirrored)] * [1.0, -1.0, 1.0]
        np.testing.assert_allclose(joints(body, motion.mirrored()), image, atol=1e-6)


def test_knees_bend_backwards_only_and_elbows_within_their_range(clips: list[Clip]) -> None:
    for clip in clips:
        world = clip.world
        across = world[:, 4] - world[:, 1]
        for hip, knee, ankle in ((1, 2, 3), (4, 5, 6)):
            axis = np.cross(world[:, knee] - world[:, hip], world[:, ankle] - world[:, knee])
            assert np.min(np.sum(axis * across, axis=-1)) > 0.0, clip.id
        for first, middle, last in ((1, 2, 3), (4, 5, 6), (11, 12, 13), (14, 15, 16)):
            a, b = world[:, middle] - world[:, first], world[:, last] - world[:, middle]
            cosine = np.sum(a * b, axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
            assert np.degrees(np.arccos(cosine.min())) < 156.0, clip.id


def test_elbow_angles_are_never_negative() -> None:
    for body in make_bodies("1")[:3]:
        for name, (action, frames) in ACTIONS.items():
            motion = action(body, frozen_generator("procedural", "1", SEED, body.name, name, 1), frames)
            assert motion.arms[..., 3].min() >= 3.9, name


def test_motion_is_smooth_and_of_human_speed(clips: list[Clip]) -> None:
    fastest, hardest = 0.0, 0.0
    for clip in clips:
        speed = np.linalg.norm(np.diff(clip.world, axis=0), axis=-1) * 0.05
        acceleration = np.linalg.norm(np.diff(clip.world, n=2, axis=0), axis=-1) * 2.5
        fastest, hardest = max(fastest, float(speed.max())), max(hardest, float(acceleration.max()))
        if clip.action != "Jumping":
            # One foot is at the ground; a runner's heel is high when the toe leaves, and then both feet fly.
            lower = clip.world[:, [3, 6], 2].min(axis=1)
            assert lower.max() < (300.0 if clip.action == "Running" else 200.0), clip.id
    assert fastest < 12.0
    assert hardest < 150.0  # m/s^2; a jump of 1 cm between two frames would be 25


@pytest.mark.parametrize(("action", "slow", "fast"), [("Walking", 0.7, 1.6), ("WalkingCircle", 0.45, 1.2)])
def test_walkers_get_on_without_skating(clips: list[Clip], action: str, slow: float, fast: float) -> None:
    slips = []
    for clip in (clip for clip in clips if clip.action == action):
        speed = np.linalg.norm(np.diff(clip.world, axis=0), axis=-1) * 0.05
        assert slow < speed[:, 0].mean() < fast, clip.id
        for foot in (3, 6):
            height = clip.world[:-1, foot, 2]
            slips.append(float(np.median(speed[height < height.min() + 12.0, foot])))
            assert slips[-1] < 0.35, clip.id
            # The swinging foot is faster than the body.
            assert speed[:, foot].max() > 1.5 * speed[:, 0].mean(), clip.id
    assert np.median(slips) < 0.16  # in the typical walk the foot stands


def test_feet_stay_planted_where_an_action_plants_them(clips: list[Clip]) -> None:
    for clip in clips:
        if clip.action in ("Squatting", "Eating", "Waving", "Reaching", "Phoning", "LiftingBox", "Boxing"):
            moved = np.ptp(clip.world[:, [3, 6]], axis=0).max()
            assert moved < 25.0, clip.id


def test_gait_series_follow_the_published_samples() -> None:
    phase = np.arange(20) * 18.0
    for curves, tolerance in ((WALK, 2.5), (RUN, 3.0)):
        for samples in curves:
            assert np.abs(fourier(harmonics(samples, 6), phase) - samples).max() < tolerance
    knee = fourier(harmonics(WALK[1], 6), np.arange(360.0))
    assert 60.0 < knee.max() < 68.0
    assert 0.68 < knee.argmax() / 360 < 0.76


def test_clips_differ_in_heading_place_and_course(clips: list[Clip]) -> None:
    across = np.array([clip.world[0, 4] - clip.world[0, 1] for clip in clips])
    heading = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    assert np.histogram(heading, bins=8, range=(-180, 180))[0].min() > 15
    place = np.array([clip.world[0, 0, :2] for clip in clips])
    assert place.std(axis=0).min() > 300.0
    centred: dict[tuple[str, str], list[Array]] = {}
    for clip in clips:
        root = clip.world[:, :1]
        yaw = np.degrees(math.atan2(*(clip.world[0, 4] - clip.world[0, 1])[[1, 0]]))
        pose = turn_about_z(clip.world - root, np.array(-yaw))
        centred.setdefault((clip.subject, clip.action), []).append(pose)
    for key, poses in centred.items():
        for i, first in enumerate(poses):
            for second in poses[:i]:
                assert np.abs(first - second).mean() > 5.0, key


def test_cameras_are_the_public_lenses_around_the_room(clips: list[Clip]) -> None:
    cameras = [view.camera for view in clips[0].views]
    assert [camera.name for camera in cameras] == ["54138969", "55011271", "58860488", "60457274"]
    quadrants = {(camera.position[0] > 0, camera.position[1] > 0) for camera in cameras}
    assert len(quadrants) == 4
    for camera in cameras:
        distance = math.hypot(*camera.position[:2])
        assert 4500.0 < distance < 5500.0
        upright = project(world_to_camera(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1800.0]]), camera), camera)
        assert upright[0, 1] > upright[1, 1] + 300.0
        assert abs(upright[:, 0] - 500.0).max() < 40.0


def test_lenses_agree_with_the_published_calibration(clips: list[Clip]) -> None:
    file = ROOT.parent / "shared" / "human36m_cameras.json"
    if not file.exists():
        pytest.skip("shared/human36m_cameras.json is not beside the repository")
    published = {row["id"]: row for row in json.loads(file.read_text())["intrinsics"]}
    for camera in [view.camera for view in clips[0].views]:
        row = published[camera.name]
        lens = (*row["focal_length"], *row["center"], *row["radial_distortion"], *row["tangential_distortion"])
        assert isinstance(camera, Camera)
        assert camera.lens == pytest.approx(lens, rel=1e-12)
        assert camera.image_size == (row["width"], row["height"])


def test_sine_and_cosine_are_exact_to_rounding() -> None:
    angle = np.concatenate([np.linspace(-1000.0, 1000.0, 20001), [-90.0, 0.0, 90.0, 180.0, 270.0, 45.0]])
    sine, cosine = sin_cos(angle)
    assert np.abs(sine - np.sin(np.radians(angle))).max() < 3e-15
    assert np.abs(cosine - np.cos(np.radians(angle))).max() < 3e-15
    assert sin_cos(np.array(90.0))[1] == 0.0


def test_primitives_keep_their_promises() -> None:
    u = np.linspace(-0.5, 1.5, 401)
    step = minimum_jerk(u)
    assert step[0] == 0.0
    assert step[-1] == 1.0
    assert minimum_jerk(np.array(0.5)) == 0.5
    assert np.all(np.diff(step) >= -1e-15)
    time = np.arange(500) / 50.0
    wander = sway(frozen_generator("test", "sway"), time, 3.0)
    assert 0.5 < np.abs(wander).max() <= 3.0
    assert np.abs(np.diff(wander)).max() < 0.5
    floor = soft_floor(u, 0.2, 0.1)
    assert np.all(floor > np.maximum(u, 0.2))
    assert np.max(floor - np.maximum(u, 0.2)) == pytest.approx(0.05, abs=1e-3)


def test_subjects_are_five_for_training_of_which_one_validates() -> None:
    assert [split for _, _, _, split in SUBJECTS] == ["train"] * 4 + ["validation"] + ["test"] * 2
