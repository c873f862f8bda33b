"""`posebench run`, `posebench score` and `posebench show`."""

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from posebench.cli import options
from posebench.cli.console import batch_size_of, note, out, print_json, progress, table
from posebench.errors import UsageError

if TYPE_CHECKING:
    from posebench.prediction.spec import Space
    from posebench.protocols.protocol import Scoring
    from posebench.results.prompts import Prompts
    from posebench.results.record import Column, Record

STAGES = {
    "weights": "fetching weights (bytes)",
    "describe": "inferring actions (frames)",
    "predict": "predicting (frames)",
    "score": "scoring (sequences)",
    "prepare": "preparing (clips)",
}


@click.command()
@options.model()
@options.dataset(help="Data set; its default protocol is used.")
@options.protocol(help="Protocol id, dataset/rule+source@version.")
@options.keypoints(help="2D source: gt, simulated, ..., or one that the data set stores.")
@click.option("--limit", type=int, help="First N camera frames only; makes a smoke record.")
@options.device()
@options.batch_size()
@options.flip()
@options.resample(help="Lift at the lifter's training frame rate, then back to the data's.")
@options.seed()
@options.hypotheses()
@options.steps()
@options.precision()
@options.fast()
@options.weights()
@options.engine(help="Share the sequences out among processes: local, or ray (an extra).")
@options.workers(help="Processes of the engine; default: one a GPU or core.")
@options.threads(help="Threads to compute with, of each process; default: all cores, shared out.")
@options.ray_address()
@options.output(help="Also write the record to this file.")
@click.option("--predictions", type=options.PATH, help="Keep the predicted poses in this folder.")
@options.records()
@click.option("--show-prompts", is_flag=True, help="Also show what a lifter that infers actions takes each clip to be.")
@options.as_json(help="Print the record as JSON instead of tables.")
def run(
    model: str, dataset: str | None, protocol: str | None, keypoints: str | None, limit: int | None, device: str,
    batch_size: str, flip: bool | None, resample: bool, seed: int, hypotheses: int | None, steps: int | None,
    precision: str, fast: bool, weights: Path | None, engine: str | None, workers: int | None, threads: int | None,
    ray_address: str | None, output: Path | None, predictions: Path | None, records: Path | None, show_prompts: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Evaluate a lifter: predict every test frame, score, record, print the tables."""
    from posebench.datasets.library import data_root, ensure_writable, find_adapter, is_prepared, prepare_dataset
    from posebench.prediction.run_options import check_describes, check_precision, sampling_config
    from posebench.protocols.resolve import resolve_protocol
    from posebench.registry.resolve import resolve_model

    # Everything that can be found wrong is found before the work.
    chosen = resolve_protocol(protocol, dataset, keypoints)
    tag = resolve_model(model)
    sampling_config(tag, hypotheses, steps)
    check_precision(precision)
    if show_prompts and weights is None:
        check_describes(tag.entry.spec(tag.config), tag.name)
    folder = records or data_root() / "records"
    ensure_writable(folder)
    if output is not None:
        ensure_writable(output.parent)
        if output.is_dir():
            raise UsageError(f"--output {output} is a folder; give a file.")
    size = batch_size_of(batch_size)
    from posebench.engines.choose import choose_engine
    from posebench.engines.engine import computing_with

    chosen_engine = choose_engine(engine, workers, threads, ray_address, device)
    here = computing_with(threads) if chosen_engine is None else closing(chosen_engine)
    with here, progress(STAGES) as report:
        adapter = find_adapter(chosen.inputs.dataset)
        if adapter.generated and not is_prepared(adapter):
            prepare_dataset(adapter.name, None, lambda done, total: report("prepare", done, total))
        from posebench.results.api import describe_motions, evaluate_beside
        from posebench.results.record import record_json, record_value, write_record

        # First: a file of weights that has no such prompt is refused before the long part.
        prompts = describe_motions(
            model, dataset=dataset, protocol=protocol, keypoints=keypoints, limit=limit, device=device, batch_size=size,
            resample=resample, seed=seed, hypotheses=hypotheses, steps=steps, precision=precision, weights=weights,
            progress=report,
        ) if show_prompts else None  # fmt: skip
        records_made = evaluate_beside(
            model, dataset=dataset, protocol=protocol, keypoints=keypoints, limit=limit, device=device, batch_size=size,
            flip=flip, resample=resample, seed=seed, hypotheses=hypotheses, steps=steps, precision=precision,
            fast=fast, weights=weights, predictions=predictions, progress=report, engine=chosen_engine,
        )  # fmt: skip
    written = [write_record(record, folder / record.location) for record in records_made]
    if output is not None:
        write_record(records_made[0], output)
    if as_json and prompts is not None:
        print_json({**record_value(records_made[0]), "prompts": prompts.to_json()})
    elif as_json:
        print(record_json(records_made[0]), end="")
    else:
        for record in records_made:
            print_record(record)
        if prompts is not None:
            print_prompts(prompts)
        for path in written:
            note(f"Record written to {path}")


@click.command()
@options.predictions(help="A prediction folder of `posebench run --predictions`, or an npz of arrays by sequence.")
@options.protocol(help="Scoring rule; default: the data set's own.")
@click.option(
    "--space",
    type=click.Choice(["root_relative", "camera"]),
    default="root_relative",
    help="Of an npz: root_relative or camera, in mm.",
)
@options.as_json()
def score(predictions: Path, protocol: str | None, space: "Space", as_json: bool) -> None:
    """Score predictions without their lifter: a folder again, to the last bit, or the poses of another program."""
    from posebench.prediction.folder import PredictionFolder
    from posebench.results.api import protocol_for
    from posebench.results.api import score as score_folder
    from posebench.results.score import by_column

    with TemporaryDirectory() as made:
        folder = predictions if predictions.is_dir() else _imported(predictions, Path(made), protocol, space)
        opened = PredictionFolder.open(folder)
        chosen = protocol_for(opened, protocol)
        with progress(STAGES) as report:
            scores = score_folder(folder, chosen.id, report)
    granted = opened.manifest.granted
    results = by_column(scores.headline.overall, granted)
    by_group = {action: by_column(numbers, granted) for action, numbers in scores.headline.by_group.items()}
    if as_json:
        print_json(
            {
                "protocol": chosen.id,
                "scoring_hash": chosen.scoring.hash,
                "lifter": opened.manifest.lifter,
                "predictions_sha256": scores.predictions_sha256,
                "results": results,
                "by_group": by_group,
            }
        )
    else:
        print_results(f"{opened.manifest.lifter} on {chosen.id}", chosen.scoring, results, by_group)


@click.command()
@options.predictions()
@options.output(required=True, help="Picture to write: .png, .svg or .pdf.")
@click.option("--sequence", help="Sequence id; default: the first one.")
def show(predictions: Path, output: Path, sequence: str | None) -> None:
    """Draw predicted poses over the true ones: what the lifter saw, from the camera, from the side."""
    from posebench.datasets.library import ensure_writable, load_dataset
    from posebench.prediction.folder import PredictionFolder
    from posebench.results.picture import draw_predictions

    opened = PredictionFolder.open(predictions)
    ensure_writable(output.parent)
    drawn = draw_predictions(
        opened, load_dataset(opened.manifest.inputs.dataset, opened.manifest.inputs.form), sequence, output
    )
    note(f"Drew {drawn} to {output}")


def _imported(file: Path, folder: Path, protocol: str | None, space: "Space") -> Path:
    """The npz of another program as a prediction folder."""
    from posebench.datasets.library import load_dataset
    from posebench.protocols.resolve import resolve_protocol
    from posebench.results.external import import_predictions

    if protocol is None:
        raise UsageError(f"Say under which rule to score {file}: --protocol dataset/rule.")
    chosen = resolve_protocol(protocol)
    data = load_dataset(chosen.inputs.dataset, chosen.inputs.form)
    return import_predictions(file, folder, data, chosen, space).path


def print_record(record: "Record") -> None:
    """The tables of a record and what it stands for, on standard output."""
    from posebench.protocols.protocol import Scoring
    from posebench.results.record import settings_words

    kind = " (smoke run: not for a leaderboard)" if record.kind == "smoke" else ""
    print_results(
        f"{record.lifter.name} on {record.protocol.id}{kind}",
        Scoring.from_json(record.protocol.scoring),
        record.results,
        record.by_group,
    )
    data, timing = record.data, record.timing
    facts = [
        f"{data.frames:,} camera frames in {data.sequences} sequences",
        f"trained: {record.lifter.domain}",
        f"granted: {', '.join(record.run.granted) or 'nothing'}",
        f"settings: {', '.join(settings_words(record)) or 'none'}",
    ]
    if (moved := record.moved) is not None:
        facts.append(f"fast: MPJPE moved {moved.mpjpe_mm:+.4f} mm on {moved.sequences} of {data.sequences} sequences")
    elif record.asked.fast:
        facts.append(
            "fast: nothing here is worth it for this lifter and device (docs/fast.md), so this is the plain run"
        )
    trained_at = record.lifter.training_fps
    if trained_at is not None and trained_at != data.fps:
        done = "resampled" if record.lifter.settings.resample else "not resampled, --resample would"
        facts.append(f"trained at {trained_at:g} Hz, run on {data.fps:g} Hz: {done}")
    if record.lifter.joints != record.protocol.scoring["skeleton"]:
        facts.append(f"joints {record.lifter.joints} converted to {record.protocol.scoring['skeleton']}")
    if data.pseudo_truth:
        facts.append("pseudo ground truth: errors are a lower bound")
    if data.interpolated:
        facts.append(f"{data.interpolated:,} missing joints interpolated in time")
    if timing.frames_per_second:
        facts.append(
            f"forward passes {timing.frames_per_second:,.0f} frames/s on {record.environment.gpu or record.environment.cpu}"
        )
    shared = f" by {timing.workers} worker processes" if timing.workers else ""
    facts.append(f"{timing.wall_seconds:.1f} s in all{shared}")
    out().print("; ".join(facts) + ".")


def print_prompts(prompts: "Prompts") -> None:
    """What every clip seemed to be, beside its action."""
    from posebench.results.prompts import nearest_words, words

    console = out()
    console.print("What each clip seems to be: mean of its windows and cameras", style="bold")
    made = table(None, "clip", "its name", "right", "nearest names")
    for clip in prompts.clips:
        right = {None: "–", True: "yes", False: "no"}[clip.right]
        made.add_row(clip.clip, clip.label or "–", right, nearest_words(clip.probabilities))
    console.print(made)
    console.print(words(prompts))


def print_results(
    title: str,
    scoring: "Scoring",
    results: "dict[Column, dict[str, dict[str, float]]]",
    by_group: "dict[str, dict[Column, dict[str, dict[str, float]]]]",
) -> None:
    """One table a column (honest, assisted, oracle) and aggregate: actions, then the headline."""
    from posebench.metrics.samples import SAMPLE_METRICS
    from posebench.metrics.table import METRICS

    # Heading and digits after the point of every metric that may be shown.
    known = {m.name: (f"{m.title}\n{m.unit}", 2) for m in map(METRICS.__getitem__, scoring.metrics) if m.shown}
    known |= {m.name: (f"{m.title}\n{m.unit}", m.digits) for m in map(SAMPLE_METRICS.__getitem__, scoring.samples)}
    console = out()
    for column, aggregates in results.items():
        for aggregate, numbers in aggregates.items():
            shown = [name for name in known if name in numbers]
            heads = [known[name][0] for name in shown]
            # A title of the table's own would be broken to its width.
            console.print(f"{title} — {column}, {aggregate}", style="bold")
            made = table(None, "action", *heads, numeric=tuple(heads))
            for action, values in by_group.items():
                own = values.get(column, {}).get(aggregate, {})
                made.add_row(action, *(f"{own[m]:.{known[m][1]}f}" if m in own else "–" for m in shown))
            made.add_section()
            made.add_row("all", *(f"{numbers[m]:.{known[m][1]}f}" for m in shown), style="bold")
            console.print(made)
