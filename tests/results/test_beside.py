"""Two ground truths are never shown alone: the rule beside is scored from the same predictions, into a record of its own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import TinyAdapter

import posebench
from posebench.cli.main import run_command
from posebench.datasets.adapter import Form
from posebench.datasets.clip import Clip
from posebench.protocols.open_sets import OPEN_SCORING, open_standard
from posebench.protocols.protocol import ProtocolFamily
from posebench.registry.decorators import register_dataset, register_protocol
from posebench.results.api import evaluate_beside
from posebench.results.record import read_records


@pytest.fixture
def two(registry: None, request: pytest.FixtureRequest) -> str:
    """A data set `two` whose second ground truth is 10 % larger; `request.param` says whether it is stored."""
    stored = getattr(request, "param", True)
    name = "two" if stored else "one-of-two"

    class Two(TinyAdapter):
        forms = (Form("", TinyAdapter.forms[0].skeleton, 50.0, truth="first"),)

        def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
            for clip in super().clips(source, form):
                views = []
                for view in clip.views:
                    poses = np.array(clip.world) + np.array([0.0, 0.0, 5000.0])
                    truths = {"second": poses * 1.1} if stored else {}
                    views.append(replace(view, poses=poses, truths=truths))
                yield replace(clip, world=None, views=tuple(views))

    Two.name = name
    register_dataset(name, summary="", licence="", obtain="", default_rule="first")(Two)
    for rule, other in (("first", "second"), ("second", "first")):

        def make(rule: str = rule, other: str = other) -> ProtocolFamily:
            family = open_standard(name, "gt", rule=rule)
            scoring = replace(OPEN_SCORING, rule=rule, truth=rule)
            return replace(family, scoring=scoring, beside=(f"{name}/{other}",))

        register_protocol(f"{name}/{rule}")(make)
    return name


def test_both_truths_are_scored_from_the_same_poses(two: str) -> None:
    first, second = evaluate_beside("mean-pose", dataset=two)
    assert [record.protocol.id for record in (first, second)] == ["two/first+gt@1", "two/second+gt@1"]
    assert first.run.predictions_sha256 == second.run.predictions_sha256
    assert first.protocol.inputs_hash == second.protocol.inputs_hash
    assert first.results != second.results
    assert posebench.evaluate("mean-pose", protocol=second.asked.protocol).results == second.results


def test_the_command_prints_and_records_both(two: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["run", "-m", "mean-pose", "-d", two, "--records", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.index("mean-pose.train_split on two/first+gt@1") < out.index("mean-pose.train_split on two/second+gt@1")
    assert {record.protocol.id for _, record in read_records(tmp_path)} == {"two/first+gt@1", "two/second+gt@1"}


@pytest.mark.parametrize("two", [False], indirect=True)
def test_a_truth_that_is_not_here_is_left_away(two: str) -> None:
    (record,) = evaluate_beside("mean-pose", dataset=two)
    assert record.protocol.id == "one-of-two/first+gt@1"
