"""`python -m zoo`: train the zoo's own lifters and study them. Quick to import; torch is loaded by the command that needs it."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from posebench.errors import PosebenchError, UsageError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train and study the lifters of the zoo.",
)


class Device(StrEnum):
    """Where to compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Which = Annotated[
    str, typer.Argument(metavar="TAG|CONFIG.yaml", help="A tag with a configuration in zoo/configs, or a file.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Run folder; runs/TAG if left out.")]


@app.command()
def train(
    which: Which,
    out: Out = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on from the folder's checkpoint, or forget it.")
    ] = True,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPU threads; torch's choice if left out.")
    ] = None,
    device: Annotated[Device, typer.Option("--device")] = Device.AUTO,
) -> None:
    """Train to the end, through any number of interruptions, and write weights and model card into the run folder."""
    from zoo.training.config import find_config, load_config

    config = load_config(find_config(which))
    folder = out or Path("runs") / config.tag
    import torch

    from posebench.datasets.library import ensure_writable
    from zoo.training.export import export
    from zoo.training.loop import CHECKPOINT, Training
    from zoo.training.progress import Reporter

    if device is Device.CUDA and not torch.cuda.is_available():
        raise UsageError("There is no GPU that torch can use; leave --device away or say --device cpu.")
    chosen = "cuda" if device is not Device.CPU and torch.cuda.is_available() else "cpu"
    if threads is not None:
        torch.set_num_threads(threads)
    ensure_writable(folder)
    if not resume:
        (folder / CHECKPOINT).unlink(missing_ok=True)
    with Reporter() as reporter:
        try:
            training = Training(config, folder, torch.device(chosen), reporter)
            state = training.run()
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        path = export(config, state, training.stores, folder, torch.device(chosen), training.batches)
        reporter.say(f"best step {state.best_step}: {state.best_score:.1f} mm; wrote {path}")


@app.command()
def publish(which: Which, out: Out = None) -> None:
    """Copy a finished run's weights and card into the package, and print its lines for the manifest."""
    from zoo.training.config import find_config, load_config
    from zoo.training.export import publish as copy

    config = load_config(find_config(which))
    folder = out or Path("runs") / config.tag
    for path in copy(config, folder):
        typer.echo(f"wrote {path}", err=True)
    typer.echo((folder / f"{config.tag}.manifest.yaml").read_text(encoding="utf-8"), nl=False)


@app.command()
def study(
    name: Annotated[str, typer.Argument(metavar="STUDY", help="A study of zoo/studies.")],
    runs: Annotated[Path, typer.Option("--runs", help="Folder of the run folders that `train` wrote.")] = Path("runs"),
    tables: Annotated[
        bool, typer.Option("--tables", help="Evaluate nothing: pages from the records there are.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Evaluate and write nothing: exit 1 when pages and records disagree.")
    ] = False,
    folder: Annotated[Path, typer.Option("--dir", help="Folder of the studies' results.")] = Path(
        "leaderboards/studies"
    ),
    device: Annotated[Device, typer.Option("--device", help="Where to evaluate.")] = Device.AUTO,
) -> None:
    """Evaluate a study's finished runs, through any number of interruptions, and write its records and pages."""
    from posebench.datasets.library import ensure_writable
    from zoo.studies.study import load_study

    chosen, own = load_study(name), folder / name
    from zoo.studies import tables as pages
    from zoo.studies.evaluate import evaluate_study
    from zoo.training.progress import Reporter

    if check:
        typer.echo(f"The pages of {name} agree with their {pages.check(chosen, own)} records.")
        return
    ensure_writable(own)
    if not tables:
        with Reporter() as reporter:
            try:
                evaluate_study(chosen, runs, own, device, reporter)
            except KeyboardInterrupt:
                reporter.say("stopped; the same command goes on from here")
                raise typer.Exit(130) from None
    for path in pages.build(chosen, own):
        typer.echo(f"wrote {path}", err=True)


@app.command()
def prompts(
    which: Annotated[
        str,
        typer.Argument(
            metavar="TAG|prompts.json", help="A lifter, or what this command wrote: then no weights are needed."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of prompts.json, tables and pictures.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="Its test clips are asked about; hdm05 if left out.")
    ] = None,
    keypoints: Annotated[str | None, typer.Option(help="2D source; the data set's usual one if left out.")] = None,
    weights: Annotated[Path | None, typer.Option(help="A safetensors file instead of the registered weights.")] = None,
    device: Annotated[Device, typer.Option("--device")] = Device.AUTO,
) -> None:
    """Show what a DreamPose3D's prompt learned: its names for the clips of a data set, and its joint affinity."""
    from posebench.cli.console import progress
    from posebench.cli.run import STAGES
    from posebench.datasets.library import ensure_writable
    from zoo.studies.prompts import make_study, read_study, write_study
    from zoo.studies.prompts_build import build

    if which.endswith(".json"):
        for option, value in (("dataset", dataset), ("keypoints", keypoints), ("weights", weights)):
            if value is not None:
                raise UsageError(f"{which} says what it was made of: leave --{option} away.")
        made = read_study(Path(which))
        ensure_writable(out)
    else:
        ensure_writable(out)
        with progress(STAGES) as report:
            made = make_study(which, dataset or "hdm05", keypoints, weights, device.value, report)
    for path in [write_study(made, out), *build(made, out)]:
        typer.echo(f"wrote {path}", err=True)


def main() -> None:
    """Run the command line; an error on purpose is one line and its own exit code."""
    try:
        app()
    except PosebenchError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
