"""Asking a lifter what the motion is: which windows are asked, what they are shown, and what is no answer."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posebench.datasets.library import load_dataset
from posebench.errors import LifterContractError, NotFiniteError, UsageError
from posebench.inputs.frames import wanted_frames
from posebench.inputs.sources import find_source
from posebench.prediction.create import load_lifter
from posebench.prediction.describe import SequenceDescription, describe_sequences
from posebench.prediction.lifter import Described, LifterInputs
from posebench.prediction.runner import RunSettings
from posebench.prediction.spec import LifterSpec
from posebench.prediction.windows import plan_windows
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.decorators import register_lifter

NAMES = ("left", "right")
SEEN: list[LifterInputs] = []


def left_or_right(inputs: LifterInputs) -> Tensor:
    """How probable it is that a window's person is left of the middle, and right of it."""
    share = (inputs.keypoints[..., 0].mean((1, 2)) / inputs.image_size[0]).clamp(0, 1)
    return torch.stack([1 - share, share], dim=-1)


class Sided(nn.Module):
    def lift(self, inputs: LifterInputs) -> Tensor:
        return torch.zeros(*inputs.keypoints.shape[:-1], 3)

    def describe(self, inputs: LifterInputs) -> Described:
        SEEN.append(inputs)
        return Described(NAMES, left_or_right(inputs))

    def label_of(self, dataset: str, action: str) -> str | None:
        return None


def sided(answer: Any = None, **spec: Any) -> type[nn.Module]:
    """Register a lifter `sided` that gives this answer."""
    chunks = {"window": 10, "stride": 10, "tail": "overlap-chunk", "privileges": ("future_frames",), "describes": True}
    declared = LifterSpec(**{**chunks, **spec})

    @register_lifter("sided", spec=declared)
    class Made(Sided):
        def describe(self, inputs: LifterInputs) -> Described:
            return super().describe(inputs) if answer is None else answer(inputs)  # type: ignore[no-any-return]

    return Made


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    SEEN.clear()
    yield
    SEEN.clear()


def ask(dataset: str, **settings: Any) -> list[SequenceDescription]:
    chosen = resolve_protocol(None, dataset, "gt")
    return describe_sequences(load_lifter("sided"), load_dataset(dataset), chosen.inputs, RunSettings(**settings))


@pytest.mark.parametrize(
    "spec", [{}, {"window": 9, "stride": 1, "tail": "pad"}, {"window": 9, "stride": None, "tail": "pad"}]
)
@pytest.mark.parametrize("batch_size", [None, 3])
def test_every_window_is_asked_once_whatever_the_batch(tiny: str, spec: dict[str, Any], batch_size: int | None) -> None:
    made = sided(**spec)
    described = ask(tiny, batch_size=batch_size)
    data = load_dataset(tiny)
    assert [item.info for item in described] == list(data.sequences("test"))
    declared = load_lifter("sided").spec
    for item in described:
        plan = plan_windows(declared, item.info.frames)
        shown = find_source("gt").read(data.read(item.info))
        expected = shown.pixels[plan.inputs(np.arange(len(plan.starts))), :, 0].mean((1, 2)) / shown.image_size[0]
        np.testing.assert_allclose(item.scores, np.stack([1 - expected, expected], -1), atol=1e-5)
        assert item.names == NAMES
    assert made is type(load_lifter("sided").module)


def test_only_windows_with_a_wanted_frame_count(tiny: str) -> None:
    sided()
    # Of the first sequence 40 frames in 4 windows, of the second 5 of 40.
    described = ask(tiny, limit=45)
    wanted = wanted_frames(load_dataset(tiny), resolve_protocol(None, tiny, "gt").inputs, 45)
    assert [len(item.frames) for item in wanted] == [40, 5]
    assert [item.scores.shape for item in described] == [(4, 2), (1, 2)]


