"""From what the passes found to the parts of a record."""

import math

from posebench.prediction.compiled import Graphs
from posebench.prediction.run_options import SAMPLING
from posebench.prediction.runner import check_grants
from posebench.timing.clips import clip_spec
from posebench.timing.energy import Energy
from posebench.timing.gpu import GpuDuring, GpuState
from posebench.timing.honesty import Honesty
from posebench.timing.machine import CpuState, busy_words, throttle_words
from posebench.timing.measure import Measurement
from posebench.timing.memory import Memory
from posebench.timing.options import TimingSettings
from posebench.timing.prepare import Material
from posebench.timing.record import (
    BatchPart,
    EnergyPart,
    HonestyPart,
    LookAhead,
    MachinePart,
    MacsPart,
    TimedData,
    TimedLifter,
    TimingRow,
)
from posebench.timing.subject import Subject
from posebench.timing.summaries import summarise


def make_row(
    subject: Subject,
    material: Material,
    settings: TimingSettings,
    macs: int,
    graphs: Graphs | None,
    measured: list[Measurement],
    memory: tuple[Memory, ...],
    energy: Energy | None,
    honesty: Honesty,
    notes: tuple[str, ...],
) -> TimingRow:
    """One lifter in one dtype, with all that was found of it."""
    lifter, spec = subject.lifter, subject.lifter.spec
    drawn = {name: lifter.config[name] if spec.samples else None for name in SAMPLING}
    random = lifter.weights is None and lifter.tag.described.needs_weights
    return TimingRow(
        lifter=TimedLifter(
            name=lifter.name,
            architecture=lifter.tag.architecture,
            tag=lifter.tag.tag,
            origin=lifter.tag.entry.origin,
            code_sha256=subject.scored.code_sha256,
            config=lifter.config,
            parameters=lifter.parameters,
            weights_sha256=lifter.weights.sha256 if lifter.weights else None,
            weights_origin="random" if random else lifter.weights.origin if lifter.weights else None,
            window=spec.window,
            stride=spec.stride,
            tail=spec.tail,
            granted=check_grants(lifter, material.protocol.inputs),
        ),
        dtype=subject.dtype,
        compile=settings.compile,
        graphs=graphs,
        flip=subject.flip,
        **drawn,
        clip_frames=subject.pool.rows,
        clips=subject.pool.clips,
        look_ahead=_look_ahead(spec.look_ahead, clip_spec(spec, subject.pool.rows).look_ahead, material.dataset.fps),
        macs=MacsPart(per_clip=macs, per_output_frame=macs / subject.pool.rows),
        memory=memory,
        batches=tuple(_batch(measurement) for measurement in measured),
        energy=None if energy is None else _energy(energy),
        honesty=HonestyPart(
            valid=honesty.valid,
            reasons=honesty.reasons,
            clips_compared=honesty.clips_compared,
            worst=_finite(honesty.worst),
            tolerance=honesty.tolerance,
            to_float32=_finite(honesty.to_float32),
            repeats=honesty.repeats,
        ),
        notes=notes,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _look_ahead(least: int, clip: int, fps: float) -> LookAhead:
    return LookAhead(
        clip_frames=clip,
        clip_milliseconds=round(1000 * clip / fps, 3),
        least_frames=least,
        least_milliseconds=round(1000 * least / fps, 3),
    )


def _batch(measurement: Measurement) -> BatchPart:
    laps = measurement.laps
    seconds, frames = math.fsum(laps), sum(measurement.frames)
    return BatchPart(
        batch_size=measurement.batch_size,
        warm_up_passes=measurement.warm_up_passes,
        warm_up_seconds=measurement.warm_up_seconds,
        blocks=len(measurement.blocks),
        milliseconds=summarise(laps),
        frames=frames,
        seconds=seconds,
        frames_per_second=frames / seconds,
        clips_per_second=measurement.batch_size * len(laps) / seconds,
    )


def _energy(energy: Energy) -> EnergyPart:
    return EnergyPart(
        batch_size=energy.batch_size,
        joules=energy.joules,
        frames=energy.frames,
        seconds=energy.seconds,
        joules_per_pose=energy.joules_per_pose,
    )


def describe_data(material: Material) -> TimedData:
    """Where the clips come from."""
    dataset, protocol = material.dataset, material.protocol
    return TimedData(
        dataset=dataset.name,
        version=dataset.version,
        form=dataset.form,
        fingerprint=dataset.fingerprint,
        protocol=protocol.id,
        inputs_hash=protocol.inputs.hash,
        fps=dataset.fps,
        sequences=len(material.sequences),
    )


def make_machine(
    before: CpuState,
    after: CpuState,
    during: float | None,
    gpu_before: GpuState | None,
    gpu_during: GpuDuring | None,
    gpu_after: GpuState | None,
    gpu_unread: str | None,
) -> MachinePart:
    """The machine's state, and what of it a reader must know."""
    remarks = [busy_words(before, during), throttle_words(before, after)]
    if gpu_during is not None and gpu_during.slowed_by:
        remarks.append(f"the GPU's clocks were held down by {', '.join(gpu_during.slowed_by)}")
    if gpu_before is not None and gpu_before.processes is not None and gpu_before.processes > 1:
        remarks.append(f"{gpu_before.processes} processes compute on the GPU: not idle")
    return MachinePart(
        cpu_before=before,
        cpu_after=after,
        others_during=during,
        gpu_before=gpu_before,
        gpu_during=gpu_during,
        gpu_after=gpu_after,
        gpu_unread=gpu_unread,
        remarks=tuple(remark for remark in remarks if remark),
    )
