"""Hidden joints through a prior: windows of any sequences, batched in one shape, each with its own noise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from posebench.datasets.sequence import SequenceInfo
from posebench.generation.prior import Prior
from posebench.inputs.heatmaps import BuiltHeatmaps
from posebench.inputs.keypoints import Keypoints
from posebench.prediction.lazy_heatmaps import LazyHeatmaps
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.runner import full_float32
from posebench.prediction.windows import plan_windows
from posebench.seeding import torch_generator
from posebench.skeletons import HUMAN36M_17

Poses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Partial:
    """What is known of a sequence: poses (frames, 17, 3) mm about the root, NaN where hidden; 2D of it, or None.

    `keypoints` are in Human3.6M's joints, NaN where a joint is not seen;
    `lens` (9,) is the camera's, for a lifter with the privilege `intrinsics`.
    `wanted` are the frames to complete, ascending.
    """

    info: SequenceInfo
    known: Poses
    wanted: npt.NDArray[np.int64]
    keypoints: Keypoints | None = None
    lens: tuple[float, ...] | None = None


@dataclass(frozen=True)
class _Window:
    """A window of a sequence: the frames that it shows, which of its rows are wanted, and where these go."""

    part: int
    number: int
    shown: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


def complete_all(prior: Prior, parts: Sequence[Partial], report: Any = None) -> list[Poses]:
    """For each sequence (hypotheses, wanted, 17, 3) mm: known joints as they are known, hidden ones by the prior.

    Windows without a wanted frame are left out. `report` is called with windows done and all. Raises what
    `Prior.checked` raises.
    """
    found = [np.empty((prior.hypotheses, len(part.wanted), *part.known.shape[1:])) for part in parts]
    size, done = prior.together(prior.hypotheses), 0
    groups = list(_groups(prior, parts))
    total = sum(len(group) for group in groups)
    with torch.inference_mode(), full_float32():
        for group in groups:
            maps = _maps(prior, parts[group[0].part])
            for first in range(0, len(group), size):
                real = group[first : first + size]
                # The last batch is filled up: one shape gives one set of bits.
                batch = [*real, *[real[-1]] * (size - len(real))]
                known = torch.from_numpy(np.stack([parts[w.part].known[w.shown] for w in batch]).astype(np.float32))
                inputs = _inputs(prior, parts, batch, maps)
                completed = prior.module.complete(inputs, known.to(prior.device))
                poses = prior.checked(completed, (size, prior.hypotheses, prior.window), "completed")
                for window, made in zip(real, poses[: len(real)], strict=True):
                    found[window.part][:, window.places] = made[:, window.rows]
                done += len(real)
                if report:
                    report(done, total)
    return [_kept(part, poses) for part, poses in zip(parts, found, strict=True)]


def _kept(part: Partial, poses: Poses) -> Poses:
    known = part.known[part.wanted]
    return np.where(np.isnan(known), poses, known)


def _groups(prior: Prior, parts: Sequence[Partial]) -> Iterable[list[_Window]]:
    """Windows that may share a batch: of one sequence where it is seen in an image, else of all that are not."""
    unseen: list[_Window] = []
    for number, part in enumerate(parts):
        windows = list(_windows(prior, number, part))
        if part.keypoints is None:
            unseen += windows
        elif windows:
            yield windows
    if unseen:
        yield unseen


def _windows(prior: Prior, number: int, part: Partial) -> Iterable[_Window]:
    plan = plan_windows(prior.lifter.spec, len(part.known))
    index = np.arange(len(plan.starts))
    outputs, shown = plan.outputs(index), plan.inputs(index)
    place = np.full(len(part.known), -1)
    place[part.wanted] = np.arange(len(part.wanted))
    where = np.where(plan.keep, place[np.clip(outputs, 0, len(part.known) - 1)], -1)
    for window in np.flatnonzero((where >= 0).any(axis=1)):
        rows = np.flatnonzero(where[window] >= 0)
        yield _Window(number, int(window), shown[window], rows, where[window][rows])


def _maps(prior: Prior, part: Partial) -> LazyHeatmaps | None:
    """Heatmaps of the 2D of a sequence, for a lifter that takes them; None where there is none."""
    if part.keypoints is None or "heatmaps" not in prior.lifter.spec.privileges:
        return None
    return LazyHeatmaps.whole(BuiltHeatmaps(part.keypoints, HUMAN36M_17, part.info), len(part.known), prior.device)


def _inputs(
    prior: Prior, parts: Sequence[Partial], batch: Sequence[_Window], maps: LazyHeatmaps | None
) -> LifterInputs:
    """What a batch shows of 2D, and its noise, named by (seed, sequence, window)."""
    part, device = parts[batch[0].part], prior.device
    streams = tuple(torch_generator("complete", prior.seed, parts[w.part].info.id, w.number) for w in batch)
    frames, joints = prior.window, HUMAN36M_17.num_joints
    if part.keypoints is None:
        return LifterInputs(
            keypoints=torch.full((len(batch), frames, joints, 2), torch.nan, device=device),
            confidence=torch.zeros((len(batch), frames, joints), device=device),
            image_size=torch.ones(2, device=device),
            fps=part.info.fps,
            noise_streams=streams,
        )
    index, seen = np.stack([window.shown for window in batch]), part.keypoints
    granted = prior.lifter.spec.privileges
    return LifterInputs(
        keypoints=torch.from_numpy(seen.pixels[index]).to(device),
        confidence=torch.from_numpy(seen.confidence[index]).to(device),
        image_size=torch.tensor(seen.image_size, dtype=torch.float32, device=device),
        fps=part.info.fps,
        lens=torch.tensor(part.lens, dtype=torch.float32, device=device) if "intrinsics" in granted else None,
        heatmaps=None if maps is None else maps.windows(index),
        noise_streams=streams,
    )
