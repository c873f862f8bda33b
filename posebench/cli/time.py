"""`posebench time`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posebench.cli.console import note, out, progress, table
from posebench.errors import CheckFailedError

if TYPE_CHECKING:
    from posebench.timing.record import BatchPart, TimingRecord, TimingRow

STAGES = {"time": "timing (percent)", "check": "checking (lifters)", "memory": "measuring memory (lifters)"}
DEVICES = {"cpu": "CPU", "cuda": "GPU"}
MIB = 2**20


def time(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Lifters: architecture or architecture.tag.")],
    dataset: Annotated[str | None, typer.Option("--dataset", "-d", help="Data set whose windows are shown.")] = None,
    protocol: Annotated[str | None, typer.Option("--protocol", "-p", help="Protocol whose inputs are shown.")] = None,
    keypoints: Annotated[str | None, typer.Option(help="2D source: gt, simulated, ...")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    dtype: Annotated[str, typer.Option(help="One or more of fp32 (TF32 off), tf32, bf16, fp16.")] = "fp32",
    batch_sizes: Annotated[str, typer.Option(help="Clips a batch, from 1.")] = "1,8,64",
    compile: Annotated[bool, typer.Option("--compile", help="torch.compile around lift.")] = False,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Test-time flip; default: as each tag says.")
    ] = None,
    hypotheses: Annotated[int | None, typer.Option(help="Poses to draw, of lifters that sample.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps to draw them in.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of torch; default: as torch chooses.")] = None,
    seconds: Annotated[float, typer.Option(help="For each lifter, dtype and batch size.")] = 3.0,
    seed: Annotated[int, typer.Option(help="Seed of the order, the clips and the noise.")] = 0,
    weights: Annotated[Path | None, typer.Option(help="A safetensors file instead of the registered weights.")] = None,
    random_weights: Annotated[
        bool,
        typer.Option("--random-weights", help="Published sizes without their weights: time does not depend on them."),
    ] = False,
    records: Annotated[Path | None, typer.Option(help="Folder of records (default: under POSEBENCH_DATA).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON instead of tables.")] = False,
) -> None:
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
                models, dataset=dataset, protocol=protocol, keypoints=keypoints, weights=weights,
                random_weights=random_weights, settings=settings, progress=report,
            )  # fmt: skip
    except KeyboardInterrupt:
        # Times of one moment do not go on in another: nothing is kept, and nothing is said to be.
        note("posebench: interrupted; a timing is whole or nothing, so no record was written.")
        raise typer.Exit(130) from None
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
            str(row.clip_frames), f"{row.look_ahead.frames}", f"{row.look_ahead.milliseconds:.0f}", _settings(row),
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
            f"{ratio.batch_size} (95 % interval {per_frame.low:.3g} to {per_frame.high:.3g}), and {per_pass.median:.3g} "
            f"times as long a pass ({per_pass.low:.3g} to {per_pass.high:.3g}); {per_pass.pairs} paired blocks."
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
