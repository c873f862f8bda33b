"""Does a lifter remember what it was shown? Repeated inputs beside fresh ones, pair by pair, on a clock that others do not move.

After MLPerf's compliance test TEST04 (no caching). On a CPU the time of the
process is judged, with one thread: another program may hold a pass up, but
adds nothing to it. On a GPU CUDA events are. docs/timing.md says why these numbers.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from posebench.prediction.lifter import LifterInputs
from posebench.prediction.timing import ForwardClock
from posebench.seeding import frozen_generator
from posebench.timing.subject import Subject, computing
from posebench.timing.summaries import Ratio, paired_ratio

#: Repeating an input may not take less than this share of a fresh one.
LEAST_RATIO = 0.9
#: Pairs of the first look; each later look is at twice as many.
FIRST_LOOK = 20
#: Those of a lifter so slow that `FIRST_LOOK` pairs do not fit into the budget.
FIRST_LOOK_SLOW = 10
MOST_PAIRS = 400
#: So many standard errors of its logarithm an honest lifter's ratio is from `LEAST_RATIO`, or a cache's at a look before.
SURE = 3.5
WIDEST = math.log(1 / LEAST_RATIO) / SURE
#: Laps beyond this quantile of all count as that long: what disturbs a lap only adds to it.
CAP = 0.8
#: The wall clock, which a busy machine moves, objects only when it is as sure as this.
WALL_CONFIDENCE = 0.999
#: The check may go on for so many seconds, or for so many times what a timing was asked to take, whichever is more.
LEAST_BUDGET = 60.0
PATIENCE = 10

Verdict = Literal["valid", "caches", "not shown"]
Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Repeats:
    """Time of repeated over that of fresh inputs at one batch size; `ratio` is of capped sums on the clock that is judged."""

    batch_size: int
    clock: Literal["process-cpu", "cuda-events"]
    pairs: int
    ratio: float
    error: float
    """Standard error of the ratio's logarithm."""
    wall: Ratio
    """Medians by the wall clock, with the interval that it is judged by."""
    verdict: Verdict

    @property
    def objection(self) -> str | None:
        """Why the times are not to be believed; None of a lifter that was shown not to cache."""
        if self.verdict == "valid":
            return None
        found = f"at batch {self.batch_size} repeated inputs take {self.ratio:.2f} of the time of fresh ones"
        if self.verdict == "caches":
            return f"caches: {found} ({self.wall.median:.2f} by the wall clock), {LEAST_RATIO:g} is the least"
        return (
            f"that it does not cache is not shown: {found}, too scattered after {self.pairs} pairs to tell; "
            "repeat it on an idle machine or with more --seconds"
        )


def compare_repeats(subject: Subject, size: int, device: torch.device, seconds: float, seed: int) -> Repeats:
    """Pairs of a repeated and a fresh batch in random order, until the ratio is known as well as it must be.

    A fresh batch is one that nothing has shown before. The repeated one is
    handed over in turn as the very same tensors and gathered again: a cache
    may know it by place or by content. Looks are at 20, 40, 80 ... pairs. A
    lifter is believed when the ratio is known well enough, wherever it lies
    then; it may be disbelieved at any look.
    """
    random = frozen_generator("time", "repeats", seed, size)
    pool = subject.pool
    draws = pool.batches(size, "fresh", subject.dtype)
    again = next(draws)
    same = pool.inputs(again)
    laps: list[tuple[tuple[float, float], tuple[float, float]]] = []
    budget = max(PATIENCE * seconds, LEAST_BUDGET)
    with _one_thread(device), computing(subject.dtype):
        # Twice, so that whatever would remember it does; a compiled lifter compiles for one thread here.
        for _ in range(2):
            lap(subject, replace(same, noise_streams=pool.streams(again)), device)
        began = time.perf_counter()
        look = FIRST_LOOK
        while True:
            known = not len(laps) % 2
            old = replace(same, noise_streams=pool.streams(again)) if known else pool.inputs(again)
            new = pool.inputs(next(draws))
            if random.randint(2):
                pair = (lap(subject, old, device), lap(subject, new, device))
            else:
                second = lap(subject, new, device)
                pair = (lap(subject, old, device), second)
            laps.append(pair)
            spent = time.perf_counter() - began
            if len(laps) == FIRST_LOOK_SLOW and spent * FIRST_LOOK / FIRST_LOOK_SLOW > budget:
                look = FIRST_LOOK_SLOW
            over = len(laps) >= look and spent > budget
            if len(laps) == look or over:
                found = decide(size, device, np.array(laps))
                if found.verdict != "not shown" or over or len(laps) == MOST_PAIRS:
                    return found
                look = min(2 * look, MOST_PAIRS)


def decide(size: int, device: torch.device, laps: npt.NDArray[np.float64]) -> Repeats:
    """What laps (pairs, 2 for repeated and fresh, 2 for the judged clock and the wall) say, in seconds.

    Valid only if the ratio is known to `WIDEST` and not below `LEAST_RATIO`,
    and the wall clock does not object: it alone sees a lifter that works in another process.
    """
    ratio, error = capped_ratio(laps[:, 0, 0], laps[:, 1, 0])
    wall = paired_ratio(laps[:, 0, 1], laps[:, 1, 1], WALL_CONFIDENCE)
    objects = wall.high is not None and wall.high < LEAST_RATIO
    verdict: Verdict = "not shown"
    if error <= WIDEST:
        verdict = "caches" if objects or ratio < LEAST_RATIO else "valid"
    elif ratio * math.exp(SURE * error) < LEAST_RATIO:
        verdict = "caches"
    return Repeats(
        size, "cuda-events" if device.type == "cuda" else "process-cpu", len(laps), ratio, error, wall, verdict
    )


def capped_ratio(above: Seconds, below: Seconds) -> tuple[float, float]:
    """Sum over sum of laps capped at the quantile `CAP` of all of them, and the standard error of its logarithm (delta method)."""
    cap = np.quantile(np.concatenate([above, below]), CAP)
    one, two = np.minimum(above, cap), np.minimum(below, cap)
    ratio = one.mean() / two.mean()
    # Of a ratio of means, with what the two of a pair have in common left out.
    residual = (one - ratio * two) / one.mean()
    return float(ratio), float(residual.std(ddof=1) / math.sqrt(len(residual)))


def lap(subject: Subject, inputs: LifterInputs, device: torch.device) -> tuple[float, float]:
    """Seconds of a single pass on the judged clock and on the wall, waited for."""
    if inputs.heatmaps is not None:
        # Both have their files in memory alike before the clock starts.
        for window in range(len(inputs.keypoints)):
            inputs.heatmaps.read(window)
    clock = ForwardClock(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    lifted = clock.time(partial(subject.call, inputs), 0)
    clock.settle()
    cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
    subject.check_finished(lifted)
    return clock.seconds if device.type == "cuda" else cpu * 1e-9, wall * 1e-9


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """On a CPU: threads that wait for each other use time of the process without working."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
