"""`posebench verify`: the referee's own arithmetic against public evaluators, its lifters against public networks."""

import math
from dataclasses import asdict
from pathlib import Path

import click

from posebench.cli import options
from posebench.cli.console import out, print_json, table
from posebench.errors import CheckFailedError


@click.command()
@click.argument("folder", type=options.PATH, help="Folder of conformance files: single.npz, rules.npz and the others.")
@options.as_json()
def metrics(folder: Path, as_json: bool) -> None:
    """Compare the metrics with stored values of the field's own evaluators; exit 1 if one differs."""
    from posebench.conformance.folder import verify_metrics

    results = verify_metrics(folder)
    if as_json:
        print_json([{k: _finite(v) if isinstance(v, float) else v for k, v in asdict(one).items()} for one in results])
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


@click.command()
@click.argument("folder", type=options.PATH, help="Folder of NAME.safetensors, NAME.json and NAME_io.npz.")
@options.as_json()
def models(folder: Path, as_json: bool) -> None:
    """Convert public state dicts, run our lifters with them, compare outputs; exit 1 if one differs by more than 1e-5."""
    from posebench.conformance.models import verify_models

    results = verify_models(folder)
    if as_json:
        print_json([{**asdict(one), "difference": _finite(one.difference)} for one in results])
    else:
        made = table(None, "name", "lifter", "parameters", "difference", "", numeric=("parameters", "difference"))
        for one in results:
            made.add_row(
                one.name,
                one.architecture or "",
                _number(one.parameters, ","),
                _number(one.difference, ".1e"),
                "ok" if one.passed else f"WRONG {one.finding}",
            )
        out().print(made)
        out().print(f"{sum(one.passed for one in results)} of {len(results)} lifters agree")
    failed = [one for one in results if not one.passed]
    if failed:
        raise CheckFailedError(
            f"{len(failed)} of {len(results)} lifters of {folder} fail, first {failed[0].name}: {failed[0].finding}"
        )


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity: they become null."""
    return value if value is not None and math.isfinite(value) else None


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
