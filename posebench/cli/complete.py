"""`posebench complete`."""

from pathlib import Path
from typing import Any

import click

from posebench.cli import options
from posebench.cli.console import note, out, print_json, progress, table
from posebench.errors import UsageError

STAGES = {"weights": "fetching weights (bytes)", "complete": "completing (windows)", "baselines": "baselines"}


@click.command()
@options.pose_file()
@options.model()
@options.dataset(help="Complete the test frames of a data set, instead of a file.")
@click.option("--mask", help="Joints to hide in a data set: right-arm, left-leg, right-side, random-4, ...")
@options.keypoints(help="2D source of a data set, shown for all joints; default: no 2D.")
@click.option(
    "--focal", type=float, help="Focal length in pixels of a file's keypoints, for a lifter that needs intrinsics."
)
@options.hypotheses()
@options.steps()
@click.option("--limit", type=int, help="Only the first so many frames of a data set; a smoke record.")
@options.seed()
@options.weights()
@options.device()
@options.output(help="Folder to write; default: the name of FILE or of the mask with -completed, here.")
@options.records()
@options.as_json(help="Print what was done as JSON.")
def complete(
    source: Path | None, model: str, dataset: str | None, mask: str | None, keypoints: str | None, focal: float | None,
    hypotheses: int | None, steps: int | None, limit: int | None, seed: int, weights: Path | None, device: str,
    output: Path | None, records: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Find the joints that are missing in 3D poses, of a FILE (NaN) or of a data set under a mask.

    FILE is an npz or safetensors file with `poses` (frames, joints, 3), NaN where a joint is missing. Of a data set a
    record is written, with a row for each baseline.
    """
    if source is None:
        if dataset is None or mask is None:
            raise UsageError("Say what to complete: a FILE of poses, or --dataset D with --mask M.")
        if focal is not None:
            raise UsageError("--focal is for the keypoints of a FILE; a data set knows its cameras.")
    else:
        used = {"--dataset": dataset, "--mask": mask, "--keypoints": keypoints, "--limit": limit, "--records": records}
        for name, value in used.items():
            if value is not None:
                raise UsageError(f"{name} is for data sets; leave it away, or leave {source} away.")
    chosen: dict[str, Any] = {
        "hypotheses": hypotheses, "steps": steps, "weights": weights, "device": device, "seed": seed
    }  # fmt: skip
    if source is not None:
        _complete_file(source, model, focal, output or Path(f"{source.stem}-completed"), as_json, chosen)
    elif dataset is not None and mask is not None:
        folder = output or Path(f"{dataset}-{mask}-completed")
        _complete_dataset(model, dataset, mask, keypoints, limit, folder, records, as_json, chosen)


def _complete_file(
    source: Path, model: str, focal: float | None, folder: Path, as_json: bool, chosen: dict[str, Any]
) -> None:
    with progress(STAGES) as report:
        from posebench.datasets.library import ensure_writable
        from posebench.generation.complete_file import complete_file
        from posebench.generation.complete_files import KIND, write_completed_file

        KIND.check(folder)
        ensure_writable(folder.parent)
        completed = complete_file(source, model, focal=focal, progress=report, **chosen)
        files = write_completed_file(completed, folder)
    if as_json:
        print_json({**completed.about, "files": [str(file) for file in files]})
        return
    told = completed.about["input"]
    out().print(
        f"{completed.about['lifter']['name']} completed {told['name']}: {told['missing_joints']} joints in {told['frames']} "
        f"frames, {len(completed.hypotheses)} hypotheses."
    )
    for file in files:
        out().print(str(file))


def _complete_dataset(
    model: str, dataset: str, mask: str, keypoints: str | None, limit: int | None, folder: Path, records: Path | None,
    as_json: bool, chosen: dict[str, Any],
) -> None:  # fmt: skip
    with progress(STAGES) as report:
        from posebench.datasets.library import data_root, ensure_writable
        from posebench.generation.complete import complete_dataset
        from posebench.generation.complete_files import KIND, write_completion_folder
        from posebench.generation.record import write_completion

        KIND.check(folder)
        ensure_writable(folder.parent)
        place = data_root() / "completions" if records is None else records
        ensure_writable(place)
        completion = complete_dataset(model, dataset, mask, keypoints=keypoints, limit=limit, progress=report, **chosen)
        files = write_completion_folder(completion, folder)
        record = write_completion(completion.record, place / completion.record.location)
    if as_json:
        rows = {row.name: row.results for row in completion.record.rows}
        told = {"id": completion.record.id, "protocol": completion.record.protocol.id, "results": rows}
        print_json({**told, "record": str(record), "files": [str(file) for file in files]})
        return
    out().print(results_table(completion.record))
    if completion.record.kind == "smoke":
        note("posebench: --limit makes a smoke record, which reaches no table.")
    for file in (record, *files):
        out().print(str(file))


def results_table(record: Any) -> Any:
    """The rows of a record: a column for each aggregate of its headline metric, in mm."""
    metric = record.protocol.spec["metrics"][0]
    names = list(dict.fromkeys(name for row in record.rows for part in row.results.values() for name in part))
    made = table(
        f"{record.protocol.id}: mm over the hidden joints of {record.data.frames} frames",
        "row",
        *names,
        numeric=tuple(names),
    )
    for row in record.rows:
        found = {name: numbers[metric] for part in row.results.values() for name, numbers in part.items()}
        made.add_row(row.name, *(f"{found[name]:.1f}" if name in found else "–" for name in names))
    return made
