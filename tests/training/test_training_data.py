"""What the recipe may open, and what it renders from it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_runs import STANDING, SwayAdapter, start, swaying

from posebench.cameras import project, world_to_camera
from posebench.datasets.store import Dataset
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, UsageError
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17
from zoo import vocabulary
from zoo.training.card import model_card
from zoo.training.config import CameraConfig, TrainingConfig
from zoo.training.renditions import Renditions, load_or_render, render
from zoo.training.stores import TrainingStore
from zoo.training.virtual_cameras import place_camera, transform_body


def test_the_test_split_is_never_opened(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits: list[str] = []
    clips: list[str] = []
    listed, read = Dataset.sequences, Dataset.world

    def sequences(self: Dataset, split: str) -> Any:
        splits.append(split)
        return listed(self, split)

    def world(self: Dataset, clip_id: str) -> Any:
        clips.append(clip_id)
        return read(self, clip_id)

    monkeypatch.setattr(Dataset, "sequences", sequences)
    monkeypatch.setattr(Dataset, "world", world)
    values["steps"], values["warmup_steps"] = 2, 1
    start(values, tmp_path / "run").run()
    assert set(splits) == {"train", "validation"}
    assert {clip.split("/")[0] for clip in clips} == {"S1", "S2"}


def test_training_and_selection_use_their_own_subjects(values: dict[str, Any]) -> None:
    store = TrainingStore(TrainingConfig.model_validate(values).data[0])
    assert [clip for clip, _ in store.training_clips()] == [f"S1/sway/{number}" for number in range(4)]
    assert {sequence.info.subject for sequence in store.validation_sequences()} == {"S2"}
    assert store.training_frames() == 36 + 44 + 52 + 60


@pytest.fixture
def kicking(tmp_path: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The second clip of S1 and of S2 is a kick."""
    monkeypatch.setitem(vocabulary._LABELS, ("sway", "kick"), "kicking")
    clips = [
        replace(clip, action="kick") if clip.name == "1" else clip
        for clip in SwayAdapter().clips(None, SwayAdapter.forms[0])
    ]
    write_store(SwayAdapter(), SwayAdapter.forms[0], clips, tmp_path / "kicks.safetensors")
    values["data"][0]["store"] = str(tmp_path / "kicks.safetensors")
    return values


