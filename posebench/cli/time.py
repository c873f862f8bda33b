"""`posebench time`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from posebench.cli import options
from posebench.cli.application import INTERRUPTED_CODE
from posebench.cli.console import note, out, progress, table
from posebench.errors import CheckFailedError

if TYPE_CHECKING:
    from posebench.timing.record import BatchPart, TimingRecord, TimingRow
    from posebench.timing.summaries import Ratio

STAGES = {"time": "timing (percent)", "check": "checking (lifters)", "memory": "measuring memory (lifters)"}
DEVICES = {"cpu": "CPU", "cuda": "GPU"}
MIB = 2**20


@click.command()
@click.argument(
    "models", metavar="MODEL...", nargs=-1, required=True, help="Lifters: architecture or architecture.tag."
)
@options.dataset(help="Data set whose windows are shown.")
@options.protocol(help="Protocol whose inputs are shown.")
@options.keypoints(help="2D source: gt, simulated, ...")
@options.device()
@click.option("--dtype", default="fp32", help="One or more of fp32 (TF32 off), tf32, bf16, fp16.")
@click.option("--batch-sizes", default="1,8,64", help="Clips a batch, from 1.")
@click.option("--compile", is_flag=True, help="torch.compile around lift.")
@options.flip(help="Test-time flip; default: as each tag says.")
@options.hypotheses(help="Poses to draw, of lifters that sample.")
@options.steps()
@options.threads(help="Threads of torch; default: as torch chooses.")
@click.option("--seconds", type=float, default=3.0, help="For each lifter, dtype and batch size.")
@options.seed(help="Seed of the order, the clips and the noise.")
@options.weights()
@click.option(
    "--random-weights", is_flag=True, help="Published sizes without their weights: time does not depend on them."
)
@options.records()
@options.as_json(help="Print the record as JSON instead of tables.")
def time(
    models: tuple[str, ...], dataset: str | None, protocol: str | None, keypoints: str | None, device: str, dtype: str,
    batch_sizes: str, compile: bool, flip: bool | None, hypotheses: int | None, steps: int | None, threads: int | None,
    seconds: float, seed: int, weights: Path | None, random_weights: bool, records: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Time lifters beside each other: latency, throughput, memory, MACs; exit 1 when a lifter cheats the clock."""
    from posebench.datasets.library import data_root, ensure_writable
    from posebench.timing.options import TimingSettings, parse_dtypes, parse_sizes

    settings = TimingSettings(
        device=device, dtypes=parse_dtypes(dtype), batch_sizes=parse_sizes(batch_sizes), compile=compile, flip=flip,
        hypotheses=hypotheses, steps=steps, threads=threads, seconds=seconds, seed=seed,
    )  # fmt: skip
    folder = records or data_root() / "timings"
    ensure_writable(folder)
    from posebench.timing.record import timing_json, write_timing
    from posebench.timing.run import time_lifters

    try:
        with progress(STAGES) as report:
            record = time_lifters(
                list(models), dataset=dataset, protocol=protocol, keypoints=keypoints, weights=weights,
                random_weights=random_weights, settings=settings, progress=report,
            )  # fmt: skip
    except KeyboardInterrupt:
        # Times of one moment do not go on in another: nothing is kept, and nothing is said to be.
        note("posebench: interrupted; a timing is whole or nothing, so no record was written.")
        raise click.exceptions.Exit(INTERRUPTED_CODE) from None
    path = write_timing(record, folder / record.location)
    if as_json:
        print(timing_json(record), end="")
    else:
        print_timing(record)
        note(f"Record written to {path}")
    if not record.valid:
        bad = ", ".join(f"{row.lifter.name} {row.dtype}" for row in record.rows if not row.honesty.valid)
        raise CheckFailedError(f"The times of {bad} are not to be believed: {_first_reason(record)}.")


def _first_reason(record: "TimingRecord") -> str:
    return next(reason for row in record.rows for reason in row.honesty.reasons)


