"""The small study of `support/small_study.py`, trained once for all tests, and its results from the command line."""

from pathlib import Path

import pytest
import yaml
from small_study import STUDY, command, train_study

from zoo import vocabulary


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `configs` and the finished `runs` of those that are trained."""
    folder = tmp_path_factory.mktemp("study")
    train_study(folder)
    return folder


@pytest.fixture
def place(trained: Path, tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results for a registered study of the trained configurations; nothing is in it yet."""
    (tmp_path / "parts.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.setattr("zoo.training.config.CONFIGS", trained / "configs")
    monkeypatch.setattr("zoo.studies.study.STUDIES", tmp_path)
    monkeypatch.setitem(vocabulary.ACTIONS, "turning around", {"tiny": ("turn",)})
    return tmp_path / "results" / "parts"


@pytest.fixture
def evaluated(trained: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The results of the command line."""
    runs = str(trained / "runs")
    assert command("parts", "--runs", runs, "--dir", str(place.parent), "--device", "cpu", monkeypatch=monkeypatch) == 0
    return place
