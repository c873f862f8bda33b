"""`posebench sweep`: many runs from one file, each once."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posebench.cli import options
from posebench.cli.console import note, out, print_json, progress, table
from posebench.cli.run import STAGES
from posebench.errors import UsageError

if TYPE_CHECKING:
    from posebench.results.record import Record
    from posebench.sweeps.run import Outcome

#: The metric of the table's rows.
METRIC = "mpjpe"


@click.command()
@click.argument("spec", type=options.PATH, help="YAML file: models, datasets or protocols, keypoints, seeds, settings.")
@options.records()
@click.option("--jobs", "-j", type=int, default=1, help="Runs at once, each in a process of its own.")
@options.engine(help="Share each run's sequences out: local or ray.")
@options.workers(help="Processes of the engine.")
@options.threads(help="Threads to compute with, of each process; default: all cores, shared out.")
@options.ray_address()
@options.device()
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@options.as_json(help="Print JSON instead of a table.")
def sweep(
    spec: Path, records: Path | None, jobs: int, engine: str | None, workers: int | None, threads: int | None,
    ray_address: str | None, device: str, dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Run every entry of a sweep that has no record yet; killed and started again, it goes on where it was."""
    from posebench.datasets.library import data_root, ensure_writable
    from posebench.engines.choose import choose_engine
    from posebench.engines.engine import check_count, computing_with
    from posebench.sweeps.spec import read_sweep

    check_count("--jobs", jobs)
    if jobs > 1 and engine is not None:
        raise UsageError(
            "--jobs runs whole entries side by side and --engine shares one out: give one of them; --jobs for many small runs."
        )
    entries = read_sweep(spec, device)
    folder = records or data_root() / "records"
    ensure_writable(folder)
    # Before the first model is loaded: an option that cannot be is told at once.
    chosen = choose_engine(engine, workers, threads, ray_address, device)
    from posebench.sweeps import run

    here = computing_with(threads) if chosen is None else closing(chosen)
    with here, progress({**STAGES, **SWEEP_STAGES}) as report:
        planned = run.plan_sweep(entries, report)
        made = partial(run.run_sweep, jobs=jobs, progress=report, engine=chosen, told=_tell, threads=threads)
        outcomes = (run.dry_run if dry_run else made)(planned, folder)
    if as_json:
        print_json([_json(outcome) for outcome in outcomes])
    else:
        _print(outcomes)
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    if failed:
        note(f"posebench: {len(failed)} of {len(outcomes)} runs of the sweep failed; the others are recorded.")
        raise click.exceptions.Exit(failed[0].exit_code)


SWEEP_STAGES = {"plan": "checking (runs)", "sweep": "sweep (runs)"}


def _tell(outcome: "Outcome") -> None:
    note(f"{outcome.entry}: {outcome.error or outcome.state}")


def _print(outcomes: "tuple[Outcome, ...]") -> None:
    made = table(
        None, "model", "protocol", "settings", "seed", "column", "MPJPE mm", "state", numeric=("seed", "MPJPE mm")
    )
    for outcome in outcomes:
        asked = outcome.entry.asked
        if outcome.record is None:
            protocol = asked.protocol or f"{asked.dataset}, its default"
            made.add_row(asked.model, protocol, str(outcome.entry), str(asked.seed), "–", "–", outcome.state)
            continue
        row = _row(outcome.record)
        made.add_row(
            row["model"], row["protocol"], ", ".join(row["settings"]), str(row["seed"]), row["column"],
            "–" if row[METRIC] is None else f"{row[METRIC]:.2f}", outcome.state,
        )  # fmt: skip
    out().print(made)


def _row(record: "Record") -> dict[str, Any]:
    from posebench.results.record import settings_words

    column, aggregates = next(iter(record.results.items()))
    return {
        "model": record.lifter.name,
        "protocol": record.protocol.id,
        "settings": settings_words(record),
        "seed": record.run.seed,
        "column": column,
        METRIC: next(iter(aggregates.values())).get(METRIC),
        "record": str(record.location),
    }


def _json(outcome: "Outcome") -> dict[str, Any]:
    row = {} if outcome.record is None else _row(outcome.record)
    asked = outcome.entry.asked.model_dump(mode="json", exclude_defaults=True)
    error = None if outcome.error is None else str(outcome.error)
    return {"asked": asked, "state": outcome.state, "error": error, **row}
