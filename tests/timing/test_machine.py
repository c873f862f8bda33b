"""What is said of the machine: a busy one, a throttled one, and a GPU through a stand-in for NVML."""

import sys
from types import SimpleNamespace

import pytest
import torch

from posebench.timing import machine
from posebench.timing.gpu import ABSENT, Gpu, worst_of
from posebench.timing.machine import CpuState, busy_words, read_cpu, throttle_words

CUDA = torch.device("cuda")


def state(**values: object) -> CpuState:
    idle = {
        "cores": 2,
        "governors": None,
        "megahertz": None,
        "load": 0.1,
        "others": 0.0,
        "throttled": 0,
        "quota_throttled": 0,
    }
    return CpuState(**{**idle, **values})  # type: ignore[arg-type]


def test_reading_changes_nothing_and_knows_its_cores() -> None:
    now = read_cpu()
    assert now.cores >= 1
    assert now.others is None or now.others >= 0
    assert now.megahertz is None or now.megahertz[0] <= now.megahertz[1]


def test_a_busy_machine_is_named() -> None:
    assert busy_words(state(), 0.05) is None
    assert busy_words(state(others=None, load=None), None) is None
    expected = "load 3.1 on 2 cores, other processes used 1.5 of 2 cores: not idle"
    assert busy_words(state(load=3.1, others=1.5), 0.2) == expected
    assert busy_words(state(load=3.1, others=0.0), 1.5) == expected


def test_own_work_is_not_that_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([(100.0, 1000.0, 50.0), (180.0, 1200.0, 110.0)])
    monkeypatch.setattr(machine, "_times", lambda: next(ticks))
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 2)
    # 80 of 200 ticks were busy, 60 of them by this process.
    assert machine.OtherProcesses().cores() == pytest.approx(0.2)


def test_throttling_in_between_is_named() -> None:
    assert throttle_words(state(), state()) is None
    assert throttle_words(state(throttled=None), state(throttled=None)) is None
    assert throttle_words(state(throttled=4), state(throttled=7)) == (
        "the processor was throttled for heat 3 times during the measurement"
    )
    assert "at its quota 2 times" in str(throttle_words(state(), state(quota_throttled=2)))


class NVMLError(Exception):
    pass


def _refuse(*_: object) -> None:
    raise NVMLError("Not Supported")


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A GPU that tells its clocks and energy, is slowed by its power limit, and does not tell its use."""
    made = SimpleNamespace(
        NVMLError=NVMLError, NVML_CLOCK_SM=1, NVML_CLOCK_MEM=2, NVML_TEMPERATURE_GPU=0,
        nvmlClocksThrottleReasonGpuIdle=1, nvmlClocksThrottleReasonSwPowerCap=4, nvmlClocksThrottleReasonAll=255,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlSystemGetDriverVersion=lambda: b"600.1",
        nvmlDeviceGetClockInfo=lambda handle, kind: 1000 * kind,
        nvmlDeviceGetMaxClockInfo=lambda handle, kind: 1980,
        nvmlDeviceGetTemperature=lambda handle, kind: 41,
        nvmlDeviceGetPowerUsage=lambda handle: 300_000,
        nvmlDeviceGetEnforcedPowerLimit=_refuse,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: 5,
        nvmlDeviceGetUtilizationRates=_refuse,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [1, 2],
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: 5000,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", made)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="abc"))
    return made


def test_a_gpu_tells_what_it_can(nvml: SimpleNamespace) -> None:
    gpu = Gpu(CUDA)
    now = gpu.state()
    assert gpu.missing is None
    assert now is not None
    assert (now.driver, now.graphics_mhz, now.memory_mhz, now.celsius, now.watts) == ("600.1", 1000, 2000, 41, 300.0)
    assert (now.most_watts, now.busy_percent, now.processes) == (None, None, 2)
    assert now.slowed_by == ("SwPowerCap",)
    assert gpu.joules() == 5.0
    nvml.nvmlDeviceGetTotalEnergyConsumption = _refuse
    assert gpu.joules() is None


def test_the_worst_of_a_measurement_is_kept(nvml: SimpleNamespace) -> None:
    gpu = Gpu(CUDA)
    states = [gpu.state()]
    nvml.nvmlDeviceGetClockInfo = lambda handle, kind: 700 * kind
    nvml.nvmlDeviceGetCurrentClocksThrottleReasons = lambda handle: 0
    states.append(gpu.state())
    nvml.nvmlDeviceGetClockInfo = _refuse
    states.append(gpu.state())
    worst = worst_of([state for state in states if state is not None])
    assert worst is not None
    assert (worst.samples, worst.lowest_graphics_mhz, worst.lowest_memory_mhz, worst.most_celsius) == (3, 700, 1400, 41)
    assert worst.slowed_by == ("SwPowerCap",)
    assert worst_of([]) is None


def test_why_nothing_is_known_of_a_gpu(nvml: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Gpu(torch.device("cpu")).missing == "the device is no GPU"
    nvml.nvmlInit = _refuse
    assert "does not answer" in str(Gpu(CUDA).missing)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    absent = Gpu(CUDA)
    assert (absent.missing, absent.state(), absent.joules()) == (ABSENT, None, None)
