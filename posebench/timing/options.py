"""What a timing may be asked for. Imports no torch, so that a mistake is refused before anything is loaded."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from posebench.errors import UsageError

#: What a lifter computes in. `fp32` is without TF32; `bf16` and `fp16` are autocast around `lift`.
DType = Literal["fp32", "tf32", "bf16", "fp16"]

#: Which of them only a GPU has, and why.
GPU_ONLY: dict[str, str] = {
    "tf32": "TF32 is a mode of a GPU's matrix units",
    "fp16": "a CPU has no fast float16, so its time would say nothing",
}

#: Batches of the sweep, in clips; the first is the one whose latency is the headline.
BATCH_SIZES = (1, 8, 64)
#: Of one batch size.
MOST_DIGITS = 9


@dataclass(frozen=True)
class TimingSettings:
    """How lifters are timed; recorded."""

    device: str = "auto"
    dtypes: tuple[DType, ...] = ("fp32",)
    batch_sizes: tuple[int, ...] = BATCH_SIZES
    compile: bool = False
    flip: bool | None = None
    """None: as each tag says."""
    hypotheses: int | None = None
    steps: int | None = None
    """Both None: as each tag says."""
    threads: int | None = None
    """Threads of torch; None leaves them as they are."""
    seconds: float = 3.0
    """For each lifter, dtype and batch size; a slow lifter has a few passes all the same."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise UsageError(f"--seconds is {self.seconds:g}; give a number above 0.")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"--threads is {self.threads}; give 1 or more.")
        if not self.batch_sizes or min(self.batch_sizes) < 1 or len(set(self.batch_sizes)) < len(self.batch_sizes):
            given = ",".join(str(size) for size in self.batch_sizes)
            raise UsageError(f"--batch-sizes is {given!r}; give different numbers of clips from 1.")
        if self.batch_sizes[0] != 1:
            raise UsageError(
                "--batch-sizes must begin with 1: the latency of one clip is what everything else stands beside."
            )


def parse_dtypes(text: str) -> tuple[DType, ...]:
    """`fp32,bf16` as dtypes; raises `UsageError` for an unknown or repeated one."""
    known: dict[str, DType] = {name: name for name in get_args(DType)}
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UsageError(f"--dtype {name!r} is not known; give one or more of {', '.join(known)}.")
    if len(set(names)) < len(names):
        raise UsageError(f"--dtype {text!r} names one dtype twice.")
    return tuple(known[name] for name in names)


def parse_sizes(text: str) -> tuple[int, ...]:
    """`1,8,64` as batch sizes; raises `UsageError`."""
    parts = [part.strip() for part in text.split(",")]
    # Digits of other scripts and superscripts are digits too, and a number may be too long to be one.
    if not all(part.isascii() and part.isdigit() and len(part) <= MOST_DIGITS for part in parts):
        raise UsageError(f"--batch-sizes {text!r} is not a list of numbers such as 1,8,64.")
    return tuple(int(part) for part in parts)


def check_device(device: str) -> None:
    """Raise `UsageError` for a type of device of which no clock is known to wait: its times would be of something else."""
    if device not in ("cpu", "cuda"):
        raise UsageError(
            f"--device {device} cannot be timed: only a CPU and a CUDA GPU have a clock here; use --device cpu."
        )


def check_dtype(dtype: DType, device: str) -> None:
    """Raise `UsageError` where the device (`cpu` or `cuda`) has no such dtype."""
    if device != "cuda" and dtype in GPU_ONLY:
        raise UsageError(f"--dtype {dtype} needs a GPU: {GPU_ONLY[dtype]}; on a CPU give fp32 or bf16.")
