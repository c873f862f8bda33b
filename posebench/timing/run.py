"""The job of `posebench time`: passes of their own for MACs, time, honesty, energy and memory, and one record of them."""

import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from posebench.errors import UsageError
from posebench.prediction.compiled import Graphs, count_graphs, strict_compilation
from posebench.prediction.joints import joints_between
from posebench.prediction.runner import choose_device
from posebench.protocols.resolve import resolve_protocol
from posebench.results.environment import describe_environment
from posebench.timing.energy import Energy, measure_energy
from posebench.timing.gpu import Gpu, GpuState, worst_of
from posebench.timing.honesty import Honesty, anchor, judge
from posebench.timing.machine import OtherProcesses, read_cpu
from posebench.timing.macs import count_macs
from posebench.timing.measure import Measurement, measure
from posebench.timing.memory import Memory, measure_memory
from posebench.timing.options import TimingSettings, check_device, check_dtype
from posebench.timing.prepare import Material, check_sampling, flips, open_lifter, place, read_material
from posebench.timing.record import RatioPart, TimingAsked, TimingRecord
from posebench.timing.repeats import compare_repeats
from posebench.timing.rows import describe_data, make_machine, make_row
from posebench.timing.subject import Subject, make_subject
from posebench.timing.summaries import paired_ratio

#: Called with (stage, done, all).
Progress = Callable[[str, int, int], None]


@dataclass
class _Results:
    """What the passes have found of one subject so far."""

    subject: Subject
    macs: int
    graphs: Graphs | None
    measured: list[Measurement]
    notes: list[str]
    honesty: Honesty | None = None
    energy: Energy | None = None
    memory: tuple[Memory, ...] = ()


def time_lifters(
    models: list[str],
    *,
    dataset: str | None = None,
    protocol: str | None = None,
    keypoints: str | None = None,
    weights: Path | None = None,
    random_weights: bool = False,
    settings: TimingSettings | None = None,
    progress: Progress | None = None,
) -> TimingRecord:
    """Time lifters beside each other on the clips of a protocol's inputs.

    `weights` is a file for the one lifter that is named; `random_weights`
    builds the lifters without any. A row that fails an honesty check is in the
    record, marked as not valid. Raises `UsageError` and its kin for what
    cannot be timed, before anything is.
    """
    settings = settings or TimingSettings()
    began = time.perf_counter()
    _check_models(models, weights, random_weights)
    device = choose_device(settings.device)
    check_device(device.type)
    for dtype in settings.dtypes:
        check_dtype(dtype, device.type)
    chosen = resolve_protocol(protocol, dataset, keypoints)
    check_sampling(models, settings)
    lifters = [open_lifter(name, settings, weights, random_weights) for name in models]
    flipped = [flips(lifter, settings) for lifter in lifters]
    say = progress or (lambda stage, done, total: None)
    with _threads(settings.threads), strict_compilation(settings.compile):
        material = read_material(chosen, settings.seed)
        results = []
        for lifter, flip in zip(lifters, flipped, strict=True):
            pool = place(lifter, material, device, settings.seed)
            joints = joints_between(lifter.spec, lifter.name, material.dataset.name, material.dataset.skeleton)
            inputs = pool.inputs(next(pool.batches(1, "macs")))
            macs = count_macs(lifter, joints.lifter, inputs, flip)
            graphs = count_graphs(lifter.name, lifter.module, inputs) if settings.compile else None
            for dtype in settings.dtypes:
                subject = make_subject(lifter, joints, pool, dtype, flip, settings.compile)
                results.append(_Results(subject, macs, graphs, [], _cuts(graphs)))
        gpu = Gpu(device)
        before, gpu_before, others = read_cpu(), gpu.state(), OtherProcesses()
        states = _time(results, device, gpu, settings, say)
        gpu_after, during, after = gpu.state(), others.cores(), read_cpu()
        _energy(results, device, gpu, settings)
    _memory(results, models, material, settings, weights, random_weights, say)
    now = datetime.now(UTC)
    first = results[0]
    return TimingRecord(
        id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        created=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        asked=TimingAsked(
            models=tuple(models), dataset=dataset, protocol=protocol, keypoints=keypoints,
            weights=lifters[0].weights.sha256 if weights is not None and lifters[0].weights else None,
            random_weights=random_weights, settings=settings,
        ),
        device="cuda" if device.type == "cuda" else "cpu",
        clock="cuda-events" if device.type == "cuda" else "perf_counter_ns",
        data=describe_data(material),
        rows=tuple(
            make_row(r.subject, material, settings, r.macs, r.graphs, r.measured, r.memory, r.energy, r.honesty, tuple(r.notes))
            for r in results
            if r.honesty is not None
        ),
        ratios=tuple(ratio for r in results[1:] for ratio in _ratios(r, first)),
        machine=make_machine(before, after, during, gpu_before, worst_of(states), gpu_after, gpu.missing),
        environment=describe_environment(device, settings.threads),
        wall_seconds=round(time.perf_counter() - began, 3),
    )  # fmt: skip


