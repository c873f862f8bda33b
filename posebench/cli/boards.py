"""`posebench leaderboard`, `posebench reproduce`, `posebench schema`."""

from functools import partial
from pathlib import Path

import click

from posebench.cli import options
from posebench.cli.console import out, print_json, progress, table

leaderboard_folder = partial(
    click.option,
    "--dir",
    "folder",
    type=options.PATH,
    default=Path("leaderboards"),
    help="The leaderboard folder, with `records` in it.",
)


@click.command()
@leaderboard_folder()
def build(folder: Path) -> None:
    """Make every table from the committed records."""
    from posebench.leaderboard.build import build as build_tables

    changed = build_tables(folder)
    out().print("\n".join(f"wrote {name}" for name in changed) or "All tables were up to date.")


@click.command()
@leaderboard_folder()
def check(folder: Path) -> None:
    """Exit 1, naming the row, when committed tables and records disagree."""
    from posebench.leaderboard.build import check as check_tables

    out().print(f"{check_tables(folder)} files agree with their records.")


@click.command()
@click.option("--dir", "folder", type=options.PATH, default=Path("docs/protocols"), help="Folder of the pages.")
def protocols(folder: Path) -> None:
    """Write the page of every registered protocol, generated from its value."""
    from posebench.datasets.library import ensure_writable
    from posebench.files import write_text
    from posebench.protocols.pages import render_pages
    from posebench.registry.decorators import PROTOCOLS
    from posebench.registry.plugins import load_plugins

    load_plugins()
    ensure_writable(folder)
    pages = render_pages([entry.make() for entry in PROTOCOLS])
    for name, content in pages.items():
        write_text(folder / name, content)
    out().print(f"wrote {len(pages)} pages")


@click.command()
@click.option("--file", type=options.PATH, default=Path("docs/reported.md"), help="The page.")
def reported(file: Path) -> None:
    """Write the page of all numbers that papers report, generated from posebench's manifest."""
    from posebench.datasets.library import ensure_writable
    from posebench.files import write_text
    from posebench.leaderboard.reported import own_ledger, page

    ledger = own_ledger()
    ensure_writable(file.parent)
    write_text(file, page(ledger))
    out().print(f"wrote {len(ledger)} reported numbers")


@click.command()
@click.argument("record", help="Id or file of a record.")
@leaderboard_folder()
@options.device(help="auto, cpu, cuda, ...")
@options.as_json()
def reproduce(record: str, folder: Path, device: str, as_json: bool) -> None:
    """Run a committed row again and compare it; exit 1 when it moved by more than its tolerance."""
    from posebench.leaderboard.reproduce import find_record
    from posebench.leaderboard.reproduce import reproduce as run_again

    path = find_record(record, folder)
    with progress({"predict": "predicting (frames)", "score": "scoring (sequences)"}) as report:
        result = run_again(path, device, report)
    before, after = result.before, result.after
    if as_json:
        print_json({"record": before.id, "tolerance_mm": before.tolerance_mm, "differences_mm": result.differences})
    else:
        metric = before.protocol.scoring["metrics"][0]
        made = table(
            f"{before.lifter.name} on {before.protocol.id}", "row", "recorded", "now", "difference", "tolerance"
        )
        for name, difference in result.differences.items():
            column, aggregate = name.split()
            made.add_row(
                name,
                f"{before.results[column][aggregate][metric]:.6f}",  # type: ignore[index]  # a column's name
                f"{after.results[column][aggregate][metric]:.6f}",  # type: ignore[index]
                f"{difference:+.6f}",
                f"{before.tolerance_mm:g} mm",
            )
        out().print(made)
        same = before.run.predictions_sha256 == after.run.predictions_sha256
        out().print("Predictions: " + ("identical bits." if same else "other bits, as another processor may give."))
    result.require()


@click.command()
@click.option("--timing", "of", flag_value="timing", help="Of a record of `posebench time`.")
@click.option("--completion", "of", flag_value="completion", help="Of a record of `posebench complete`.")
def schema(of: str | None) -> None:
    """Print the JSON Schema of a record."""
    from posebench.generation.record import completion_schema
    from posebench.results.record import record_schema
    from posebench.timing.record import timing_schema

    made = {None: record_schema, "timing": timing_schema, "completion": completion_schema}[of]
    print_json(made())