def print_timing(record: "TimingRecord") -> None:
    """The tables of a timing on standard output: what lifters are, how long they take, how they compare."""
    console = out()
    on = DEVICES[record.device]
    environment = record.environment
    processor = environment.gpu if record.device == "cuda" else f"{environment.cpu}, {environment.threads} threads"
    console.print(f"Time on {on} ({processor}), clips of {record.data.protocol}", style="bold")
    for remark in record.machine.remarks:
        console.print(f"Mind: {remark}.")
    heads = ("parameters", "MACs/clip", "MACs/frame", "frames/clip", "look-ahead", "ms ahead")
    costs = table(None, "action", *heads, "settings", numeric=heads)
    energy = ("mJ/pose",) if record.device == "cuda" else ()
    columns = ("batch", "p50 ms", "p90 ms", "p99 ms", "spread", "passes", "frames/s", "clips/s", "peak MiB", *energy)
    # Every number says what it was measured on: a CPU's and a GPU's never share a column.
    numbers = tuple(f"{column}\n{on}" for column in columns)
    times = table(None, "action", *numbers, "checks", numeric=numbers)
    for made in (costs, times):
        made.columns[0].header = "lifter"
    for row in record.rows:
        name = f"{row.lifter.name} {row.dtype}"
        costs.add_row(
            name, f"{row.lifter.parameters:,}", _short(row.macs.per_clip), _short(row.macs.per_output_frame),
            str(row.clip_frames), _look_ahead(row), f"{row.look_ahead.clip_milliseconds:.0f}", _settings(row),
        )  # fmt: skip
        verdict = "valid" if row.honesty.valid else "NOT VALID"
        for batch in row.batches:
            times.add_row(name, *_times(row, batch, record.device), verdict)
    console.print(costs)
    console.print(times)
    for ratio in record.ratios:
        per_pass, per_frame = ratio.time, ratio.time_per_frame
        console.print(
            f"{ratio.row} takes {per_frame.median:.3g} times as long an output frame as {ratio.against} at batch "
            f"{ratio.batch_size} ({_interval(per_frame)}), and {per_pass.median:.3g} times as long a pass "
            f"({_interval(per_pass)}); {per_pass.pairs} paired blocks."
        )
    for row in record.rows:
        for word in (*row.honesty.reasons, *row.notes):
            console.print(f"{row.lifter.name} {row.dtype}: {word}.")
    console.print(f"{record.wall_seconds:.1f} s in all.")


def _times(row: "TimingRow", batch: "BatchPart", device: str) -> list[str]:
    laps = batch.milliseconds
    memory = next((part for part in row.memory if part.batch_size == batch.batch_size), None)
    cells = [
        str(batch.batch_size),
        *("–" if value is None else f"{value:.3f}" for value in (laps.p50, laps.p90, laps.p99)),
        f"{100 * laps.spread:.0f} %",
        str(laps.count),
        f"{batch.frames_per_second:,.0f}",
        f"{batch.clips_per_second:,.1f}",
        "–" if memory is None else f"{memory.peak / MIB:,.0f}",
    ]
    if device == "cuda":
        energy = row.energy if row.energy and row.energy.batch_size == batch.batch_size else None
        cells.append("–" if energy is None else f"{1000 * energy.joules_per_pose:.3g}")
    return cells


def _interval(ratio: "Ratio") -> str:
    """The interval of a ratio; fewer than six pairs have none."""
    if ratio.low is None or ratio.high is None:
        return "too few pairs for an interval"
    return f"95 % interval {ratio.low:.3g} to {ratio.high:.3g}"


def _look_ahead(row: "TimingRow") -> str:
    """Frames that the timed clip needs, and the least that the lifter's window does where that is another."""
    clip, least = row.look_ahead.clip_frames, row.look_ahead.least_frames
    return str(clip) if clip == least else f"{clip} (least {least})"


def _settings(row: "TimingRow") -> str:
    words = [word for word, on in (("flip", row.flip), ("compiled", row.compile)) if on]
    words += [f"H={row.hypotheses}"] if row.hypotheses is not None else []
    words += [f"K={row.steps}"] if row.steps is not None else []
    words += ["random weights"] if row.lifter.weights_origin == "random" else []
    return ", ".join(words) or "–"


def _short(count: float) -> str:
    """A count in thousands, millions or billions."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return f"{count:.0f}"
