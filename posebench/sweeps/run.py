"""Running a sweep: everything checked first, then each entry, whatever becomes of the others."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from posebench.engines.engine import Engine, WorkerError
from posebench.engines.local import LocalEngine, visible_gpus
from posebench.errors import PosebenchError
from posebench.prediction.shards import Home
from posebench.results.api import Progress, prepare
from posebench.results.record import Record
from posebench.sweeps.recorded import Key, Recorded, evaluate_unless_recorded, key_for, remove_poses
from posebench.sweeps.spec import Entry

State = Literal["recorded", "made", "missing", "failed"]

#: Called with an outcome as soon as there is one.
Told = Callable[["Outcome"], None]


@dataclass(frozen=True)
class Planned:
    """An entry that can be run: its key, and the names that a process must know to run it."""

    entry: Entry
    key: Key
    architecture: str
    dataset: str


@dataclass(frozen=True)
class Work:
    """The entries that come to the same poses, which are predicted once: one process does them, one after the other."""

    predictions: str
    planned: tuple[Planned, ...]

    def __str__(self) -> str:
        return "; ".join(str(item.entry) for item in self.planned)


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
        planned.setdefault(key.record, found)
        if progress:
            progress("plan", done, len(entries))
    return tuple(planned.values())


def dry_run(planned: Sequence[Planned], folder: Path) -> tuple[Outcome, ...]:
    """What a run of the sweep would find: each entry `recorded` or `missing`."""
    found = Recorded.read(folder).by_key
    return tuple(
        Outcome(item.entry, "recorded" if item.key.record in found else "missing", found.get(item.key.record))
        for item in planned
    )


def run_sweep(
    planned: Sequence[Planned],
    folder: Path,
    jobs: int = 1,
    progress: Progress | None = None,
    engine: Engine | None = None,
    told: Told | None = None,
    threads: int | None = None,
) -> tuple[Outcome, ...]:
    """Run what is not recorded under `folder`, `jobs` entries at once; outcomes in the order of the plan.

    With `engine` its processes share each run's sequences; with jobs each run
    has a process of its own, with `threads` (None: the cores shared out) and,
    where the device is left open, a GPU in turn. After an interruption the
    same call goes on. Raises `WorkerError` when no process can be started.
    """
    outcomes = {outcome.entry: outcome for outcome in dry_run(planned, folder)}
    todo: dict[str, list[Planned]] = {}
    for item in planned:
        todo.setdefault(item.key.predictions, [])
        if outcomes[item.entry].state == "missing":
            todo[item.key.predictions].append(item)
    for predictions, missing in todo.items():
        if not missing:
            remove_poses(predictions)
    works = [Work(predictions, tuple(missing)) for predictions, missing in todo.items() if missing]
    for outcome in _made(works, folder, jobs, progress, engine, threads):
        outcomes[outcome.entry] = outcome
        if told:
            told(outcome)
        if progress:
            progress("sweep", sum(o.state != "missing" for o in outcomes.values()), len(outcomes))
    return tuple(outcomes.values())


def _made(
    works: Sequence[Work],
    folder: Path,
    jobs: int,
    progress: Progress | None,
    engine: Engine | None,
    threads: int | None,
) -> Iterator[Outcome]:
    if jobs == 1 or not works:
        for work in works:
            yield from evaluate_work(work, folder, progress, engine)
        return
    planned = [item for work in works for item in work.planned]
    home = Home.of({item.architecture for item in planned}, {item.dataset for item in planned})
    is_open = {item.entry.asked.device for item in planned} <= {"auto", "cuda"}
    pool = LocalEngine(min(jobs, len(works)), threads, visible_gpus("auto") if is_open else ())
    with closing(pool), closing(pool.map(partial(_in_worker, home, folder.resolve()), works)) as results:
        for work, result in results:
            yield from _of_the_dead(work, result, folder) if isinstance(result, WorkerError) else result


def _in_worker(home: Home, folder: Path, work: Work) -> tuple[Outcome, ...]:
    home.enter()
    return tuple(evaluate_work(work, folder))


def _of_the_dead(work: Work, error: WorkerError, folder: Path) -> Iterator[Outcome]:
    """Of work whose process died again and again: what it recorded before it died is there."""
    found = Recorded.read(folder).by_key
    for item in work.planned:
        record = found.get(item.key.record)
        yield Outcome(item.entry, "failed", error=error) if record is None else Outcome(item.entry, "made", record)


def evaluate_work(
    work: Work, folder: Path, progress: Progress | None = None, engine: Engine | None = None
) -> Iterator[Outcome]:
    """Evaluate the entries of one work and write their records; the poses stay until all are there."""
    made = Recorded({})
    failed = False
    for item in work.planned:
        outcome = _evaluate(item.entry, folder, made, progress, engine)
        failed |= outcome.error is not None
        yield outcome
    if not failed:
        remove_poses(work.predictions)


def _evaluate(entry: Entry, folder: Path, made: Recorded, progress: Progress | None, engine: Engine | None) -> Outcome:
    """Evaluate one entry; an error is an outcome, for the others are still to be done."""
    try:
        prepared = prepare(entry.asked, entry.weights, progress)
        record = evaluate_unless_recorded(prepared, folder, made, progress, engine, keep_poses=True)
    except PosebenchError as error:
        return Outcome(entry, "failed", error=error)
    except Exception as error:  # a stranger's lifter can fail in any way
        said = (str(error).strip().splitlines() or ["no message"])[0]
        return Outcome(
            entry, "failed", error=WorkerError(f"{type(error).__name__}: {said}; run it alone to see where.")
        )
    return Outcome(entry, "made", record)
