"""`--fast`: what it chooses, what that does to the steps of a sampler, how far a run moved, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import refused, run
from safetensors.torch import save_file
from small_lifters import SMALL_LIFTERS, build
from torch import Tensor, nn

import posebench
from posebench.datasets.library import data_root
from posebench.errors import CheckFailedError, UsageError
from posebench.leaderboard.collect import verify_record
from posebench.leaderboard.reproduce import reproduce
from posebench.prediction import fast
from posebench.prediction.create import LoadedLifter
from posebench.prediction.fast import PLAIN, FastPlan, choose_fast, filled_batch, has_bfloat16
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec
from posebench.prediction.windows import plan_windows
from posebench.registry.decorators import register_lifter
from posebench.results.moved import SHARE, choose_sequences
from posebench.results.record import settings_words, write_record
from posebench.seeding import torch_generator
from zoo.blocks.diffusion import sample_poses
from zoo.lifters.d3dp import D3DP
from zoo.lifters.dreampose3d import DreamPose3D

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture
def bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that multiplies bfloat16; one that does not computes the same, slowly."""
    monkeypatch.setattr(fast, "has_bfloat16", lambda device: True)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small D3DP as a user's own file, 2 hypotheses in 2 steps, with small poses: random ones move by more than a run may."""
    small = next(small for small in SMALL_LIFTERS if small.name == "d3dp")
    state = {name: value.contiguous() for name, value in build(small).module.state_dict().items()}
    state["network.transformer.head.1.weight"] /= 50
    file = tmp_path / "d3dp.safetensors"
    save_file(state, file, metadata={"posebench": json.dumps({"arch": "d3dp", "config": small.config})})
    return file


def small(name: str, **config: Any) -> LoadedLifter:
    made = build(next(small for small in SMALL_LIFTERS if small.name == name))
    return replace(made, config={**made.config, **config})


# What is chosen


@pytest.mark.usefixtures("bfloat16")
def test_the_choice_follows_lifter_and_device() -> None:
    for name in ("d3dp", "dreampose3d"):
        assert choose_fast(small(name, steps=2), CPU, "fp32") == FastPlan(early_steps=True, graphs=False)
    # The last step is the only one, and a fast run of it would be a plain one.
    for lifter in (small("d3dp", steps=1), small("mixste"), small("videopose3d"), small("heatmap_diffusion")):
        assert choose_fast(lifter, CPU, "fp32") == PLAIN
    assert choose_fast(small("d3dp"), CUDA, "fp32") == FastPlan(early_steps=True, graphs=True)
    assert choose_fast(small("mixste"), CUDA, "fp32") == FastPlan(early_steps=False, graphs=True)
    assert choose_fast(small("videopose3d"), CUDA, "fp32") == PLAIN
    with pytest.raises(UsageError, match="leave --precision bf16 away"):
        choose_fast(small("d3dp"), CPU, "bf16")


def test_a_processor_without_bfloat16_has_nothing_to_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "avx2": True}, raising=False)
    assert not has_bfloat16(CPU)
    assert choose_fast(small("d3dp"), CPU, "fp32") == PLAIN
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert has_bfloat16(CPU)


def test_one_batch_shape_fills_up_little() -> None:
    spec = LifterSpec(window=10, stride=10, privileges=("future_frames",))
    assert filled_batch(100, spec, [25, 31, 400]) == 4
    assert filled_batch(2, spec, [25, 31, 400]) == 2
    batches = list(plan_windows(spec, 25).batches(4, fill=True))
    assert [(windows.tolist(), real) for windows, real in batches] == [([0, 1, 2, 2], 3)]
    assert [len(windows) for windows, _ in plan_windows(spec, 25).batches(4)] == [3]


# Steps of a sampler


def test_all_steps_but_the_last_are_in_bfloat16() -> None:
    under: list[bool] = []

    def denoise(poses: Tensor, time: int) -> Tensor:
        under.append(torch.is_autocast_enabled("cpu"))
        return poses

    for early, expected in ((torch.bfloat16, [True, True, False]), (None, [False, False, False])):
        under.clear()
        sample_poses(denoise, lambda: torch.ones(1, 1, 2, 17, 3), 3, early)
        assert under == expected


def inputs(early: torch.dtype | None = None) -> LifterInputs:
    pixels = 500 + 200 * torch.sin(torch.arange(2 * 9 * 34.0)).reshape(2, 9, 17, 2)
    streams = tuple(torch_generator("fast", window) for window in range(2))
    return LifterInputs(
        pixels, torch.ones(2, 9, 17), torch.tensor([1000.0, 1000.0]), 50.0, noise_streams=streams, early_steps=early
    )


