"""Batches by pure indexing: batch n is a function of seed and n, so a resumed run draws what it would have drawn."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from posebench.prediction.spec import LifterSpec
from posebench.seeding import frozen_generator
from zoo.training.renditions import Renditions


@dataclass(frozen=True)
class TrainingBatch:
    """Windows and what they are learned from.

    `windows`
        (batch, window, 17, 2), normalised.
    `confidence`
        (batch, window, 17) in [0, 1].
    `poses`
        (batch, margin + outputs + margin, 17, 3) root-relative mm: the frames that a window returns, and frames
        beyond them on both sides.
    `inside`
        bool (batch, margin + outputs + margin): False where a rendition had ended and its edge frame is repeated.
    `actions`
        int64 (batch,): labels, as the configuration's vocabulary numbers them; zeros where there is none.
    `margin`
        Frames beyond the returned ones on each side.
    """

    windows: Tensor
    confidence: Tensor
    poses: Tensor
    inside: Tensor
    actions: Tensor
    margin: int = 0

    @property
    def returned(self) -> Tensor:
        """(batch, outputs, 17, 3): the poses of the frames that a window returns."""
        return self.poses[:, self.margin : self.poses.shape[1] - self.margin]

    def around(self, count: int) -> Tensor:
        """(batch, outputs, count, 17, 3): `count` consecutive poses about each returned frame, up to 1 + 2 * margin."""
        return self._about(self.poses, count)

    def inside_around(self, count: int) -> Tensor:
        """bool (batch, outputs, count): which of `around` are frames of the rendition."""
        return self._about(self.inside, count)

    def _about(self, values: Tensor, count: int) -> Tensor:
        first, outputs = self.margin - count // 2, values.shape[1] - 2 * self.margin
        return torch.stack([values[:, first + k : first + k + outputs] for k in range(count)], dim=2)


class Batches:
    """All renditions of all data sets behind each other on the device, windows drawn from them at random."""

    def __init__(
        self,
        parts: Sequence[Renditions],
        weights: Sequence[float],
        spec: LifterSpec,
        normalise: Callable[[Tensor, Tensor], Tensor],
        batch_size: int,
        seed: int,
        device: torch.device,
        actions: Sequence[npt.NDArray[np.int64]] | None = None,
        margin: int = 0,
    ) -> None:
        """`actions` are the labels of every part's renditions; `margin` is `TrainingBatch`'s."""
        self.seed, self.margin = seed, margin
        frames = [len(part.poses) for part in parts]
        self._bounds = np.cumsum([0, *frames])
        self._wanted = np.cumsum([0.0, *weights]) / np.sum(weights) * batch_size
        starts = np.concatenate([part.start + first for part, first in zip(parts, self._bounds[:-1], strict=True)])
        ends = np.concatenate([part.end + first for part, first in zip(parts, self._bounds[:-1], strict=True)])
        lengths = torch.from_numpy(ends - starts)
        self._first = torch.from_numpy(starts).repeat_interleave(lengths).to(device)
        self._last = torch.from_numpy(ends - 1).repeat_interleave(lengths).to(device)
        labels = [np.zeros(len(part.start), np.int64) for part in parts] if actions is None else actions
        self._actions = torch.from_numpy(np.concatenate(labels)).repeat_interleave(lengths).to(device)
        self.inputs = torch.empty(int(self._bounds[-1]), 17, 2)
        self._confidence = torch.from_numpy(np.concatenate([part.confidence for part in parts])).to(device)
        self.poses = torch.from_numpy(np.concatenate([part.poses for part in parts])).to(device)
        for part, first in zip(parts, self._bounds[:-1], strict=True):
            for start, end, size in zip(part.start, part.end, torch.from_numpy(part.image_size), strict=True):
                self.inputs[first + start : first + end] = normalise(torch.from_numpy(part.pixels[start:end]), size)
        self.inputs = self.inputs.to(device)
        self._offsets = torch.arange(spec.window, device=device)
        # Frames of a window that are learned from: those that prediction returns, one of a convolution.
        self._outputs = slice(spec.first_output, spec.first_output + (spec.stride or 1))
        self._chunks = spec.stride == spec.window > 1

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def outputs(self) -> int:
        """How many frames of a window are learned from."""
        return self._outputs.stop - self._outputs.start

    def counts(self, step: int) -> npt.NDArray[np.int64]:
        """How many windows of each data set the batch of a step has.

        Whole numbers that add up to the batch; what rounding keeps from a data set in one step it gets in the next
        ones, so that over the steps its share is exact to one window.
        """
        before, after = (np.rint(self._wanted * done).astype(np.int64) for done in (step, step + 1))
        counts: npt.NDArray[np.int64] = np.diff(after - before)
        return counts

    def draw(self, step: int) -> TrainingBatch:
        """The batch of a step.

        Beyond the ends of a rendition its edge frame is repeated, as prediction does; a chunk, all of whose frames are
        returned, is moved to lie within its rendition.
        """
        rng = frozen_generator("zoo-batch", self.seed, step)
        drawn = [
            rng.randint(low, high, size=count)
            for low, high, count in zip(self._bounds[:-1], self._bounds[1:], self.counts(step), strict=True)
        ]
        frame = torch.from_numpy(np.concatenate(drawn)).to(self.poses.device)
        first, last = self._first[frame], self._last[frame]
        if self._chunks:
            place = torch.from_numpy(rng.randint(len(self._offsets), size=len(frame))).to(frame.device)
            start = torch.maximum(torch.minimum(frame - place, last + 1 - len(self._offsets)), first)
        else:
            start = frame - self._outputs.start
        first, last = first[:, None], last[:, None]
        shown = (start[:, None] + self._offsets).clamp(first, last)
        supervised = torch.arange(self._outputs.start - self.margin, self._outputs.stop + self.margin).to(start.device)
        wanted = start[:, None] + supervised
        known = wanted.clamp(first, last)
        return TrainingBatch(
            windows=self.inputs.index_select(0, shown.flatten()).view(*shown.shape, 17, 2),
            confidence=self._confidence.index_select(0, shown.flatten()).view(*shown.shape, 17),
            poses=self.poses.index_select(0, known.flatten()).view(*known.shape, 17, 3),
            inside=wanted == known,
            actions=self._actions[frame],
            margin=self.margin,
        )
