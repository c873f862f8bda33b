"""Windows: every frame once, edges repeated, tails as the spec says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import posebench
from posebench.errors import UsageError
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec
from posebench.prediction.windows import plan_windows
from posebench.protocols.open_sets import open_standard
from posebench.protocols.protocol import ProtocolFamily
from posebench.registry.decorators import register_lifter, register_protocol

FUTURE = ("future_frames",)


@st.composite
def specs(draw: st.DrawFn) -> LifterSpec:
    window = draw(st.integers(1, 30))
    tail = draw(st.sampled_from(["pad", "shift", "resample"]))
    stride = window if tail != "pad" else draw(st.one_of(st.none(), st.integers(1, window)))
    return LifterSpec(window=window, stride=stride, tail=tail, privileges=FUTURE)


@given(specs(), st.integers(1, 100), st.integers(1, 9))
def test_every_frame_is_predicted_exactly_once(spec: LifterSpec, frames: int, batch: int) -> None:
    plan = plan_windows(spec, frames)
    kept = [plan.outputs(windows)[:real][plan.keep[windows][:real]] for windows, real in plan.batches(batch)]
    assert sorted(np.concatenate(kept).tolist()) == list(range(frames))


@given(specs(), st.integers(1, 100))
def test_inputs_stay_in_the_sequence_and_outputs_see_themselves(spec: LifterSpec, frames: int) -> None:
    plan = plan_windows(spec, frames)
    everything = np.arange(len(plan.starts))
    inputs, outputs = plan.inputs(everything), plan.outputs(everything)
    assert inputs.min() >= 0
    assert inputs.max() < frames
    for shown, predicted, keep in zip(inputs, outputs, plan.keep, strict=True):
        assert set(predicted[keep]) <= set(shown)


def test_centre_frame_windows_repeat_the_edge_frames() -> None:
    plan = plan_windows(LifterSpec(window=5, stride=1, privileges=FUTURE), 4)
    assert plan.inputs(np.arange(4)).tolist() == [[0, 0, 0, 1, 2], [0, 0, 1, 2, 3], [0, 1, 2, 3, 3], [1, 2, 3, 3, 3]]
    assert plan.outputs(np.arange(4)).tolist() == [[0], [1], [2], [3]]


def test_a_convolution_gets_the_whole_sequence_padded_by_half_its_field() -> None:
    plan = plan_windows(LifterSpec(window=5, stride=None, privileges=FUTURE), 3)
    assert plan.inputs(np.array([0])).tolist() == [[0, 0, 0, 1, 2, 2, 2]]
    assert plan.outputs(np.array([0])).tolist() == [[0, 1, 2]]


def test_a_causal_convolution_pads_before_only() -> None:
    spec = LifterSpec(window=3, stride=None, offset=2)
    assert spec.look_ahead == 0
    assert plan_windows(spec, 3).inputs(np.array([0])).tolist() == [[0, 0, 0, 1, 2]]


def test_the_tail_rules_of_chunks() -> None:
    shift = plan_windows(LifterSpec(window=4, stride=4, tail="shift", privileges=FUTURE), 6)
    assert shift.starts.tolist() == [0, 2]
    assert shift.keep.tolist() == [[True] * 4, [False, False, True, True]]
    twice = plan_windows(LifterSpec(window=4, stride=4, tail="overlap-chunk", privileges=FUTURE), 6)
    assert twice.keep.all()
    short = plan_windows(LifterSpec(window=5, stride=5, tail="shift", privileges=FUTURE), 2)
    assert short.inputs(np.array([0])).tolist() == [[0, 0, 1, 1, 1]]
    assert short.outputs(np.array([0]))[short.keep].tolist() == [0, 1]


def test_a_short_sequence_is_stretched_and_the_last_prediction_of_a_frame_counts() -> None:
    spec = LifterSpec(window=7, stride=7, tail="resample", privileges=FUTURE)
    short = plan_windows(spec, 3)
    assert short.inputs(np.array([0])).tolist() == [[0, 0, 0, 1, 1, 2, 2]]
    assert short.outputs(np.array([0])).tolist() == [[0, 0, 0, 1, 1, 2, 2]]
    assert np.flatnonzero(short.keep).tolist() == [2, 4, 6]
    assert plan_windows(spec, 1).keep.tolist() == [[False] * 6 + [True]]


@given(st.integers(1, 300), st.integers(1, 300))
def test_stretching_is_the_rule_of_the_public_code(window: int, frames: int) -> None:
    spec = LifterSpec(window=window, stride=window, tail="resample", privileges=FUTURE)
    plan = plan_windows(spec, frames)
    if frames >= window:
        shift = plan_windows(LifterSpec(window=window, stride=window, tail="shift", privileges=FUTURE), frames)
        assert plan.starts.tolist() == shift.starts.tolist()
        assert plan.keep.tolist() == shift.keep.tolist()
        return
    inputs = plan.inputs(np.array([0]))[0]
    # np.linspace(0, frames, num=window, endpoint=False, dtype=int), in whole numbers
    assert inputs.tolist() == [place * frames // window for place in range(window)]
    written = {int(frame): row for row, frame in enumerate(inputs)}
    assert np.flatnonzero(plan.keep[0]).tolist() == [written[frame] for frame in range(frames)]


def test_batches_have_one_shape_and_the_last_is_filled() -> None:
    plan = plan_windows(LifterSpec(), 5)
    assert [(windows.tolist(), real) for windows, real in plan.batches(2)] == [([0, 1], 2), ([2, 3], 2), ([4, 4], 1)]
    assert [len(windows) for windows, _ in plan.batches(64)] == [5]


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 0},
        {"window": 3, "stride": 4},
        {"window": 3, "stride": 1},  # looks ahead without the privilege
        {"window": 3, "stride": 1, "tail": "shift", "privileges": FUTURE},
        {"window": 3, "stride": 1, "offset": 3},
        {"skeleton": "octopus"},
    ],
)
def test_an_impossible_spec_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        LifterSpec(**wrong)  # type: ignore[arg-type]


@given(specs(), st.integers(1, 100), st.data())
def test_windows_without_a_wanted_frame_are_left_out_and_no_other(
    spec: LifterSpec, frames: int, data: st.DataObject
) -> None:
    wanted = np.array(sorted(data.draw(st.sets(st.integers(0, frames - 1), min_size=1))))
    whole = plan_windows(spec, frames)
    plan = whole.only(wanted)
    assert (plan.starts == whole.starts[plan.number]).all()
    predicts = [
        bool(np.isin(whole.outputs(np.array([w]))[0][whole.keep[w]], wanted).any()) for w in range(len(whole.starts))
    ]
    assert plan.number.tolist() == np.flatnonzero(predicts).tolist()
    _, frame = plan.kept(wanted, by_frame=True)
    assert frame.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    "declared",
    [
        LifterSpec(window=5, stride=1, privileges=FUTURE),
        LifterSpec(window=9, stride=9, tail="shift", privileges=FUTURE),
        LifterSpec(window=9, stride=9, tail="overlap-chunk", privileges=FUTURE),
        LifterSpec(window=3, stride=None, privileges=FUTURE),
    ],
)
def test_every_eighth_frame_is_predicted_as_if_all_were_with_fewer_windows(
    tiny: str, tmp_path: Path, declared: LifterSpec
) -> None:
    lifted: list[int] = []

    class Counting(torch.nn.Module):
        def lift(self, inputs: LifterInputs) -> torch.Tensor:
            batch, frames = inputs.keypoints.shape[:2]
            rows = declared.stride or frames - declared.window + 1
            lifted.append(batch)
            # Of what it sees and of its own noise, number by number, so that no batch can change a bit.
            mean = inputs.keypoints.double().sum(dim=(1, 2, 3)).float()
            return mean[:, None, None, None, None] + inputs.noise(2, rows, 17, 3)

    register_lifter("counting", spec=declared)(Counting)

    @register_protocol("tiny/eighth")
    def eighth() -> ProtocolFamily:
        every = open_standard("tiny", default_source="gt", rule="eighth")
        return replace(every, inputs=replace(every.inputs, keep_every=8))

    whole = posebench.predict("counting", tmp_path / "whole", dataset="tiny", batch_size=3)
    windows = sum(lifted)
    lifted.clear()
    some = posebench.predict("counting", tmp_path / "some", protocol="tiny/eighth", batch_size=3)
    # A whole sequence in one window cannot be had for less.
    assert sum(lifted) < windows / 3 if declared.stride == 1 else sum(lifted) <= windows
    for name in ("S2/sway/0/east", "S2/turn/0/north", "S3/turn/0/east"):
        every, few = whole.read(name), some.read(name)
        kept = np.isin(every.frame, few.frame)
        assert sorted(set(few.frame)) == list(range(0, max(every.frame) + 1, 8))
        assert (every.poses[:, kept] == few.poses).all()
        assert (every.frame[kept] == few.frame).all()
