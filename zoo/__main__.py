"""`python -m zoo`: train the zoo's own lifters. Quick to import; torch is loaded by the command that needs it."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from posebench.errors import PosebenchError, UsageError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="Train the lifters of the zoo."
)


class Device(StrEnum):
    """Where to train."""

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


def main() -> None:
    """Run the command line; an error on purpose is one line and its own exit code."""
    try:
        app()
    except PosebenchError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
