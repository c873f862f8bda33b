"""`posebench time` from end to end: tables, the record, what is refused, exit codes, an interruption."""

import json
from pathlib import Path

import cheating_lifters
import jsonschema
import pytest
import torch
from cheating_lifters import StopsWorking, register
from command_line import refused, run

from posebench.cli.main import run_command
from posebench.errors import UsageError
from posebench.timing import run as job
from posebench.timing.measure import WARM_UP_PASSES
from posebench.timing.options import TimingSettings
from posebench.timing.prepare import check_sampling, open_lifter
from posebench.timing.record import read_timing, timing_schema

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "timing.schema.json"
FAST = ("--dataset", "tiny", "--seconds", "0.1", "--batch-sizes", "1,4")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


def test_the_committed_schema_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(COMMITTED.read_text()) == timing_schema(), (
        "run `posebench schema --timing > docs/timing.schema.json`"
    )
    assert json.loads(run(capsys, "schema", "--timing"))["title"] == "TimingRecord"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the process that measures memory, which takes seconds to start."""
    monkeypatch.setattr(job, "measure_memory", lambda *_: "left away here")


def test_two_lifters_beside_each_other(
    alone: None, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = run(
        capsys, "time", "simple_baseline.open", "videopose3d.open", *FAST, "--device", "cpu", "--threads", "1",
        "--records", str(tmp_path), "--json",
    )  # fmt: skip
    value = json.loads(text)
    jsonschema.validate(value, json.loads(COMMITTED.read_text()))
    (path,) = tmp_path.rglob("*.json")
    record = read_timing(path)
    assert record.model_dump(mode="json") == value
    assert path == tmp_path / record.location
    assert (record.device, record.clock, record.environment.threads) == ("cpu", "perf_counter_ns", 1)
    assert record.valid
    single, sequence = record.rows
    ahead = single.look_ahead
    assert (single.clip_frames, ahead.clip_frames, ahead.clip_milliseconds, ahead.least_frames) == (1, 0, 0, 0)
    # Tiny data run at 50 Hz, and a temporal convolution of 27 frames sees 13 ahead of each frame of its clip.
    ahead = sequence.look_ahead
    assert (ahead.least_frames, ahead.least_milliseconds) == (13, 260)
    assert ahead.clip_frames == sequence.clip_frames - 1 + 13
    assert ahead.clip_milliseconds == 20 * ahead.clip_frames
    assert sequence.macs.per_output_frame == sequence.macs.per_clip / sequence.clip_frames
    for row in record.rows:
        assert [part.batch_size for part in row.batches] == [1, 4]
        assert row.memory == ()
        assert row.notes[-1] == "memory was not measured: left away here"
        assert row.honesty.clips_compared > 0
        assert [repeats.batch_size for repeats in row.honesty.repeats] == [1, 4]
        assert row.graphs is None
        for part in row.batches:
            laps = part.milliseconds
            assert part.clips_per_second == pytest.approx(part.batch_size * laps.count / part.seconds)
            assert part.frames_per_second <= row.clip_frames * part.clips_per_second * (1 + 1e-9)
    # Every clip of single frames is one unique frame.
    assert single.batches[1].frames_per_second == pytest.approx(single.batches[1].clips_per_second)
    assert [(ratio.row, ratio.batch_size) for ratio in record.ratios] == [
        ("videopose3d.open fp32", 1),
        ("videopose3d.open fp32", 4),
    ]
    assert record.machine.gpu_unread == "the device is no GPU"


def test_tables_and_a_lifter_that_cheats(
    alone: None, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cheating_lifters, "PATIENCE", WARM_UP_PASSES)
    register("suspect", StopsWorking)
    command = ("time", "zero-depth", "suspect", *FAST, "--device", "cpu", "--records", str(tmp_path))
    assert run_command(list(command)) == 1
    captured = capsys.readouterr()
    assert "NOT VALID" in captured.out
    assert "p50 ms" in captured.out
    assert "CPU" in captured.out
    assert "GPU" not in captured.out
    assert "memory was not measured: left away here" in captured.out
    assert captured.err.strip().splitlines()[-1].startswith("posebench: The times of suspect")
    (path,) = tmp_path.rglob("*.json")
    assert [row.honesty.valid for row in read_timing(path).rows] == [True, False]


def test_what_cannot_be_timed(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    cpu = ("--device", "cpu")
    assert "needs a GPU" in refused(capsys, 2, "time", "zero-depth", *FAST, *cpu, "--dtype", "tf32")
    assert "needs a GPU" in refused(capsys, 2, "time", "zero-depth", *FAST, *cpu, "--dtype", "fp16")
    assert "fp64" in refused(capsys, 2, "time", "zero-depth", *FAST, "--dtype", "fp64")
    assert "named twice" in refused(capsys, 2, "time", "zero-depth", "zero-depth", *FAST)
    assert "does not sample" in refused(capsys, 2, "time", "zero-depth", *FAST, "--hypotheses", "2")
    assert "--seconds" in refused(capsys, 2, "time", "zero-depth", *FAST[:2], "--seconds", "0")
    assert "must begin with 1" in refused(capsys, 2, "time", "zero-depth", "--dataset", "tiny", "--batch-sizes", "8")
    assert "--seconds" in refused(capsys, 2, "time", "zero-depth", *FAST[:2], "--seconds", "inf")
    assert "not a list of numbers" in refused(
        capsys, 2, "time", "zero-depth", "--dataset", "tiny", "--batch-sizes", "1,²"
    )
    assert "cannot be timed" in refused(capsys, 2, "time", "zero-depth", *FAST, "--device", "meta")
    assert "--dataset" in refused(capsys, 2, "time", "zero-depth")
    assert "contradict" in refused(
        capsys, 2, "time", "zero-depth", *FAST, "--weights", "a.safetensors", "--random-weights"
    )
    refused(capsys, 2, "time", "no-such-lifter", *FAST)
    refused(capsys, 2, "time", "zero-depth", "--dataset", "no-such-data")


def test_hypotheses_are_asked_of_those_that_sample(tiny: str) -> None:
    asked = TimingSettings(hypotheses=3)
    check_sampling(["zero-depth", "d3dp.h36m_243"], asked)
    with pytest.raises(UsageError, match="does not sample"):
        check_sampling(["zero-depth", "simple_baseline.open"], asked)
    assert "hypotheses" not in open_lifter("zero-depth", asked, None, False).config
    assert open_lifter("d3dp.h36m_243", asked, None, True).config["hypotheses"] == 3


def test_a_published_size_without_weights(
    alone: None, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("time", "poseformerv2.h36m_27_1_3", *FAST, "--device", "cpu", "--records", str(tmp_path))
    refused(capsys, 3, *command)
    row = json.loads(run(capsys, *command, "--random-weights", "--dtype", "fp32,bf16", "--json"))["rows"]
    assert [part["lifter"]["weights_origin"] for part in row] == ["random", "random"]
    assert [part["dtype"] for part in row] == ["fp32", "bf16"]


def test_an_interrupted_timing_leaves_no_record(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "measure", interrupt)
    threads = torch.get_num_threads()
    code = run_command(["time", "zero-depth", *FAST, "--device", "cpu", "--threads", "1", "--records", str(tmp_path)])
    assert code == 130
    assert "no record was written" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.json"))
    assert torch.get_num_threads() == threads


def test_compiled_gives_the_poses_of_the_scored_path(
    alone: None, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = torch.compile
    # Without generated code: a compiler is not on every machine, and slow.
    monkeypatch.setattr(torch, "compile", lambda call, **options: real(call, backend="aot_eager", **options))
    text = run(
        capsys, "time", "simple_baseline.open", *FAST, "--device", "cpu", "--compile", "--records", str(tmp_path), "--json"
    )  # fmt: skip
    (row,) = json.loads(text)["rows"]
    assert row["compile"]
    assert row["graphs"] == {"count": 1, "breaks": []}
    assert row["honesty"]["worst"] <= row["honesty"]["tolerance"]


@gpu
@pytest.mark.parametrize("dtype", ["fp32", "tf32", "bf16", "fp16"])
def test_on_a_gpu(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], dtype: str) -> None:
    text = run(
        capsys, "time", "videopose3d.open", *FAST, "--device", "cuda", "--dtype", dtype, "--records", str(tmp_path), "--json"
    )  # fmt: skip
    value = json.loads(text)
    assert (value["device"], value["clock"]) == ("cuda", "cuda-events")
    assert value["rows"][0]["honesty"]["valid"]
