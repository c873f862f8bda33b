"""The training recipe: what it may open, what it draws, that it can be stopped anywhere, and what it leaves behind."""

import csv
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file

from posebench.cameras import Camera, look_at, project, world_to_camera
from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, seen_by
from posebench.datasets.store import Dataset
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, NotFiniteError, UsageError
from posebench.hashing import hash_file
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17
from zoo import __main__ as command_line
from zoo import specs
from zoo.training.batches import Batches
from zoo.training.config import CONFIGS, CameraConfig, TrainingConfig, find_config, load_config
from zoo.training.export import LARGEST, publish
from zoo.training.loop import ARCHITECTURES, CHECKPOINT, Training
from zoo.training.progress import Reporter
from zoo.training.renditions import Renditions, load_or_render, render
from zoo.training.stores import TrainingStore
from zoo.training.validate import read_validation, validate
from zoo.training.virtual_cameras import place_camera, transform_body

ROOT = Path(__file__).parents[2]

#: A standing person, world mm, z up, facing +y, left to -x.
STANDING = np.array(
    [
        [0, 0, 950], [130, 0, 930], [140, 10, 500], [140, 0, 90], [-130, 0, 930], [-140, 10, 500], [-140, 0, 90],
        [0, 0, 1180], [0, 0, 1430], [0, 90, 1540], [0, 20, 1700], [-180, 0, 1400], [-230, 0, 1120], [-240, 60, 870],
        [180, 0, 1400], [230, 0, 1120], [240, 60, 870],
    ],
    dtype=float,
)  # fmt: skip
PLACES = {"east": (4500.0, 1500.0, 1500.0), "north": (-800.0, 5000.0, 1300.0)}
RIG = tuple(
    Camera(name, 1000, 1000, (1145.0, 1144.0), (512.0, 515.0), (-0.2, 0.24, -0.003), (-0.001, -0.0014), look_at(at, (0, 0, 900)), at)
    for name, at in PLACES.items()
)  # fmt: skip


def swaying(name: str, frames: int) -> np.ndarray:
    random = frozen_generator("training-test", name)
    t = np.arange(frames)[:, None, None] / 50
    return STANDING + 60 * np.sin(4 * t + random.uniform(0, 6, (1, 17, 3)))


class SwayAdapter(Adapter):
    """Clips of 36 to 60 frames: four of S1 train, two of S2 select, two of S3 are the test."""

    name = "sway"
    version = "1"
    forms = (Form("", HUMAN36M_17, 50.0),)

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        for subject, split, count in (("S1", "train", 4), ("S2", "validation", 2), ("S3", "test", 2)):
            for number in range(count):
                world = swaying(f"{subject}{number}", 36 + 8 * number)
                yield Clip(subject, "sway", str(number), split, seen_by(RIG), world)

    def verify(self, dataset: Dataset) -> list[Check]:
        return []


@pytest.fixture(scope="module")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stores") / "sway.safetensors"
    write_store(SwayAdapter(), SwayAdapter.forms[0], SwayAdapter().clips(None, SwayAdapter.forms[0]), path)
    return path


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def values(store_path: Path) -> dict[str, Any]:
    """A run of seconds: twelve steps of a tiny temporal network."""
    return {
        "tag": "videopose3d.tiny",
        "summary": "For a test.",
        "weights_licence": "none",
        "lifter": {
            "arch": "videopose3d",
            "config": {"filter_widths": [3, 3], "channels": 8, "dropout": 0.2, "normalize": "person"},
        },
        "data": [
            {"name": "sway", "weight": 1.0, "camera_frames": 400, "licence": "free", "store": str(store_path)},
        ],
        "steps": 12,
        "batch_size": 16,
        "warmup_steps": 2,
        "learning_rate": 0.01,
        "validate_every": 4,
        "checkpoint_every": 3,
    }


def start(values: dict[str, Any], folder: Path) -> Training:
    folder.mkdir(exist_ok=True)
    return Training(TrainingConfig.model_validate(values), folder, torch.device("cpu"), Reporter())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# Configuration


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_configurations_build_lifters_that_fit(path: Path) -> None:
    config = load_config(path)
    assert config.tag == path.stem
    assert find_config(config.tag) == path
    with torch.device("meta"):
        lifter = ARCHITECTURES[config.lifter.arch](**config.lifter.config)
    assert sum(value.numel() * value.element_size() for value in lifter.state_dict().values()) < LARGEST - 10_000
    assert getattr(specs, config.lifter.arch)(config.lifter.config) == lifter.spec


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("stepz", 3, "`stepz`"),
        ("steps", 0, "`steps`"),
        ("lifter.arch", "mixste", "`lifter.arch`"),
        ("data.0.weight", -1, "`data.0.weight`"),
        ("camera.distance", [5, 3], "`camera`: distance is from 5"),
        ("warmup_steps", 12, "warmup_steps is 12"),
        ("learning_rate", float("nan"), "`learning_rate`"),
        ("lifter.config.normalize", "pixels", "lifter.config.normalize"),
    ],
)
def test_a_wrong_key_is_named(values: dict[str, Any], tmp_path: Path, key: str, value: Any, message: str) -> None:
    values.setdefault("camera", {})
    place: Any = values
    *way, last = key.split(".")
    for part in way:
        place = place[int(part)] if part.isdigit() else place[part]
    place[last] = value
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(UsageError) as error:
        load_config(path)
    assert "wrong.yaml" in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["a: [1", "- 1", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"x\.yaml"):
        load_config(tmp_path / "x.yaml")


