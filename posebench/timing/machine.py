"""The state of the machine beside a measurement: read, said and recorded, never changed."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from posebench.engines.engine import cores

#: Others may use this share of all cores before a machine is called busy.
IDLE_SHARE = 0.05
#: How long other processes are watched before and after.
WATCH_SECONDS = 0.25
CPUS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class CpuState:
    """What the system tells; None for what it does not tell, as in a container or outside of Linux."""

    cores: int
    """That this process may run on."""
    governors: tuple[str, ...] | None
    megahertz: tuple[float, float] | None
    """Lowest and highest of the cores, now."""
    load: float | None
    """Processes that were running or waiting, mean of the last minute; this one's own past counts."""
    others: float | None
    """Cores' worth of time that other processes use."""
    throttled: int | None
    """Times that the processor was throttled for heat, since it was started."""
    quota_throttled: int | None
    """Times that this container was held back at its quota, since it was started."""


def read_cpu() -> CpuState:
    """The state now; watches other processes for `WATCH_SECONDS`."""
    watch = OtherProcesses()
    time.sleep(WATCH_SECONDS)
    return CpuState(
        cores=cores(),
        governors=_governors(),
        megahertz=_megahertz(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        others=watch.cores(),
        throttled=_throttled(),
        quota_throttled=_quota_throttled(),
    )


class OtherProcesses:
    """How much of the machine others use, from when this is made on."""

    def __init__(self) -> None:
        self._began = _times()

    def cores(self) -> float | None:
        """Cores' worth of time that other processes have used since; None where the system does not tell."""
        now = _times()
        if self._began is None or now is None:
            return None
        busy, whole, own = (b - a for a, b in zip(self._began, now, strict=True))
        if whole <= 0:
            return None
        # Ticks are whole numbers, so a little less than nothing can come out.
        return max(0.0, (busy - own) / whole) * (os.cpu_count() or 1)


def busy_words(state: CpuState, during: float | None) -> str | None:
    """One sentence if others used the machine before or during a measurement, None for an idle one."""
    used = max(state.others or 0.0, during or 0.0)
    if used <= IDLE_SHARE * state.cores:
        return None
    load = "" if state.load is None else f"load {state.load:.1f} on {state.cores} cores, "
    return f"{load}other processes used {used:.1f} of {state.cores} cores: not idle"


def throttle_words(before: CpuState, after: CpuState) -> str | None:
    """One sentence if the processor or container was throttled in between."""
    for name, one, two in (
        ("the processor was throttled for heat", before.throttled, after.throttled),
        ("this container was held back at its quota", before.quota_throttled, after.quota_throttled),
    ):
        if one is not None and two is not None and two > one:
            return f"{name} {two - one} times during the measurement"
    return None


def _times() -> tuple[float, float, float] | None:
    """Ticks: all cores busy, all cores in all, and of these this process and its finished children."""
    try:
        fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    except (OSError, ValueError, IndexError):
        return None
    own = os.times()
    ticks = (own.user + own.system + own.children_user + own.children_system) * os.sysconf("SC_CLK_TCK")
    whole = sum(fields)
    # user, nice, system, idle, iowait, irq, softirq, steal
    return float(whole - fields[3] - fields[4]), float(whole), ticks


def _governors() -> tuple[str, ...] | None:
    found = {text for path in CPUS.glob("cpu[0-9]*/cpufreq/scaling_governor") if (text := _text(path))}
    return tuple(sorted(found)) or None


def _megahertz() -> tuple[float, float] | None:
    found = [int(text) / 1000 for path in CPUS.glob("cpu[0-9]*/cpufreq/scaling_cur_freq") if (text := _text(path))]
    if not found:
        lines = (_text(Path("/proc/cpuinfo")) or "").splitlines()
        found = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return (min(found), max(found)) if found else None


def _throttled() -> int | None:
    counts = [_text(path) for path in CPUS.glob("cpu[0-9]*/thermal_throttle/core_throttle_count")]
    return sum(int(text) for text in counts if text) if any(counts) else None


def _quota_throttled() -> int | None:
    for line in (_text(Path("/sys/fs/cgroup/cpu.stat")) or "").splitlines():
        if line.startswith("nr_throttled "):
            return int(line.split()[1])
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
