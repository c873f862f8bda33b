"""`posebench verify`: the referee's own arithmetic against public evaluators."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from posebench.cli.console import out, print_json, table
from posebench.errors import CheckFailedError

app = typer.Typer(help="Compare posebench with public code.", no_args_is_help=True, rich_markup_mode=None)


# With a callback a single command keeps its name: `posebench verify metrics`.
@app.callback()
def verify() -> None:
    """Compare posebench with public code."""


@app.command()
def metrics(
    folder: Annotated[Path, typer.Argument(help="Folder of conformance files: single.npz, rules.npz and the others.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the metrics with stored values of the field's own evaluators; exit 1 if one differs."""
    from posebench.conformance.folder import verify_metrics

    results = verify_metrics(folder)
    if as_json:
        # JSON has no NaN and no infinity: they become null.
        print_json(
            [
                {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(one).items()}
                for one in results
            ]
        )
    else:
        made = table(None, "case", "expected", "ours", "relative difference", "", numeric=("expected", "ours"))
        for one in results:
            numbers = [
                _number(one.expected, ".12g"),
                _number(one.ours, ".12g"),
                _number(one.relative_difference, ".1e"),
            ]
            made.add_row(one.case, *numbers, "ok" if one.passed else f"WRONG {one.finding}".strip())
        out().print(made)
        passed = sum(one.passed for one in results)
        out().print(f"{passed} of {len(results)} comparisons agree")
    failed = [one for one in results if not one.passed]
    if failed:
        first = failed[0]
        why = first.finding or f"{first.ours!r} instead of {first.expected!r}"
        raise CheckFailedError(
            f"{len(failed)} of {len(results)} comparisons with {folder} fail, first {first.case}: {why}"
        )


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