def test_the_action_is_not_told_even_where_it_is_granted(tiny: str) -> None:
    # No protocol of the tiny set grants it.
    sided(privileges=("future_frames", "action_label"))
    inputs = resolve_protocol(None, tiny, "gt").inputs
    granting = replace(inputs, grants=tuple(sorted((*inputs.grants, "action_label"))))
    describe_sequences(load_lifter("sided"), load_dataset(tiny), granting, RunSettings(limit=20))
    assert SEEN
    assert all(seen.action is None for seen in SEEN)


@pytest.mark.parametrize(("fps", "resampled"), [(25.0, 3), (50.0, 4), (None, None)])
def test_at_the_lifter_s_own_frame_rate(tiny: str, fps: float | None, resampled: int | None) -> None:
    sided(tail="shift", fps=fps)
    # 40 frames of 50 Hz are 21 of 25 Hz: three windows of ten, where there were four.
    assert [len(item.scores) for item in ask(tiny, limit=40)] == [4]
    if resampled is None:
        with pytest.raises(UsageError, match="has no training frame rate to resample to"):
            ask(tiny, resample=True)
    else:
        assert [len(item.scores) for item in ask(tiny, limit=40, resample=True)] == [resampled]


def test_bfloat16_is_autocast_there_too(tiny: str) -> None:
    seen: list[bool] = []

    def answer(inputs: LifterInputs) -> Described:
        seen.append(torch.is_autocast_enabled("cpu"))
        return Described(NAMES, left_or_right(inputs).bfloat16())

    sided(answer)
    described = ask(tiny, limit=10, precision="bf16")
    assert seen == [True]
    assert described[0].scores.dtype == np.float64


def _other_names_later() -> Any:
    asked: list[int] = []

    def answer(inputs: LifterInputs) -> Described:
        asked.append(1)
        return Described(NAMES if len(asked) == 1 else NAMES[::-1], left_or_right(inputs))

    return answer


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (lambda i: Described((), torch.zeros(len(i.keypoints), 0)), LifterContractError, "by no names, or by one name twice"),
        (lambda i: Described(("a", "a"), left_or_right(i)), LifterContractError, "by no names, or by one name twice"),
        (lambda i: Described(("a",), left_or_right(i)), LifterContractError, r"of shape \(4, 2\); \(4 windows, 1 names\)"),
        (lambda i: Described(NAMES, left_or_right(i)[0]), LifterContractError, r"of shape \(2,\)"),
        (lambda i: Described(NAMES, left_or_right(i) * 2), LifterContractError, "no probabilities: those of a window"),
        (lambda i: Described(NAMES, left_or_right(i) - torch.tensor([9.0, -9.0])), LifterContractError, "no probabilities"),
        (lambda i: Described(NAMES, left_or_right(i) * torch.nan), NotFiniteError, "S2/sway/0/east by NaN or infinity"),
        (_other_names_later(), LifterContractError, "by other names than the window before"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_one_sentence(tiny: str, answer: Any, error: type[Exception], message: str) -> None:
    sided(answer)
    with pytest.raises(error, match=message):
        ask(tiny)


def test_a_lifter_must_declare_it_and_do_it(tiny: str) -> None:
    sided(describes=False)
    with pytest.raises(
        UsageError,
        match=r"sided.default infers no action from the keypoints.*choose a lifter that does \(dreampose3d\)",
    ):
        ask(tiny)

    @register_lifter("mute", spec=LifterSpec(describes=True))
    class Mute(nn.Module):
        def lift(self, inputs: LifterInputs) -> Tensor:
            return torch.zeros(*inputs.keypoints.shape[:-1], 3)

    chosen = resolve_protocol(None, tiny, "gt")
    with pytest.raises(
        LifterContractError, match=r"mute.default declares that it describes, but has no methods describe"
    ):
        describe_sequences(load_lifter("mute"), load_dataset(tiny), chosen.inputs, RunSettings())
