"""Real windows of a data set as the clips that a lifter is timed on, drawn in a seeded random order, each time seen otherwise.

A clip is one window. Of a lifter that takes whole sequences (stride None) it is
`clip_frames` frames with their receptive field, cut out of the sequence.
`views.py` says how a clip that is drawn again is another input.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from posebench.datasets.sequence import Sequence as PoseSequence
from posebench.inputs.keypoints import Keypoints
from posebench.prediction.create import LoadedLifter
from posebench.prediction.joints import JointConversion
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.predict_sequence import noise_streams, show_sequence, window_batch
from posebench.prediction.spec import LifterSpec
from posebench.prediction.windows import WindowPlan, plan_windows
from posebench.seeding import frozen_generator
from posebench.timing.views import View

#: Frames of one clip of a lifter that takes whole sequences: the length of the field's longest common chunk.
CLIP_FRAMES = 243


@dataclass(frozen=True)
class Batch:
    """Clips of one group and how each is seen: everything that `ClipPool.inputs` needs to gather the very same input again."""

    group: int
    clips: npt.NDArray[np.int64]
    views: View

    def part(self, rows: npt.NDArray[np.int64]) -> "Batch":
        """Some of its clips, seen as in it."""
        return Batch(self.group, self.clips[rows], self.views.part(rows))


@dataclass(frozen=True)
class _Group:
    """Sequences that may stand in one batch, laid end to end: same image size, rate and whatever else is not a window's own."""

    shown: LifterInputs
    names: tuple[str, ...]
    starts: npt.NDArray[np.int64]
    plans: tuple[WindowPlan, ...]
    sequence: npt.NDArray[np.int64]
    """Of each clip."""
    window: npt.NDArray[np.int64]
    """Of each clip, in the plan of its sequence."""
    frames: npt.NDArray[np.int64]
    """Unique output frames of each clip."""


class ClipPool:
    """The clips of one lifter. `rows` is how many frames each returns, padding included."""

    def __init__(self, groups: list[_Group], rows: int, device: torch.device, seed: int) -> None:
        self.rows = rows
        self._groups = groups
        self.device = device
        self._seed = seed

    @property
    def clips(self) -> int:
        """How many there are."""
        return sum(len(group.window) for group in self._groups)

    def largest_batch(self) -> int:
        """The most clips that one batch can show without showing one twice."""
        return max(len(group.window) for group in self._groups)

    def batches(self, size: int, *name: object) -> Iterator[Batch]:
        """Batches of `size` <= `largest_batch()` clips without end: every clip once, then all again in another order.

        No two of them hold the same input, and none holds one of a stream of another name or size.
        """
        random = frozen_generator("time", "batches", self._seed, size, *name)
        while True:
            made = []
            for number, members in enumerate(self._groups):
                mixed = random.permutation(len(members.window))
                made += [(number, mixed[i : i + size]) for i in range(0, len(mixed) - size + 1, size)]
            for i in random.permutation(len(made)):
                group, clips = made[i]
                yield Batch(group, clips, View.draw(size, random))

    def inputs(self, batch: Batch) -> LifterInputs:
        """What the lifter is shown: freshly gathered tensors, and the noise streams that the scored run would hand it."""
        group = self._groups[batch.group]
        index = [
            group.starts[s] + group.plans[s].inputs(np.array([w]))[0]
            for s, w in zip(group.sequence[batch.clips], group.window[batch.clips], strict=True)
        ]
        return batch.views.see(window_batch(group.shown, np.stack(index), self.streams(batch), self.device))

    def streams(self, batch: Batch) -> tuple[torch.Generator, ...]:
        """Noise streams of a batch, at their beginning."""
        group = self._groups[batch.group]
        return tuple(
            noise_streams(self._seed, group.names[s], [w])[0]
            for s, w in zip(group.sequence[batch.clips], group.window[batch.clips], strict=True)
        )

    def frames(self, batch: Batch) -> int:
        """Unique output frames of a batch."""
        return int(self._groups[batch.group].frames[batch.clips].sum())


def clip_frames(spec: LifterSpec, lengths: Sequence[int]) -> int:
    """Frames that one clip returns, given those of the sequences: not more than the usual one has."""
    return spec.stride or min(CLIP_FRAMES, int(np.median(lengths)))


def clip_spec(spec: LifterSpec, rows: int) -> LifterSpec:
    """The spec by which clips are cut: the lifter's own, but chunks of `rows` frames for one that takes whole sequences."""
    if spec.stride is not None:
        return spec
    return replace(
        spec, window=rows + spec.window - 1, stride=rows, offset=spec.first_output, tail="pad",
        privileges=tuple({*spec.privileges, "future_frames"}),
    )  # fmt: skip


def unique_frames(plan: WindowPlan) -> npt.NDArray[np.int64]:
    """How many frames each window is the first to return; an overlap that is scored twice is still one frame."""
    outputs = plan.outputs(np.arange(len(plan.starts)))
    kept, place = outputs[plan.keep], np.nonzero(plan.keep)[0]
    first = np.unique(kept, return_index=True)[1]
    return np.bincount(place[first], minlength=len(plan.starts)).astype(np.int64)


def make_pool(
    lifter: LoadedLifter,
    joints: JointConversion,
    sequences: list[tuple[PoseSequence, Keypoints]],
    device: torch.device,
    seed: int,
) -> ClipPool:
    """The clips that a lifter sees of some sequences; what it is shown is what the runner would show it."""
    rows = clip_frames(lifter.spec, [sequence.info.frames for sequence, _ in sequences])
    spec = clip_spec(lifter.spec, rows)
    parts: dict[Any, list[tuple[LifterInputs, PoseSequence]]] = {}
    for sequence, keypoints in sequences:
        shown, _ = show_sequence(lifter, joints, sequence, keypoints, device)
        parts.setdefault(_batch_key(shown, sequence), []).append((shown, sequence))
    return ClipPool([_group(members, spec) for members in parts.values()], rows, device, seed)


def _batch_key(shown: LifterInputs, sequence: PoseSequence) -> Any:
    # Heatmaps are drawn sequence by sequence and are not laid end to end.
    alone = sequence.info.id if shown.heatmaps is not None else ""
    lens = None if shown.lens is None else tuple(shown.lens.tolist())
    return tuple(shown.image_size.tolist()), shown.fps, lens, shown.action, alone


def _group(members: list[tuple[LifterInputs, PoseSequence]], spec: LifterSpec) -> _Group:
    shown = [part for part, _ in members]
    plans = tuple(plan_windows(spec, sequence.info.frames) for _, sequence in members)
    frames = [unique_frames(plan) for plan in plans]
    # A window that adds no frame (a chunk that lies within others) is no clip.
    clips = [(s, w) for s, plan in enumerate(plans) for w in range(len(plan.starts)) if frames[s][w]]
    depths = [part.root_depth for part in shown if part.root_depth is not None]
    return _Group(
        shown=replace(
            shown[0],
            keypoints=torch.cat([part.keypoints for part in shown], dim=1),
            confidence=torch.cat([part.confidence for part in shown], dim=1),
            root_depth=torch.cat(depths, dim=1) if depths else None,
        ),
        names=tuple(sequence.info.id for _, sequence in members),
        starts=np.cumsum([0, *(sequence.info.frames for _, sequence in members)])[:-1],
        plans=plans,
        sequence=np.array([s for s, _ in clips]),
        window=np.array([w for _, w in clips]),
        frames=np.array([frames[s][w] for s, w in clips]),
    )
