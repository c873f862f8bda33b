"""A whole evaluation of public code: its data files prepared, its checkpoint converted and run, its printed numbers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from posebench.cli.main import run_command
from posebench.results.api import score

TOLERANCE = {"mpjpe": 1e-4, "p_mpjpe": 1e-4, "n_mpjpe": 1e-4, "mpjve": 1e-3}


@dataclass(frozen=True)
class Place:
    """A data folder with the public files prepared, and where they came from."""

    source: Path
    work: Path

    def evaluate(self, codebase: str, rule: str, *options: str) -> dict[str, Any]:
        """Convert a codebase's checkpoint, run it under a rule; returns the record. The poses stay in `work / codebase`."""
        weights, record = self.work / f"{codebase}.safetensors", self.work / "record.json"
        must("convert", codebase, str(self.source / codebase / "checkpoint.bin"), "--output", str(weights))
        must(
            "run", "--model", codebase, "--protocol", f"human36m/{rule}", "--weights", str(weights), "--device", "cpu",
            "--output", str(record), *options,
        )  # fmt: skip
        made: dict[str, Any] = json.loads(record.read_text())
        return made

    def expected(self, codebase: str) -> dict[str, Any]:
        """What the public code printed."""
        printed: dict[str, Any] = json.loads((self.source / codebase / "expected.json").read_text())
        return printed


def must(*arguments: str) -> None:
    assert run_command(list(arguments)) == 0


@pytest.fixture(scope="module")
def place(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    work = tmp_path_factory.mktemp("end-to-end")
    source = shared / "conformance/end_to_end"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEBENCH_DATA", str(work / "data"))
        must("data", "prepare", "human36m", "--source", str(source / "videopose3d"))
        yield Place(source, work)


def check(ours: dict[str, float], printed: dict[str, float]) -> None:
    assert printed.keys() == TOLERANCE.keys()
    for metric, value in printed.items():
        assert ours[metric] == pytest.approx(value, rel=TOLERANCE[metric], abs=0), metric


def check_record(record: dict[str, Any], printed: dict[str, Any]) -> None:
    """Every action, and the mean over actions."""
    check(record["results"]["honest"]["p-agg"], printed["action_average"])
    assert record["by_group"].keys() == printed["per_action"].keys()
    for action, numbers in printed["per_action"].items():
        check(record["by_group"][action]["honest"]["p-agg"], numbers)


@pytest.mark.parametrize(("flip", "printed"), [("--flip", "with_flip"), ("--no-flip", "without_flip")])
def test_videopose3d(flip: str, printed: str, place: Place) -> None:
    record = place.evaluate("videopose3d", "videopose3d", flip)
    expected = place.expected("videopose3d")
    check_record(record, expected[printed])
    assert record["lifter"]["config"] == {"filter_widths": [3, 3, 3], "channels": 64}


def test_videopose3d_by_root_rule(place: Place) -> None:
    poses = place.work / "poses-videopose3d"
    place.evaluate("videopose3d", "videopose3d", "--flip", "--predictions", str(poses))
    printed = place.expected("videopose3d")["with_flip_action_average_by_root_rule"]
    for rule, name in (("videopose3d", "left"), ("zeroed-root", "zeroed"), ("subtracted-root", "subtracted")):
        check(score(poses, f"human36m/{rule}").headline.overall["p-agg"], printed[name])


def test_mixste_and_the_number_without_doubled_frames(place: Place) -> None:
    """Frames of the overlapping last chunk count twice for MixSTE and once beside it, from the same predictions."""
    poses = place.work / "poses-mixste"
    record = place.evaluate("mixste", "mixste", "--flip", "--predictions", str(poses))
    check_record(record, place.expected("mixste")["with_flip"])
    once = score(poses, "human36m/videopose3d").headline.overall["p-agg"]
    doubled = record["results"]["honest"]["p-agg"]
    # Velocities across chunk borders are MixSTE's own; positions differ by the weight of the doubled frames alone.
    assert once["mpjve"] < doubled["mpjve"]
    assert once["mpjpe"] != doubled["mpjpe"]
    assert once["mpjpe"] == pytest.approx(doubled["mpjpe"], rel=1e-2)
