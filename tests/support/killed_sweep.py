"""A sweep that is killed again and again: `python killed_sweep.py KILLS RECORDS ARGUMENTS...`, until it comes to its end.

Everything is imported once, and each attempt is a fork that is killed with
SIGKILL at a random moment after its start or its next record; the last is left
alone. Prints how many were killed.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import engine_lifters  # noqa: F401  (registers)
import torch

import posebench.sweeps.run  # noqa: F401  (what is imported here is not imported by every fork)
from posebench.cli.main import run_command
from posebench.datasets.library import load_dataset

#: Seconds over which the moments are spread: less than a record takes on a fast machine, or too few runs are left to kill.
PACE = 0.05


def attempt(arguments: list[str]) -> int:
    """Start the sweep in a fork; returns its process."""
    child = os.fork()
    if child == 0:
        os._exit(run_command(arguments))
    return child


def wait_for_records(child: int, folder: Path, more: int) -> None:
    """Until there are so many more records than now, or the sweep is at its end."""
    wanted = len(list(folder.rglob("*.json"))) + more
    while len(list(folder.rglob("*.json"))) < wanted and not os.waitid(
        os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
    ):
        time.sleep(0.002)


def main() -> None:
    """Kill, then let it finish; exits with the code of the last attempt."""
    kills, records, *arguments = sys.argv[1:]
    folder = Path(records)
    arguments += ["--records", records]
    torch.set_num_threads(1)
    load_dataset("tiny")
    draw = random.Random(7)
    killed = 0
    for _ in range(int(kills)):
        child = attempt(arguments)
        # Now in the checks before the work, now in the middle of it.
        wait_for_records(child, folder, draw.choice([0, 1, 1]))
        time.sleep(draw.uniform(0, PACE))
        os.kill(child, signal.SIGKILL)
        killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    last = os.waitstatus_to_exitcode(os.waitpid(attempt(arguments), 0)[1])
    print(killed)
    sys.exit(last)


if __name__ == "__main__":
    main()
