"""A GPU's clocks, heat, power and energy through NVML (`nvidia-ml-py`, the extra `posebench-lifting[gpu]`): read only."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

ABSENT = "nvidia-ml-py is not installed (pip install 'posebench-lifting[gpu]')"


@dataclass(frozen=True)
class GpuState:
    """What NVML tells; None for what this GPU does not tell."""

    driver: str | None
    graphics_mhz: int | None
    memory_mhz: int | None
    most_graphics_mhz: int | None
    celsius: int | None
    watts: float | None
    most_watts: float | None
    slowed_by: tuple[str, ...]
    """Why its clocks are held down."""
    busy_percent: int | None
    processes: int | None
    """That compute on it, this one among them."""


@dataclass(frozen=True)
class GpuDuring:
    """The worst of what NVML told after each block on the clock; None for what this GPU does not tell."""

    samples: int
    lowest_graphics_mhz: int | None
    lowest_memory_mhz: int | None
    most_celsius: int | None
    slowed_by: tuple[str, ...]
    """Every reason that held its clocks down at any of them."""


def worst_of(states: list[GpuState]) -> GpuDuring | None:
    """The worst of some states; None of none."""
    if not states:
        return None
    return GpuDuring(
        samples=len(states),
        lowest_graphics_mhz=min((s.graphics_mhz for s in states if s.graphics_mhz is not None), default=None),
        lowest_memory_mhz=min((s.memory_mhz for s in states if s.memory_mhz is not None), default=None),
        most_celsius=max((s.celsius for s in states if s.celsius is not None), default=None),
        slowed_by=tuple(sorted({reason for s in states for reason in s.slowed_by})),
    )


class Gpu:
    """One GPU in NVML. `missing` says why nothing can be read; everything is None then."""

    def __init__(self, device: torch.device) -> None:
        self.missing: str | None = None
        self._nvml: Any = None
        self._handle: Any = None
        if device.type != "cuda":
            self.missing = "the device is no GPU"
            return
        try:
            self._nvml = importlib.import_module("pynvml")
        except ImportError:
            self.missing = ABSENT
            return
        try:
            self._nvml.nvmlInit()
            # By identity: CUDA may number visible GPUs otherwise than NVML does.
            uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
            self._handle = self._nvml.nvmlDeviceGetHandleByUUID(uuid)
        except self._nvml.NVMLError as error:
            self.missing = f"NVML does not answer ({error})"

    def state(self) -> GpuState | None:
        """The state now."""
        if self._handle is None:
            return None
        n, h = self._nvml, self._handle
        milliwatts, most = (
            self._ask(lambda: n.nvmlDeviceGetPowerUsage(h)),
            self._ask(lambda: n.nvmlDeviceGetEnforcedPowerLimit(h)),
        )
        processes = self._ask(lambda: n.nvmlDeviceGetComputeRunningProcesses(h))
        return GpuState(
            driver=self._ask(lambda: _words(n.nvmlSystemGetDriverVersion())),
            graphics_mhz=self._ask(lambda: n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_SM)),
            memory_mhz=self._ask(lambda: n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_MEM)),
            most_graphics_mhz=self._ask(lambda: n.nvmlDeviceGetMaxClockInfo(h, n.NVML_CLOCK_SM)),
            celsius=self._ask(lambda: n.nvmlDeviceGetTemperature(h, n.NVML_TEMPERATURE_GPU)),
            watts=None if milliwatts is None else milliwatts / 1000,
            most_watts=None if most is None else most / 1000,
            slowed_by=self._slowed_by(),
            busy_percent=self._ask(lambda: n.nvmlDeviceGetUtilizationRates(h).gpu),
            processes=None if processes is None else len(processes),
        )

    def joules(self) -> float | None:
        """Energy used since the driver was loaded; None where it is not told (as in a slice of a GPU)."""
        if self._handle is None:
            return None
        millijoules = self._ask(lambda: self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle))
        return None if millijoules is None else millijoules / 1000

    def _slowed_by(self) -> tuple[str, ...]:
        n = self._nvml
        mask = self._ask(lambda: n.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle)) or 0
        prefix = "nvmlClocksThrottleReason"
        # Being idle slows nothing that is measured.
        names = [
            name for name in dir(n) if name.startswith(prefix) and name[len(prefix) :] not in ("All", "None", "GpuIdle")
        ]
        return tuple(sorted(name[len(prefix) :] for name in names if mask & getattr(n, name)))

    def _ask(self, question: Callable[[], Any]) -> Any:
        """The answer, or None where this GPU or driver has none."""
        try:
            return question()
        except self._nvml.NVMLError:
            return None


def _words(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
