"""A study of transfer as a value, read from `zoo/studies/NAME.yaml`: published lifters, a base, and what is other than it.

A study of parts (`study.py`) compares lifters trained alike under one protocol; this one compares protocols, and asks which
lifter loses less from one to the other.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from posebench.errors import CheckFailedError, DataMissingError
from posebench.leaderboard.collect import verify_record
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.resolve import resolve_model
from posebench.results.record import Record, read_records
from zoo.studies import study
from zoo.training.config import read_mapping, validated


class TransferRun(NamedTuple):
    """What makes one record of a study of transfer; `row` is a row's name."""

    row: str
    protocol: str


Evidence = Mapping[TransferRun, Record]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Section):
    """A lifter by its tag, run as its tag says; hypotheses and steps of one that samples."""

    name: study.Name
    model: str
    what: str
    hypotheses: PositiveInt | None = None
    steps: PositiveInt | None = None


class Other(_Section):
    """A protocol that differs from the base, and in what."""

    protocol: str
    what: str

    @cached_property
    def id(self) -> str:
        """With its 2D source and version."""
        return resolve_protocol(self.protocol).id


class Comparison(_Section):
    """A base and the protocols that are held against it."""

    title: str
    base: str
    others: Annotated[tuple[Other, ...], Field(min_length=1)]

    @cached_property
    def base_id(self) -> str:
        """With its 2D source and version."""
        return resolve_protocol(self.base).id


class Transfer(_Section):
    """The whole study."""

    name: study.Name
    title: str
    summary: str
    reference: str
    """The row that the others' losses are held against."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    comparisons: Annotated[tuple[Comparison, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_rows(self) -> "Transfer":
        names = [row.name for row in self.rows]
        if len(set(names)) != len(names):
            raise ValueError("two rows have the same name")
        if self.reference not in names:
            raise ValueError(f"there is no row {self.reference!r}; there are {', '.join(names)}")
        return self

    @property
    def runs(self) -> list[TransferRun]:
        """Every record that the study wants, each once, row after row."""
        protocols = [id for some in self.comparisons for id in (some.base_id, *(other.id for other in some.others))]
        return [TransferRun(row.name, protocol) for row in self.rows for protocol in dict.fromkeys(protocols)]

    def row(self, name: str) -> Row:
        """A row by its name."""
        return next(row for row in self.rows if row.name == name)


def load_transfer(name: str) -> Transfer:
    """A study of this folder; raises `DataMissingError` where there is none, `UsageError` naming a wrong key."""
    path = study.STUDIES / f"{name}.yaml"
    if not path.is_file():
        raise DataMissingError(
            f"There is no study {name!r} in {study.STUDIES}; `transfer` is the one that comes with it."
        )
    return validated(Transfer, {"name": name, **read_mapping(path, "study")}, f"study {path.name}")


def read_transfer_evidence(study: Transfer, folder: Path) -> Evidence:
    """The records in `folder/records` by row and protocol; of several of one run the newest stands.

    Raises `CheckFailedError` for a record that does not follow from its own
    evidence, is of no row, or shares a protocol's name but not its value or
    data with another, or a row but not its weights.
    """
    found: dict[TransferRun, Record] = {}
    common: dict[str, tuple[str | None, ...]] = {}
    place = folder / "records"
    for path, record in read_records(place) if place.is_dir() else ():
        verify_record(path, record, place)
        run = TransferRun(_row_of(study, record).name, record.protocol.id)
        halves = (record.protocol.inputs_hash, record.protocol.scoring_hash, record.data.fingerprint)
        for what, value in ((f"protocol {run.protocol}", halves), (f"row {run.row}", (record.lifter.weights_sha256,))):
            if common.setdefault(what, value) != value:
                raise CheckFailedError(
                    f"The record {record.id} differs from others of the {what} in its value, its data or its weights; "
                    "remove the outdated ones."
                )
        if run not in found or (found[run].created, found[run].id) < (record.created, record.id):
            found[run] = record
    return found


def _row_of(study: Transfer, record: Record) -> Row:
    settings = record.lifter.settings
    plain = record.kind == "score" and not settings.resample and settings.precision == "fp32"
    for row in study.rows:
        asked = (row.model, row.hypotheses, row.steps)
        if (
            plain
            and asked == (record.lifter.name, settings.hypotheses, settings.steps)
            and settings.flip == bool(resolve_model(row.model).described.settings.get("flip", False))
        ):
            return row
    raise CheckFailedError(
        f"The record {record.id} of {record.lifter.name} is of no row of the study {study.name}, or of no whole plain run; remove it."
    )
