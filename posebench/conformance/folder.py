"""A folder of conformance files: every file checked, every missing and unknown one named."""

from collections.abc import Callable, Iterator
from pathlib import Path

from posebench.conformance.comparison import Comparison, failure
from posebench.conformance.human36m import check_human36m
from posebench.conformance.hypotheses import check_best_of_m, check_calibration, check_hypotheses
from posebench.conformance.mpi3dhp import check_averages, check_table, read_test_set
from posebench.conformance.single import check_rules, check_single
from posebench.conformance.stored import StoredArrays, read_json
from posebench.conformance.threedpw import check_threedpw
from posebench.errors import DataMissingError, PosebenchError

Check = Callable[[Path], Iterator[Comparison]]


def _arrays(name: str, check: Callable[[StoredArrays], Iterator[Comparison]]) -> Check:
    return lambda folder: check(StoredArrays(folder / name))


def _human36m(folder: Path) -> Iterator[Comparison]:
    return check_human36m(StoredArrays(folder / "h36m_protocol.npz"), read_json(folder / "h36m_protocol.json"))


def _mpi3dhp_sequences(folder: Path) -> Iterator[Comparison]:
    errors = read_test_set(StoredArrays(folder / "mpi3dhp.npz"))
    return check_table(folder / "mpi3dhp_sequencewise.csv", errors.by_sequence(), errors.tolerance)


def _mpi3dhp_activities(folder: Path) -> Iterator[Comparison]:
    errors = read_test_set(StoredArrays(folder / "mpi3dhp.npz"))
    return check_table(folder / "mpi3dhp_activitywise.csv", errors.by_activity(), errors.tolerance)


def _mpi3dhp_averages(folder: Path) -> Iterator[Comparison]:
    return check_averages(read_json(folder / "mpi3dhp_averages.json"))


#: The files that a check reads, and the check.
CHECKS: dict[tuple[str, ...], Check] = {
    ("single.npz",): _arrays("single.npz", check_single),
    ("h36m_protocol.npz", "h36m_protocol.json"): _human36m,
    ("hypotheses.npz",): _arrays("hypotheses.npz", check_hypotheses),
    ("best_of_m.npz",): _arrays("best_of_m.npz", check_best_of_m),
    ("calibration.npz",): _arrays("calibration.npz", check_calibration),
    ("threedpw_challenge.npz",): _arrays("threedpw_challenge.npz", check_threedpw),
    ("mpi3dhp.npz", "mpi3dhp_sequencewise.csv"): _mpi3dhp_sequences,
    ("mpi3dhp.npz", "mpi3dhp_activitywise.csv"): _mpi3dhp_activities,
    ("mpi3dhp_averages.json",): _mpi3dhp_averages,
    ("rules.npz",): _arrays("rules.npz", check_rules),
}


def verify_metrics(folder: Path) -> list[Comparison]:
    """Compare our metrics with the values stored in a folder of conformance files.

    1e-6 relative, 1e-4 where the inputs are stored as float32. A missing,
    damaged or unknown file is a failed comparison that names it; npz files
    with Python objects are refused. Raises `DataMissingError` when there is no such folder.
    """
    if not folder.is_dir():
        raise DataMissingError(
            f"There is no folder {folder}; name one that holds single.npz, rules.npz and the others."
        )
    found = {path.name for path in folder.iterdir()}
    known = {name for files in CHECKS for name in files}
    results = [failure(name, "file is missing") for name in sorted(known - found)]
    for files, check in CHECKS.items():
        if found.issuperset(files):
            results += _run(files[-1], check, folder)
    return results + [failure(name, "unknown file, nothing here checks it") for name in sorted(found - known)]


def _run(name: str, check: Check, folder: Path) -> Iterator[Comparison]:
    """The comparisons of one check; what stops it becomes the last of them, so that the other files are still checked."""
    try:
        yield from check(folder)
    except PosebenchError as error:
        yield failure(name, str(error))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        # Contents of an unexpected shape: whatever of the arithmetic noticed it.
        yield failure(
            name, f"does not have the layout of its kind ({type(error).__name__}: {str(error).splitlines()[0]})"
        )
