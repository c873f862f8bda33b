"""`posebench list`, `info`, `mock`, `doctor`."""

import os
from typing import Any

import click

from posebench.cli import options
from posebench.cli.console import note, out, print_json, show_values, table
from posebench.errors import CheckFailedError


@click.command("list")
@options.pattern()
@options.as_json()
def list_all(pattern: str, as_json: bool) -> None:
    """Lifters, data sets and protocols that are registered."""
    from posebench.registry.decorators import DATASETS, PROTOCOLS
    from posebench.registry.plugins import broken_plugins, load_plugins, provided_by
    from posebench.registry.resolve import model_tags

    broken = broken_plugins()
    strangers = [plugin for plugin in load_plugins() if not plugin.is_own and not plugin.broken]
    models = [
        {
            "name": tag.name,
            "default": tag.is_default,
            "weights": _weights_word(tag.described.weights, tag.described.needs_weights),
            "trained_on": [f"{item.dataset}/{item.split}" for item in tag.described.trained_on],
            "summary": tag.described.summary,
            "origin": tag.entry.origin,
            "provided_by": provided_by("lifter", tag.architecture),
        }
        for tag in model_tags(pattern)
    ]
    datasets = [
        {"name": n, "summary": DATASETS.get(n).summary, "provided_by": provided_by("data set", n)}
        for n in DATASETS.names(pattern)
    ]
    protocols = PROTOCOLS.names(pattern)
    if as_json:
        print_json(
            {
                "models": models,
                "datasets": datasets,
                "protocols": protocols,
                "third_parties": [
                    {"name": p.name, "distribution": p.distribution, "module": p.module, "brought": p.brought}
                    for p in strangers
                ],
                "broken_plugins": [
                    {"name": p.name, "distribution": p.distribution, "reason": p.broken} for p in broken
                ],
            }
        )
    else:
        console = out()
        if models:
            made = table("Lifters", "name", "weights", "what it is")
            for model in models:
                made.add_row(
                    f"{model['name']}{' *' if model['default'] else ''}", str(model["weights"]), str(model["summary"])
                )
            console.print(made)
            console.print("* the tag that the bare architecture name means")
        if datasets:
            made = table("Data sets", "name", "what it is")
            for row in datasets:
                made.add_row(str(row["name"]), str(row["summary"]))
            console.print(made)
        if protocols:
            made = table("Protocols", "name")
            for name in protocols:
                made.add_row(name)
            console.print(made)
        if not (models or datasets or protocols):
            console.print(f"Nothing is registered under {pattern!r}.")
        for plugin in strangers:
            parts = ", ".join(f"{kind} {name}" for kind, name in plugin.brought if kind != "manifest")
            console.print(f"From {plugin.distribution} ({plugin.module}): {parts or 'nothing'}.")
    for plugin in broken:
        note(
            f"posebench: the plug-in {plugin.name!r} of {plugin.distribution} could not be loaded ({plugin.broken}); the rest works."
        )


def _weights_word(weights: object, needed: bool) -> str:
    from posebench.registry.manifest import Weights

    if isinstance(weights, Weights):
        return "bundled" if weights.file else "Hub"
    return "none yet" if needed else "needs none"


@click.command()
@click.argument("name", help="A lifter, a data set, or a protocol.")
@options.as_json()
def info(name: str, as_json: bool) -> None:
    """Everything posebench knows of a lifter, a data set or a protocol."""
    from posebench.results.describe import describe

    value = describe(name)
    reported = [] if as_json else value.pop("reported by the paper", [])
    show_values(name, value, as_json)
    if reported:
        _show_reported(name.partition(".")[0], reported)


def _show_reported(architecture: str, numbers: list[dict[str, Any]]) -> None:
    """What papers report of an architecture: a table for each protocol and column."""
    from msgspec import convert

    from posebench.leaderboard.reported import HEADERS, Reported, rows
    from posebench.registry.reported import ReportedNumber

    ledger = [Reported(architecture, convert(number, ReportedNumber)) for number in numbers]
    out().print("Reported by papers (not run here)\n")
    for protocol, column in dict.fromkeys((item.number.protocol, item.number.column) for item in ledger):
        made = table(f"{protocol} — {column}", *HEADERS)
        for cells in rows(item for item in ledger if (item.number.protocol, item.number.column) == (protocol, column)):
            made.add_row(*cells)
        out().print(made)


@click.command()
@click.argument("model", help="Lifter: architecture or architecture.tag.")
@options.device(help="auto (meta for sizes without weights), cpu, cuda, meta.")
@click.option("--batch", type=click.IntRange(min=1), default=2, help="Windows in the batch.")
@options.as_json()
def mock(model: str, device: str, batch: int, as_json: bool) -> None:
    """Run a lifter with random weights on random poses: does it keep its contract?"""
    from dataclasses import asdict

    from posebench.prediction.mock import mock as run_mock

    result = run_mock(model, device, batch)
    if as_json:
        print_json(asdict(result))
        return
    took = "shapes only" if result.seconds is None else f"{result.seconds * 1000:.1f} ms"
    out().print(
        f"{result.name}: {result.input_shape} keypoints to {result.output_shape} poses, "
        f"{result.parameters:,} parameters, {result.device}, {took}."
    )


@click.command()
@options.as_json()
def doctor(as_json: bool) -> None:
    """Check this installation: versions, device, plug-ins, data, bundled weights; exit 1 if something is broken."""
    from posebench.results.doctor import examine

    findings = examine(dict(os.environ))
    if as_json:
        print_json([{"what": f.what, "ok": f.ok, "detail": f.detail} for f in findings])
    else:
        made = table(None, "what", "", "finding")
        for finding in findings:
            made.add_row(finding.what, "ok" if finding.ok else "BROKEN", finding.detail)
        out().print(made)
    broken = [finding for finding in findings if not finding.ok]
    if broken:
        raise CheckFailedError(
            f"{len(broken)} of {len(findings)} checks of this installation fail, first {broken[0].what}: {broken[0].detail}"
        )
