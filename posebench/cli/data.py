"""`posebench data`: what is here, preparing it, checking it."""

from pathlib import Path
from typing import Annotated

import typer

from posebench.cli.console import note, out, print_json, progress, table
from posebench.errors import CheckFailedError

app = typer.Typer(help="Data sets: list, prepare, verify.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_data(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """What is on this machine, what is missing, its licence and how to get it."""
    from posebench.datasets.library import is_prepared
    from posebench.registry.decorators import DATASETS
    from posebench.registry.plugins import load_plugins

    load_plugins()
    rows = []
    for entry in DATASETS:
        adapter = entry.make()
        state = "prepared" if is_prepared(adapter) else "embedded" if adapter.generated else "missing"
        rows.append(
            {
                "name": entry.name,
                "state": state,
                "licence": entry.licence,
                "obtain": entry.obtain,
                "summary": entry.summary,
            }
        )
    if as_json:
        print_json(rows)
        return
    made = table(None, "data set", "state", "licence", "how to get it")
    for row in rows:
        made.add_row(row["name"], row["state"], row["licence"], row["obtain"])
    out().print(made)


@app.command()
def prepare(
    name: Annotated[str, typer.Argument(help="Data set.")],
    source: Annotated[Path | None, typer.Option(help="Folder with the files as their owner distributes them.")] = None,
) -> None:
    """Read a data set from its owner's files into a memory-mapped store."""
    from posebench.datasets.library import prepare_dataset

    with progress({"prepare": f"preparing {name} (clips)"}) as report:
        dataset = prepare_dataset(name, source, lambda done, total: report("prepare", done, total))
    note(f"Prepared {dataset.name} version {dataset.version}: {dataset.path}")
    made = table(None, "split", "sequences", "camera frames", numeric=("sequences", "camera frames"))
    for split in dataset.splits:
        infos = dataset.sequences(split)
        made.add_row(split, str(len(infos)), f"{sum(info.frames for info in infos):,}")
    out().print(made)
    out().print(f"fingerprint {dataset.fingerprint}")


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="Data set.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a prepared data set: bones, left and right, units, frame counts; exit 1 if something is wrong."""
    from posebench.datasets.library import verify_dataset

    checks = verify_dataset(name)
    if as_json:
        print_json([{"name": check.name, "passed": check.passed, "detail": check.detail} for check in checks])
    else:
        made = table(None, "check", "", "finding")
        for check in checks:
            made.add_row(check.name, "ok" if check.passed else "WRONG", check.detail)
        out().print(made)
    failed = [check for check in checks if not check.passed]
    if failed:
        raise CheckFailedError(
            f"{name} fails {len(failed)} of {len(checks)} checks, first {failed[0].name}: {failed[0].detail}"
        )
