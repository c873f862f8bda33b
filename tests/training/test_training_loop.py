"""Training can be stopped anywhere, and goes on as if it had not been."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from training_runs import SwayAdapter, same, start

from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, NotFiniteError, UsageError
from zoo.lifters.videopose3d import VideoPose3D
from zoo.training.card import model_card
from zoo.training.loop import ARCHITECTURES, CHECKPOINT, Training

ROOT = Path(__file__).parents[2]


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


#: Small lifters that the recipe trains, beside the one of `values`.
OTHERS: dict[str, dict[str, Any]] = {
    "simple_baseline": {"linear_size": 16},
    "mixste": {"frames": 9, "dim": 16, "depth": 1, "heads": 2},
    "motionagformer": {"frames": 9, "dim": 16, "layers": 1, "dim_rep": 16, "heads": 2, "output": "root_relative"},
    "d3dp": {"frames": 9, "dim": 16, "depth": 1, "heads": 2, "hypotheses": 1, "steps": 1},
    "dreampose3d": {"frames": 9, "dim": 16, "depth": 1, "heads": 2, "prompt_dim": 16, "actions": ["walking"]},
    "heatmap_diffusion": {"frames": 1, "dim": 32, "depth": 1},
    "poseformerv2": {"frames": 9, "kept_frames": 3, "kept_coefficients": 3, "dim": 4, "depth": 1, "heads": 2},
}


def test_every_trainable_architecture_is_tested() -> None:
    assert ARCHITECTURES.keys() == {"videopose3d", *OTHERS}


def with_lifter(values: dict[str, Any], arch: str) -> dict[str, Any]:
    values |= {
        "lifter": {
            "arch": arch,
            "config": OTHERS[arch] | ({} if arch == "heatmap_diffusion" else {"normalize": "person"}),
        },
        "flip": arch not in ("d3dp", "dreampose3d", "heatmap_diffusion"),
        "loss": {"bone": 0.2, "action": 0.05, "temporal": 0.1} if arch == "dreampose3d" else {},
    }
    if arch == "heatmap_diffusion":
        values |= {"sources": {"gt": 1.0}, "validation_sources": ["gt"]}
    return values


@pytest.mark.parametrize("arch", OTHERS)
def test_every_architecture_learns(values: dict[str, Any], tmp_path: Path, arch: str) -> None:
    values |= {"steps": 60, "batch_size": 32, "warmup_steps": 5, "validate_every": 20, "ema_decay": 0.8}
    values = with_lifter(values, arch)
    state = start(values, tmp_path / "run").run()
    # A prior lifts nothing: it learns what noise is.
    part, most = ("noise", 0.9) if arch == "heatmap_diffusion" else ("train", 0.6)
    assert state.history[-1][part] < most * state.history[0][part]
    assert state.best_score < state.history[0]["validation"]


def test_a_prior_leaves_with_what_is_measured_of_the_selected_weights(values: dict[str, Any], tmp_path: Path) -> None:
    values = with_lifter(values, "heatmap_diffusion")
    values["lifter"]["config"] |= {"frames": 3, "frequencies": 2}
    run = start(values, tmp_path / "run")
    before = {name: value.clone() for name, value in run.lifter.state_dict().items()}
    assert before["network.variance"].std() > 0
    errors = run.run().best["network.errors"]
    # With little noise there is little error, and of nothing but noise no more than people differ.
    assert errors[1].max() < 0.5 * errors[25].min()
    assert 0.5 < errors[-1].mean() < 1.5
    assert not torch.allclose(errors, before["network.errors"], atol=0.05)
    # Weights that were not selected are not changed by it.
    assert torch.equal(run.average.module.state_dict()["network.errors"], before["network.errors"])


def test_a_compiled_run_learns_the_same(values: dict[str, Any], tmp_path: Path) -> None:
    values = with_lifter(values, "mixste")
    values["lifter"]["config"]["drop_path"] = 0.0
    plain = start(values, tmp_path / "plain").run()
    compiled = start({**values, "compile": True}, tmp_path / "compiled").run()
    assert compiled.best_score == pytest.approx(plain.best_score, rel=1e-3)
    assert compiled.best.keys() == plain.best.keys()


@pytest.mark.parametrize("arch", ["videopose3d", "simple_baseline", "mixste", "dreampose3d", "heatmap_diffusion"])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    values: dict[str, Any], tmp_path: Path, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if arch in ("videopose3d", "simple_baseline"):
        values["norm_momentum"] = [0.1, 0.01]
    if arch in OTHERS:
        values = with_lifter(values, arch)
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
    # One machine, so one session, however often it was stopped.
    assert [session["steps"] for session in state.sessions] == [12]
    assert state.seconds == state.sessions[0]["seconds"] > 0
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


def test_a_run_does_not_go_on_with_other_data(values: dict[str, Any], tmp_path: Path) -> None:
    store = tmp_path / "data.safetensors"

    def write(count: int) -> None:
        clips = list(SwayAdapter().clips(None, SwayAdapter.forms[0]))
        for clip in clips[:count]:
            clip.world[:] += 20.0
        store.unlink(missing_ok=True)
        write_store(SwayAdapter(), SwayAdapter.forms[0], clips, store)

    write(0)
    values["data"][0]["store"] = str(store)
    start(values, tmp_path / "run").run()
    # The same motion again is the same data.
    write(0)
    start(values, tmp_path / "run")
    write(1)
    with pytest.raises(UsageError, match=r"or of other data; .*--fresh"):
        start(values, tmp_path / "run")


def test_a_default_of_the_lifter_that_changed_is_another_run(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(values, tmp_path / "run").run()
    defaults = VideoPose3D.__init__.__defaults__
    assert defaults is not None
    monkeypatch.setattr(VideoPose3D.__init__, "__defaults__", (*defaults[:-1], 25.0))
    with pytest.raises(UsageError, match="another configuration"):
        start(values, tmp_path / "run")


def test_parts_on_two_machines_are_told_apart(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Training._step

    def interrupted(self: Training, number: int) -> dict[str, float]:
        if number == 4:
            signal.raise_signal(signal.SIGINT)
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", interrupted)
        patch.setattr("zoo.training.sessions.cpu_model", lambda: "Abacus")
        with pytest.raises(KeyboardInterrupt):
            start(values, tmp_path / "run").run()
    training = start(values, tmp_path / "run")
    training.run()
    assert [(session["steps"], session["hardware"] == "Abacus") for session in training.state.sessions] == [
        (5, True), (7, False),
    ]  # fmt: skip
    card = model_card(training, 1, "0" * 64)
    assert "- 5 steps in 0.0 minutes on Abacus, 1 thread; numpy " in card
    assert "no single run gives the same weights" in card


def test_a_signal_that_ends_the_compiler_too_is_an_interruption(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiling(self: Training, number: int) -> dict[str, float]:
        if number == 2:
            signal.raise_signal(signal.SIGINT)
            raise RuntimeError("CppCompileError: g++ was killed")
        return step(self, number)

    step = Training._step
    monkeypatch.setattr(Training, "_step", compiling)
    with pytest.raises(KeyboardInterrupt):
        start(values, tmp_path / "run").run()


def test_what_was_compiled_by_half_is_one_sentence(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor.exc import InductorError

    def loading(self: Training, number: int) -> dict[str, float]:
        raise InductorError(ImportError("main.so: file too short"), None)

    monkeypatch.setattr(Training, "_step", loading)
    with pytest.raises(
        UsageError, match=r"cannot be used .*main\.so: file too short\); remove .* or set compile: false"
    ):
        start(values, tmp_path / "run").run()


def test_without_a_compiler_there_is_one_sentence(values: dict[str, Any], tmp_path: Path) -> None:
    import torch._inductor.config as inductor

    with (
        inductor.patch("cpp.cxx", (None, "no-such-compiler")),
        pytest.raises(UsageError, match=r"compile: true needs a C\+\+ compiler.*set compile: false"),
    ):
        start(values | {"compile": True}, tmp_path / "run")


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
