"""`python -m zoo`: train the zoo's own lifters and study them. Quick to import; torch is loaded by the command that needs it."""

import sys
from functools import partial
from pathlib import Path

import click

from posebench.cli import options
from posebench.cli.application import INTERRUPTED_CODE, run_application
from posebench.cli.console import note
from posebench.errors import UsageError

INTERRUPTED = "stopped; the same command goes on from here"

which = partial(
    click.argument, "which", metavar="TAG|CONFIG.yaml", help="A tag with a configuration in zoo/configs, or a file."
)
out = partial(click.option, "--out", type=options.PATH, help="Run folder; runs/TAG if left out.")
runs_of = partial(
    click.option,
    "--runs",
    type=options.PATH,
    default=Path("runs"),
    help="Folder of the run folders that `train` wrote.",
)
results = partial(
    click.option, *("--dir", "folder"), type=options.PATH, default=Path("leaderboards/studies"),
    help="Folder of the studies' results.",
)  # fmt: skip
device = partial(options.device, type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")


@click.group(context_settings={"show_default": True})
def app() -> None:
    """Train and study the lifters of the zoo."""


@app.command()
@which()
@out(help="Run folder; runs/TAG if left out. Beside it, for all runs, what is rendered: up to 1 GB for each seed.")
@click.option(
    "--resume/--fresh", default=True, help="Go on from the folder's checkpoint, or remove what a run left there."
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; torch's choice if left out.")
@device()
def train(which: str, out: Path | None, resume: bool, threads: int | None, device: str) -> None:
    """Train to the end, through any number of interruptions, and write weights and model card into the run folder."""
    from zoo.training.config import find_config, load_config

    config = load_config(find_config(which))
    folder = out or Path("runs") / config.tag
    import torch

    from posebench.datasets.library import ensure_writable
    from zoo.training.export import export, forget
    from zoo.training.loop import Training
    from zoo.training.progress import Reporter

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("There is no GPU that torch can use; leave --device away or say --device cpu.")
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    if threads is not None:
        torch.set_num_threads(threads)
    for place in (folder, folder.absolute().parent):
        ensure_writable(place)
    if not resume:
        forget(config, folder)
    with Reporter() as reporter:
        try:
            training = Training(config, folder, torch.device(chosen), reporter)
            state = training.run()
        except KeyboardInterrupt:
            # The loop has said how far it came.
            raise click.exceptions.Exit(INTERRUPTED_CODE) from None
        path = export(training)
        reporter.say(f"best step {state.best_step}: {state.best_score:.1f} mm; wrote {path}")


@app.command()
@which()
@out()
def publish(which: str, out: Path | None) -> None:
    """Copy a finished run's weights and card into the package, and print its lines for the manifest."""
    from zoo.training.config import find_config, load_config
    from zoo.training.export import exports_of
    from zoo.training.export import publish as copy

    config = load_config(find_config(which))
    folder = out or Path("runs") / config.tag
    for path in copy(config, folder):
        note(f"wrote {path}")
    click.echo(exports_of(config, folder).manifest.read_text(encoding="utf-8"), nl=False)


@app.command()
@click.argument("name", metavar="STUDY", help="A study of zoo/studies.")
@runs_of()
@click.option("--tables", is_flag=True, help="Evaluate nothing: pages from the records there are.")
@click.option("--check", is_flag=True, help="Evaluate and write nothing: exit 1 when pages and records disagree.")
@results()
@device(help="Where to evaluate.")
def study(name: str, runs: Path, tables: bool, check: bool, folder: Path, device: str) -> None:
    """Evaluate a study's finished runs, through any number of interruptions, and write its records and pages."""
    from posebench.datasets.library import ensure_writable
    from zoo.studies.study import load_study

    chosen, own = load_study(name), folder / name
    from zoo.studies import tables as pages
    from zoo.studies.evaluate import evaluate_study
    from zoo.training.progress import Reporter

    if check:
        click.echo(f"The pages of {name} agree with their {pages.check(chosen, own)} records.")
        return
    ensure_writable(own)
    if not tables:
        with Reporter() as reporter:
            evaluate_study(chosen, runs, own, device, reporter)
    for path in pages.build(chosen, own):
        note(f"wrote {path}")


@app.command()
@click.argument("name", metavar="STUDY", default="transfer", help="A study of transfer in zoo/studies.")
@click.option("--tables", is_flag=True, help="Evaluate nothing: the page from the records there are.")
@click.option("--check", is_flag=True, help="Evaluate and write nothing: exit 1 when page and records disagree.")
@results()
@device(help="Where to evaluate.")
def transfer(name: str, tables: bool, check: bool, folder: Path, device: str) -> None:
    """Evaluate published lifters under other cameras and actions, through any number of interruptions, and write the page."""
    from posebench.datasets.library import ensure_writable
    from zoo.studies import transfer_tables as page
    from zoo.studies.evaluate import evaluate_transfer
    from zoo.studies.transfer import load_transfer
    from zoo.training.progress import Reporter

    chosen, own = load_transfer(name), folder / name
    if check:
        click.echo(f"The page of {name} agrees with its {page.check(chosen, own)} records.")
        return
    ensure_writable(own)
    if not tables:
        with Reporter() as reporter:
            evaluate_transfer(chosen, own, device, reporter)
    note(f"wrote {page.build(chosen, own)}")


@app.command()
@click.argument("name", metavar="SEARCH", default="dreampose3d_search", help="A search of zoo/studies.")
@runs_of()
@click.option("--tables", is_flag=True, help="Validate nothing: the page from the cards there are.")
@click.option("--check", is_flag=True, help="Validate and write nothing: exit 1 when page and cards disagree.")
@results()
@device(help="Where to validate.")
def search(name: str, runs: Path, tables: bool, check: bool, folder: Path, device: str) -> None:
    """Gather what a search's trials reached on the validation subjects, and write the page."""
    from posebench.datasets.library import ensure_writable
    from zoo.studies import search_page as page
    from zoo.studies.search import load_search
    from zoo.training.progress import Reporter

    chosen, own = load_search(name), folder / name
    if check:
        click.echo(f"The page of {name} agrees with its {page.check(chosen, own)} cards.")
        return
    ensure_writable(own)
    if not tables:
        from zoo.studies.search_make import copy_cards, sample

        with Reporter() as reporter:
            copy_cards(chosen, runs, own, reporter)
            sample(chosen, own, device, reporter)
    note(f"wrote {page.build(chosen, own)}")


@app.command()
@which(metavar="TAG|prompts.json", help="A lifter, or what this command wrote: then no weights are needed.")
@out("-o", required=True, help="Folder of prompts.json, tables and pictures.")
@options.dataset(help="Its test clips are asked about; hdm05 if left out.")
@options.keypoints(help="2D source; the data set's usual one if left out.")
@options.weights()
@device(default=None, show_default="auto")
def prompts(
    which: str, out: Path, dataset: str | None, keypoints: str | None, weights: Path | None, device: str | None
) -> None:
    """Show what a DreamPose3D's prompt learned: its names for the clips of a data set, and its joint affinity."""
    from posebench.cli.console import progress
    from posebench.cli.run import STAGES
    from posebench.datasets.library import ensure_writable
    from zoo.studies.prompts import make_study, read_study, write_study
    from zoo.studies.prompts_build import build

    if which.endswith(".json"):
        given = {"dataset": dataset, "keypoints": keypoints, "weights": weights, "device": device}
        for option, value in given.items():
            if value is not None:
                raise UsageError(f"{which} says what it was made of: leave --{option} away.")
        made = read_study(Path(which))
        ensure_writable(out)
    else:
        ensure_writable(out)
        with progress(STAGES) as report:
            made = make_study(which, dataset or "hdm05", keypoints, weights, device or "auto", report)
    for path in [write_study(made, out), *build(made, out)]:
        note(f"wrote {path}")


def main() -> None:
    """Run the command line; an error on purpose is one line and its own exit code."""
    sys.exit(run_application(app, "python -m zoo", sys.argv[1:], interrupted=INTERRUPTED, prefix="error"))


if __name__ == "__main__":
    main()
