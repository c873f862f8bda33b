"""`posebench generate`."""

from pathlib import Path
from typing import Any

import click

from posebench.cli import options
from posebench.cli.console import out, print_json, progress, table

STAGES = {"weights": "fetching weights (bytes)", "generate": "drawing (poses)", "draw": "drawing the picture (frames)"}
#: Columns of the table: what a number is called, and how it is written.
COLUMNS = {
    "valid_percent": ("valid %", ".1f"),
    "lengths_percent": ("lengths %", ".1f"),
    "symmetry_percent": ("symmetry %", ".1f"),
    "joints_percent": ("joint limits %", ".1f"),
    "frechet_mm": ("Fréchet mm", ".1f"),
    "to_nearest_real_mm": ("to nearest real mm", ".1f"),
    "from_real_to_nearest_mm": ("from real to nearest mm", ".1f"),
    "diversity_mm": ("diversity mm", ".1f"),
}


@click.command()
@options.model()
@click.option("--count", "-n", type=int, default=64, help="Poses to draw, or motions of a prior of motions.")
@options.dataset(multiple=True, help="Real poses to compare with, again for more; default: those it was trained on.")
@options.seed()
@options.steps()
@options.weights()
@options.device()
@options.output(help="Folder to write; default: the lifter's name with -generated, here.")
@options.as_json(help="Print what was done as JSON.")
def generate(
    model: str, count: int, dataset: tuple[str, ...], seed: int, steps: int | None, weights: Path | None, device: str,
    output: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Draw poses or motions of a prior: arrays, a picture, and how they compare with real poses."""
    with progress(STAGES) as report:
        from posebench.datasets.library import ensure_writable
        from posebench.generation.draw import generate_poses
        from posebench.generation.draw_files import KIND, summary, write_generated

        folder = output if output is not None else Path(f"{model}-generated")
        KIND.check(folder)
        ensure_writable(folder.parent)
        made = generate_poses(
            model,
            count=count,
            datasets=dataset,
            weights=weights,
            steps=steps,
            device=device,
            seed=seed,
            progress=report,
        )
        files = write_generated(made, folder, report)
    if as_json:
        print_json({**summary(made), "files": [str(file) for file in files]})
        return
    out().print(measures_table(made.measures))
    for file in files:
        out().print(str(file))


def measures_table(measures: dict[str, dict[str, float]]) -> Any:
    """The sets as rows; a number that a set does not have is a dash."""
    shown = [name for name in COLUMNS if any(name in row for row in measures.values())]
    titles = [COLUMNS[name][0] for name in shown]
    made = table(None, "poses", *titles, numeric=tuple(titles))
    for name, row in measures.items():
        made.add_row(name, *(format(row[key], COLUMNS[key][1]) if key in row else "–" for key in shown))
    return made
