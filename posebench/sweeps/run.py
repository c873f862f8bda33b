"""Running a sweep: everything checked first, then each entry, whatever becomes of the others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from posebench.engines.engine import Engine, WorkerError
from posebench.engines.local import LocalEngine
from posebench.errors import PosebenchError
from posebench.prediction.shards import Home
from posebench.results.api import Progress, prepare
from posebench.results.record import Record
from posebench.sweeps.recorded import Recorded, evaluate_unless_recorded, key_for, remove_poses
from posebench.sweeps.spec import Entry

State = Literal["recorded", "made", "missing", "failed"]

#: Called with an outcome as soon as there is one.
Told = Callable[["Outcome"], None]


@dataclass(frozen=True)
class Planned:
    """An entry that can be run: its key, and the names that a process must know to run it."""

    entry: Entry
    key: str
    architecture: str
    dataset: str


@dataclass(frozen=True)
class Outcome:
    """What became of an entry: its record, there before (`recorded`) or `made` now, or why there is none."""

    entry: Entry
    state: State
    record: Record | None = None
    error: PosebenchError | None = None


def plan_sweep(entries: Sequence[Entry], progress: Progress | None = None) -> tuple[Planned, ...]:
    """Check every entry and find its key, before any work.

    Of entries that come to the same evaluation (a tag's own setting asked for
    by name) the first is kept. Raises what is wrong with an entry, naming it.
    """
    planned: dict[str, Planned] = {}
    for done, entry in enumerate(entries, start=1):
        try:
            prepared = prepare(entry.asked, entry.weights, progress)
            key = key_for(prepared)
        except PosebenchError as error:
            raise type(error)(f"Of the sweep, {entry}: {error}") from error
        found = Planned(entry, key, prepared.lifter.tag.architecture, prepared.data.name)
        planned.setdefault(key, found)
        if progress:
            progress("plan", done, len(entries))
    return tuple(planned.values())


def dry_run(planned: Sequence[Planned], folder: Path) -> tuple[Outcome, ...]:
    """What a run of the sweep would find: each entry `recorded` or `missing`."""
    recorded = Recorded.read(folder)
    return tuple(
        Outcome(item.entry, "recorded" if item.key in recorded.by_key else "missing", recorded.by_key.get(item.key))
        for item in planned
    )


def run_sweep(
    planned: Sequence[Planned],
    folder: Path,
    jobs: int = 1,
    progress: Progress | None = None,
    engine: Engine | None = None,
    told: Told | None = None,
) -> tuple[Outcome, ...]:
    """Run what is not recorded under `folder`, `jobs` entries at once; outcomes in the order of the plan.

    With `engine` its processes share each run's sequences; with jobs each run
    has a process of its own. After an interruption the same call goes on.
    """
    outcomes = {outcome.entry: outcome for outcome in dry_run(planned, folder)}
    for item in planned:
        if outcomes[item.entry].state == "recorded":
            remove_poses(item.key)
    missing = [outcome.entry for outcome in outcomes.values() if outcome.state == "missing"]
    for made in _made(planned, missing, folder, jobs, progress, engine):
        outcomes[made.entry] = made
        if told:
            told(made)
        if progress:
            progress("sweep", sum(o.state != "missing" for o in outcomes.values()), len(outcomes))
    return tuple(outcomes.values())


def _made(
    planned: Sequence[Planned],
    missing: list[Entry],
    folder: Path,
    jobs: int,
    progress: Progress | None,
    engine: Engine | None,
) -> Iterator[Outcome]:
    if jobs == 1 or not missing:
        yield from (evaluate_entry(entry, folder, progress, engine) for entry in missing)
        return
    home = Home.of({item.architecture for item in planned}, {item.dataset for item in planned})
    runs = LocalEngine(jobs).map(partial(_in_worker, home, folder.resolve()), missing)
    yield from (outcome for _, outcome in runs)


def evaluate_entry(
    entry: Entry, folder: Path, progress: Progress | None = None, engine: Engine | None = None
) -> Outcome:
    """Evaluate one entry and write its record; an error is an outcome, for the others are still to be done."""
    try:
        prepared = prepare(entry.asked, entry.weights, progress)
        record = evaluate_unless_recorded(prepared, folder, Recorded({}), progress, engine)
    except PosebenchError as error:
        return Outcome(entry, "failed", error=error)
    except Exception as error:  # a stranger's lifter can fail in any way
        said = (str(error).strip().splitlines() or ["no message"])[0]
        return Outcome(
            entry, "failed", error=WorkerError(f"{type(error).__name__}: {said}; run it alone to see where.")
        )
    return Outcome(entry, "made", record)


def _in_worker(home: Home, folder: Path, entry: Entry) -> Outcome:
    home.enter()
    return evaluate_entry(entry, folder)
