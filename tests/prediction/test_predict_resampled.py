"""A lifter at its own frame rate: what it is shown, what comes back, and who is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import posebench
from posebench.errors import UsageError
from posebench.prediction.folder import PredictionFolder
from posebench.registry.decorators import register_lifter

SHOWN: list[tuple[float, int]] = []


def echo(name: str, **spec: object) -> str:
    """A lifter whose poses are the keypoints it is shown, as a whole sequence."""

    @register_lifter(name, spec=posebench.LifterSpec(**{"window": 1, "stride": None, **spec}))
    class Echo(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            SHOWN.append((inputs.fps, inputs.keypoints.shape[1]))
            return torch.cat([inputs.keypoints, inputs.keypoints[..., :1]], dim=-1)

    return name


def poses(folder: Path) -> np.ndarray:
    return PredictionFolder.open(folder).read("S2/sway/0/east").poses[0, :, :, :2]


@pytest.mark.parametrize(("fps", "exact"), [(100.0, 0.002), (25.0, 8.0)])
def test_twice_the_rate_comes_back_exactly_and_half_of_it_nearly(
    tiny: str, tmp_path: Path, fps: float, exact: float
) -> None:
    echo("plain", fps=fps)
    SHOWN.clear()
    posebench.predict("plain", tmp_path / "as-is", dataset="tiny")
    assert {rate for rate, _ in SHOWN} == {50.0}
    SHOWN.clear()
    posebench.predict("plain", tmp_path / "resampled", dataset="tiny", resample=True)
    assert {rate for rate, _ in SHOWN} == {fps}
    assert max(frames for _, frames in SHOWN) == {100.0: 79, 25.0: 21}[fps]
    difference = np.abs(poses(tmp_path / "resampled") - poses(tmp_path / "as-is"))
    assert poses(tmp_path / "resampled").shape == (40, 17, 2)
    assert difference.max() < exact


def test_the_record_says_which_rates(tiny: str) -> None:
    echo("plain", fps=25.0)
    record = posebench.evaluate("plain", dataset="tiny", resample=True)
    assert (record.lifter.settings.resample, record.lifter.training_fps, record.data.fps) == (True, 25.0, 50.0)
    assert posebench.evaluate("plain", dataset="tiny").lifter.settings.resample is False


def test_the_same_rate_changes_nothing(tiny: str, tmp_path: Path) -> None:
    echo("plain", fps=50.0)
    posebench.predict("plain", tmp_path / "a", dataset="tiny")
    posebench.predict("plain", tmp_path / "b", dataset="tiny", resample=True)
    assert np.array_equal(poses(tmp_path / "a"), poses(tmp_path / "b"))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({}, "has no training frame rate"),
        ({"fps": 25.0, "window": 3, "stride": 3, "tail": "overlap-chunk", "privileges": ("future_frames",)}, "twice"),
        ({"fps": 25.0, "privileges": ("heatmaps",)}, "takes the privilege 'heatmaps'"),
    ],
)
def test_who_cannot_be_resampled_is_refused(tiny: str, tmp_path: Path, spec: dict[str, object], sentence: str) -> None:
    echo("other", **spec)
    with pytest.raises(UsageError, match=sentence):
        posebench.predict("other", tmp_path / "poses", dataset="tiny", resample=True)
