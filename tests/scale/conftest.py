"""The lifters and the data set of `support/engine_lifters.py`, here and in every process that is started."""

import importlib
import sys
from pathlib import Path

import pytest

SUPPORT = Path(__file__).resolve().parents[1] / "support"


@pytest.fixture
def lifters(registry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each test has a registry of its own, so the module registers anew.
    sys.modules.pop("engine_lifters", None)
    importlib.import_module("engine_lifters")
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
