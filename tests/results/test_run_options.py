"""Hypotheses, steps and precision of a run: what they change, where they stand, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import refused, run
from safetensors.torch import save_file
from small_lifters import SMALL_LIFTERS, build
from torch import nn

import posebench
from posebench.datasets.library import data_root
from posebench.errors import LifterContractError, UsageError
from posebench.leaderboard.build import build as build_boards
from posebench.leaderboard.build import check
from posebench.leaderboard.collect import collect
from posebench.leaderboard.reproduce import reproduce
from posebench.prediction.create import load_lifter
from posebench.prediction.runner import AUTO_FRAMES, auto_batch_size
from posebench.registry.decorators import register_lifter
from posebench.results.record import Record, settings_words, write_record

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A small D3DP as a user's own file, which says of itself that it draws 2 hypotheses in 2 steps."""
    small = next(small for small in SMALL_LIFTERS if small.name == "d3dp")
    state = {name: value.contiguous() for name, value in build(small).module.state_dict().items()}
    file = tmp_path / "d3dp.safetensors"
    save_file(state, file, metadata={"posebench": json.dumps({"arch": "d3dp", "config": small.config})})
    return file


def test_hypotheses_and_steps_of_a_run(tiny: str, weights: Path, tmp_path: Path) -> None:
    record = posebench.evaluate(
        "d3dp", dataset="tiny", weights=weights, hypotheses=3, steps=2, predictions=tmp_path / "p"
    )
    settings = record.lifter.settings
    assert (settings.hypotheses, settings.steps, settings.precision) == (3, 2, "fp32")
    assert (record.asked.hypotheses, record.asked.steps, record.asked.precision) == (3, 2, "fp32")
    assert (record.lifter.config["hypotheses"], record.lifter.config["steps"]) == (3, 2)
    assert record.run.hypotheses == 3
    assert settings_words(record) == ["H=3", "K=2"]
    manifest = json.loads((tmp_path / "p" / "manifest.json").read_text())
    assert (manifest["settings"]["hypotheses"], manifest["settings"]["steps"]) == (3, 2)
    # One of them alone leaves the other as the file says.
    one = posebench.evaluate("d3dp", dataset="tiny", weights=weights, hypotheses=1, limit=30)
    assert (one.lifter.settings.hypotheses, one.lifter.settings.steps) == (1, 2)
    assert (one.asked.hypotheses, one.asked.steps) == (1, None)
    assert settings_words(one) == ["H=1", "K=2"]
    more = posebench.evaluate("d3dp", dataset="tiny", weights=weights, steps=4, limit=30)
    assert (more.lifter.settings.hypotheses, more.lifter.settings.steps) == (2, 4)


