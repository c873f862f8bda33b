"""The command `posebench`: every command and where it stands. Only the one that is called is imported."""

import sys

from posebench.cli.application import run_application
from posebench.cli.lazy import LazyGroup

INTERRUPTED = "posebench: interrupted; what was finished is kept, and the same command takes it up again."

DATA = LazyGroup(
    {
        "list": "posebench.cli.data_info:list_data",
        "info": "posebench.cli.data_info:info_data",
        "download": "posebench.cli.data_download:download",
        "prepare": "posebench.cli.data:prepare",
        "verify": "posebench.cli.data:verify",
    },
    help="Data sets: list, info, download, prepare, verify.",
)
LEADERBOARD = LazyGroup(
    {
        "build": "posebench.cli.boards:build",
        "check": "posebench.cli.boards:check",
        "protocols": "posebench.cli.boards:protocols",
        "reported": "posebench.cli.boards:reported",
    },
    help="Leaderboards from records: build, check; pages of protocols.",
)
VERIFY = LazyGroup(
    {"metrics": "posebench.cli.verify:metrics", "models": "posebench.cli.verify:models"},
    help="Compare posebench with public code.",
)
WEIGHTS = LazyGroup(
    {
        "pull": "posebench.cli.weights:pull",
        "list": "posebench.cli.weights:list_weights",
        "verify": "posebench.cli.weights:verify",
        "push": "posebench.cli.weights:push",
    },
    help="Weights: pull, list, verify, push.",
)
app = LazyGroup(
    {
        "run": "posebench.cli.run:run",
        "sweep": "posebench.cli.sweep:sweep",
        "score": "posebench.cli.run:score",
        "show": "posebench.cli.run:show",
        "lift": "posebench.cli.lift:lift",
        "generate": "posebench.cli.generate:generate",
        "complete": "posebench.cli.complete:complete",
        "denoise": "posebench.cli.denoise:denoise",
        "convert": "posebench.cli.convert:convert",
        "explain": "posebench.cli.explain:explain",
        "reproduce": "posebench.cli.boards:reproduce",
        "time": "posebench.cli.time:time",
        "mock": "posebench.cli.models:mock",
        "list": "posebench.cli.models:list_all",
        "info": "posebench.cli.models:info",
        "doctor": "posebench.cli.models:doctor",
        "schema": "posebench.cli.boards:schema",
        "data": DATA,
        "leaderboard": LEADERBOARD,
        "verify": VERIFY,
        "weights": WEIGHTS,
    },
    help="The referee of 2D-to-3D human pose lifting.",
    epilog="Exit codes: 0 done, 1 a check failed, 2 usage, 3 data or weights missing, 4 numbers not finite, 130 interrupted.",
    context_settings={"show_default": True},
)


def main() -> None:
    """Run the command line and exit with its code; a user's mistake never shows a traceback."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run one command; returns the exit code."""
    return run_application(app, "posebench", arguments, interrupted=INTERRUPTED)


if __name__ == "__main__":
    main()
