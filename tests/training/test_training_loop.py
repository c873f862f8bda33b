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
from training_runs import same, start

from posebench.errors import DataDamagedError, NotFiniteError, UsageError
from zoo.training.config import FLIP_THEMSELVES
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
        "flip": arch not in FLIP_THEMSELVES,
        "loss": {"bone": 0.2, "action": 0.05, "temporal": 0.1} if arch == "dreampose3d" else {},
    }
    return values


@pytest.mark.parametrize("arch", OTHERS)
def test_every_architecture_learns(values: dict[str, Any], tmp_path: Path, arch: str) -> None:
    values |= {"steps": 60, "batch_size": 32, "warmup_steps": 5, "validate_every": 20, "ema_decay": 0.8}
    values = with_lifter(values, arch)
    state = start(values, tmp_path / "run").run()
    # A prior lifts nothing: it learns what noise is.
    part, most = ("noise", 0.8) if arch == "heatmap_diffusion" else ("train", 0.6)
    assert state.history[-1][part] < most * state.history[0][part]
    assert state.best_score < state.history[0]["validation"]


def test_a_compiled_run_learns_the_same(values: dict[str, Any], tmp_path: Path) -> None:
    values = with_lifter(values, "mixste")
    values["lifter"]["config"]["drop_path"] = 0.0
    plain = start(values, tmp_path / "plain").run()
    compiled = start({**values, "compile": True}, tmp_path / "compiled").run()
    assert compiled.best_score == pytest.approx(plain.best_score, rel=1e-3)
    assert compiled.best.keys() == plain.best.keys()


@pytest.mark.parametrize("arch", ["videopose3d", "simple_baseline", "mixste", "dreampose3d"])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    values: dict[str, Any], tmp_path: Path, arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
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
