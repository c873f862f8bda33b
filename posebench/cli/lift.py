"""`posebench lift`."""

import re
from pathlib import Path
from typing import Annotated

import typer

from posebench.cli.console import batch_size_of, note, out, print_json, progress
from posebench.errors import UsageError

STAGES = {"weights": "fetching weights (bytes)", "lift": "lifting (frames)", "draw": "drawing (frames)"}


def lift(
    source: Annotated[
        Path,
        typer.Argument(metavar="INPUT", help="2D keypoints: COCO JSON, a folder of OpenPose JSON, npz or safetensors."),
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="Lifter: architecture or architecture.tag.")],
    fps: Annotated[float | None, typer.Option(help="Frames per second, where the input does not say.")] = None,
    image_size: Annotated[
        str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Of the images in pixels, where the input does not say.")
    ] = None,
    joint_set: Annotated[
        str | None, typer.Option(help="Joint set of the keypoints; default: what the input says, body_25 or coco-17.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="Whom of several: largest (default), confident, first, track, or a number.")
    ] = None,
    focal: Annotated[
        float | None, typer.Option(help="Focal length in pixels, for a lifter that needs intrinsics.")
    ] = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Show the lifter its training frame rate, and bring the poses back.")
    ] = False,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Test-time flip; default: as the tag says.")
    ] = None,
    gif: Annotated[bool, typer.Option("--gif", help="An animation instead of a picture.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    batch_size: Annotated[str, typer.Option(help="Windows a batch, or auto.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of lifters that draw noise.")] = 0,
    hypotheses: Annotated[int | None, typer.Option(help="Poses to draw, of a lifter that samples.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps to draw them in.")] = None,
    precision: Annotated[str, typer.Option(help="fp32, or bf16: autocast to bfloat16.")] = "fp32",
    weights: Annotated[Path | None, typer.Option(help="A safetensors file instead of the registered weights.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write; default: INPUT's name with -lifted, here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
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
