"""`explain`: one prediction folder under every rule, and differences that add up."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import posebench
from posebench.cli.main import run_command
from posebench.datasets.library import load_dataset
from posebench.errors import UsageError
from posebench.prediction.folder import PredictionFolder
from posebench.protocols.open_sets import OPEN_SCORING
from posebench.protocols.protocol import Protocol, ProtocolFamily
from posebench.protocols.resolve import resolve_protocol
from posebench.protocols.variants import alternatives, default_path, path_between
from posebench.registry.decorators import register_lifter, register_protocol
from posebench.results.explain import explain
from posebench.results.score import score_predictions


@pytest.fixture
def folder(tiny: str, tmp_path: Path) -> PredictionFolder:
    """Predictions of a lifter whose root is off and whose chunks overlap: every rule gives another number."""

    @register_lifter(
        "sloppy", spec=posebench.LifterSpec(window=16, stride=16, tail="overlap-chunk", privileges=("future_frames",))
    )
    class Sloppy(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            x = inputs.keypoints - inputs.keypoints[:, :, :1] + 3
            ramp = torch.linspace(0, 30, 16)[None, :, None, None]
            return torch.cat([x * 4 + ramp, 0 * x[..., :1]], dim=-1)

    return posebench.predict("sloppy", tmp_path / "p", dataset="tiny")


def start() -> Protocol:
    return resolve_protocol(None, "tiny")


def test_each_rule_alone_is_what_scoring_under_it_gives(folder: PredictionFolder) -> None:
    dataset = load_dataset("tiny")
    result = explain(folder, dataset, start())
    named = {a.name: rule for a, rule in alternatives(OPEN_SCORING, "overlap-chunk")}
    assert [effect.name for effect in result.alone] == list(named)
    for effect in result.alone:
        rule = named[effect.name]
        alone = score_predictions(folder, dataset, replace(start(), scoring=rule)).headline.overall["p-agg"]
        for place, metric in enumerate(OPEN_SCORING.metrics):
            if metric in effect.values:
                assert effect.values[metric] == alone[rule.metrics[place]], (effect.name, metric)
                assert effect.differences[metric] == effect.values[metric] - result.start[metric]
    moved = {effect.name for effect in result.alone if any(abs(d) > 1e-9 for d in effect.differences.values())}
    assert {
        "all predictions of a frame",
        "root set to 0",
        "root subtracted",
        "without the root",
        "all frames pooled",
    } <= moved


def test_the_steps_of_a_path_add_up(folder: PredictionFolder) -> None:
    result = explain(folder, load_dataset("tiny"), start())
    assert len(result.path) == len(default_path(OPEN_SCORING, "overlap-chunk"))
    for metric, value in result.start.items():
        total = sum(step.differences.get(metric, 0.0) for step in result.path)
        assert value + total == pytest.approx(result.path[-1].values[metric], rel=1e-9)


def test_a_path_to_another_rule_ends_at_its_numbers(folder: PredictionFolder) -> None:
    changed = replace(
        OPEN_SCORING, rule="pooled", root="subtracted", averaging="frames", joints=OPEN_SCORING.joints[1:]
    )

    @register_protocol("tiny/pooled")
    def pooled() -> ProtocolFamily:
        family = resolve_protocol(None, "tiny")
        return ProtocolFamily("tiny/pooled", family.inputs, changed, {"gt": "1"})

    @register_protocol("tiny/univ")
    def univ() -> ProtocolFamily:
        family = resolve_protocol(None, "tiny")
        return ProtocolFamily(
            "tiny/univ", family.inputs, replace(OPEN_SCORING, rule="univ", truth="univ_annot3"), {"gt": "1"}
        )

    dataset = load_dataset("tiny")
    target = resolve_protocol("tiny/pooled")
    result = explain(folder, dataset, start(), target)
    assert [step.name for step in result.path] == [
        "root: subtracted instead of as-predicted",
        "16 instead of 17 joints",
        "averaging: frames instead of actions",
    ]
    # A registered rule of the data set is among those tried alone; one that needs another ground truth is not.
    alone = {effect.name: effect for effect in result.alone}
    assert "tiny/univ" not in alone
    there = score_predictions(folder, dataset, target).headline.overall["p-agg"]
    assert result.path[-1].values["mpjpe"] == there["mpjpe"]
    assert alone["tiny/pooled"].values["mpjpe"] == there["mpjpe"]
    assert path_between(OPEN_SCORING, OPEN_SCORING) == []


def test_a_target_of_other_inputs_is_refused(folder: PredictionFolder) -> None:
    with pytest.raises(UsageError, match="other inputs"):
        explain(folder, load_dataset("tiny"), start(), resolve_protocol("tiny/standard+simulated"))


def test_the_command_line(folder: PredictionFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["explain", str(folder.path), "--output", str(tmp_path / "w.png")]) == 0
    assert "root subtracted" in capsys.readouterr().out
    assert (tmp_path / "w.png").read_bytes().startswith(b"\x89PNG")
    assert run_command(["explain", str(folder.path), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["start"]["mpjpe"] == posebench.score(folder.path).headline.overall["p-agg"]["mpjpe"]
    assert run_command(["explain", str(folder.path), "--output", str(tmp_path / "w.bmp")]) == 2
    assert run_command(["explain", str(tmp_path)]) == 3


def test_a_lifter_that_predicts_every_frame_once_has_no_step_for_repeats() -> None:
    assert "all predictions of a frame" not in [
        alternative.name for alternative, _ in alternatives(OPEN_SCORING, "pad")
    ]


def test_clips_that_a_rule_leaves_out_are_neither_scored_nor_explained(folder: PredictionFolder) -> None:
    blocked = replace(OPEN_SCORING, rule="blocked", left_out=("S2/turn/0", "S2/sway/1"))

    @register_protocol("tiny/blocked")
    def block() -> ProtocolFamily:
        return ProtocolFamily("tiny/blocked", resolve_protocol(None, "tiny").inputs, blocked, {"gt": "1"})

    dataset = load_dataset("tiny")
    scores = score_predictions(folder, dataset, resolve_protocol("tiny/blocked"))
    assert {row.id.rpartition("/")[0] for row in scores.sequences} == {"S2/sway/0", "S3/turn/0"}
    alone = {effect.name: effect for effect in explain(folder, dataset, start()).alone}
    assert alone["tiny/blocked"].values["mpjpe"] == scores.headline.overall["p-agg"]["mpjpe"]
    assert alone["tiny/blocked"].differences["mpjpe"] != 0
