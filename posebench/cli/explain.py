"""`posebench explain`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posebench.cli import options
from posebench.cli.console import note, out, print_json, progress, table

if TYPE_CHECKING:
    from posebench.results.explain import Effect


@click.command()
@options.predictions()
@options.protocol(help="Rule to start from; default: the data set's own.")
@click.option("--to", help="Rule to end at; default: the usual alternatives in a row.")
@options.output(help="Draw the path as a waterfall to this file.")
@options.as_json()
def explain(predictions: Path, protocol: str | None, to: str | None, output: Path | None, as_json: bool) -> None:
    """Score one prediction folder under every rule that applies, and say what each difference comes from."""
    from posebench.datasets.library import ensure_writable, load_dataset
    from posebench.prediction.folder import PredictionFolder
    from posebench.results.api import protocol_for
    from posebench.results.explain import explain as explain_folder

    opened = PredictionFolder.open(predictions)
    start = protocol_for(opened, protocol)
    target = protocol_for(opened, to) if to is not None else None
    if output is not None:
        ensure_writable(output.parent)
    with progress({"explain": "scoring under every rule (sequences)"}) as report:
        dataset = load_dataset(opened.manifest.inputs.dataset, opened.manifest.inputs.form)
        result = explain_folder(opened, dataset, start, target, lambda done, total: report("explain", done, total))
    if output is not None:
        from posebench.results.waterfall import draw_waterfall

        draw_waterfall(result, output)
        note(f"Drew the path to {output}")
    if as_json:
        print_json(asdict(result))
        return
    title = f"{opened.manifest.lifter} on {result.protocol}, {result.aggregate}"
    _print(f"{title}: each rule alone", result.start, result.alone)
    _print(f"{title}: step by step{f' to {result.target}' if result.target else ''}", result.start, result.path)


def _print(title: str, start: dict[str, float], effects: "list[Effect]") -> None:
    from posebench.metrics.table import METRICS

    heads = {metric: f"{METRICS[metric].title}\n{METRICS[metric].unit}" for metric in start}
    who = ["who"] if any(effect.who for effect in effects) else []
    made = table(title, "rule", *heads.values(), *who, numeric=tuple(heads.values()))
    made.add_row("as the protocol has it", *(f"{value:.2f}" for value in start.values()))
    made.add_section()
    for effect in effects:
        cells = [
            "" if abs(effect.differences.get(metric, 0.0)) < 5e-7 else f"{effect.differences[metric]:+.2f}"
            for metric in start
        ]
        made.add_row(effect.name, *cells, *([effect.who] if who else []))
    if effects and not who:
        made.add_section()
        last = {**start, **effects[-1].values}
        made.add_row("end", *(f"{last[metric]:.2f}" for metric in start))
    out().print(made)