def _check_models(models: list[str], weights: Path | None, random_weights: bool) -> None:
    if not models:
        raise UsageError("Name one lifter or more to time.")
    if len(set(models)) < len(models):
        raise UsageError("A lifter is named twice; name each once.")
    if weights is not None and len(models) > 1:
        raise UsageError("--weights is the file of one lifter; time that one alone.")
    if weights is not None and random_weights:
        raise UsageError("--weights and --random-weights contradict each other; give one of them.")


def _cuts(graphs: Graphs | None) -> list[str]:
    """What a reader must know of a lifter that is not compiled in one piece."""
    if graphs is None or not graphs.breaks:
        return []
    return [f"torch.compile cut it into {graphs.count} graphs, first because of: {graphs.breaks[0].rstrip('.')}"]


def _time(
    results: list[_Results], device: torch.device, gpu: Gpu, settings: TimingSettings, say: Progress
) -> list[GpuState]:
    """The passes on the clock, and the checks of what they put out; the GPU's state after each block on the clock."""
    anchors = [anchor(r.subject) for r in results]
    sizes = settings.batch_sizes
    states: list[GpuState] = []
    for number, size in enumerate(sizes):
        able = [r for r in results if r.subject.pool.largest_batch() >= size]
        for r in results:
            if r not in able:
                r.notes.append(
                    f"batch {size} was left away: only {r.subject.pool.largest_batch()} different clips may stand in one batch"
                )

        def report(done: int, total: int, number: int = number) -> None:
            # At once: an idle GPU lowers its clocks, and no longer says what held them down.
            if (state := gpu.state()) is not None:
                states.append(state)
            say("time", round(100 * (number + done / total)), 100 * len(sizes))

        if able:
            made = measure([r.subject for r in able], size, device, settings.seconds, settings.seed, report)
            for r, measurement in zip(able, made, strict=True):
                r.measured.append(measurement)
    for number, (r, kept) in enumerate(zip(results, anchors, strict=True)):
        repeats = tuple(
            compare_repeats(r.subject, m.batch_size, device, settings.seconds, settings.seed) for m in r.measured
        )
        r.honesty = judge(r.subject, r.measured, kept, repeats)
        if r.subject.dtype != "fp32":
            r.notes.append(f"its outputs are {r.honesty.to_float32:.2g} of the pose from those in float32")
        say("check", number + 1, len(results))
    return states


def _energy(results: list[_Results], device: torch.device, gpu: Gpu, settings: TimingSettings) -> None:
    """Energy at the largest batch, on a GPU."""
    if device.type != "cuda":
        return
    for r in results:
        size = r.measured[-1].batch_size
        r.energy = measure_energy(r.subject, size, device, gpu, settings.seconds)
        if r.energy is None:
            r.notes.append(f"energy was not measured: {gpu.missing or 'this GPU does not count it'}")


def _memory(
    results: list[_Results],
    models: list[str],
    material: Material,
    settings: TimingSettings,
    weights: Path | None,
    random_weights: bool,
    say: Progress,
) -> None:
    """Peak memory, each subject in a process of its own."""
    for number, r in enumerate(results):
        found = measure_memory(
            models[number // len(settings.dtypes)], material.protocol.id, r.subject.dtype,
            tuple(m.batch_size for m in r.measured), settings, weights, random_weights,
        )  # fmt: skip
        if isinstance(found, str):
            r.notes.append(f"memory was not measured: {found}")
        else:
            r.memory = found
        say("memory", number + 1, len(results))


def _ratios(row: _Results, first: _Results) -> Iterator[RatioPart]:
    """Time over that of the first row, block by block, at every batch size that both have."""
    others = {m.batch_size: m for m in first.measured}
    for mine in row.measured:
        if other := others.get(mine.batch_size):
            passes = [[float(np.median(block)) for block in m.blocks] for m in (mine, other)]
            frames = [
                [math.fsum(block) / count for block, count in zip(m.blocks, m.frames, strict=True)]
                for m in (mine, other)
            ]
            yield RatioPart(
                row=row.subject.label,
                against=first.subject.label,
                batch_size=mine.batch_size,
                time=paired_ratio(passes[0], passes[1]),
                time_per_frame=paired_ratio(frames[0], frames[1]),
            )


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """So many threads inside, as many as there were afterwards."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