def test_an_unknown_tag_lists_the_known() -> None:
    with pytest.raises(DataMissingError, match=r"simple_baseline\.open"):
        find_config("simple_baseline.opem")


# What is opened


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


def test_a_clip_with_missing_joints_is_refused(values: dict[str, Any], tmp_path: Path) -> None:
    clips = list(SwayAdapter().clips(None, SwayAdapter.forms[0]))
    clips[1].world[3, 5] = np.nan
    values["data"][0]["store"] = str(tmp_path / "holes.safetensors")
    write_store(SwayAdapter(), SwayAdapter.forms[0], clips, tmp_path / "holes.safetensors")
    with pytest.raises(DataDamagedError, match=r"S1/sway/1 of 'sway' has missing joints"):
        start(values, tmp_path / "run")


# Renditions


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
    (tmp_path / "renditions-sway.safetensors").write_bytes(b"half a file")
    rendered.clear()
    assert np.array_equal(load(config).pixels, first.pixels)
    assert rendered


# Batches


def numbered(lengths: list[int], first: int = 0) -> Renditions:
    """Renditions whose every coordinate is the number of its frame."""
    total = sum(lengths)
    count = (first + np.arange(total)).astype(np.float32)
    ends = np.cumsum(lengths)
    return Renditions(
        pixels=np.broadcast_to(count[:, None, None], (total, 17, 2)).copy(),
        poses=np.broadcast_to(count[:, None, None], (total, 17, 3)).copy(),
        start=(ends - lengths).astype(np.int64),
        end=ends.astype(np.int64),
        image_size=np.full((len(lengths), 2), 1000, dtype=np.float32),
    )


@pytest.mark.parametrize("causal", [False, True])
def test_windows_stay_in_their_rendition(causal: bool) -> None:
    spec = specs.videopose3d({"filter_widths": [3, 3], "causal": causal})
    parts = [numbered([5, 20]), numbered([7], first=25)]
    batches = Batches(parts, [0.75, 0.25], spec, lambda pixels, size: pixels, 64, 0, torch.device("cpu"))
    lows, highs = np.array([0, 5, 25]), np.array([4, 24, 31])
    for step in range(5):
        windows, poses = batches.draw(step)
        centres = poses[:, 0, 0].long().numpy()
        which = np.searchsorted(lows, centres, side="right") - 1
        expected = centres[:, None] + np.arange(9) - (8 if causal else 4)
        expected = np.clip(expected, lows[which, None], highs[which, None])
        assert np.array_equal(windows[:, :, 3, 1].long().numpy(), expected)
        assert (centres >= 25).sum() == 16


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    spec = specs.simple_baseline({})
    one, other, third = (
        Batches([numbered([50])], [1.0], spec, lambda pixels, size: pixels, 16, seed, torch.device("cpu"))
        for seed in (0, 0, 1)
    )
    one.draw(0)
    assert torch.equal(one.draw(7)[1], other.draw(7)[1])
    assert not torch.equal(one.draw(7)[1], one.draw(8)[1])
    assert not torch.equal(one.draw(7)[1], third.draw(7)[1])


# Validation


class Oracle(torch.nn.Module):
    """Knows the poses, and is 30 mm off in x; it mirrors nothing, so flip must be asked for to be seen."""

    def __init__(self, answers: dict[int, torch.Tensor]) -> None:
        super().__init__()
        self.answers = answers

    def lift(self, inputs: Any) -> torch.Tensor:
        answer = self.answers[inputs.keypoints.shape[1] - 8] + torch.tensor([30.0, 0.0, 0.0])
        return answer.expand(len(inputs.keypoints), *answer.shape)


