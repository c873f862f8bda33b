"""Running a committed row again and comparing it within its tolerance."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posebench.errors import CheckFailedError, DataMissingError, UsageError
from posebench.results.api import evaluate
from posebench.results.record import Record, read_record

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Reproduction:
    """A record, the record of running it again, and per column and aggregate the difference of the headline metric in mm."""

    before: Record
    after: Record
    differences: dict[str, float]

    def require(self) -> None:
        """Raise `CheckFailedError` when a difference is beyond the record's tolerance or the weights or data are others."""
        before, after = self.before, self.after
        for what, old, new in (
            ("data set fingerprint", before.data.fingerprint, after.data.fingerprint),
            ("weights", before.lifter.weights_sha256, after.lifter.weights_sha256),
            ("scoring rule", before.protocol.scoring_hash, after.protocol.scoring_hash),
        ):
            if old != new:
                raise CheckFailedError(
                    f"Record {before.id} was made with another {what} ({str(old)[:12]}…, now {str(new)[:12]}…)."
                )
        for name, difference in self.differences.items():
            if abs(difference) > before.tolerance_mm:
                raise CheckFailedError(
                    f"Record {before.id}, {name}: MPJPE moved by {difference:+.6f} mm, more than its tolerance of {before.tolerance_mm} mm."
                )


def find_record(name: str, folder: Path) -> Path:
    """A record by file path or by id under `folder/records`; raises `DataMissingError`."""
    if Path(name).is_file():
        return Path(name)
    found = sorted((folder / "records").rglob(f"{name}.json"))
    if not found:
        raise DataMissingError(f"There is no record {name!r} under {folder / 'records'}; give its id or its file.")
    return found[0]


def reproduce(path: Path, device: str = "auto", progress: Progress | None = None) -> Reproduction:
    """Run what a record asked for again, with its resolved protocol and settings."""
    before = read_record(path)
    if before.kind not in ("score", "smoke"):
        raise UsageError(
            f"Record {before.id} is of kind {before.kind!r}: only a score or smoke record can be run again."
        )
    settings = before.lifter.settings
    after = evaluate(
        before.lifter.name,
        protocol=before.protocol.id,
        limit=before.asked.limit,
        device=device,
        batch_size=before.run.batch_size,
        flip=settings.flip,
        resample=settings.resample,
        seed=before.run.seed,
        hypotheses=settings.hypotheses,
        steps=settings.steps,
        precision=settings.precision,
        fast=settings.fast is not None,
        progress=progress,
    )
    metric = before.protocol.scoring["metrics"][0]
    differences = {
        f"{column} {aggregate}": after.results[column][aggregate][metric] - numbers[metric]
        for column, aggregates in before.results.items()
        for aggregate, numbers in aggregates.items()
        if metric in numbers  # what is said of all hypotheses together follows from the same poses
    }
    return Reproduction(before, after, differences)
