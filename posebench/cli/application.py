"""A group of commands run to its exit code: one sentence on standard error for a mistake, never a traceback."""

import os
import sys

import click

from posebench.cli.console import note
from posebench.errors import PosebenchError

INTERRUPTED_CODE = 130


def run_application(
    group: click.Group, name: str, arguments: list[str], *, interrupted: str, prefix: str | None = None
) -> int:
    """Run one command of a group; returns its exit code: see `posebench.errors`.

    `name` is what the help calls the program. `interrupted` is said after
    Ctrl-C. `prefix` stands before the sentence of an error; default: `name`.
    A mistake in the arguments is told as click tells it: usage, then the error.
    """
    try:
        code = _run(group, name, arguments, interrupted, prefix or name)
        # What is left in the buffer would fail only when Python closes it.
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (`| head`) has gone, which is no error. Python shall not complain again when it closes standard
        # output: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _run(group: click.Group, name: str, arguments: list[str], interrupted: str, prefix: str) -> int:
    # Not `group.main`, which takes any EOFError of a command for an interruption, and a broken pipe for a failure.
    try:
        with group.make_context(name, list(arguments)) as context:
            group.invoke(context)
    except PosebenchError as error:
        note(f"{prefix}: {error}")
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.Abort):
        note(interrupted)
        return INTERRUPTED_CODE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0