def test_validation_scores_whole_sequences_by_set_and_source(values: dict[str, Any]) -> None:
    config = TrainingConfig.model_validate(values)
    spec = specs.videopose3d({"filter_widths": [3, 3]})
    found = read_validation([TrainingStore(config.data[0])], ["gt", "simulated"], spec, torch.device("cpu"))
    # Two clips, two cameras, two sources; each in one window with four frames repeated on both sides.
    assert len(found) == 8
    pixels = found[0].inputs.keypoints[0]
    assert pixels.shape == (36 + 8, 17, 2)
    assert torch.equal(pixels[:4], pixels[4:5].expand(4, 17, 2))
    east = [sequence for sequence in found if len(sequence.poses) in (36, 44)][:1]
    numbers = validate(Oracle({len(east[0].poses): east[0].poses}), east, flip=False)
    assert numbers == {"sway/gt": pytest.approx(30.0, rel=1e-5)}
    # The mirror image of an answer to the mirrored picture is averaged in: here a wrong one.
    assert validate(Oracle({len(east[0].poses): east[0].poses}), east, flip=True)["sway/gt"] > 40


# The loop


def test_training_learns(values: dict[str, Any], tmp_path: Path) -> None:
    values |= {"steps": 80, "batch_size": 64, "warmup_steps": 10, "validate_every": 20, "ema_decay": 0.9}
    values["lifter"]["config"] |= {"channels": 32, "dropout": 0.0}
    state = start(values, tmp_path / "run").run()
    assert [row["step"] for row in state.history] == [20, 40, 60, 80]
    assert state.history[-1]["train"] < 0.5 * state.history[0]["train"]
    scores = [row["validation"] for row in state.history]
    assert state.best_score == min(scores)
    assert state.best_step == state.history[scores.index(min(scores))]["step"]
    assert state.history[-1]["learning_rate"] < state.history[0]["learning_rate"]


@pytest.mark.parametrize("arch", ["videopose3d", "simple_baseline"])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    values: dict[str, Any], tmp_path: Path, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values["norm_momentum"] = [0.1, 0.01]
    if arch == "simple_baseline":
        values["lifter"] = {"arch": arch, "config": {"linear_size": 16, "normalize": "person"}}
    whole = start(values, tmp_path / "whole")
    expected = whole.run()
    step = Training._step

    def interrupted(self: Training, number: int) -> float:
        if number in (4, 8):
            signal.raise_signal(signal.SIGINT if number == 4 else signal.SIGTERM)
        return step(self, number)

    for _ in range(2):
        part = start(values, tmp_path / "parts")
        with monkeypatch.context() as patch:
            patch.setattr(Training, "_step", interrupted)
            with pytest.raises(KeyboardInterrupt):
                part.run()
        torch.rand(3)  # what else draws in between must not matter
    assert part.state.step == 9
    last = start(values, tmp_path / "parts")
    state = last.run()
    assert same(last.lifter.state_dict(), whole.lifter.state_dict())
    assert same(state.best, expected.best)
    assert state.history == expected.history
    texts = [(tmp_path / name / "metrics.csv").read_text() for name in ("whole", "parts")]
    assert texts[0] == texts[1]
    # A finished run has nothing left to do.
    assert same(start(values, tmp_path / "parts").run().best, expected.best)


def test_a_killed_process_loses_at_most_one_interval(values: dict[str, Any], tmp_path: Path) -> None:
    values["checkpoint_every"] = 5
    expected = start(values, tmp_path / "whole").run()
    config = tmp_path / "killed.yaml"
    config.write_text(yaml.safe_dump(values))
    code = f"""
    import os, signal, sys
    from zoo import __main__ as line
    from zoo.training import loop, checkpoint

    # The second checkpoint is half written when the process is killed.
    save = checkpoint.save_file
    def half(tensors, path, metadata):
        if saved:
            path.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        saved.append(path)
        save(tensors, path, metadata)
    saved = []
    checkpoint.save_file = half
    sys.argv = ["zoo", "train", {str(config)!r}, "--out", {str(tmp_path / "killed")!r}, "--threads", "1", "--device", "cpu"]
    line.main()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    again = start(values, tmp_path / "killed")
    assert again.state.step == 5
    assert same(again.run().best, expected.best)


def test_a_run_of_another_configuration_is_not_continued(values: dict[str, Any], tmp_path: Path) -> None:
    start(values, tmp_path / "run").run()
    values["learning_rate"] = 0.02
    with pytest.raises(UsageError, match=r"another configuration.*--fresh"):
        start(values, tmp_path / "run")


def test_a_damaged_checkpoint_is_named(values: dict[str, Any], tmp_path: Path) -> None:
    start(values, tmp_path / "run").run()
    path = tmp_path / "run" / CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataDamagedError, match=r"checkpoint\.safetensors cannot be read.*--fresh"):
        start(values, tmp_path / "run")


def test_a_loss_that_is_no_number_stops_the_run(values: dict[str, Any], tmp_path: Path) -> None:
    training = start(values, tmp_path / "run")
    training.batches.poses.fill_(torch.nan)
    with pytest.raises(NotFiniteError, match="step 0 is nan"):
        training.run()
    assert not (tmp_path / "run" / CHECKPOINT).exists()


def test_half_precision_trains_float32_weights(values: dict[str, Any], tmp_path: Path) -> None:
    training = start({**values, "amp": "bf16"}, tmp_path / "run")
    exact = start(values, tmp_path / "exact")
    state, reference = training.run(), exact.run()
    assert all(value.dtype in (torch.float32, torch.int64) for value in state.best.values())
    assert not same(state.best, reference.best)
    assert state.best_score == pytest.approx(reference.best_score, rel=0.1)


# What a run leaves behind


def command(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["zoo", *arguments])
    with pytest.raises(SystemExit) as leave:
        command_line.main()
    return int(leave.value.code or 0)


@pytest.fixture
def finished(values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The configuration and folder of a run through the command line."""
    config, folder = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(values))
    assert (
        command(
            "train", str(config), "--out", str(folder), "--threads", "1", "--device", "cpu", monkeypatch=monkeypatch
        )
        == 0
    )
    return config, folder


