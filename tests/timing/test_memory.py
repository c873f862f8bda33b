"""Peak memory: what the child does, and what it says where it cannot."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from cheating_lifters import Honest, register

from posebench.timing import memory
from posebench.timing.memory import measure_memory
from posebench.timing.options import TimingSettings

SETTINGS = TimingSettings(device="cpu")


def request(**changed: Any) -> dict[str, Any]:
    asked = {
        "model": "simple_baseline.open", "protocol": "tiny/standard+gt@1", "dtype": "fp32", "sizes": [1, 8],
        "settings": asdict(SETTINGS), "weights": None, "random_weights": False,
    }  # fmt: skip
    return {**asked, **changed}


def test_peaks_of_each_batch_size(tiny: str) -> None:
    small, large = memory._in_child(request())["memory"]
    assert (small["batch_size"], large["batch_size"]) == (1, 8)
    assert small["peak"] >= small["before"] > 1_000_000
    assert large["peak"] >= large["before"]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the high-water mark is Linux's")
def test_a_peak_is_that_of_its_own_pass(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    held: list[int] = []

    class Greedy(Honest):
        def lift(self, inputs: Any) -> Any:
            if not held or held[0] > 0:
                torch.ones(40_000_000).sum()  # 160 MB for a moment
            return super().lift(inputs)

    name = register("greedy", Greedy)
    (first,) = memory._in_child(request(model=name, sizes=[1]))["memory"]
    assert first["peak"] - first["before"] > 140_000_000
    held.append(0)
    (second,) = memory._in_child(request(model=name, sizes=[1]))["memory"]
    assert second["peak"] - second["before"] < 60_000_000


def test_a_system_that_cannot_forget_a_peak_has_none(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path / "nothing")
    assert "does not let a process forget" in memory._in_child(request())["error"]


def test_a_process_of_its_own_says_why_it_could_not(tiny: str) -> None:
    name = register("suspect", Honest)
    said = measure_memory(name, "procedural/standard+gt@1", "fp32", (1,), SETTINGS, None, False)
    assert isinstance(said, str)
    assert "suspect" in said
