"""From names to lifters that can be timed: everything that can be refused is refused here, before any clock runs."""

from dataclasses import dataclass
from pathlib import Path

import torch

from posebench.datasets.library import load_dataset
from posebench.datasets.sequence import Sequence
from posebench.datasets.store import Dataset
from posebench.inputs.frames import wanted_frames
from posebench.inputs.keypoints import Keypoints
from posebench.inputs.sources import find_source
from posebench.prediction.create import LoadedLifter, build_module, load_lifter
from posebench.prediction.flip import check_flip
from posebench.prediction.joints import joints_between
from posebench.prediction.run_options import samples, sampling_config
from posebench.prediction.runner import check_grants, fit_on_training_split
from posebench.protocols.protocol import Protocol
from posebench.registry.resolve import resolve_model
from posebench.seeding import frozen_generator
from posebench.timing.clips import ClipPool, make_pool
from posebench.timing.options import TimingSettings

#: Camera frames of the data set from which clips are drawn; sequences are chosen at random until there are so many.
MOST_FRAMES = 60_000


@dataclass(frozen=True)
class Material:
    """The data set of a timing and the sequences of it that are shown."""

    protocol: Protocol
    dataset: Dataset
    sequences: list[tuple[Sequence, Keypoints]]


def read_material(protocol: Protocol, seed: int) -> Material:
    """Sequences of the protocol's split, in a seeded random order, the same for every lifter."""
    dataset = load_dataset(protocol.inputs.dataset, protocol.inputs.form)
    wanted = wanted_frames(dataset, protocol.inputs)
    source = find_source(protocol.inputs.source)
    chosen: list[tuple[Sequence, Keypoints]] = []
    frames = 0
    for i in frozen_generator("time", "sequences", seed).permutation(len(wanted)):
        if frames >= MOST_FRAMES:
            break
        sequence = dataset.read(wanted[i].info)
        chosen.append((sequence, source.read(sequence)))
        frames += sequence.info.frames
    return Material(protocol, dataset, chosen)


def check_sampling(names: list[str], settings: TimingSettings) -> None:
    """Raise `UsageError` where hypotheses or steps are asked for and none of the lifters samples."""
    tags = [resolve_model(name) for name in names]
    if not any(samples(tag) for tag in tags):
        sampling_config(tags[0], settings.hypotheses, settings.steps)


def open_lifter(name: str, settings: TimingSettings, weights: Path | None, random_weights: bool) -> LoadedLifter:
    """A lifter as asked for; with `random_weights` a published size whose weights nobody has here.

    Hypotheses and steps are asked of lifters that sample: see `check_sampling`.
    """
    tag = resolve_model(name)
    asked = sampling_config(tag, settings.hypotheses, settings.steps) if samples(tag) else {}
    if not random_weights:
        return load_lifter(name, weights, None, **asked)
    config = {**tag.config, **asked}
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        return LoadedLifter(build_module(tag, config), tag.entry.spec(config), tag, config, None)


def flips(lifter: LoadedLifter, settings: TimingSettings) -> bool:
    """Whether it is timed on the doubled batch: as asked, else as its tag says; raises `UsageError` where it cannot be."""
    flip = bool(lifter.tag.described.settings.get("flip", False)) if settings.flip is None else settings.flip
    if flip:
        check_flip(lifter.spec, lifter.name)
    return flip


def place(lifter: LoadedLifter, material: Material, device: torch.device, seed: int) -> ClipPool:
    """Bring a lifter to its device, fit it if it must be, and cut its clips."""
    check_grants(lifter, material.protocol.inputs)
    lifter.module.to(device)
    if lifter.spec.fitted:
        fit_on_training_split(lifter, material.dataset)
    joints = joints_between(lifter.spec, lifter.name, material.dataset.name, material.dataset.skeleton)
    with torch.inference_mode():
        return make_pool(lifter, joints, material.sequences, device, seed)
