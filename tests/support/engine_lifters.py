"""Lifters and a data set that a worker process can import: each does something that engines must cope with.

Importing the module registers all; `POSEBENCH_TEST_KILL` names a file, and the
lifter `fragile` kills its process on one sequence as long as the file is not
there, after making it; `POSEBENCH_TEST_COUNT` one to which `counting` adds a
byte a pass.
"""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import torch
from tiny import TinyAdapter
from torch import Tensor, nn

from posebench.datasets.adapter import Adapter
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.spec import LifterSpec
from posebench.protocols.open_sets import open_standard
from posebench.protocols.protocol import ProtocolFamily
from posebench.registry.decorators import register_dataset, register_lifter, register_protocol

KILL = "POSEBENCH_TEST_KILL"
COUNT = "POSEBENCH_TEST_COUNT"
SPEC = LifterSpec(window=9, stride=9, tail="shift", privileges=("future_frames",))
#: Frames of the sequence on which things go wrong, as the test data set has one of them a camera.
BAD_FRAMES = 25


class Linear(nn.Module):
    """A linear map of the window with weights of its own: real arithmetic, and no file of weights."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.map = nn.Linear(34, 51)

    def poses(self, inputs: LifterInputs) -> Tensor:
        batch, frames = inputs.keypoints.shape[:2]
        poses: Tensor = self.map(inputs.keypoints.flatten(2) / 500).view(batch, 1, frames, 17, 3) * 200
        return poses


@register_lifter("plain", spec=SPEC)
class Plain(Linear):
    def lift(self, inputs: LifterInputs) -> Tensor:
        return self.poses(inputs)


@register_lifter(
    "sampling",
    spec=lambda _: LifterSpec(window=9, stride=9, tail="shift", privileges=("future_frames",), samples=True),
)
class Sampling(Linear):
    def __init__(self, hypotheses: int = 4, steps: int = 1) -> None:
        super().__init__()
        self.hypotheses, self.steps = hypotheses, steps

    def lift(self, inputs: LifterInputs) -> Tensor:
        frames = inputs.keypoints.shape[1]
        return self.poses(inputs) + 50 * inputs.noise(self.hypotheses, frames, 17, 3)


@register_lifter("fragile", spec=LifterSpec())
class Fragile(nn.Module):
    def lift(self, inputs: LifterInputs) -> Tensor:
        marker = os.environ.get(KILL)
        if marker and _is_bad(inputs) and not Path(marker).exists():
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return _flat(inputs)


@register_lifter("counting", spec=LifterSpec())
class Counting(nn.Module):
    def lift(self, inputs: LifterInputs) -> Tensor:
        with Path(os.environ[COUNT]).open("ab") as file:
            file.write(b".")
        return _flat(inputs)


@register_lifter("deadly", spec=LifterSpec())
class Deadly(nn.Module):
    def lift(self, inputs: LifterInputs) -> Tensor:
        if _is_bad(inputs):
            os.kill(os.getpid(), signal.SIGKILL)
        return _flat(inputs)


@register_lifter("failing", spec=LifterSpec())
class Failing(nn.Module):
    def lift(self, inputs: LifterInputs) -> Tensor:
        if _is_bad(inputs):
            raise RuntimeError("the shapes do not fit\nand more lines")
        return _flat(inputs)


@register_lifter("nan", spec=LifterSpec())
class Nan(nn.Module):
    def lift(self, inputs: LifterInputs) -> Tensor:
        return _flat(inputs) / (0 if _is_bad(inputs) else 1)


def _is_bad(inputs: LifterInputs) -> bool:
    return len(inputs.keypoints) == BAD_FRAMES


def _flat(inputs: LifterInputs) -> Tensor:
    frames = (inputs.keypoints - inputs.keypoints[:, :, :1]) * 5
    return torch.cat([frames, torch.zeros_like(frames[..., :1])], dim=-1)


@register_dataset("tiny", summary="for tests", licence="none", obtain="nothing to get")
def tiny_adapter() -> Adapter:
    return TinyAdapter()


@register_protocol("tiny/standard")
def tiny_standard() -> ProtocolFamily:
    return open_standard("tiny", default_source="gt")


@register_protocol("tiny/one")
def tiny_one() -> ProtocolFamily:
    return replace(open_standard("tiny", default_source="gt", rule="one"), beside=("tiny/two",))


@register_protocol("tiny/two")
def tiny_two() -> ProtocolFamily:
    return replace(open_standard("tiny", default_source="gt", rule="two"), beside=("tiny/one",))


def process_of(item: int) -> int:
    """Work for an engine: in which process it is done."""
    time.sleep(0.05)
    return os.getpid() + 0 * item
