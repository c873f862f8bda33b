"""The contract between the runner and a lifter: what it is shown, what it returns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from posebench.datasets.sequence import Sequence
from posebench.prediction.lazy_heatmaps import LazyHeatmaps
from posebench.prediction.lazy_streams import LazyStreams, Streams


@dataclass(frozen=True)
class LifterInputs:
    """A batch of windows of one sequence, on the lifter's device, float32.

    `keypoints`
        (batch, frames, joints, 2) pixels; NaN only for a lifter that declares `accepts_missing`.
    `confidence`
        (batch, frames, joints) in [0, 1]; 0 where the joint was missing, also when it was interpolated.
    `image_size`
        (2,) width and height in pixels.
    `fps`
        Frame rate of the sequence.
    `lens`
        (9,) f, c, k, p as `Camera.lens`; only with the privilege `intrinsics`.
    `root_depth`
        (batch, frames) true depth of joint 0 in mm; only with the privilege `root_depth`.
    `heatmaps`
        Where each joint may be in the image, drawn when `heatmaps.read` asks; only with the privilege `heatmaps`.
    `action`
        The action's name; only with the privilege `action_label`.
    `noise_streams`
        One CPU generator a window, named by (seed, sequence, window).
    """

    keypoints: Tensor
    confidence: Tensor
    image_size: Tensor
    fps: float
    lens: Tensor | None = None
    root_depth: Tensor | None = None
    heatmaps: LazyHeatmaps | None = None
    action: str | None = None
    noise_streams: Streams | LazyStreams = ()

    def noise(self, *shape: int) -> Tensor:
        """Standard normal noise (batch, *shape), drawn on the CPU so that devices and shards share it."""
        drawn = [torch.randn(shape, generator=stream) for stream in self.noise_streams]
        return torch.stack(drawn).to(self.keypoints.device)


@dataclass(frozen=True)
class Lifted:
    """What a lifter may return beside bare poses.

    `poses`
        (batch, hypotheses, frames, joints, 3).
    `root`
        The estimated root in camera mm: (batch, frames, 3) of all hypotheses together, or
        (batch, hypotheses, frames, 3) of each.
    `weight`
        (batch, hypotheses, frames); sums to 1 over hypotheses.
    `lens`
        (9,) f, c, k, p as `Camera.lens`: the lens by which root and poses project to where the lifter thinks that
        the joints are seen. The same for all windows of a sequence.
    """

    poses: Tensor
    root: Tensor | None = None
    weight: Tensor | None = None
    lens: Tensor | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> "Lifted":
        """With every tensor that there is changed."""
        parts = (self.poses, self.root, self.weight, self.lens)
        return Lifted(*(None if part is None else change(part) for part in parts))  # type: ignore[arg-type]


@runtime_checkable
class Lifter(Protocol):
    """A plain `torch.nn.Module` with `lift`.

    It returns (batch, frames, joints, 3), or (batch, hypotheses, frames,
    joints, 3), or `Lifted`, in the space its `LifterSpec` declares; frames are
    the spec's stride.
    """

    def lift(self, inputs: LifterInputs) -> Tensor | Lifted:
        """Lift a batch of windows."""
        ...


@dataclass(frozen=True)
class Described:
    """What a lifter takes the motion of windows to be.

    `names` are its own, in plain English; `scores` (batch, names) is how
    probable each is, so that a row sums to 1.
    """

    names: tuple[str, ...]
    scores: Tensor


@runtime_checkable
class DescribingLifter(Lifter, Protocol):
    """A lifter that infers from the keypoints what the motion is (`LifterSpec.describes`).

    Asked only by `posebench run --show-prompts`, in passes of their own: what `lift` returns cannot depend on it.
    """

    def describe(self, inputs: LifterInputs) -> Described:
        """What the motion of each window of a batch seems to be; `inputs.action` is always None."""
        ...

    def label_of(self, dataset: str, action: str) -> str | None:
        """Which of its names a data set's action has, for comparison alone; None if it has no name for it."""
        ...


@runtime_checkable
class FittedLifter(Lifter, Protocol):
    """A lifter that is fitted on the training split of the data set at hand (`LifterSpec.fitted`)."""

    def fit(self, sequences: Iterable[Sequence]) -> None:
        """Read the training sequences once."""
        ...
