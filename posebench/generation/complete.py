"""`posebench complete` on a data set: hidden joints found by a lifter and by every baseline, scored, recorded."""

import math
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from posebench.datasets.library import load_dataset
from posebench.datasets.sequence import SequenceInfo
from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.generation.baselines import BASELINES, TRAINING_POSES, TrainingPoses
from posebench.generation.completing import Partial, complete_all
from posebench.generation.prior import Prior, Progress, load_prior
from posebench.generation.real_poses import Poses, check_joint_set, real_poses, root_relative
from posebench.generation.record import (
    CompletionAsked,
    CompletionClip,
    CompletionData,
    CompletionLifter,
    CompletionProtocol,
    CompletionRecord,
    CompletionRow,
    make_row,
)
from posebench.inputs.frames import WantedFrames, wanted_frames
from posebench.inputs.keypoints import Keypoints
from posebench.inputs.sources import find_source
from posebench.metrics.hypotheses import AGGREGATES, AssistedAggregate, HonestAggregate, OracleSelection
from posebench.metrics.table import METRICS
from posebench.prediction.runner import check_grants, sampling
from posebench.protocols.completion import CompletionSpec, completion_spec
from posebench.results.domain import domain_of
from posebench.results.environment import describe_environment
from posebench.results.record import TrainingSet


@dataclass(frozen=True)
class HiddenPart:
    """A sequence of a data set with joints hidden: `truth` (frames, 17, 3) mm about the root and `hidden` (frames, n)
    indices of the wanted frames."""

    partial: Partial
    truth: Poses
    hidden: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Completion:
    """A finished run: its record, and of each sequence its poses (hypotheses, frames, 17, 3) mm by the lifter."""

    record: CompletionRecord
    parts: tuple[HiddenPart, ...]
    poses: tuple[Poses, ...]
    about: dict[str, Any]


