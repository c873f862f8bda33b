"""The record of a run: one JSON file, append-only, from which every table is made.

`record_schema()` is its JSON Schema (`posebench schema`); `SCHEMA_VERSION`
rises when a field changes its meaning.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from posebench.files import write_text
from posebench.prediction.run_options import Precision
from posebench.results.record_files import read_model, visible_json

SCHEMA_VERSION = 2

Column = Literal["honest", "assisted", "oracle"]
Domain = Literal["in-domain", "cross-dataset", "contaminated", "untrained", "unknown"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Asked(_Part):
    """What was asked for, as typed."""

    model: str
    protocol: str | None
    dataset: str | None
    keypoints: str | None
    limit: int | None
    device: str
    batch_size: int | None
    flip: bool | None
    resample: bool
    seed: int
    hypotheses: int | None = None
    steps: int | None = None
    precision: Precision = "fp32"
    fast: bool = False


class SettingsPart(_Part):
    """How the lifter was run, resolved: what makes a row of its own. Defaults are what records without a field were run with."""

    flip: bool
    resample: bool
    heatmaps: dict[str, Any] | None = None
    """How they were drawn, for a lifter that takes them."""
    hypotheses: int | None = None
    steps: int | None = None
    """Both None for a lifter that does not sample."""
    precision: Precision = "fp32"
    fast: dict[str, Any] | None = None
    """What `--fast` chose; None for a plain run."""


class ProtocolPart(_Part):
    """Both halves of the protocol, written out, and their hashes."""

    id: str
    inputs: dict[str, Any]
    inputs_hash: str
    scoring: dict[str, Any]
    scoring_hash: str


# Not the manifest's: that may change, and records of before must still be read.
class TrainingSet(_Part):
    """One data set that a tag's weights have seen."""

    dataset: str
    split: str
    version: str
    source: str


class LifterPart(_Part):
    """The lifter as it was run."""

    name: str
    architecture: str
    tag: str
    origin: str
    """`module:name` of the factory that made it."""
    config: dict[str, Any]
    settings: SettingsPart
    parameters: int
    weights_sha256: str | None
    weights_origin: str | None
    """`bundled`, `file`, or `hub:repository@revision`."""
    trained_on: tuple[TrainingSet, ...]
    domain: Domain
    window: int
    stride: int | None
    tail: str
    look_ahead: int
    space: str
    joints: str
    """The joint set it worked in; the data's own where it takes any."""
    training_fps: float | None


class DataPart(_Part):
    """What it was run on."""

    dataset: str
    version: str
    form: str
    """The form of the data set, empty for its own."""
    fingerprint: str
    pseudo_truth: bool
    """The ground truth was made from the very detections: errors against it are a lower bound."""
    split: str
    frame_list_sha256: str | None
    fps: float
    sequences: int
    frames: int
    interpolated: int
    """Joint-frames of the keypoints that were missing and interpolated in time for the lifter."""


class RunPart(_Part):
    """How it was run, resolved."""

    device: str
    batch_size: int
    seed: int
    hypotheses: int
    granted: tuple[str, ...]
    predictions_sha256: str
    manifest_sha256: str | None = None
    """Of everything the predictions depend on, the lifter's code too; None in records of before this was written."""


class MovedPart(_Part):
    """How far a fast run is from the plain way, measured on a seeded share of its sequences."""

    sequences: int
    mpjpe_mm: float
    """MPJPE of the fast run minus that of the plain way; of several aggregates the one that moved most."""
    distance_mm: float
    """Mean distance between the joints of both, over all hypotheses."""


class TimingPart(_Part):
    """Time of this run; the forward passes on their own clock.

    None where all predictions were there already, and where processes of an
    engine shared the work: passes that ran side by side are not as fast as
    alone, and must not be compared with those of one process.
    """

    wall_seconds: float
    forward_seconds: float | None = None
    forward_frames: int | None = None
    frames_per_second: float | None = None
    """Unique output frames over the time of the forward passes."""
    method: str | None = None
    warm_up_seconds: float | None = None
    workers: int | None = None
    """Processes of an engine that shared the work; None: it was done in one."""


