"""Options and arguments that several commands share: each is spelled once, and takes a command's own words as `help`."""

from functools import partial
from pathlib import Path

import click

PATH = click.Path(path_type=Path)

model = partial(click.option, "--model", "-m", required=True, help="Lifter: architecture or architecture.tag.")
dataset = partial(click.option, "--dataset", "-d")
protocol = partial(click.option, "--protocol", "-p")
keypoints = partial(click.option, "--keypoints")

device = partial(click.option, "--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
batch_size = partial(click.option, "--batch-size", default="auto", help="Windows a batch, or auto.")
flip = partial(click.option, "--flip/--no-flip", default=None, help="Test-time flip; default: as the tag says.")
resample = partial(click.option, "--resample", is_flag=True)
seed = partial(click.option, "--seed", type=int, default=0, help="Seed of lifters that draw noise.")
hypotheses = partial(click.option, "--hypotheses", type=int, help="Poses to draw, of a lifter that samples.")
steps = partial(click.option, "--steps", type=int, help="Steps to draw them in.")
precision = partial(click.option, "--precision", default="fp32", help="fp32, or bf16: autocast to bfloat16.")
fast = partial(click.option, "--fast", is_flag=True, help="Faster where it moves no error by 0.1 mm; says by how much.")
weights = partial(click.option, "--weights", type=PATH, help="A safetensors file instead of the registered weights.")

engine = partial(click.option, "--engine")
workers = partial(click.option, "--workers", type=int)
threads = partial(click.option, "--threads", type=int)
ray_address = partial(click.option, "--ray-address", help="Of a Ray cluster; default: RAY_ADDRESS.")

output = partial(click.option, "--output", "-o", type=PATH)
records = partial(click.option, "--records", type=PATH, help="Folder of records (default: under POSEBENCH_DATA).")
as_json = partial(click.option, "--json", "as_json", is_flag=True, help="Print JSON.")

predictions = partial(
    click.argument, "predictions", type=PATH, help="A prediction folder of `posebench run --predictions`."
)
pose_file = partial(
    click.argument,
    "source",
    metavar="[FILE]",
    type=PATH,
    required=False,
    help="Poses, npz or safetensors; or --dataset.",
)
dataset_name = partial(click.argument, "name", help="Data set.")
pattern = partial(click.argument, "pattern", default="*", help="Shell wildcard, such as 'videopose3d*'; default: all.")
