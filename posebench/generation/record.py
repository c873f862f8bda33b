"""The record of a completion: one JSON file a run, with a schema of its own (`posebench schema --completion`).

A run completes the same frames by a lifter and by every baseline, so that the rows of a record stand beside each other.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from posebench.files import write_text
from posebench.protocols.completion import CompletionSpec
from posebench.protocols.scoring import Statistic
from posebench.results.record import Column, Domain, EnvironmentPart, TrainingSet
from posebench.results.record_files import read_model, visible_json
from posebench.results.score import by_column


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CompletionAsked(_Part):
    """What was asked for, as typed."""

    model: str
    dataset: str
    mask: str
    keypoints: str | None
    hypotheses: int | None
    steps: int | None
    limit: int | None
    seed: int
    device: str


class CompletionProtocol(_Part):
    """The protocol's value, and its hash."""

    id: str
    spec: dict[str, Any]
    hash: str


class CompletionLifter(_Part):
    """The lifter as it was run; `granted` are the privileges that it used, none without 2D."""

    name: str
    architecture: str
    tag: str
    origin: str
    code_sha256: str
    config: dict[str, Any]
    parameters: int
    weights_sha256: str | None
    weights_origin: str | None
    trained_on: tuple[TrainingSet, ...]
    domain: Domain
    window: int
    granted: tuple[str, ...]


class CompletionData(_Part):
    """What was completed, and what the baselines were made of."""

    dataset: str
    version: str
    fingerprint: str
    sequences: int
    frames: int
    training_poses: int


class CompletionClip(_Part):
    """The additive statistics of a clip, its cameras together: `statistics[aggregate][metric] = (sum, weight)`."""

    id: str
    frames: int
    statistics: dict[str, dict[str, tuple[float, float]]]


class CompletionRow(_Part):
    """The lifter (its name and no `baseline`) or a baseline."""

    name: str
    baseline: bool
    hypotheses: int
    results: dict[Column, dict[str, dict[str, float]]]
    """`results[column][aggregate][metric]`, over the hidden joints."""
    clips: tuple[CompletionClip, ...]


class CompletionRecord(_Part):
    """One run of `posebench complete` on a data set. Only the kind `completion` reaches tables; `smoke` was limited."""

    schema_version: Literal[1] = 1
    kind: Literal["completion", "smoke"]
    id: str = Field(pattern=r"^[A-Za-z0-9._-]+$")
    created: str
    """UTC, ISO 8601, to the second."""
    asked: CompletionAsked
    protocol: CompletionProtocol
    lifter: CompletionLifter
    data: CompletionData
    device: str
    hypotheses: int
    steps: int | None
    environment: EnvironmentPart
    wall_seconds: float
    rows: tuple[CompletionRow, ...]

    @property
    def location(self) -> Path:
        """Where the record belongs in a folder of records: `<protocol>/<tag>/<id>.json`."""
        return Path(self.protocol.id) / self.lifter.name / f"{self.id}.json"


def make_row(
    spec: CompletionSpec, name: str, clips: Iterable[CompletionClip], hypotheses: int, granted: tuple[str, ...] | None
) -> CompletionRow:
    """A row and the numbers that follow from its clips; `granted` is None for a baseline."""
    ordered = tuple(sorted(clips, key=lambda clip: clip.id))
    return CompletionRow(
        name=name,
        baseline=granted is None,
        hypotheses=hypotheses,
        results=results_of(spec, ordered, granted or ()),
        clips=ordered,
    )


def results_of(
    spec: CompletionSpec, clips: Iterable[CompletionClip], granted: tuple[str, ...]
) -> dict[Column, dict[str, dict[str, float]]]:
    """`results[column][aggregate][metric]`: the mean over all frames, of exactly rounded sums."""
    rows = list(clips)
    numbers: dict[str, dict[str, float]] = {}
    for aggregate in spec.aggregates:
        for metric in spec.metrics:
            found = [
                Statistic(*row.statistics[aggregate][metric])
                for row in rows
                if metric in row.statistics.get(aggregate, {})
            ]
            weight = math.fsum(part.weight for part in found)
            if weight:
                numbers.setdefault(aggregate, {})[metric] = math.fsum(part.sum for part in found) / weight
    return by_column(numbers, granted)


def completion_schema() -> dict[str, Any]:
    """The JSON Schema of a completion record."""
    return CompletionRecord.model_json_schema()


def write_completion(record: CompletionRecord, path: Path) -> Path:
    """Write a completion record to a file, atomically."""
    write_text(path, record.model_dump_json(indent=None) + "\n")
    return path


def read_completion(path: Path) -> CompletionRecord:
    """Read a record; raises `DataMissingError`, or `DataDamagedError` naming the first field that is wrong."""
    return read_model(CompletionRecord, path, "completion record")


def read_completions(folder: Path) -> list[tuple[Path, CompletionRecord]]:
    """Every record under a folder, sorted by path; hidden and unfinished files are passed over."""
    return [(path, read_completion(path)) for path in visible_json(folder)]
