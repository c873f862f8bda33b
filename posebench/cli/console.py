"""What the terminal sees: tables, progress that is silent when nobody watches, and JSON for machines."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from posebench.errors import UsageError


class _Results(Console):
    """A console that leaves a pipe whose reader has gone to `posebench.cli.application`; rich's own ends with code 1."""

    def on_broken_pipe(self) -> None:
        """Called by rich while it handles the BrokenPipeError."""
        raise


def out() -> Console:
    """The console of results; wide when it is not a terminal, so that nothing is cut in a log or a pipe."""
    return _Results(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False)


def print_json(value: Any) -> None:
    """Plain JSON on standard output."""
    print(json.dumps(value, indent=1, allow_nan=False))


def note(message: str) -> None:
    """A line on standard error, where it does not disturb results."""
    print(message, file=sys.stderr)


def table(title: str | None, *columns: str, numeric: tuple[str, ...] = ()) -> Table:
    """An empty table; columns named in `numeric` are aligned to the right."""
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    for column in columns:
        number = column in numeric
        # Numbers and the names of rows stay whole in a narrow terminal; prose gives way.
        made.add_column(
            column, justify="right" if number else "left", overflow="fold", no_wrap=number or column == "action"
        )
    return made


def show_values(name: str, value: dict[str, Any], as_json: bool) -> None:
    """Print named values as a table without a header, or as JSON."""
    if as_json:
        print_json(value)
        return
    made = table(name, "", "")
    made.show_header = False
    for key, item in value.items():
        made.add_row(key, _plain(item))
    out().print(made)


def _plain(item: object) -> str:
    if isinstance(item, dict):
        return "\n".join(f"{key}: {_plain(value)}" for key, value in item.items()) or "–"
    if isinstance(item, list | tuple):
        separator = "\n" if any(isinstance(value, dict) for value in item) else ", "
        return separator.join(_plain(value).replace("\n", "; ") for value in item) or "–"
    return "–" if item is None else str(item)


@contextmanager
def progress(labels: dict[str, str]) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each stage, on standard error; nothing at all when that is no terminal.

    Yields a function of (stage, done, all).
    """
    if not sys.stderr.isatty():
        yield lambda stage, done, total: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def update(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(labels.get(stage, stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield update


def batch_size_of(text: str) -> int | None:
    """`auto` (None) or a number of windows; raises `UsageError`."""
    if text == "auto":
        return None
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--batch-size {text!r} is neither 'auto' nor a number of windows from 1.")
    return int(text)
