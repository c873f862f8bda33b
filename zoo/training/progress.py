"""What a person watching a run sees: a bar in a terminal, plain lines in a log file."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

#: Seconds between two lines where there is no terminal.
QUIET = 30.0


class Reporter:
    """A context with one bar at a time; `say` writes a lasting line."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: int | None = None
        self._title = ""
        self._spoken = 0.0

    def __enter__(self) -> "Reporter":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self._console.print(line, markup=False)

    def begin(self, title: str, done: int, total: int) -> None:
        """Replace the bar by a new one."""
        if self._task is not None:
            self._bar.remove_task(self._task)  # type: ignore[arg-type]
        self._task = self._bar.add_task(title, total=total, completed=done, note="")
        self._title = title
        self._spoken = time.monotonic()

    def advance(self, done: int, total: int, note: str = "") -> None:
        """Move the bar, or write a line now and then."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, total=total, note=note)  # type: ignore[arg-type]
        if not self._console.is_terminal and time.monotonic() - self._spoken > QUIET:
            self._spoken = time.monotonic()
            self.say(f"{self._title}: {done}/{total} {note}".rstrip())
