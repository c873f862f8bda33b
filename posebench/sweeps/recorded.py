"""Evaluate unless it is recorded: killed at any moment, what was computed is kept, and nothing is recorded twice.

A record's key is the hash of everything its numbers depend on: the manifest of
its predictions (lifter, code, weights, settings, inputs, data) and the scoring
rule. The key names the working folder of the poses and the record's file, so
the same evaluation again finds the one and replaces the other.
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
class Recorded:
    """The records that there are, by key; those of before keys were written are of nothing."""

    by_key: dict[str, Record]

    @classmethod
    def among(cls, records: Iterable[Record]) -> "Recorded":
        """Of several under one key the newest stands."""
        newest = sorted(records, key=lambda record: (record.created, record.id))
        return cls({key: record for record in newest if (key := key_of(record)) is not None})

    @classmethod
    def read(cls, folder: Path) -> "Recorded":
        """Every record under a folder; raises `DataDamagedError` for what is none."""
        return cls.among(record for _, record in read_records(folder))


def key_of(record: Record) -> str | None:
    """What an evaluation's record is known by; None for one that does not say what its predictions depended on."""
    made = record.run.manifest_sha256
    return None if made is None else hash_value([made, record.protocol.scoring_hash])


def key_for(prepared: Prepared) -> str:
    """The key of the record that an evaluation will have; raises what `plan_run` raises."""
    plan = plan_run(prepared.lifter, prepared.data, prepared.protocol.inputs, prepared.settings)
    return hash_value([hash_value(plan.manifest.to_json()), prepared.protocol.scoring.hash])


def evaluate_unless_recorded(
    prepared: Prepared,
    folder: Path,
    recorded: Recorded,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> Record:
    """The record of an evaluation: the one that is there, else made and written under `folder`, with those beside it.

    Raises what `evaluate` raises.
    """
    key = key_for(prepared)
    poses = _poses(key)
    found = recorded.by_key.get(key)
    if found is None:
        ensure_writable(poses)
        made = [_named_by_key(record) for record in evaluate_prepared(prepared, poses, progress, engine)]
        # The record that is looked for comes last: if it is there, so are those beside it.
        for record in reversed(made):
            write_record(record, folder / record.location)
        found = made[0]
    remove_poses(key)
    return found


def remove_poses(key: str) -> None:
    """Remove what a run that is recorded by now left: a process can be killed between its record and this."""
    shutil.rmtree(_poses(key), ignore_errors=True)


def _poses(key: str) -> Path:
    return data_root() / "runs" / f"sweep-{key[:20]}"


def _named_by_key(record: Record) -> Record:
    key = key_of(record)
    return record if key is None else record.model_copy(update={"id": key[:20]})
