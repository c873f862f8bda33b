"""Files that are there whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from posebench.files import replace_whole, write_text


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def fail(part: Path) -> None:
        part.write_text("ne")
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        replace_whole(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_is_as_readable_as_any_other_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    replace_whole(tmp_path / "a.safetensors", lambda part: save_file({"x": np.zeros(2)}, part), durable=True)
    assert (tmp_path / "a.safetensors").stat().st_mode == plain.stat().st_mode
