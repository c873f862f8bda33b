"""Windows: every frame once, edges repeated, tails as the spec says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.errors import UsageError
from posebench.prediction.spec import LifterSpec
from posebench.prediction.windows import plan_windows

FUTURE = ("future_frames",)


@st.composite
def specs(draw: st.DrawFn) -> LifterSpec:
    window = draw(st.integers(1, 30))
    tail = draw(st.sampled_from(["pad", "shift"]))
    stride = window if tail == "shift" else draw(st.one_of(st.none(), st.integers(1, window)))
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