@torch.inference_mode()
@pytest.mark.parametrize("made", [D3DP, DreamPose3D])
def test_they_heed_it_and_a_single_step_is_the_last(made: type[D3DP] | type[DreamPose3D]) -> None:
    torch.manual_seed(0)
    lifter = made(frames=9, dim=32, depth=2, heads=4, hypotheses=3, steps=3).eval()
    exact, near = lifter.lift(inputs()), lifter.lift(inputs(torch.bfloat16))
    assert near.dtype == torch.float32
    assert 0 < (near - exact).abs().max() < 0.02 * exact.abs().max()
    lifter.steps = 1
    assert torch.equal(lifter.lift(inputs()), lifter.lift(inputs(torch.bfloat16)))


@torch.inference_mode()
def test_hypotheses_a_few_at_a_time_are_those_at_once() -> None:
    torch.manual_seed(0)
    lifter = D3DP(frames=9, dim=32, depth=2, heads=4, hypotheses=3, steps=2).eval()
    shapes: list[int] = []
    lifter.network.register_forward_pre_hook(lambda module, given: shapes.append(len(given[0])))
    poses = []
    for together in (1000, 5, 1):
        lifter.together = together
        poses.append(lifter.lift(inputs()))
    # Two windows, three hypotheses, two images, two steps.
    assert shapes == [12] * 2 + [4] * 6 + [1] * 24
    for other in poses[1:]:
        torch.testing.assert_close(other, poses[0], rtol=0, atol=1e-2)


# A run


@pytest.mark.usefixtures("bfloat16")
def test_a_fast_run_is_a_row_of_its_own_and_says_how_far_it_moved(tiny: str, weights: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"dataset": "tiny", "weights": weights, "device": "cpu"}
    record = posebench.evaluate("d3dp", **asked, fast=True, predictions=tmp_path / "fast")
    assert record.asked.fast
    assert record.lifter.settings.fast == {"early_steps": "bf16", "graphs": False}
    assert settings_words(record) == ["H=2", "K=2", "fast"]
    plain = posebench.evaluate("d3dp", **asked, predictions=tmp_path / "plain")
    assert plain.lifter.settings.fast is None
    assert plain.moved is None
    assert plain.run.predictions_sha256 != record.run.predictions_sha256
    with pytest.raises(UsageError, match="another fast"):
        posebench.predict("d3dp", tmp_path / "plain", **asked, fast=True)
    # What is said of the share is what two whole runs show of these sequences.
    assert record.moved is not None
    assert record.moved.sequences == 1
    (chosen,) = choose_sequences([row.id for row in record.sequences], 0)
    folders = [posebench.predict("d3dp", tmp_path / name, **asked, fast=name == "fast") for name in ("fast", "plain")]
    one, other = (folder.read(chosen).poses.astype(float) for folder in folders)
    assert record.moved.distance_mm == pytest.approx(np.linalg.norm(one - other, axis=-1).mean(), abs=1e-5)
    assert record.moved.distance_mm > 0
    errors = []
    for made in (record, plain):
        row = next(row for row in made.sequences if row.id == chosen)
        (statistics,) = row.statistics.values()  # one action a sequence
        errors.append({name: numbers["mpjpe"][0] / numbers["mpjpe"][1] for name, numbers in statistics.items()})
    moved = max((errors[0][name] - errors[1][name] for name in errors[0]), key=abs)
    assert record.moved.mpjpe_mm == pytest.approx(moved, abs=1e-5)


class Shifted(nn.Module):
    """True poses are no part of this: steps in bfloat16 put every joint `shift` mm farther down, which changes the error."""

    def __init__(self, shift: float = 0.0, hypotheses: int = 1, steps: int = 2) -> None:
        super().__init__()
        self.shift = shift

    def lift(self, inputs: LifterInputs) -> Tensor:
        poses = torch.zeros(len(inputs.keypoints), 1, 1, 17, 3)
        poses[..., 1] = 5000.0
        return poses if inputs.early_steps is None else poses + torch.tensor([0.0, self.shift, 0.0])


@pytest.fixture
def shifted(registry: None) -> None:
    register_lifter("shifted", spec=LifterSpec(samples=True, early_steps=True))(Shifted)