class ProvidedByPart(_Part):
    """The distributions, name and version, whose plug-ins brought the parts; None for what a script registered."""

    lifter: str | None
    dataset: str | None
    protocol: str | None


class EnvironmentPart(_Part):
    """Versions and processor; no host, user or path."""

    posebench: str
    python: str
    torch: str
    numpy: str
    system: str
    cpu: str
    gpu: str | None
    threads: int


class ObservedPart(_Part):
    """In how many of `frames` the truth was within each quantile of the hypotheses: `counts[quantile][joint]`."""

    frames: int
    counts: tuple[tuple[int, ...], ...]


class SequencePart(_Part):
    """The additive statistics of one sequence: `statistics[action][aggregate][metric] = (sum, weight)`."""

    id: str
    subject: str
    action: str
    clip: str
    camera: str
    frames: int
    interpolated: int
    statistics: dict[str, dict[str, dict[str, tuple[float, float]]]]
    observed: dict[str, ObservedPart] | None = None
    """By action, where the rule asks for a calibration error."""


class Record(_Part):
    """One run. Only kinds `score` and `external` reach accuracy tables."""

    schema_version: Literal[2] = 2
    kind: Literal["score", "smoke", "timing", "external"]
    id: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    created: str
    """UTC, ISO 8601, to the second."""
    asked: Asked
    protocol: ProtocolPart
    lifter: LifterPart
    data: DataPart
    run: RunPart
    moved: MovedPart | None = None
    """None for a plain run."""
    timing: TimingPart
    environment: EnvironmentPart
    provided_by: ProvidedByPart | None = None
    """None in records of before this was written."""
    tolerance_mm: float
    """How far MPJPE may be from `results` when the row is run again on another machine."""
    results: dict[Column, dict[str, dict[str, float]]]
    """`results[column][aggregate][metric]`; the three columns never mix."""
    by_group: dict[str, dict[Column, dict[str, dict[str, float]]]]
    """The same by action, or by clip where the rule averages over clips."""
    sequences: tuple[SequencePart, ...]

    @property
    def location(self) -> Path:
        """Where the record belongs in a records folder: `<protocol>/<tag>/<id>.json`."""
        return Path(self.protocol.id) / self.lifter.name / f"{self.id}.json"


def settings_words(record: Record) -> list[str]:
    """The settings that make a row of its own, as tables and summaries show them; none for the plainest run."""
    settings = record.lifter.settings
    words = [name for name in ("flip", "heatmaps", "resample") if getattr(settings, name)]
    if settings.hypotheses is not None or record.run.hypotheses > 1:
        words.append(f"H={record.run.hypotheses}")
    if settings.steps is not None:
        words.append(f"K={settings.steps}")
    if settings.precision != "fp32":
        words.append(settings.precision)
    if settings.fast is not None:
        words.append("fast")
    return words


def record_schema() -> dict[str, Any]:
    """The JSON Schema of a record."""
    return Record.model_json_schema()


def record_value(record: Record) -> dict[str, Any]:
    """A record as plain values; a sequence without counts of its hypotheses has no key for them."""
    value = record.model_dump(mode="json")
    for row in value["sequences"]:
        if row["observed"] is None:
            del row["observed"]
    return value


def record_json(record: Record) -> str:
    """The JSON text of a record: indented, but one line a sequence so that files stay readable and diffs small."""
    value = record_value(record)
    rows = value.pop("sequences")
    head = json.dumps(value, indent=1, allow_nan=False)
    body = ",\n  ".join(json.dumps(row, allow_nan=False) for row in rows)
    return f'{head[:-2]},\n "sequences": [\n  {body}\n ]\n}}\n'


def write_record(record: Record, path: Path) -> Path:
    """Write a record to a file, atomically."""
    write_text(path, record_json(record))
    return path


def read_record(path: Path) -> Record:
    """Read a record; raises `DataMissingError`, or `DataDamagedError` naming the first field that is wrong."""
    return read_model(Record, path, "record")


def read_records(folder: Path) -> list[tuple[Path, Record]]:
    """Every record under a folder, sorted by path; hidden and unfinished files are passed over."""
    return [(path, read_record(path)) for path in visible_json(folder)]
