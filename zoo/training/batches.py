"""Batches by pure indexing: batch n is a function of seed and n, so a resumed run draws what it would have drawn."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from posebench.prediction.spec import LifterSpec
from posebench.seeding import frozen_generator
from zoo.training.renditions import Renditions


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
    ) -> None:
        self.seed = seed
        frames = [len(part.poses) for part in parts]
        self._bounds = np.cumsum([0, *frames])
        share = np.asarray(weights) / np.sum(weights)
        # Whole numbers that add up to the batch, whatever the shares.
        self._counts = np.diff(np.rint(np.cumsum([0.0, *share]) * batch_size).astype(int))
        starts = np.concatenate([part.start + first for part, first in zip(parts, self._bounds[:-1], strict=True)])
        ends = np.concatenate([part.end + first for part, first in zip(parts, self._bounds[:-1], strict=True)])
        lengths = torch.from_numpy(ends - starts)
        self._first = torch.from_numpy(starts).repeat_interleave(lengths).to(device)
        self._last = torch.from_numpy(ends - 1).repeat_interleave(lengths).to(device)
        self.inputs = torch.empty(int(self._bounds[-1]), 17, 2)
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

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Windows (batch, window, 17, 2) and root-relative mm (batch, outputs, 17, 3) of the frames that each returns.

        Beyond the ends of a rendition its edge frame is repeated, as prediction does; a chunk, all of whose frames are
        returned, is moved to lie within its rendition.
        """
        rng = frozen_generator("zoo-batch", self.seed, step)
        drawn = [
            rng.randint(low, high, size=count)
            for low, high, count in zip(self._bounds[:-1], self._bounds[1:], self._counts, strict=True)
        ]
        frame = torch.from_numpy(np.concatenate(drawn)).to(self.poses.device)
        first, last = self._first[frame], self._last[frame]
        if self._chunks:
            place = torch.from_numpy(rng.randint(len(self._offsets), size=len(frame))).to(frame.device)
            start = torch.maximum(torch.minimum(frame - place, last + 1 - len(self._offsets)), first)
        else:
            start = frame - self._outputs.start
        frames = torch.minimum(torch.maximum(start[:, None] + self._offsets, first[:, None]), last[:, None])
        windows = self.inputs.index_select(0, frames.flatten()).view(*frames.shape, 17, 2)
        returned = frames[:, self._outputs]
        return windows, self.poses.index_select(0, returned.flatten()).view(*returned.shape, 17, 3)
