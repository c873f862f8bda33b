"""The command line as a user meets it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import run

from posebench.cli.main import run_command
from posebench.results.record import read_record


def test_run_writes_record_output_and_predictions_and_score_repeats_the_bits(
    tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(
        capsys, "run", "--model", "zero-depth", "--dataset", "tiny", "--keypoints", "simulated", "--device", "cpu", "--batch-size", "16",
        "--output", str(tmp_path / "o.json"), "--predictions", str(tmp_path / "p"), "--records", str(tmp_path / "r"),
    )  # fmt: skip
    assert "MPJPE" in out
    assert "sway" in out
    assert "assisted" in out
    record = read_record(tmp_path / "o.json")
    assert (tmp_path / "r" / record.location).exists()
    assert record.protocol.id == "tiny/standard+simulated@1"
    again = json.loads(run(capsys, "score", str(tmp_path / "p"), "--protocol", "tiny/standard", "--json"))
    assert again["results"] == record.model_dump(mode="json")["results"]
    assert again["by_group"] == record.model_dump(mode="json")["by_group"]
    assert again["predictions_sha256"] == record.run.predictions_sha256


def test_predictions_are_drawn(tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        capsys,
        "run",
        "-m",
        "zero-depth",
        "-d",
        "tiny",
        "--keypoints",
        "simulated-high",
        "--predictions",
        str(tmp_path / "p"),
    )
    run(capsys, "show", str(tmp_path / "p"), "--output", str(tmp_path / "p.png"))
    run(capsys, "show", str(tmp_path / "p"), "--sequence", "S2/sway/1/north", "--output", str(tmp_path / "q.svg"))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "q.svg").read_text()
    assert run_command(["show", str(tmp_path / "p"), "--sequence", "absent", "--output", str(tmp_path / "r.png")]) == 2
    assert run_command(["show", str(tmp_path / "p"), "--output", str(tmp_path / "r.bmp")]) == 2
    assert not list(tmp_path.glob("r.*"))


def test_run_prints_json_for_machines(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads(run(capsys, "run", "-m", "mean-pose", "-d", "tiny", "--limit", "10", "--json"))
    assert record["kind"] == "smoke"
    assert record["data"]["frames"] == 10


def test_trivial_predictors_on_the_embedded_set(capsys: pytest.CaptureFixture[str]) -> None:
    errors = {}
    for model, column in (("mean-pose", "honest"), ("zero-depth", "assisted")):
        record = json.loads(run(capsys, "run", "-m", model, "-d", "procedural", "--json"))
        assert record["data"]["frames"] == 30_000
        assert list(record["results"]) == [column]
        errors[model] = record["results"][column]["p-agg"]["mpjpe"]
    assert errors["zero-depth"] < errors["mean-pose"] < 400


def test_list_info_schema_and_data_list(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "videopose3d" in run(capsys, "list")
    assert {m["name"] for m in json.loads(run(capsys, "list", "mean*", "--json"))["models"]} == {
        "mean-pose.train_split"
    }
    assert "nothing" in run(capsys, "list", "zzz*").lower()
    model = json.loads(run(capsys, "info", "zero-depth", "--json"))
    assert model["privileges"] == ["intrinsics"]
    assert model["its columns"] == "assisted"
    protocol = json.loads(run(capsys, "info", "hdm05/standard+gt", "--json"))
    assert len(protocol["inputs hash"]) == len(protocol["scoring hash"]) == 64
    assert json.loads(run(capsys, "info", "tiny", "--json"))["frame rate"] == 50.0
    assert "licence" in run(capsys, "info", "hdm05")
    assert json.loads(run(capsys, "schema"))["title"] == "Record"
    states = {row["name"]: row["state"] for row in json.loads(run(capsys, "data", "list", "--json"))}
    assert states["hdm05"] == "missing"


def test_doctor_finds_this_installation_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert "versions" in run(capsys, "doctor")


def test_preparing_and_verifying_the_embedded_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert "fingerprint" in run(capsys, "data", "prepare", "procedural")
    assert all(check["passed"] for check in json.loads(run(capsys, "data", "verify", "procedural", "--json")))


def every_tag() -> list[str]:
    from posebench.registry.resolve import model_tags

    return [tag.name for tag in model_tags()]


@pytest.mark.parametrize("name", every_tag())
def test_mock_runs_every_registered_lifter(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    result = json.loads(run(capsys, "mock", name, "--json"))
    assert time.monotonic() - began < 10
    joints = 16 if name.startswith("semgcn.") else 17
    assert result["output_shape"][-2:] == [joints, 3]


def best_seconds(code: str, times: int = 7) -> float:
    """The fastest of several whole processes: what the code costs when nobody else uses the machine."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=os.environ)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def test_start_up_is_quick() -> None:
    assert best_seconds("import posebench") < 0.1
    assert best_seconds("from posebench.cli.main import run_command; run_command(['list'])") < 0.3


def test_listing_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from posebench.cli.main import run_command; run_command(['list']);"
        "print([m for m in ('torch', 'numpy', 'timm', 'scipy', 'matplotlib') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
