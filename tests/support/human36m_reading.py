"""How the tests of Human3.6M read small trees, prepare and check them, and spoil them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posebench.datasets.adapter import Form
from posebench.datasets.clip import Clip
from posebench.datasets.human36m import Human36M
from posebench.datasets.store import Dataset
from posebench.datasets.verification import run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import PosebenchError

OWN, MOTIONBERT, FPS10 = Human36M.forms


def read(source: Path, form: Form = OWN) -> dict[str, Clip]:
    """All clips by id."""
    return {clip.id: clip for clip in Human36M().clips(source, form)}


def prepared(source: Path, folder: Path, form: Form = OWN) -> Dataset:
    """A store of a form in `folder`."""
    adapter = Human36M()
    return write_store(adapter, form, adapter.clips(source, form), folder / "human36m.safetensors")


def details(dataset: Dataset) -> dict[str, tuple[bool, str]]:
    """Every check of `verify` by name."""
    return {check.name: (check.passed, check.detail) for check in run_checks(Human36M(), dataset)}


def refuses(source: Path | None, error: type[PosebenchError], message: str, form: Form = OWN) -> None:
    """Reading ends in one sentence of this kind."""
    adapter = Human36M()
    with pytest.raises(error, match=message) as caught:
        list(adapter.clips(source, form))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


#: Changes the content of a file in place.
Change = Callable[[dict[str, Any]], None]


def put(*path: Any, to: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to(content[path[-1]]) if callable(to) else to

    return change


def drop(*path: Any) -> Change:
    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


def with_nan(array: np.ndarray) -> np.ndarray:
    changed = array.copy()
    changed[7, 3] = np.nan
    return changed
