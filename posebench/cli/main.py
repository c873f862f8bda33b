"""The command `posebench`: one application, errors as one sentence, documented exit codes."""

import sys

import click
import typer

from posebench.cli import boards, convert, data, explain, lift, models, run, sweep, time, verify, weights
from posebench.cli.console import note
from posebench.errors import PosebenchError

INTERRUPTED_CODE = 130
INTERRUPTED = "posebench: interrupted; what was finished is kept, and the same command takes it up again."

app = typer.Typer(
    name="posebench",
    help="The referee of 2D-to-3D human pose lifting.",
    epilog="Exit codes: 0 done, 1 a check failed, 2 usage, 3 data or weights missing, 4 numbers not finite, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("run")(run.run)
app.command("sweep")(sweep.sweep)
app.command("score")(run.score)
app.command("show")(run.show)
app.command("lift")(lift.lift)
app.command("convert")(convert.convert)
app.command("explain")(explain.explain)
app.command("reproduce")(boards.reproduce)
app.command("time")(time.time)
app.command("mock")(models.mock)
app.command("list")(models.list_all)
app.command("info")(models.info)
app.command("doctor")(models.doctor)
app.command("schema")(boards.schema)
app.add_typer(data.app, name="data")
app.add_typer(boards.app, name="leaderboard")
app.add_typer(verify.app, name="verify")
app.add_typer(weights.app, name="weights")


def main() -> None:
    """Run the command line and exit with its code; a user's mistake never shows a traceback."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    try:
        result = app(args=arguments, prog_name="posebench", standalone_mode=False)
    except PosebenchError as error:
        note(f"posebench: {error}")
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        note(INTERRUPTED)
        return INTERRUPTED_CODE
    except click.exceptions.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        # The reader (`| head`) has gone; Python must not complain again when it closes standard output.
        sys.stderr.close()
        return 0
    if result == INTERRUPTED_CODE:
        # typer makes this of Ctrl-C.
        note(INTERRUPTED)
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    main()
