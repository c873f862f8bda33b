"""`mpi3dhp.npz` with its two tables of the official MATLAB evaluation, and `mpi3dhp_averages.json`."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posebench.conformance.comparison import FLOAT64_TOLERANCE, Comparison, compare, compare_worst, failure
from posebench.conformance.stored import StoredArrays
from posebench.datasets.mpi3dhp.facts import ACTIVITIES
from posebench.errors import DataDamagedError
from posebench.metrics.averages import mean_of_groups, weighted_mean
from posebench.metrics.position import joint_errors
from posebench.metrics.thresholds import MPI3DHP_GROUPS, OFFICIAL_THRESHOLDS, area_under_pck, share_within
from posebench.skeletons import MPI_INF_3DHP_17

JOINTS, ROOT = MPI_INF_3DHP_17.joints, MPI_INF_3DHP_17.root
SUFFIXES = ("annot3", "pred", "valid_frame", "activity")
#: What a row of the three blocks ends with: the mean over joints, or over the 14 joints of all groups.
TOTALS = {"MPJPE": "Average", "PCK": "Total", "AUC": "Total"}

#: block -> row -> column -> value
Table = dict[str, dict[str, dict[str, float]]]


@dataclass(frozen=True)
class OfficialErrors:
    """Joint errors (valid frames, 17) mm of every sequence, and the activity 1 to 7 of every valid frame."""

    errors: dict[str, Tensor]
    activity: dict[str, Tensor]
    tolerance: float

    def by_sequence(self) -> dict[str, Tensor]:
        """Errors under the row names of the sequence table: TS1 is `TestSeq1`."""
        return {f"TestSeq{name.removeprefix('TS')}": errors for name, errors in self.errors.items()}

    def by_activity(self) -> dict[str, Tensor]:
        """Errors of all sequences pooled, by activity, and of all together."""
        errors, activity = torch.cat(list(self.errors.values())), torch.cat(list(self.activity.values()))
        rows = {name: errors[activity == number] for number, name in enumerate(ACTIVITIES, start=1)}
        return {**rows, "All": errors}


def read_test_set(stored: StoredArrays) -> OfficialErrors:
    """Errors of the valid frames; the truth minus joint 14, the prediction as it is."""
    names = sorted({name.rpartition("_annot3")[0] for name in stored.arrays if name.endswith("_annot3")})
    if not names:
        raise DataDamagedError(f"{stored.name} holds no array that ends in _annot3.")
    stray = stored.unknown([f"{name}_{suffix}" for name in names for suffix in SUFFIXES], ())
    if stray:
        raise DataDamagedError(f"{stored.name} holds {stray[0]!r}, which belongs to no sequence of it.")
    errors, activity = {}, {}
    for name in names:
        truth, predicted = stored.poses(f"{name}_annot3"), stored.poses(f"{name}_pred")
        valid = torch.from_numpy(stored[f"{name}_valid_frame"].astype(bool).reshape(-1))
        labels = torch.from_numpy(stored[f"{name}_activity"].astype(int).reshape(-1))
        if not len(truth) == len(predicted) == len(valid) == len(labels):
            raise DataDamagedError(f"The four arrays of {name} in {stored.name} differ in their number of frames.")
        errors[name] = joint_errors(predicted, truth - truth[:, ROOT : ROOT + 1])[valid]
        activity[name] = labels[valid]
        if not set(activity[name].tolist()) <= set(range(1, len(ACTIVITIES) + 1)):
            raise DataDamagedError(f"{name}_activity of {stored.name} is not 1 to {len(ACTIVITIES)} on a valid frame.")
    return OfficialErrors(
        errors, activity, stored.tolerance(f"{n}_{kind}" for n in names for kind in ("annot3", "pred"))
    )


def check_table(path: Path, rows: dict[str, Tensor], tolerance: float) -> Iterator[Comparison]:
    """A table of the official evaluation: of each row its last column, and the joint or group that agrees least."""
    table = _read_table(path)
    for block, last in TOTALS.items():
        theirs = table[block]
        for row in sorted(set(theirs) ^ set(rows)):
            yield failure(f"{path.stem}/{block}/{row}", "is in the table or in the npz, not in both")
        for row in (row for row in theirs if row in rows):
            ours, expected = _official(block, rows[row]), theirs[row]
            case = f"{path.stem}/{block}/{row}"
            if set(expected) != set(ours):
                yield failure(case, f"has the columns {', '.join(expected)}, which are not the official ones")
                continue
            parts = [column for column in ours if column != last]
            yield compare_worst(f"{case}/parts", [expected[p] for p in parts], [ours[p] for p in parts], tolerance)
            yield compare(f"{case}/{last}", expected[last], ours[last], tolerance)


def check_averages(about: Any) -> Iterator[Comparison]:
    """The three averages in use of one method's published numbers, which were printed with few decimals."""
    sequences, expected = about["sequences"], about["expected"]
    counts = {
        "mean_of_six": None,
        "weighted_by_the_older_list": about["valid_frames_of_the_older_list"],
        "pooled_valid_frames": about["valid_frames_in_files"],
    }
    # A trailing zero is not written in JSON: the most decimals in the file are those of all.
    decimals = max(len(str(value).partition(".")[2]) for values in expected.values() for value in values)
    for case in sorted(set(expected) - set(counts)):
        yield failure(f"mpi3dhp_averages/{case}", "an average that this version knows no rule for")
    for case, frames in counts.items():
        for column, value in zip(("mpjpe", "pck", "auc"), expected[case], strict=True):
            numbers = [numbers[column] for numbers in sequences.values()]
            ours = (
                mean_of_groups(numbers)
                if frames is None
                else weighted_mean(numbers, [frames[name] for name in sequences])
            )
            yield compare(f"mpi3dhp_averages/{case}/{column}", value, ours, FLOAT64_TOLERANCE, 0.5 * 10.0**-decimals)


def _official(block: str, errors: Tensor) -> dict[str, float]:
    """A row as the MATLAB code has it: MPJPE over 17 joints with the pelvis, or percent over groups of 14."""
    if block == "MPJPE":
        joints = zip(JOINTS, errors.mean(dim=0).tolist(), strict=True)
        return {**dict(joints), "Average": float(errors.mean())}
    passed = share_within(errors, 150.0) if block == "PCK" else area_under_pck(errors, OFFICIAL_THRESHOLDS)
    groups = {**MPI3DHP_GROUPS, "Total": tuple(joint for group in MPI3DHP_GROUPS.values() for joint in group)}
    return {name: 100 * float(passed[:, list(joints)].mean()) for name, joints in groups.items()}


def _read_table(path: Path) -> Table:
    """Three blocks below each other, each with a header row: MPJPE (first cell empty), PCK, AUC."""
    table: Table = {}
    block, header = "", [""]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for name, *cells in filter(None, csv.reader(file)):
                if name in ("", "PCK", "AUC"):
                    block, header = name or "MPJPE", [cell for cell in cells if cell]
                    table[block] = {}
                else:
                    # Rows are padded to the width of the widest block; a header ends before the padding.
                    values = zip(header, cells, strict=False)
                    table[block][name] = {column: float(cell) for column, cell in values}
    except (OSError, ValueError, KeyError) as error:
        raise DataDamagedError(
            f"{path.name} is no table of the official evaluation ({error}); get it again."
        ) from error
    if set(table) != set(TOTALS):
        raise DataDamagedError(f"{path.name} has the blocks {', '.join(table)}, not MPJPE, PCK and AUC.")
    return table
