"""Writing beside the work: all is there in the end, and no error is lost."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from posebench.files import write_bytes
from posebench.prediction import folder_writer
from posebench.prediction.folder import SequencePrediction
from posebench.prediction.folder_writer import MOST_WAITING, FolderWriter

POSES = SequencePrediction(np.zeros((1, 2, 17, 3), np.float32), np.arange(2))


class Recorder:
    """A folder that remembers; it fails at one sequence, and writes none before `go`."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at, self.written, self.threads = fails_at, list[str](), set[int]()
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    def write(self, sequence_id: str, prediction: SequencePrediction) -> None:
        assert self.go.wait(30)
        self.threads.add(threading.get_ident())
        if sequence_id == self.fails_at:
            raise OSError("the disk is full")
        self.written.append(sequence_id)


def write_all(folder: Any, beside: bool, count: int, then: BaseException | None = None) -> None:
    """Write `count` sequences, and end with an error of the work itself if there is one."""
    with FolderWriter(folder, beside=beside) as made:
        for number in range(count):
            folder.asked = number
            made.write(str(number), POSES)
        if then:
            raise then


@pytest.mark.parametrize("beside", [False, True])
def test_all_is_written_in_order(beside: bool) -> None:
    folder = Recorder()
    write_all(folder, beside, 9)
    assert folder.written == [str(number) for number in range(9)]
    assert (folder.threads == {threading.get_ident()}) is not beside


@pytest.mark.parametrize("beside", [False, True])
def test_an_error_of_the_disk_ends_the_run_soon(beside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_writer, "HELD_SECONDS", 0.0)  # as for a lifter slower than that
    folder = Recorder(fails_at="1")
    with pytest.raises(OSError, match="the disk is full"):
        write_all(folder, beside, 50)
    assert folder.asked <= 1 + MOST_WAITING


@pytest.mark.parametrize("beside", [False, True])
def test_an_error_of_the_last_sequence_is_raised_too(beside: bool) -> None:
    with pytest.raises(OSError, match="the disk is full"):
        write_all(Recorder(fails_at="2"), beside, 3)


@pytest.mark.parametrize("beside", [False, True])
def test_what_was_predicted_before_an_error_is_kept_and_that_error_is_told(beside: bool) -> None:
    folder = Recorder(fails_at="1")
    with pytest.raises(KeyboardInterrupt):
        write_all(folder, beside, 2, KeyboardInterrupt())
    assert folder.written == ["0"]


def test_short_sequences_are_written_together_and_none_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(folder_writer, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(folder_writer, "HELD_FRAMES", 10)
    folder, after = Recorder(), []
    with FolderWriter(folder, beside=False) as made:  # type: ignore[arg-type]
        for number, at in enumerate((0.1, 0.24, 0.25, 0.4, 1.0, 1.0, 1.1, 1.1, 1.1, 1.1, 1.1)):
            now[0] = at
            made.write(str(number), POSES)
            after.append(len(folder.written))
    # A quarter second after the last writing, or with ten frames, which are five of these.
    assert after == [0, 0, 3, 3, 5, 5, 5, 5, 5, 10, 10]
    assert folder.written == [str(number) for number in range(11)]


def test_no_more_than_a_few_wait() -> None:
    folder = Recorder()
    folder.go.clear()
    with FolderWriter(folder, beside=True) as made:  # type: ignore[arg-type]
        for number in range(MOST_WAITING):
            made.write(str(number), POSES)
        third = threading.Thread(target=made.write, args=("last", POSES))
        third.start()
        third.join(0.2)
        assert third.is_alive()
        folder.go.set()
        third.join(30)
    assert folder.written[-1] == "last"


def test_a_file_is_whole_and_of_the_user_s_mask(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"one")
    write_bytes(tmp_path / "file", b"two")
    (tmp_path / "plain").touch()
    assert (tmp_path / "file").read_bytes() == b"two"
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    with pytest.raises(TypeError):
        write_bytes(tmp_path / "file", SimpleNamespace())  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "plain"]
