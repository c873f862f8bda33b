"""`posebench denoise`."""

from pathlib import Path
from typing import Any

import click

from posebench.cli import options
from posebench.cli.console import out, print_json, progress, table
from posebench.errors import UsageError

STAGES = {"weights": "fetching weights (bytes)", "denoise": "restoring (windows)", "draw": "drawing (frames)"}
COLUMNS = {"mpjpe": "MPJPE mm", "p_mpjpe": "P-MPJPE mm", "asymmetry_mm": "left-right mm"}


@click.command()
@options.pose_file()
@options.model()
@click.option("--noise", type=float, required=True, help="Deviation of the noise in each coordinate, mm.")
@options.dataset(help="Add the noise to the test frames of a data set, instead of a file.")
@options.hypotheses()
@options.steps()
@click.option("--limit", type=int, help="Only the first so many frames of a data set.")
@options.seed()
@click.option("--gif", is_flag=True, help="An animation of a FILE instead of a picture.")
@options.weights()
@options.device()
@options.output(help="Folder to write; default: the name of FILE or the data set with -denoised, here.")
@options.as_json(help="Print what was done as JSON.")
def denoise(
    source: Path | None, model: str, noise: float, dataset: str | None, hypotheses: int | None, steps: int | None,
    limit: int | None, seed: int, gif: bool, weights: Path | None, device: str, output: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Restore 3D poses with noise: of a FILE, or of a data set to which the noise is added.

    FILE is an npz or safetensors file with `poses` (frames, joints, 3) that has this noise. For a data set the errors
    stand beside those of doing nothing and of PCA.
    """
    if (source is None) == (dataset is None):
        raise UsageError("Say what to denoise: either a FILE of poses, or --dataset D.")
    if source is not None and limit is not None:
        raise UsageError(f"--limit is for data sets; leave it away, or leave {source} away.")
    if dataset is not None and gif:
        raise UsageError("--gif is for a FILE: of a data set every 8th frame is restored, which is no motion.")
    chosen: dict[str, Any] = {
        "hypotheses": hypotheses, "steps": steps, "weights": weights, "device": device, "seed": seed
    }  # fmt: skip
    folder = output or Path(f"{dataset if source is None else source.stem}-denoised")
    with progress(STAGES) as report:
        from posebench.datasets.library import ensure_writable
        from posebench.generation.denoise import denoise_dataset, denoise_file
        from posebench.generation.denoise_files import KIND, summary, write_denoised

        KIND.check(folder)
        ensure_writable(folder.parent)
        if source is not None:
            restored = denoise_file(source, model, noise, progress=report, **chosen)
        else:
            assert dataset is not None
            restored = denoise_dataset(model, dataset, noise, limit=limit, progress=report, **chosen)
        files = write_denoised(restored, folder, gif=gif, progress=report)
    if as_json:
        print_json({**summary(restored), "files": [str(file) for file in files]})
        return
    names = [name for name in COLUMNS if any(name in row for row in restored.measures.values())]
    titles = [COLUMNS[name] for name in names]
    made = table(f"{len(restored.poses)} poses, noise of {noise:g} mm", "poses", *titles, numeric=tuple(titles))
    for name, row in restored.measures.items():
        made.add_row(name, *(f"{row[key]:.1f}" for key in names))
    out().print(made)
    for file in files:
        out().print(str(file))
