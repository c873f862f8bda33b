"""Where prepared data sets live, and how one is opened or prepared.

Everything is under the folder of the environment variable `POSEBENCH_DATA`
(default: the user's data folder of the platform).
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from posebench.datasets.adapter import Adapter, Check, Clip
from posebench.datasets.store import Dataset, write_store
from posebench.errors import DataMissingError, UsageError
from posebench.registry.decorators import DATASETS
from posebench.registry.plugins import load_plugins

#: Called with (clips done, clips in all or None) while a store is made.
Progress = Callable[[int, int | None], None]


def data_root() -> Path:
    """The folder that stores are kept in."""
    if configured := os.environ.get("POSEBENCH_DATA"):
        return Path(configured).expanduser()
    from platformdirs import user_data_path

    return user_data_path("posebench")


def find_adapter(name: str) -> Adapter:
    """The adapter of a data set; raises `UnknownNameError` with the nearest names."""
    load_plugins()
    return DATASETS.get(name).make()


def store_path(adapter: Adapter) -> Path:
    """Where the store of an adapter's version lies, whether or not it is there."""
    return data_root() / "stores" / f"{adapter.name}-{adapter.version}.safetensors"


def is_prepared(adapter: Adapter) -> bool:
    """Whether the store of this version is there."""
    return store_path(adapter).exists()


def load_dataset(name: str, progress: Progress | None = None) -> Dataset:
    """Open a prepared data set; a generated one is made first if it is not there.

    Raises `UnknownNameError`, `DataMissingError` with the exact next command,
    and `DataDamagedError` for a store that cannot be read.
    """
    adapter = find_adapter(name)
    path = store_path(adapter)
    if path.exists():
        return Dataset(path)
    if adapter.generated:
        return prepare_dataset(name, None, progress)
    older = sorted(path.parent.glob(f"{adapter.name}-*.safetensors")) if path.parent.exists() else []
    why = "was prepared by another version of posebench" if older else "is not prepared on this machine"
    raise DataMissingError(
        f"The data set {name!r} {why}; get it ({DATASETS.get(name).obtain}), "
        f"then run `posebench data prepare {name} --source DIR`."
    )


def prepare_dataset(name: str, source: Path | None, progress: Progress | None = None) -> Dataset:
    """Read a data set from its owner's files into a store; on any error an older store stays as it was.

    Raises `UsageError` when a source folder is missing or not wanted,
    `DataMissingError` and `DataDamagedError` for the files in it.
    """
    adapter = find_adapter(name)
    if adapter.generated and source is not None:
        raise UsageError(f"The data set {name!r} is generated: leave --source away.")
    if not adapter.generated:
        if source is None:
            raise UsageError(f"Say where the files of {name!r} are: `posebench data prepare {name} --source DIR`.")
        if not source.is_dir():
            raise DataMissingError(
                f"There is no folder {source}; give the folder with the files of {name!r} as --source."
            )
    path = store_path(adapter)
    ensure_writable(path.parent)
    return write_store(adapter, _counted(adapter, source, progress), path)


def _counted(adapter: Adapter, source: Path | None, progress: Progress | None) -> Iterator[Clip]:
    total = adapter.count(source) if progress else None
    for done, clip in enumerate(adapter.clips(source), start=1):
        yield clip
        if progress:
            progress(done, total)


def verify_dataset(name: str) -> list[Check]:
    """Run every check of a prepared data set, generic ones first."""
    from posebench.datasets.verification import run_checks

    return run_checks(find_adapter(name), load_dataset(name))


def ensure_writable(folder: Path) -> None:
    """Make the folder if need be and prove that files can be made in it; raises `UsageError` before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".posebench-write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"Nothing can be written to {folder} ({error.strerror}); choose another folder.") from error
