"""On what a run was made: machine, threads and versions of each part of it, beside the steps and minutes they took."""

import platform
from importlib import metadata
from typing import TypedDict

import torch

from posebench.results.environment import cpu_model, posebench_version

#: Libraries that decide what is computed.
LIBRARIES = ("torch", "timm", "numpy", "scipy")


class Session(TypedDict):
    """Consecutive steps on one machine with the same versions, in one process or several."""

    device: str
    """`cpu` or `cuda`."""
    hardware: str
    """Model of the GPU, or of the CPU; no host name."""
    threads: int
    """CPU threads of torch."""
    versions: dict[str, str]
    steps: int
    seconds: float
    """Wall time of the steps, rendering left out."""


def continue_session(sessions: list[Session], device: torch.device) -> Session:
    """The last session if it was like this one, else a new one at the end of the list; count steps and time in it."""
    new = Session(
        device=device.type,
        hardware=torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_model(),
        threads=torch.get_num_threads(),
        versions={"posebench": posebench_version(), "python": platform.python_version()}
        | {name: metadata.version(name) for name in LIBRARIES},
        steps=0,
        seconds=0.0,
    )
    if not sessions or sessions[-1] | {"steps": 0, "seconds": 0.0} != new:
        sessions.append(new)
    return sessions[-1]


def describe_session(session: Session) -> str:
    """Where and how long, as a part of a sentence."""
    count = session["threads"]
    threads = f", {count} thread{'s' if count > 1 else ''}" if session["device"] == "cpu" else ""
    return f"{session['seconds'] / 60:.1f} minutes on {session['hardware']}{threads}"


def describe_versions(session: Session) -> str:
    """Names and versions, as a part of a sentence."""
    # Sorted, as a checkpoint's JSON has them.
    return ", ".join(f"{name} {version}" for name, version in sorted(session["versions"].items()))
