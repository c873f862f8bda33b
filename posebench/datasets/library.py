"""Where prepared data sets live, and how one is opened or prepared.

Everything is under the folder of the environment variable `POSEBENCH_DATA`
(default: the user's data folder of the platform).
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip
from posebench.datasets.store import Dataset
from posebench.datasets.write_store import write_store
from posebench.errors import DataMissingError, UsageError
from posebench.files import write_text
from posebench.registry.decorators import DATASETS
from posebench.registry.entries import unknown_name
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


def find_form(adapter: Adapter, name: str) -> Form:
    """The form of a name, empty for the data set's own; raises `UnknownNameError`."""
    for form in adapter.forms:
        if form.name == name:
            return form
    raise unknown_name(
        f"form of the data set {adapter.name!r}", name, [form.name for form in adapter.forms if form.name]
    )


def store_path(adapter: Adapter, form: str = "") -> Path:
    """Where the store of an adapter's version and form lies, whether or not it is there."""
    return data_root() / "stores" / f"{_stem(adapter.name, form)}@{adapter.version}.safetensors"


def _stem(name: str, form: str) -> str:
    return f"{name}+{form}" if form else name


def is_prepared(adapter: Adapter, form: str = "") -> bool:
    """Whether the store of this version is there."""
    return store_path(adapter, form).exists()


def load_dataset(name: str, form: str = "", progress: Progress | None = None) -> Dataset:
    """Open a prepared data set; one that is generated, or whose adapter is newer than its store, is made first.

    A store of an older version is made again from the files it was made from,
    if they are still where they were, and a form that is made when it is wanted
    from those of the data set's own. Raises `UnknownNameError`,
    `DataMissingError` with the exact next command, and `DataDamagedError` for a
    store or files that cannot be read.
    """
    adapter = find_adapter(name)
    wanted = find_form(adapter, form)
    path = store_path(adapter, form)
    if path.exists():
        return Dataset(path)
    if adapter.generated:
        return _prepare(adapter, wanted, None, progress)
    own = _remembered().get(name)
    if wanted.when_wanted and own is not None and Path(own).exists():
        return _prepare(adapter, wanted, Path(own), progress)
    older = list(path.parent.glob(f"{_stem(name, form)}@*.safetensors")) if path.parent.exists() else []
    source = _remembered().get(_stem(name, form)) if older else None
    if source is not None and Path(source).exists():
        # The files themselves say what their ground truth is.
        again = [found for found in adapter.found(Path(source)) if found.name == form]
        return _prepare(adapter, (again or [wanted])[0], Path(source), progress)
    what = f"The data set {name!r}" + (f" in its form {form!r}" if form else "")
    why = "was prepared by another version of posebench" if older else "is not prepared on this machine"
    needs = f" with {wanted.needs} in it" if wanted.needs else ""
    raise DataMissingError(
        f"{what} {why}; get it ({DATASETS.get(name).obtain}), "
        f"then run `posebench data prepare {name} --source DIR`{needs}."
    )


def prepare_dataset(name: str, source: Path | None, progress: Progress | None = None) -> tuple[Dataset, ...]:
    """Read a data set from its owner's files into a store for each form that they have, but for those made when wanted.

    On any error an older store stays as it was. Raises `UsageError` when a
    source is missing or not wanted, `DataMissingError` and `DataDamagedError`
    for the files in it.
    """
    adapter = find_adapter(name)
    if adapter.generated and source is not None:
        raise UsageError(f"The data set {name!r} is generated: leave --source away.")
    if not adapter.generated:
        if source is None:
            raise UsageError(f"Say where the files of {name!r} are: `posebench data prepare {name} --source DIR`.")
        if not source.exists():
            raise DataMissingError(f"There is no {source}; give the folder with the files of {name!r} as --source.")
    ensure_writable(store_path(adapter).parent)
    return tuple(_prepare(adapter, form, source, progress) for form in adapter.found(source) if not form.when_wanted)


def _prepare(adapter: Adapter, form: Form, source: Path | None, progress: Progress | None) -> Dataset:
    path = store_path(adapter, form.name)
    dataset = write_store(adapter, form, _counted(adapter, form, source, progress), path)
    stem = _stem(adapter.name, form.name)
    if source is not None:
        write_text(_remembered_path(), json.dumps({**_remembered(), stem: str(source.resolve())}, indent=1) + "\n")
    for older in path.parent.glob(f"{stem}@*.safetensors"):
        if older != path:
            older.unlink()
    return dataset


def _counted(adapter: Adapter, form: Form, source: Path | None, progress: Progress | None) -> Iterator[Clip]:
    total = adapter.count(source, form) if progress else None
    for done, clip in enumerate(adapter.clips(source, form), start=1):
        yield clip
        if progress:
            progress(done, total)


def _remembered_path() -> Path:
    return data_root() / "stores" / "sources.json"


def _remembered() -> dict[str, str]:
    """Which files each store was made from, to make it again when its adapter's version changes."""
    try:
        found: dict[str, str] = json.loads(_remembered_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def verify_dataset(name: str, form: str = "") -> list[Check]:
    """Run every check of a prepared data set, generic ones first."""
    from posebench.datasets.verification import run_checks

    return run_checks(find_adapter(name), load_dataset(name, form))


def prepared_forms(adapter: Adapter) -> tuple[str, ...]:
    """The names of the forms whose stores are here."""
    return tuple(form.name for form in adapter.forms if is_prepared(adapter, form.name))


def ensure_writable(folder: Path) -> None:
    """Make the folder if need be and prove that files can be made in it; raises `UsageError` before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".posebench-write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UsageError(f"Nothing can be written to {folder} ({error.strerror}); choose another folder.") from error