def test_other_sampling_or_precision_does_not_continue_a_folder(tiny: str, weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    posebench.predict("d3dp", folder, dataset="tiny", weights=weights, limit=5)
    for changed, message in (
        ({"hypotheses": 3}, r"another hypotheses \(2, asked 3\)"),
        ({"steps": 1}, r"another steps \(2, asked 1\)"),
        ({"precision": "bf16"}, r"another precision \('fp32', asked 'bf16'\)"),
    ):
        with pytest.raises(UsageError, match=message):
            posebench.predict("d3dp", folder, dataset="tiny", weights=weights, limit=5, **changed)
    # What the file has said all along, asked for, is no other setting.
    posebench.predict("d3dp", folder, dataset="tiny", weights=weights, limit=5, hypotheses=2, steps=2)


def test_a_lifter_that_does_not_sample_has_neither(tiny: str) -> None:
    settings = posebench.evaluate("videopose3d", dataset="tiny", limit=5).lifter.settings
    assert (settings.hypotheses, settings.steps, settings.precision) == (None, None, "fp32")
    for asked in ({"hypotheses": 2}, {"steps": 2}):
        with pytest.raises(UsageError, match=r"videopose3d\.open does not sample: leave --\w+ away.*d3dp"):
            posebench.evaluate("videopose3d", dataset="tiny", **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-m", "d3dp", "--hypotheses", "0"], "--hypotheses is 0; give 1 or more."),
        (["-m", "d3dp", "--hypotheses", "-1"], "--hypotheses is -1; give 1 or more."),
        (["-m", "d3dp", "--steps", "0"], "--steps is 0; give 1 to 1000."),
        (["-m", "d3dp", "--steps", "1001"], "--steps is 1001; give 1 to 1000."),
        (["-m", "videopose3d", "--hypotheses", "2", "--steps", "2"], "leave --hypotheses and --steps away"),
        (["-m", "videopose3d", "--precision", "fp16"], "--precision 'fp16' is not known; give fp32 or bf16."),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    tiny: str,
    own_data_folder: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    assert message in refused(capsys, 2, "run", "-d", "tiny", *options)
    # Neither was the data set prepared nor a folder of poses begun.
    assert not [path for path in data_root().rglob("*") if path.is_file()]
    assert message in refused(capsys, 2, "lift", str(tmp_path / "absent.json"), *options)
    with pytest.raises(UsageError):
        posebench.predict(
            options[1], tmp_path / "p", dataset="tiny",
            **{name[2:]: value if name == "--precision" else int(value) for name, value in zip(options[2::2], options[3::2], strict=True)},  # type: ignore[arg-type]
        )  # fmt: skip
    assert not (tmp_path / "p").exists()


def test_a_lifter_that_samples_must_say_how(tiny: str) -> None:
    @register_lifter("vague", spec=posebench.LifterSpec(samples=True))
    class Vague(nn.Module):
        def __init__(self, hypotheses: int = 2, steps: int = 2) -> None:
            super().__init__()

        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            return torch.zeros(len(inputs.keypoints), 1, 17, 3)

    with pytest.raises(LifterContractError, match="must have hypotheses and steps, and lacks steps"):
        posebench.evaluate("vague", dataset="tiny", hypotheses=2)
    assert posebench.evaluate("vague", dataset="tiny", hypotheses=2, steps=2, limit=5).lifter.settings.steps == 2


def test_an_automatic_batch_is_smaller_for_more_hypotheses(weights: Path) -> None:
    cpu = torch.device("cpu")
    few, many = (load_lifter("d3dp", weights, hypotheses=count) for count in (1, 20))
    assert auto_batch_size(cpu, few) == AUTO_FRAMES["cpu"] // 9
    assert auto_batch_size(cpu, many) == AUTO_FRAMES["cpu"] // 180
    assert auto_batch_size(cpu, load_lifter("d3dp", weights, hypotheses=1000)) == 1


@pytest.mark.parametrize("device", DEVICES)
def test_bfloat16_is_near_float32_and_another_setting(tiny: str, weights: Path, tmp_path: Path, device: str) -> None:
    poses = {}
    for precision in ("fp32", "bf16"):
        record = posebench.evaluate(
            "d3dp",
            dataset="tiny",
            weights=weights,
            precision=precision,
            device=device,
            predictions=tmp_path / precision,
        )
        assert record.lifter.settings.precision == record.asked.precision == precision
        assert settings_words(record) == ["H=2", "K=2", *(["bf16"] if precision == "bf16" else [])]
        folder = posebench.predict(
            "d3dp", tmp_path / precision, dataset="tiny", weights=weights, precision=precision, device=device
        )
        poses[precision] = folder.read("S2/sway/0/east").poses
        assert poses[precision].dtype == np.float32
    distance = np.abs(poses["bf16"] - poses["fp32"]).max()
    # Eight bits of a network's activations: 2 % of the largest coordinate, as the small lifters promise.
    assert 0 < distance <= 0.02 * np.abs(poses["fp32"]).max()


def test_under_bfloat16_a_lifter_sees_float32_and_its_poses_are_averaged_in_it(tiny: str, tmp_path: Path) -> None:
    seen: dict[str, object] = {}

    @register_lifter("probe", spec=posebench.LifterSpec())
    class Probe(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.map = nn.Linear(2, 3)
            with torch.no_grad():
                self.map.weight.fill_(0.3)

        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            poses: torch.Tensor = self.map(inputs.keypoints)
            seen.update(
                given=inputs.keypoints.dtype, confidence=inputs.confidence.dtype, noise=inputs.noise(1, 17, 3).dtype,
                made=poses.dtype, inference=torch.is_inference_mode_enabled(),
            )  # fmt: skip
            return poses

    folder = posebench.predict("probe", tmp_path / "p", dataset="tiny", precision="bf16", flip=True, limit=40)
    assert seen == {
        "given": torch.float32, "confidence": torch.float32, "noise": torch.float32,
        "made": torch.bfloat16, "inference": True,
    }  # fmt: skip
    poses = torch.from_numpy(folder.read("S2/sway/0/east").poses)
    # A mean of two bfloat16 has a bit more than they have.
    assert poses.dtype == torch.float32
    assert not torch.equal(poses, poses.bfloat16().float())


def test_two_samplings_and_two_precisions_are_rows_of_their_own(tiny: str, weights: Path, tmp_path: Path) -> None:
    boards = tmp_path / "boards"

    def keep(record: Record) -> Record:
        write_record(record, boards / "records" / record.location)
        return record

    options: tuple[dict[str, Any], ...] = (
        {},
        {"hypotheses": 3},
        {"steps": 1},
        {"precision": "bf16"},
        {"hypotheses": 3},
    )
    records = [keep(posebench.evaluate("d3dp", dataset="tiny", weights=weights, **asked)) for asked in options]
    named = {f"d3dp.h36m_243 ({words})" for words in ("H=2, K=2", "H=3, K=2", "H=2, K=1", "H=2, K=2, bf16")}
    (board,) = collect(boards / "records")
    honest = [row.lifter for row in board.rows["honest"]]
    assert len(honest) == len(named)
    assert set(honest) == named
    build_boards(boards)
    check(boards)
    page = (boards / "tiny" / "standard+gt@1.md").read_text()
    assert all(name in page for name in named)
    # A record of before these fields is the same row as one that says what they default to.
    plain = keep(posebench.evaluate("mean-pose", dataset="tiny"))
    older = plain.model_dump(mode="json") | {"id": "older", "created": "2020-01-01T00:00:00Z"}
    for name in ("hypotheses", "steps", "precision"):
        del older["lifter"]["settings"][name], older["asked"][name]
    keep(Record.model_validate(older))
    (board,) = collect(boards / "records")
    assert [row.record.id for row in board.rows["honest"] if row.lifter == "mean-pose.train_split"] == [plain.id]
    assert len(records) == len(options)


def test_a_row_is_run_again_as_it_was_run(tiny: str, tmp_path: Path) -> None:
    @register_lifter("sampler", spec=posebench.LifterSpec(samples=True))
    class Sampler(nn.Module):
        def __init__(self, hypotheses: int, steps: int) -> None:
            super().__init__()
            self.hypotheses, self.steps, self.map = hypotheses, steps, nn.Linear(3, 3, bias=False)
            with torch.no_grad():
                self.map.weight.copy_(torch.eye(3) * 0.9)

        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            poses = 300 * inputs.noise(self.hypotheses, 1, 17, 3)
            for _ in range(self.steps):
                poses = self.map(poses)
            return poses

    record = posebench.evaluate("sampler", dataset="tiny", hypotheses=3, steps=2, precision="bf16")
    path = write_record(record, tmp_path / "record.json")
    again = reproduce(path)
    again.require()
    assert again.after.run.predictions_sha256 == record.run.predictions_sha256
    assert again.after.lifter.settings == record.lifter.settings


def test_the_command_line(tiny: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "-m", "d3dp", "-d", "tiny", "--weights", str(weights), "--limit", "20"]
    command += ["--hypotheses", "3", "--steps", "1", "--precision", "bf16", "--records", str(tmp_path / "records")]
    assert "settings: H=3, K=1, bf16;" in " ".join(run(capsys, *command).split())
    record = json.loads(run(capsys, *command, "--json"))
    assert record["lifter"]["settings"] == {
        "flip": False, "resample": False, "heatmaps": None, "hypotheses": 3, "steps": 1, "precision": "bf16", "fast": None,
    }  # fmt: skip
    about = json.loads(run(capsys, "info", "d3dp", "--json"))
    assert about["samples (--hypotheses, --steps)"] is True
    assert json.loads(run(capsys, "info", "videopose3d", "--json"))["samples (--hypotheses, --steps)"] is False
    # Its own flip stays inside of its steps.
    assert "leave --flip away" in refused(capsys, 2, *command, "--flip")