def test_what_is_left_out_is_in_nothing(kicking: dict[str, Any], tmp_path: Path) -> None:
    config = TrainingConfig.model_validate(kicking | {"leave_out": ["kicking"]})
    whole, store = TrainingStore(config.data[0]), TrainingStore(config.data[0], config.leave_out)
    assert (whole.left_out(), store.left_out()) == (set(), {"kicking"})
    assert whole.training_frames() - store.training_frames() == 44
    assert len(whole.training_ids()) - len(store.training_ids()) == 1
    assert store.training_labels() == ["walking"] * 3
    assert [clip for clip, _ in store.training_clips()] == store.training_ids()
    assert {sequence.info.action for sequence in whole.validation_sequences()} == {"kick", "sway"}
    assert {sequence.info.action for sequence in store.validation_sequences()} == {"sway"}
    training = start(kicking | {"leave_out": ["kicking"]}, tmp_path / "run")
    assert {len(sequence.poses) for sequence in training.validation} == {36}
    training.run()
    card = model_card(training, 1, "0" * 64)
    assert "Every training clip but those of kicking, which also select nothing, is mirrored" in card
    assert f"| {store.training_frames()} | 50 |" in " ".join(card.split())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["kicking", "walking"], "leave_out leaves no training clip of 'sway'"),
        (["running"], "leave_out names 'running', and no training clip has that label"),
    ],
)
def test_leaving_out_all_or_nothing_is_refused(
    kicking: dict[str, Any], tmp_path: Path, labels: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        start(kicking | {"leave_out": labels}, tmp_path / "run")


def test_a_clip_with_missing_joints_is_refused(values: dict[str, Any], tmp_path: Path) -> None:
    clips = list(SwayAdapter().clips(None, SwayAdapter.forms[0]))
    clips[1].world[3, 5] = np.nan
    values["data"][0]["store"] = str(tmp_path / "holes.safetensors")
    write_store(SwayAdapter(), SwayAdapter.forms[0], clips, tmp_path / "holes.safetensors")
    with pytest.raises(DataDamagedError, match=r"S1/sway/1 of 'sway' has missing joints"):
        start(values, tmp_path / "run")


def test_cameras_have_the_whole_run_in_view() -> None:
    # Twelve metres of walking: no camera sees all of it from nearby.
    world = STANDING + np.linspace(0, 12000, 200)[:, None, None] * [1.0, 0.0, 0.0]
    config = CameraConfig(distance=(3.0, 4.0))
    lengths = []
    for number in range(40):
        rng = frozen_generator("view", number)
        anchor = int(rng.randint(200))
        placed = place_camera(world, anchor, config, rng, "x")
        assert placed is not None
        camera, first, end = placed
        assert first <= anchor < end
        poses = world_to_camera(world[first:end], camera)
        pixels = project(poses, camera)
        assert poses[..., 2].min() > 0
        assert pixels.min() >= 0
        assert (pixels < camera.image_size).all()
        # World up is up in the picture.
        assert (pixels[:, 10, 1] < pixels[:, 0, 1]).all()
        lengths.append(end - first)
    assert min(lengths) >= 32
    assert min(lengths) < 200


def test_the_same_stream_gives_the_same_camera() -> None:
    world = swaying("same", 40)
    one, other, third = (
        place_camera(world, 5, CameraConfig(), frozen_generator("same", seed), "x") for seed in (0, 0, 1)
    )
    assert one == other
    assert one != third


def test_a_mirrored_and_scaled_body_is_a_body() -> None:
    chains = {True: 0, False: 0}
    for number in range(20):
        body = transform_body(STANDING[None], CameraConfig(), frozen_generator("body", number))[0]
        bone = np.linalg.norm(body[list(HUMAN36M_17.parents[1:])] - body[1:], axis=-1)
        true = np.linalg.norm(STANDING[list(HUMAN36M_17.parents[1:])] - STANDING[1:], axis=-1)
        factor = body[10, 2] / STANDING[10, 2]
        assert 0.9 <= factor <= 1.1
        np.testing.assert_allclose(bone, true * factor, rtol=1e-9)
        # Left is still left of who looks along +y: -x.
        assert body[4, 0] < 0 < body[1, 0]
        chains[bool(abs(body[6, 0] + 140 * factor) < 1e-9)] += 1
    assert chains[True] == 20


def test_half_of_the_bodies_are_mirrored() -> None:
    # One arm forward tells the mirror image apart.
    pose = STANDING.copy()
    pose[13, 1] += 400
    config = CameraConfig(body_scale=(1.0, 1.0))
    left = sum(
        transform_body(pose[None], config, frozen_generator("side", number))[0, 13, 1] > 300 for number in range(100)
    )
    assert 35 < left < 65


def test_renditions_are_what_they_say(values: dict[str, Any]) -> None:
    config = TrainingConfig.model_validate({**values, "sources": {"gt": 1.0}})
    store = TrainingStore(config.data[0])
    told: list[tuple[int, int]] = []
    one = render(store, config, lambda done, wanted: told.append((done, wanted)))
    other = render(store, config, lambda done, wanted: None)
    assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))
    assert len(one.poses) == len(one.pixels) == one.end[-1] >= 400
    assert told[-1] == (400, 400)
    assert np.array_equal(one.start[1:], one.end[:-1])
    assert not one.poses[:, 0].any()
    assert np.isfinite(one.pixels).all()
    # Camera y is down, and the person stands.
    assert (one.poses[:, 10, 1] < -400).all()
    # Another seed is another studio.
    assert not np.array_equal(
        one.pixels[:30], render(store, config.model_copy(update={"seed": 1}), lambda *_: None).pixels[:30]
    )


def test_noise_is_in_the_keypoints_and_not_in_the_poses(values: dict[str, Any]) -> None:
    exact, noisy = (
        TrainingConfig.model_validate({**values, "sources": {name: 1.0}}) for name in ("gt", "simulated-high")
    )
    store = TrainingStore(exact.data[0])
    one, other = render(store, exact, lambda *_: None), render(store, noisy, lambda *_: None)
    assert np.array_equal(one.poses, other.poses)
    assert np.isfinite(other.pixels).all()
    assert np.median(np.linalg.norm(one.pixels - other.pixels, axis=-1)) > 2


def test_the_cache_is_used_while_it_holds_the_same(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainingConfig.model_validate(values)
    store = TrainingStore(config.data[0])
    rendered: list[int] = []

    def load(config: TrainingConfig) -> Renditions:
        return load_or_render(store, config, tmp_path, lambda done, wanted: rendered.append(done))

    first = load(config)
    assert rendered
    rendered.clear()
    assert np.array_equal(load(config).pixels, first.pixels)
    # How long is trained changes nothing that is rendered.
    load(config.model_copy(update={"steps": 99}))
    assert not rendered
    load(config.model_copy(update={"seed": 5}))
    assert rendered
    for path in tmp_path.glob("renditions-sway-*.safetensors"):
        path.write_bytes(b"half a file")
    rendered.clear()
    assert np.array_equal(load(config).pixels, first.pixels)
    assert rendered
