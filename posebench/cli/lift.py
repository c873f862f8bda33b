"""`posebench lift`."""

import re
from pathlib import Path

import click

from posebench.cli import options
from posebench.cli.console import batch_size_of, note, out, print_json, progress
from posebench.errors import UsageError

STAGES = {"weights": "fetching weights (bytes)", "lift": "lifting (frames)", "draw": "drawing (frames)"}


@click.command()
@click.argument(
    "source",
    metavar="INPUT",
    type=options.PATH,
    help="2D keypoints: COCO JSON, a folder of OpenPose JSON, npz or safetensors.",
)
@options.model()
@click.option("--fps", type=float, help="Frames per second, where the input does not say.")
@click.option("--image-size", metavar="WIDTHxHEIGHT", help="Of the images in pixels, where the input does not say.")
@click.option("--joint-set", help="Joint set of the keypoints; default: what the input says, body_25 or coco-17.")
@click.option("--person", help="Whom of several: largest (default), confident, first, track, or a number.")
@click.option("--focal", type=float, help="Focal length in pixels, for a lifter that needs intrinsics.")
@options.resample(help="Show the lifter its training frame rate, and bring the poses back.")
@options.flip()
@click.option("--gif", is_flag=True, help="An animation instead of a picture.")
@options.device()
@options.batch_size()
@options.seed()
@options.hypotheses()
@options.steps()
@options.precision()
@options.weights()
@options.output(help="Folder to write; default: INPUT's name with -lifted, here.")
@options.as_json(help="Print what was done as JSON.")
def lift(
    source: Path, model: str, fps: float | None, image_size: str | None, joint_set: str | None, person: str | None,
    focal: float | None, resample: bool, flip: bool | None, gif: bool, device: str, batch_size: str, seed: int,
    hypotheses: int | None, steps: int | None, precision: str, weights: Path | None, output: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Lift your own 2D keypoints: arrays, JSON, a TRC for OpenSim, and a picture."""
    size = _image_size(image_size)
    windows = batch_size_of(batch_size)
    folder = output if output is not None else Path(f"{source.resolve().stem}-lifted")
    with progress(STAGES) as report:
        from posebench.datasets.library import ensure_writable
        from posebench.results.lift import lift_file
        from posebench.results.lift_files import check_output, summary, write_lifted

        check_output(folder)
        ensure_writable(folder.parent)
        lifted = lift_file(
            source, model, fps=fps, image_size=size, joint_set=joint_set, person=_person(person), focal=focal,
            resample=resample, flip=flip, device=device, weights=weights, batch_size=windows, seed=seed,
            hypotheses=hypotheses, steps=steps, precision=precision, progress=report,
        )  # fmt: skip
        files = write_lifted(lifted, folder, gif=gif, progress=report)
    for warning in lifted.warnings:
        note(f"posebench: {warning}")
    if as_json:
        print_json({**summary(lifted), "files": [str(file) for file in files]})
        return
    told = lifted.about["input"]
    facts = [
        f"{told['frames']} frames at {lifted.fps:g} a second",
        f"{told['joint_set']} to {lifted.skeleton.name}",
        f"{told['missing_joints']} joints missing" + (", interpolated in time" if told["interpolated"] else ""),
        f"poses in {lifted.space}",
    ]
    out().print(f"{lifted.about['lifter']['name']} lifted {told['name']}: " + "; ".join(facts) + ".")
    for file in files:
        out().print(str(file))


def _image_size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)[xX](\d+)", text)
    if not found:
        raise UsageError(f"--image-size {text!r} is not WIDTHxHEIGHT, such as 1920x1080.")
    return int(found[1]), int(found[2])


def _person(text: str | None) -> str | int | None:
    return int(text) if text is not None and text.isdigit() else text
