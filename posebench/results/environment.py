"""What machine a run was made on, without a word that names it."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from posebench.results.record import EnvironmentPart


def posebench_version() -> str:
    """The installed version, `unknown` for a bare checkout."""
    try:
        return version("posebench-lifting")
    except PackageNotFoundError:
        return "unknown"


def cpu_model() -> str:
    """The processor's model name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe_environment(device: torch.device, threads: int | None = None) -> EnvironmentPart:
    """Versions, processor, GPU model if it was used, and threads; None: those of this process."""
    return EnvironmentPart(
        posebench=posebench_version(),
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        system=f"{platform.system()} {platform.machine()}",
        cpu=cpu_model(),
        gpu=torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        threads=threads or torch.get_num_threads(),
    )
