"""The timed loop: several lifters, block by block in a seeded random order, and outputs taken from inside of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from posebench.prediction.lifter import Lifted, LifterInputs
from posebench.prediction.timing import ForwardClock
from posebench.seeding import frozen_generator
from posebench.timing.clips import Batch
from posebench.timing.subject import Subject, computing

#: Warm-up ends when both are done.
WARM_UP_PASSES = 3
WARM_UP_SECONDS = 0.5

MOST_BLOCKS = 10
FEWEST_BLOCKS = 3
#: Of one timed pass a block, so many clips of its batch are compared with the scored path.
SAMPLED_CLIPS = 2

#: Called after every block, while the device is still as it was in it, with (blocks done, blocks in all).
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sample:
    """Clips of a timed pass as they were seen (one row each in `lifted`, on the CPU), to be lifted again by the scored path."""

    clips: Batch
    lifted: Lifted


@dataclass
class Measurement:
    """What was measured of one subject at one batch size, block by block: laps in seconds, unique output frames."""

    subject: Subject
    batch_size: int
    method: str
    warm_up_seconds: float
    warm_up_passes: int
    blocks: list[list[float]] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    @property
    def laps(self) -> list[float]:
        """All laps, in seconds."""
        return [lap for block in self.blocks for lap in block]


def measure(
    subjects: list[Subject],
    batch_size: int,
    device: torch.device,
    seconds: float,
    seed: int,
    progress: Progress | None = None,
) -> list[Measurement]:
    """Time subjects beside each other at one batch size, for about `seconds` each, gathering their clips included.

    How many passes a block has is set by the warm-up, so that nothing needs to
    wait for a GPU inside of a block.
    """
    random = frozen_generator("time", "order", seed, batch_size)
    # By dtype: what one remembers of an input, another would have for nothing.
    streams = [subject.pool.batches(batch_size, "timed", subject.dtype) for subject in subjects]
    made, usual = [], []
    for subject, batches in zip(subjects, streams, strict=True):
        measurement, one = _warm_up(subject, batch_size, device, partial(next, batches))
        made.append(measurement)
        usual.append(one)
    # As many blocks for each, or they could not be paired.
    blocks = int(np.clip(seconds / max(usual), FEWEST_BLOCKS, MOST_BLOCKS))
    done = 0
    for _ in range(blocks):
        for i in random.permutation(len(subjects)):
            passes = max(1, round(seconds / blocks / usual[i]))
            _block(made[i], device, partial(next, streams[i]), passes, random)
            done += 1
            if progress:
                progress(done, blocks * len(subjects))
    return made


def _warm_up(subject: Subject, size: int, device: torch.device, draw: Callable[[], Batch]) -> tuple[Measurement, float]:
    """Passes off the clock, by count and by time; also what one usually takes, the gathering of its clips included."""
    clock = ForwardClock(device)
    taken: list[float] = []
    with computing(subject.dtype):
        while len(taken) < WARM_UP_PASSES or clock.warm_up_seconds < WARM_UP_SECONDS:
            began = time.perf_counter()
            batch = draw()
            inputs = subject.pool.inputs(batch)
            clock.warm_up(partial(_checked, subject, inputs, batch))
            taken.append(time.perf_counter() - began)
    # The first has the compilation in it.
    usual = float(np.median(taken[1:]))
    return Measurement(subject, size, clock.method, clock.warm_up_seconds, len(taken)), usual


def _checked(subject: Subject, inputs: LifterInputs, batch: Batch) -> None:
    subject.check(subject.call(inputs), batch)


def _block(
    measurement: Measurement,
    device: torch.device,
    draw: Callable[[], Batch],
    passes: int,
    random: np.random.RandomState,
) -> None:
    subject = measurement.subject
    sampled = random.randint(passes)
    clock = ForwardClock(device)
    with computing(subject.dtype):
        for number in range(passes):
            batch = draw()
            inputs = subject.pool.inputs(batch)
            lifted = clock.time(partial(subject.call, inputs), subject.pool.frames(batch))
            # Before anything looks into it: what is at work only then was not on the clock.
            subject.check(lifted, batch)
            if number == sampled:
                measurement.samples.append(_sample(batch, lifted, random))
        clock.settle()
    measurement.blocks.append(clock.laps)
    measurement.frames.append(clock.frames)


def _sample(batch: Batch, lifted: Lifted, random: np.random.RandomState) -> Sample:
    """A copy of some clips of a batch, made at once: a lifter may not finish or change it later."""
    rows = random.permutation(len(batch.clips))[:SAMPLED_CLIPS]
    taken = torch.from_numpy(rows).to(lifted.poses.device)
    return Sample(
        batch.part(rows),
        Lifted(
            lifted.poses[taken].cpu(),
            None if lifted.root is None else lifted.root[taken].cpu(),
            None if lifted.weight is None else lifted.weight[taken].cpu(),
            None if lifted.lens is None else lifted.lens.cpu(),
        ),
    )
