"""Shared fixtures: a data folder of its own for every test session, and the tiny data set of `support/tiny.py`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tiny import TinyAdapter

from posebench.datasets.adapter import Adapter
from posebench.protocols.open_sets import open_standard
from posebench.protocols.protocol import ProtocolFamily
from posebench.registry.decorators import CONVERSIONS, DATASETS, LIFTERS, PROTOCOLS, register_dataset, register_protocol
from posebench.registry.plugins import load_plugins

# A shared machine can pause any example; what is tested here is never its speed.
settings.register_profile("posebench", deadline=None)
settings.load_profile("posebench")

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def _data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("posebench-data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEBENCH_DATA", str(folder))
        yield folder


@pytest.fixture
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder for this test alone."""
    monkeypatch.setenv("POSEBENCH_DATA", str(tmp_path / "data"))


@pytest.fixture
def registry() -> Iterator[None]:
    """What a test registers is gone afterwards."""
    load_plugins()
    before = [(store, store.snapshot()) for store in (LIFTERS, DATASETS, PROTOCOLS, CONVERSIONS)]
    yield
    for store, state in before:
        store.restore(state)


@pytest.fixture
def tiny(registry: None) -> str:
    """The name of a registered data set with its protocol `tiny/standard`."""

    @register_dataset("tiny", summary="for tests", licence="none", obtain="nothing to get")
    def make() -> Adapter:
        return TinyAdapter()

    @register_protocol("tiny/standard")
    def standard() -> ProtocolFamily:
        return open_standard("tiny", default_source="gt")

    return "tiny"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of conformance files and real data beside the checkout; skips where it is not."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with conformance files is not beside this checkout")
    return SHARED
