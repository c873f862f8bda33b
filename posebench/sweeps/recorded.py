"""Evaluate unless it is recorded: killed at any moment, what was computed is kept, and nothing is recorded twice.

The hash of a run's manifest (lifter, its code, weights, settings, inputs, data)
names the working folder of its poses; with the scoring rule's hash it is the
key of a record, and names its file. So the same evaluation again finds the
poses and replaces the record, and one of the same poses under another rule
finds them too.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from posebench.datasets.library import data_root, ensure_writable
from posebench.engines.engine import Engine
from posebench.hashing import hash_value
from posebench.prediction.runner import plan_run
from posebench.results.api import Prepared, Progress, evaluate_prepared
from posebench.results.record import Record, read_records, write_record


@dataclass(frozen=True)
class Key:
    """What an evaluation is known by before it is run: the hash of its manifest, and the key of its record."""

    predictions: str
    record: str


@dataclass(frozen=True)
class Recorded:
    """The records that there are, by key; those of before keys were written are of nothing."""

    by_key: dict[str, Record]

    @classmethod
    def among(cls, records: Iterable[Record]) -> "Recorded":
        """Of several under one key the newest stands."""
        found = cls({})
        for record in sorted(records, key=lambda record: (record.created, record.id)):
            found.add(record)
        return found

    @classmethod
    def read(cls, folder: Path) -> "Recorded":
        """Every record under a folder; raises `DataDamagedError` for what is none."""
        return cls.among(record for _, record in read_records(folder))

    def add(self, record: Record) -> None:
        """One more, in place of an older one of its key."""
        if (key := key_of(record)) is not None:
            self.by_key[key] = record


def key_of(record: Record) -> str | None:
    """What an evaluation's record is known by; None for one that does not say what its predictions depended on."""
    made = record.run.manifest_sha256
    return None if made is None else hash_value([made, record.protocol.scoring_hash])


def key_for(prepared: Prepared) -> Key:
    """The key that an evaluation will have; raises what `plan_run` raises."""
    plan = plan_run(prepared.lifter, prepared.data, prepared.protocol.inputs, prepared.settings)
    predictions = hash_value(plan.manifest.to_json())
    return Key(predictions, hash_value([predictions, prepared.protocol.scoring.hash]))


def evaluate_unless_recorded(
    prepared: Prepared,
    folder: Path,
    recorded: Recorded,
    progress: Progress | None = None,
    engine: Engine | None = None,
    keep_poses: bool = False,
) -> Record:
    """The record of an evaluation: the one that is there, else made and written under `folder`, with those beside it.

    What is made is added to `recorded`. With `keep_poses` they stay, for
    another evaluation of the same, until `remove_poses`. Raises what `evaluate`
    raises.
    """
    key = key_for(prepared)
    if key.record not in recorded.by_key:
        poses = _poses(key.predictions)
        ensure_writable(poses)
        made = [_named_by_key(record) for record in evaluate_prepared(prepared, poses, progress, engine)]
        # The record that is looked for comes last: if it is there, so are those beside it.
        for record in reversed(made):
            write_record(record, folder / record.location)
            recorded.add(record)
    if not keep_poses:
        remove_poses(key.predictions)
    return recorded.by_key[key.record]


def remove_poses(predictions: str) -> None:
    """Remove the poses of a manifest's hash, all of whose records are there: a process can be killed between the two."""
    shutil.rmtree(_poses(predictions), ignore_errors=True)


def _poses(predictions: str) -> Path:
    return data_root() / "runs" / f"sweep-{predictions[:20]}"


def _named_by_key(record: Record) -> Record:
    key = key_of(record)
    return record if key is None else record.model_copy(update={"id": key[:20]})
