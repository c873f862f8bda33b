"""The record of a timing: one JSON file a run of `posebench time`, with a schema of its own (`posebench schema --timing`).

All rows of a record were measured on one device beside each other, so a CPU's
and a GPU's times never share a column.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from posebench.files import write_text
from posebench.prediction.compiled import Graphs
from posebench.results.record import EnvironmentPart
from posebench.results.record_files import read_model
from posebench.timing.gpu import GpuDuring, GpuState
from posebench.timing.machine import CpuState
from posebench.timing.memory import Memory
from posebench.timing.options import DType, TimingSettings
from posebench.timing.repeats import Repeats
from posebench.timing.summaries import Laps, Ratio


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TimingAsked(_Part):
    """What was asked for, as typed."""

    models: tuple[str, ...]
    dataset: str | None
    protocol: str | None
    keypoints: str | None
    weights: str | None
    """The file's SHA-256."""
    random_weights: bool
    settings: TimingSettings


class TimedData(_Part):
    """Where the clips come from."""

    dataset: str
    version: str
    form: str
    fingerprint: str
    protocol: str
    inputs_hash: str
    fps: float
    sequences: int


class TimedLifter(_Part):
    """The lifter as it was timed."""

    name: str
    architecture: str
    tag: str
    origin: str
    code_sha256: str
    config: dict[str, Any]
    parameters: int
    weights_sha256: str | None
    weights_origin: str | None
    """`bundled`, `file`, `hub:repository@revision`, or `random`; None for a lifter that has none."""
    window: int
    stride: int | None
    tail: str
    granted: tuple[str, ...]


class LookAhead(_Part):
    """How far after the earliest frame of its output a lifter has seen; at the data set's rate.

    `clip_*` is that of the timed clip, which must be whole before the latency
    begins. `least_*` is what the lifter's own window needs: a lifter of whole
    sequences may be fed shorter clips, whose latency is another.
    """

    clip_frames: int
    clip_milliseconds: float
    least_frames: int
    least_milliseconds: float


class MacsPart(_Part):
    """Multiply-accumulates of `lift` at batch 1 as run (hypotheses, steps and mirror images in it): see docs/timing.md."""

    per_clip: int
    per_output_frame: float


class BatchPart(_Part):
    """Times at one batch size."""

    batch_size: int
    warm_up_passes: int
    warm_up_seconds: float
    blocks: int
    milliseconds: Laps
    """Of one pass over a batch."""
    frames: int
    """Unique output frames of all passes on the clock."""
    seconds: float
    frames_per_second: float
    clips_per_second: float


class EnergyPart(_Part):
    """Energy of the whole GPU over `seconds` of passes, idle power included, the gathering of clips not."""

    batch_size: int
    joules: float
    frames: int
    seconds: float
    joules_per_pose: float


class HonestyPart(_Part):
    """Whether the times may be believed. A distance is None for an output that is no finite number or has another shape."""

    valid: bool
    reasons: tuple[str, ...]
    clips_compared: int
    worst: float | None
    """From the scored path of a run (for bf16 at bf16), in the size of the pose."""
    tolerance: float
    to_float32: float | None
    """From the scored path in float32."""
    repeats: tuple[Repeats, ...]
    """Time of repeated over that of fresh inputs, at each batch size."""


class TimingRow(_Part):
    """One lifter in one dtype."""

    lifter: TimedLifter
    dtype: DType
    compile: bool
    graphs: Graphs | None
    """Of a compiled lifter."""
    flip: bool
    hypotheses: int | None
    steps: int | None
    clip_frames: int
    """Frames that one clip returns, edge frames of a short sequence included."""
    clips: int
    """Different ones there were."""
    look_ahead: LookAhead
    macs: MacsPart
    memory: tuple[Memory, ...]
    batches: tuple[BatchPart, ...]
    energy: EnergyPart | None
    honesty: HonestyPart
    notes: tuple[str, ...]
    """What could not be measured, and why."""


class RatioPart(_Part):
    """Medians over blocks of this row's time over the first row's, measured beside each other."""

    row: str
    against: str
    batch_size: int
    time: Ratio
    """Of a pass over a batch of clips, whatever they return."""
    time_per_frame: Ratio
    """Of a unique output frame."""


class MachinePart(_Part):
    """State of the machine; nothing of it was changed."""

    cpu_before: CpuState
    cpu_after: CpuState
    others_during: float | None
    """Cores' worth of time that other processes used between the two."""
    gpu_before: GpuState | None
    gpu_during: GpuDuring | None
    gpu_after: GpuState | None
    gpu_unread: str | None
    """Why there is nothing of a GPU."""
    remarks: tuple[str, ...]
    """Not idle, throttled: what a reader must know before believing a number."""


class TimingRecord(_Part):
    """One run of `posebench time`."""

    schema_version: Literal[2] = 2
    kind: Literal["time"] = "time"
    id: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    created: str
    """UTC, ISO 8601, to the second."""
    asked: TimingAsked
    device: Literal["cpu", "cuda"]
    clock: Literal["perf_counter_ns", "cuda-events"]
    data: TimedData
    rows: tuple[TimingRow, ...]
    ratios: tuple[RatioPart, ...]
    machine: MachinePart
    environment: EnvironmentPart
    wall_seconds: float

    @property
    def location(self) -> Path:
        """Where the record belongs in a folder of timings: `<protocol>/<id>.json`."""
        return Path(self.data.protocol) / f"{self.id}.json"

    @property
    def valid(self) -> bool:
        """Whether every row is."""
        return all(row.honesty.valid for row in self.rows)


def timing_schema() -> dict[str, Any]:
    """The JSON Schema of a timing record."""
    return TimingRecord.model_json_schema()


def timing_json(record: TimingRecord) -> str:
    """The JSON text of a timing record."""
    return record.model_dump_json(indent=1) + "\n"


def write_timing(record: TimingRecord, path: Path) -> Path:
    """Write a timing record to a file, atomically."""
    write_text(path, timing_json(record))
    return path


def read_timing(path: Path) -> TimingRecord:
    """Read a timing record; raises `DataMissingError`, or `DataDamagedError` naming the first field that is wrong."""
    return read_model(TimingRecord, path, "timing record")