def configured(monkeypatch: pytest.MonkeyPatch, shift: float) -> None:
    monkeypatch.setattr(Shifted.__init__, "__defaults__", (shift, 1, 2))


@pytest.mark.usefixtures("bfloat16", "shifted")
def test_a_run_that_moved_too_far_is_refused(
    tiny: str, own_data_folder: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("run", "-m", "shifted", "-d", "tiny", "--device", "cpu", "--hypotheses", "1", "--steps", "2", "--fast")
    configured(monkeypatch, 0.3)
    said = refused(capsys, 1, *command)
    assert "--fast moved the MPJPE of shifted.default by +0.3" in said
    assert "run it without --fast" in said
    assert not list((data_root() / "records").rglob("*.json"))
    configured(monkeypatch, -0.3)
    with pytest.raises(CheckFailedError, match=r"by -0\.3"):
        posebench.evaluate("shifted", dataset="tiny", hypotheses=1, steps=2, device="cpu", fast=True, seed=1)
    configured(monkeypatch, 0.05)
    assert "fast: MPJPE moved +0.0" in run(capsys, *command, "--seed", "2")


@pytest.mark.usefixtures("bfloat16")
def test_a_fast_record_is_run_again_fast(tiny: str, shifted: None, tmp_path: Path) -> None:
    record = posebench.evaluate("shifted", dataset="tiny", hypotheses=1, steps=2, device="cpu", fast=True)
    again = reproduce(write_record(record, tmp_path / "r.json"), device="cpu")
    again.require()
    assert again.after.lifter.settings.fast == record.lifter.settings.fast is not None


def test_where_nothing_can_be_chosen_the_run_is_the_plain_one_and_says_so(
    tiny: str, own_data_folder: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("run", "-m", "zero-depth", "-d", "tiny", "--device", "cpu")
    said = " ".join(run(capsys, *command, "--fast").split())
    assert "fast: nothing here is worth it for this lifter and device (docs/fast.md), so this is the plain run" in said
    fast, plain = (json.loads(run(capsys, *command, *extra, "--json")) for extra in (("--fast",), ()))
    assert fast["asked"]["fast"]
    assert fast["lifter"]["settings"] == plain["lifter"]["settings"]
    assert fast["run"]["predictions_sha256"] == plain["run"]["predictions_sha256"]
    assert fast["moved"] is None


def test_another_precision_beside_it_is_refused_before_any_work(
    tiny: str, own_data_folder: None, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("run", "-m", "zero-depth", "-d", "tiny", "--device", "cpu", "--fast", "--precision", "bf16")
    assert "leave --precision bf16 away" in refused(capsys, 2, *command, notes=0)
    assert not list((data_root() / "records").rglob("*.json"))


@pytest.mark.usefixtures("bfloat16")
def test_a_row_says_how_far_it_moved_or_is_none(tiny: str, shifted: None, tmp_path: Path) -> None:
    record = posebench.evaluate("shifted", dataset="tiny", hypotheses=1, steps=2, device="cpu", fast=True)
    assert record.moved is not None
    verify_record(tmp_path / record.location, record, tmp_path)
    far = record.moved.model_copy(update={"mpjpe_mm": -0.1})
    for moved, said in ((None, "must say how far it moved"), (far, "moved by -0.1 mm")):
        with pytest.raises(CheckFailedError, match=said):
            verify_record(tmp_path / record.location, record.model_copy(update={"moved": moved}), tmp_path)


def test_the_share_is_seeded_and_at_least_a_twentieth() -> None:
    ids = [f"S/{number}" for number in range(41)]
    chosen = choose_sequences(ids, 0)
    assert len(chosen) == 3 >= SHARE * 41
    assert choose_sequences(ids[::-1], 0) == chosen
    assert choose_sequences(ids, 1) != chosen
    assert choose_sequences(ids[:1], 0) == {"S/0"}


# On a GPU


@needs_gpu
@pytest.mark.parametrize("name", ["d3dp", "mixste"])
def test_a_fast_run_on_a_gpu_is_near_the_plain_one(tiny: str, weights: Path, tmp_path: Path, name: str) -> None:
    own: dict[str, Any] = {"weights": weights} if name == "d3dp" else {}
    record = posebench.evaluate(name, dataset="tiny", device="cuda", fast=True, predictions=tmp_path / "p", **own)
    assert record.lifter.settings.fast == {"early_steps": "bf16" if name == "d3dp" else None, "graphs": True}
    assert record.moved is not None