def complete_dataset(
    model: str,
    dataset: str,
    mask: str,
    *,
    keypoints: str | None = None,
    hypotheses: int | None = None,
    steps: int | None = None,
    weights: Path | None = None,
    limit: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Completion:
    """Complete every wanted frame of a data set under a mask; nothing is written.

    `keypoints` is a computed 2D source of which all joints are shown, None for no 2D at all. `limit` keeps the first so
    many frames, and makes a smoke record. Raises subclasses of `PosebenchError`.
    """
    began = time.perf_counter()
    asked = CompletionAsked(
        model=model, dataset=dataset, mask=mask, keypoints=keypoints, hypotheses=hypotheses, steps=steps, limit=limit,
        seed=seed, device=device,
    )  # fmt: skip
    spec = completion_spec(dataset, mask, keypoints)
    prior = load_prior(model, weights, hypotheses=hypotheses, steps=steps, device=device, seed=seed, progress=progress)
    granted = () if keypoints is None else check_grants(prior.lifter, spec.inputs)
    data = load_dataset(dataset)
    check_joint_set(data)
    training = TrainingPoses(
        real_poses(data, "train", TRAINING_POSES, every_camera=True), real_poses(data, "train", TRAINING_POSES)
    )
    wanted = wanted_frames(data, spec.inputs, limit)
    parts = tuple(hide(spec, data, item) for item in wanted)
    report = None if progress is None else lambda done, total: progress("complete", done, total)
    completed = complete_all(prior, [part.partial for part in parts], report)
    rows = [_lifter_row(spec, prior, parts, completed, granted)]
    for number, name in enumerate(BASELINES, start=1):
        rows.append(_baseline_row(spec, name, parts, training, prior.hypotheses))
        if progress:
            progress("baselines", number, len(BASELINES))
    wall = time.perf_counter() - began
    record = _record(spec, prior, data, parts, tuple(rows), asked, granted, len(training.seen), wall)
    return Completion(record, parts, tuple(completed), prior.about())


def hide(spec: CompletionSpec, dataset: Dataset, wanted: WantedFrames) -> HiddenPart:
    """A sequence without its hidden joints. Every frame of it is hidden alike: a prior of motions sees those around too."""
    sequence = dataset.read(wanted.info)
    poses = root_relative(sequence.poses)
    every = spec.hidden_joints(wanted.info.id, np.arange(len(poses)))
    known = poses.copy()
    known[np.arange(len(poses))[:, None], every] = np.nan
    seen: Keypoints | None = None
    if spec.shows_keypoints:
        seen = find_source(spec.inputs.source).read(sequence)
    partial = Partial(wanted.info, known, wanted.frames, seen, tuple(sequence.camera.lens))
    return HiddenPart(partial, poses[wanted.frames], every[wanted.frames])


def hidden_only(poses: Poses, hidden: npt.NDArray[np.int64]) -> Poses:
    """Of poses (..., frames, 17, 3) the joints (frames, n): (..., frames, n, 3)."""
    taken: Poses = np.take_along_axis(
        poses, np.broadcast_to(hidden[..., None], (*poses.shape[:-2], hidden.shape[1], 3)), axis=-2
    )
    return taken


def score_hidden(spec: CompletionSpec, poses: Poses, truth: Poses) -> dict[str, dict[str, list[float]]]:
    """`values[aggregate][metric]` of every frame, of hidden joints (hypotheses, frames, n, 3) and true ones (frames, n, 3)."""
    shown, true = torch.from_numpy(poses), torch.from_numpy(truth)
    values: dict[str, dict[str, list[float]]] = {}
    for name in spec.aggregates:
        aggregate = AGGREGATES[name]
        if isinstance(aggregate, AssistedAggregate):
            raise UsageError(f"{spec.id} asks for {name}, which looks at the image; hidden joints have none.")
        if isinstance(aggregate, OracleSelection):
            if len(shown) < aggregate.least:
                continue  # too few hypotheses to choose from
            chosen = aggregate.select(shown, true)
        else:
            assert isinstance(aggregate, HonestAggregate)
            chosen = aggregate.combine(shown, None)
        values[name] = {metric: METRICS[metric].values(chosen, true).tolist() for metric in spec.metrics}
    return values


def _lifter_row(
    spec: CompletionSpec,
    prior: Prior,
    parts: Iterable[HiddenPart],
    completed: Iterable[Poses],
    granted: tuple[str, ...],
) -> CompletionRow:
    scored = [
        (part, score_hidden(spec, hidden_only(poses, part.hidden), hidden_only(part.truth, part.hidden)))
        for part, poses in zip(parts, completed, strict=True)
    ]
    return make_row(spec, prior.lifter.name, _by_clip(scored), prior.hypotheses, granted)


def _baseline_row(
    spec: CompletionSpec, name: str, parts: tuple[HiddenPart, ...], training: TrainingPoses, hypotheses: int
) -> CompletionRow:
    # All frames at once: those with one set of hidden joints share a tree.
    truth = np.concatenate([part.truth for part in parts])
    hidden = np.concatenate([part.hidden for part in parts])
    poses = training.complete(name, truth, hidden, hypotheses)
    true = hidden_only(truth, hidden)
    scored, first = [], 0
    for part in parts:
        rows = slice(first, first + len(part.truth))
        scored.append((part, score_hidden(spec, poses[:, rows], true[rows])))
        first += len(part.truth)
    return make_row(spec, name, _by_clip(scored), hypotheses, None)


def _by_clip(scored: Iterable[tuple[HiddenPart, dict[str, dict[str, list[float]]]]]) -> list[CompletionClip]:
    """The sums of each clip over its cameras, exactly rounded."""
    clips: dict[str, list[dict[str, dict[str, list[float]]]]] = {}
    frames: dict[str, int] = {}
    for part, values in scored:
        info: SequenceInfo = part.partial.info
        clips.setdefault(info.clip_id, []).append(values)
        frames[info.clip_id] = frames.get(info.clip_id, 0) + len(part.truth)
    return [
        CompletionClip(
            id=clip,
            frames=frames[clip],
            statistics={
                aggregate: {
                    metric: (math.fsum(v for part in found for v in part[aggregate][metric]), float(frames[clip]))
                    for metric in metrics
                }
                for aggregate, metrics in found[0].items()
            },
        )
        for clip, found in clips.items()
    ]


def _record(
    spec: CompletionSpec,
    prior: Prior,
    data: Dataset,
    parts: tuple[HiddenPart, ...],
    rows: tuple[CompletionRow, ...],
    asked: CompletionAsked,
    granted: tuple[str, ...],
    training_poses: int,
    wall: float,
) -> CompletionRecord:
    lifter, now = prior.lifter, datetime.now(UTC)
    own_file = lifter.weights is not None and lifter.weights.origin == "file"
    # What the manifest says of training holds for its own weights, not for a file the user brought.
    trained_on = None if own_file else lifter.tag.described.trained_on
    return CompletionRecord(
        kind="completion" if asked.limit is None else "smoke",
        id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        created=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        asked=asked,
        protocol=CompletionProtocol(id=spec.id, spec=spec.to_json(), hash=spec.hash),
        lifter=CompletionLifter(
            name=lifter.name,
            architecture=lifter.tag.architecture,
            tag=lifter.tag.tag,
            origin=lifter.tag.entry.origin,
            code_sha256=lifter.code_sha256,
            config=lifter.config,
            parameters=lifter.parameters,
            weights_sha256=lifter.weights.sha256 if lifter.weights else None,
            weights_origin=lifter.weights.origin if lifter.weights else None,
            trained_on=tuple(TrainingSet.model_validate(seen, from_attributes=True) for seen in trained_on or ()),
            domain=domain_of(trained_on, data.name, spec.inputs.split, lifter.spec.fitted),
            window=lifter.spec.window,
            granted=granted,
        ),
        data=CompletionData(
            dataset=data.name,
            version=data.version,
            fingerprint=data.fingerprint,
            sequences=len(parts),
            frames=sum(len(part.truth) for part in parts),
            training_poses=training_poses,
        ),
        device=prior.device.type,
        hypotheses=prior.hypotheses,
        steps=sampling(lifter)["steps"],
        environment=describe_environment(prior.device),
        wall_seconds=round(wall, 3),
        rows=rows,
    )
