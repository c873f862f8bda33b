"""Peak memory of forward passes, in a process of its own and a pass of its own.

A process that has timed other lifters holds memory that is not this one's. The
child loads one lifter, cuts its clips, and passes batches of each size
without a clock. On a CPU the peak is the resident set's high-water mark, which
Linux lets a process reset; on a GPU it is what torch's allocator handed out.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from posebench.errors import PosebenchError, UsageError
from posebench.prediction.compiled import strict_compilation
from posebench.prediction.joints import joints_between
from posebench.prediction.runner import choose_device
from posebench.protocols.resolve import resolve_protocol
from posebench.timing.measure import WARM_UP_PASSES
from posebench.timing.options import DType, TimingSettings
from posebench.timing.prepare import flips, open_lifter, place, read_material
from posebench.timing.subject import Subject, computing, timed_module

CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Memory:
    """Bytes that the process held before the passes (program, weights, clips) and at their peak."""

    batch_size: int
    before: int
    peak: int


def measure_memory(
    model: str,
    protocol: str,
    dtype: DType,
    sizes: tuple[int, ...],
    settings: TimingSettings,
    weights: Path | None,
    random_weights: bool,
) -> tuple[Memory, ...] | str:
    """Peak memory at each batch size, or why there is none.

    A lifter that only this process knows cannot be loaded by another; a system
    that cannot forget a peak (any but Linux, without a GPU) has only that of loading.
    """
    request = {
        "model": model,
        "protocol": protocol,
        "dtype": dtype,
        "sizes": sizes,
        "settings": asdict(settings),
        "weights": None if weights is None else str(weights),
        "random_weights": random_weights,
    }
    child = subprocess.run(
        [sys.executable, "-m", "posebench.timing.memory"],
        input=json.dumps(request), capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = child.stdout.splitlines()
    if child.returncode or not lines:
        last = (child.stderr.strip().splitlines() or ["it was killed"])[-1]
        return f"the process that measures it ended with code {child.returncode} ({last})"
    answer = json.loads(lines[-1])
    return answer["error"] if "error" in answer else tuple(Memory(**part) for part in answer["memory"])


def _in_child(request: dict[str, Any]) -> dict[str, Any]:
    asked = request["settings"]
    settings = TimingSettings(**{**asked, "dtypes": tuple(asked["dtypes"]), "batch_sizes": tuple(asked["batch_sizes"])})
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    weights = None if request["weights"] is None else Path(request["weights"])
    try:
        lifter = open_lifter(request["model"], settings, weights, request["random_weights"])
        material = read_material(resolve_protocol(request["protocol"]), settings.seed)
        pool = place(lifter, material, device, settings.seed)
        joints = joints_between(lifter.spec, lifter.name, material.dataset.name, material.dataset.skeleton)
        timed = timed_module(lifter, request["dtype"], settings.compile)
        subject = Subject(timed, lifter, joints, pool, request["dtype"], flips(lifter, settings))
        with strict_compilation(settings.compile):
            return {"memory": [asdict(_peak(subject, size, device)) for size in request["sizes"]]}
    except PosebenchError as error:
        return {"error": str(error)}


def _peak(subject: Subject, size: int, device: torch.device) -> Memory:
    batches = subject.pool.batches(size, "memory")
    with computing(subject.dtype):
        before = _start(device)
        for _ in range(WARM_UP_PASSES):
            batch = next(batches)
            subject.check(subject.call(subject.pool.inputs(batch)), batch)
    return Memory(size, before, max(before, _high_water(device)))


def _start(device: torch.device) -> int:
    """Forget earlier peaks and say what is held now."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if not CLEAR_REFS.exists():
        raise UsageError("this system does not let a process forget the peak that loading had")
    # 5 sets the high-water mark of this process back to what it holds (proc(5)).
    CLEAR_REFS.write_text("5")
    return _resident("VmRSS")


def _high_water(device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device)
    return _resident("VmHWM")


def _resident(name: str) -> int:
    """A field of this process's memory in bytes; Linux has it wherever it has `CLEAR_REFS`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    print(json.dumps(_in_child(json.load(sys.stdin))))