def test_a_run_leaves_weights_card_and_numbers(finished: tuple[Path, Path], tmp_path: Path) -> None:
    config, folder = load_config(finished[0]), finished[1]
    path = folder / "videopose3d.tiny.safetensors"
    lifter = ARCHITECTURES["videopose3d"](**config.lifter.config)
    lifter.load_state_dict(load_file(path), strict=True)
    with safe_open(path, framework="pt") as file:
        assert "videopose3d.tiny" in file.metadata()["posebench"]
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["4", "8", "12"]
    best = min(rows, key=lambda row: float(row["validation"]))
    # The exported weights are the selected ones: scored again they give the same number.
    lifter.eval()
    found = read_validation(
        [TrainingStore(config.data[0])], config.validation_sources, lifter.spec, torch.device("cpu")
    )
    numbers = validate(lifter, found, config.flip)
    assert {name: pytest.approx(float(best[name]), rel=1e-5) for name in numbers} == numbers
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    card = (folder / "videopose3d.tiny.md").read_text()
    for fact in (
        hash_file(path),
        "| sway",
        "S1",
        "S2",
        "free",
        "12 steps",
        f"{numbers['sway/gt']:.1f}",
        "python -m zoo train",
    ):
        assert fact in card, fact
    assert str(tmp_path) not in card
    entry = yaml.safe_load((folder / "videopose3d.tiny.manifest.yaml").read_text())["tiny"]
    assert entry["weights"] == {
        "file": "weights/videopose3d.tiny.safetensors",
        "sha256": hash_file(path),
        "licence": "none",
    }
    assert entry["trained_on"] == [{"dataset": "sway", "split": "train", "version": "1", "source": "3d"}]


def test_publishing_copies_weights_and_card(
    finished: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(finished[0])
    weights, card = publish(config, finished[1], tmp_path / "zoo")
    assert hash_file(weights) == hash_file(finished[1] / weights.name)
    assert weights == tmp_path / "zoo" / "weights" / "videopose3d.tiny.safetensors"
    assert card == tmp_path / "zoo" / "cards" / "videopose3d.tiny.md"
    with pytest.raises(DataMissingError, match="not finished"):
        publish(config, tmp_path, tmp_path / "zoo")
    monkeypatch.setattr("zoo.training.export.LARGEST", 1000)
    with pytest.raises(UsageError, match="bytes"):
        publish(config, finished[1], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_fresh_forgets_what_was_done(finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    config, folder = finished
    text = config.read_text().replace("learning_rate: 0.01", "learning_rate: 0.02")
    config.write_text(text)
    arguments = ("train", str(config), "--out", str(folder), "--threads", "1", "--device", "cpu")
    assert command(*arguments, monkeypatch=monkeypatch) == 2
    assert command(*arguments, "--fresh", monkeypatch=monkeypatch) == 0


def test_the_command_line_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("train", "nothing", monkeypatch=monkeypatch) == 3
    assert "error: There is no training configuration 'nothing'" in capsys.readouterr().err
    bad = tmp_path / "bad.yaml"
    bad.write_text("tag: 1")
    assert command("train", str(bad), monkeypatch=monkeypatch) == 2
    assert "`tag`" in capsys.readouterr().err
    assert command("train", "x", "--device", "tpu", monkeypatch=monkeypatch) == 2


def test_the_command_line_is_quick_to_import() -> None:
    code = "import sys, zoo.__main__; sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
