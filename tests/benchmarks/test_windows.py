"""The windows of a sequence for a lifter, beside a loop that stacks them frame by frame."""

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from ratios import Beside
from torch import Tensor

from posebench.prediction.lifter import LifterInputs
from posebench.prediction.predict_sequence import window_batch
from posebench.prediction.spec import LifterSpec
from posebench.prediction.windows import plan_windows

#: A video of Human3.6M.
FRAMES = 2_511


def plain_windows(pixels: Tensor, confidence: Tensor, window: int, stride: int, device: str) -> tuple[Tensor, Tensor]:
    """The reference: one slice a window, as the public dataset classes have it; edge frames repeated."""
    before = (window - stride) // 2
    ends = (before, window - stride - before + stride * -(-FRAMES // stride) - FRAMES)
    padded = [
        torch.cat(
            [values[:1].expand(ends[0], *values.shape[1:]), values, values[-1:].expand(ends[1], *values.shape[1:])]
        )
        for values in (pixels, confidence)
    ]
    starts = range(0, FRAMES, stride)
    made = [torch.stack([values[start : start + window].clone() for start in starts]) for values in padded]
    return made[0].to(device), made[1].to(device)


@pytest.mark.parametrize(("window", "stride"), [(81, 1), (243, 27)])
def test_windows_of_a_sequence(
    beside: Beside, benchmark: BenchmarkFixture, window: int, stride: int, device: str, one_thread: None
) -> None:
    random = torch.Generator().manual_seed(0)
    pixels, confidence = torch.rand(FRAMES, 17, 2, generator=random), torch.rand(FRAMES, 17, generator=random)
    spec = LifterSpec(window=window, stride=stride, privileges=("future_frames",))
    size = torch.tensor([1000.0, 1000.0], device=device)
    shown = LifterInputs(pixels[None].to(device), confidence[None].to(device), size, 50.0)

    def ours() -> LifterInputs:
        plan = plan_windows(spec, FRAMES)
        return window_batch(shown, plan.inputs(np.arange(len(plan.starts))), (), torch.device(device))

    theirs, found = beside(
        lambda: plain_windows(pixels, confidence, window, stride, device), ours, least=1.5, device=device
    )
    assert torch.equal(found.keypoints, theirs[0])
    assert torch.equal(found.confidence, theirs[1])
