"""Heatmaps on their way to a lifter: only for who declares them, only when asked, and mirrored with everything else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import TinyAdapter
from torch import Tensor, nn

import posebench
from posebench.datasets.adapter import Form
from posebench.datasets.clip import Clip, StoredHeatmaps
from posebench.inputs.heatmaps import BuiltHeatmaps
from posebench.prediction.flip import doubled
from posebench.prediction.lazy_heatmaps import LazyHeatmaps
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import mock
from posebench.protocols.open_sets import open_standard
from posebench.registry.decorators import register_dataset, register_lifter, register_protocol
from posebench.skeletons import HUMAN36M_17

CPU = torch.device("cpu")
MIRRORED = HUMAN36M_17.mirrored
WIDTH = 1000.0
#: Of the record: what is equal between two runs that gave the same poses.
SAME = {"results", "sequences"}


class CountingMaps:
    """Ten frames of random maps of 6 x 4 cells that remember what was read."""

    size = (6, 4)

    def __init__(self) -> None:
        random = np.random.RandomState(0)
        self.all = random.uniform(size=(10, 17, 4, 6)).astype(np.float32)
        self.crop = random.uniform(0, 500, (10, 4)).astype(np.float32)
        self.read_frames: list[list[int]] = []

    def read(self, frames: np.ndarray) -> np.ndarray:
        self.read_frames.append(frames.tolist())
        return self.all[frames]


@pytest.fixture
def maps() -> CountingMaps:
    return CountingMaps()


def inputs(heatmaps: LazyHeatmaps) -> LifterInputs:
    batch, frames = heatmaps.frames.shape
    keypoints = torch.rand(batch, frames, 17, 2) * 500
    return LifterInputs(keypoints, torch.ones(batch, frames, 17), torch.tensor([WIDTH, 800.0]), 50.0, heatmaps=heatmaps)


# The lazy object.


def test_windows_show_their_frames_and_repeat_the_edges(maps: CountingMaps) -> None:
    index = np.array([[0, 0, 1], [7, 8, 9]])
    lazy = LazyHeatmaps.whole(maps, 10, CPU).windows(index)
    assert lazy.size == (6, 4)
    assert lazy.crop.numpy().tolist() == maps.crop[index].tolist()
    assert lazy.read().shape == (2, 3, 17, 4, 6)
    assert np.array_equal(lazy.read().numpy(), maps.all[index])


def test_nothing_is_drawn_before_it_is_asked_for_and_each_frame_once(maps: CountingMaps) -> None:
    lazy = LazyHeatmaps.whole(maps, 10, CPU).windows(np.array([[0, 0, 1], [1, 2, 3], [7, 8, 9]]))
    both = lazy.doubled(MIRRORED, WIDTH)
    assert both.crop.shape == (6, 3, 4)
    assert maps.read_frames == []
    assert lazy.read(1).shape == (1, 3, 17, 4, 6)
    lazy.read(slice(0, 2))
    both.read()
    assert maps.read_frames == [[1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3, 7, 8, 9]]


def test_one_window_at_a_time_is_the_same_as_all(maps: CountingMaps) -> None:
    lazy = LazyHeatmaps.whole(maps, 10, CPU).windows(np.array([[0, 1], [4, 5], [9, 9]])).doubled(MIRRORED, WIDTH)
    whole = lazy.read()
    assert torch.equal(torch.cat([lazy.read(window) for window in range(6)]), whole)
    assert torch.equal(lazy.read(slice(2, 5)), whole[2:5])
    assert torch.equal(lazy.read(-1), whole[5:])
    with pytest.raises(IndexError):
        lazy.read(6)


def test_tensors_are_on_the_lifters_device(maps: CountingMaps) -> None:
    lazy = LazyHeatmaps.whole(maps, 10, torch.device("meta")).doubled(MIRRORED, WIDTH)
    assert lazy.read().device.type == lazy.crop.device.type == "meta"
    assert lazy.read().shape == (2, 10, 17, 4, 6)


def test_the_flipped_half_is_the_mirror_image(maps: CountingMaps) -> None:
    plain = inputs(LazyHeatmaps.whole(maps, 10, CPU).windows(np.array([[3, 4], [5, 6]])))
    both = doubled(plain, MIRRORED).heatmaps
    assert both is not None
    read, flipped = both.read().chunk(2)
    assert np.array_equal(read.numpy(), maps.all[[[3, 4], [5, 6]]])
    left_wrist, right_wrist = HUMAN36M_17.indices(("LWrist", "RWrist"))
    assert torch.equal(flipped[:, :, left_wrist], read[:, :, right_wrist].flip(-1))
    assert torch.equal(flipped[:, :, 0], read[:, :, 0].flip(-1))
    crop, mirror = both.crop.chunk(2)
    torch.testing.assert_close(mirror[..., 0], WIDTH - crop[..., 2])
    torch.testing.assert_close(mirror[..., 2], WIDTH - crop[..., 0])
    assert torch.equal(mirror[..., 1::2], crop[..., 1::2])


def test_flipping_twice_is_the_batch_itself(maps: CountingMaps) -> None:
    twice = LazyHeatmaps.whole(maps, 10, CPU).doubled(MIRRORED, WIDTH).doubled(MIRRORED, WIDTH)
    assert torch.equal(twice.read(3), twice.read(0))
    torch.testing.assert_close(twice.crop[3], twice.crop[0])


def test_without_heatmaps_flip_adds_none() -> None:
    plain = replace(inputs(LazyHeatmaps.whole(CountingMaps(), 10, CPU)), heatmaps=None)
    assert doubled(plain, MIRRORED).heatmaps is None


# Through the runner.


def peaks(heatmaps: LazyHeatmaps, window: int) -> Tensor:
    """(frames, joints, 2) pixels of the middle of the highest cell of every map of a window."""
    drawn = heatmaps.read(window)[0]
    width, height = heatmaps.size
    assert drawn.shape[-2:] == (height, width)
    assert drawn.dtype == torch.float32
    highest = drawn.flatten(2).argmax(-1)
    cell = torch.stack([highest % width, highest // width], dim=-1) + 0.5
    low, high = heatmaps.crop[window, :, None, :2], heatmaps.crop[window, :, None, 2:]
    return low + cell * (high - low) / torch.tensor([width, height])


class PeakLifter(nn.Module):
    """Lifts the places it finds on the heatmaps and notes how many cells they are off the keypoints at most."""

    def __init__(self) -> None:
        super().__init__()
        self.cells_off = 0.0
        self.windows = 0

    def lift(self, inputs: LifterInputs) -> Tensor:
        assert inputs.heatmaps is not None
        found = torch.stack([peaks(inputs.heatmaps, window) for window in range(len(inputs.keypoints))])
        crop = inputs.heatmaps.crop
        cell = (crop[..., 2] - crop[..., 0]) / inputs.heatmaps.size[0]
        self.cells_off = max(self.cells_off, float(((found - inputs.keypoints).norm(dim=-1) / cell[..., None]).max()))
        self.windows += len(found)
        centre = found[:, found.shape[1] // 2, None]
        relative = (centre - centre[:, :, :1]) * 5
        return torch.cat([relative, torch.zeros_like(relative[..., :1])], dim=-1)


@pytest.fixture
def made(tiny: str) -> list[PeakLifter]:
    """What the factories of the lifters `peaks`, in Human3.6M's 17 joints, and `peaks16`, in 16, made so far."""
    lifters: list[PeakLifter] = []

    def make() -> PeakLifter:
        lifters.append(PeakLifter())
        return lifters[-1]

    for name, joints in (("peaks", "human36m-17"), ("peaks16", "human36m-16")):
        spec = posebench.LifterSpec(skeleton=joints, window=5, privileges=("future_frames", "heatmaps"))
        register_lifter(name, spec=spec)(make)
    return lifters


@pytest.mark.parametrize("flip", [False, True])
def test_a_lifter_reads_the_keypoints_off_its_heatmaps(made: list[PeakLifter], flip: bool) -> None:
    record = posebench.evaluate("peaks", dataset="tiny", flip=flip, limit=60)
    assert made[-1].windows > 60
    assert 0 < made[-1].cells_off < 1.0
    assert 0 < record.results["honest"]["p-agg"]["mpjpe"] < 500
    # The maps lean on no truth: who uses them stays among the honest.
    assert set(record.results) == {"honest"}


def test_batches_of_any_size_see_the_same_maps(made: list[PeakLifter]) -> None:
    runs = [
        posebench.evaluate("peaks", dataset="tiny", limit=60, batch_size=size).model_dump(include=SAME)
        for size in (1, 4, 60)
    ]
    assert runs[0] == runs[1] == runs[2]


def test_a_lifter_of_another_joint_set_gets_maps_of_its_joints(made: list[PeakLifter]) -> None:
    posebench.evaluate("peaks16", dataset="tiny", limit=5)
    assert made[-1].windows
    assert made[-1].cells_off < 1.0


def test_who_does_not_declare_them_gets_none(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BuiltHeatmaps, "__init__", None)

    @register_lifter("blind", spec=posebench.LifterSpec())
    class Blind(nn.Module):
        def lift(self, inputs: LifterInputs) -> Tensor:
            assert inputs.heatmaps is None
            return torch.zeros(*inputs.keypoints.shape[:3], 3)

    posebench.evaluate("blind", dataset="tiny", limit=5)


def test_who_declares_them_and_does_not_ask_costs_nothing(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @register_lifter("modest", spec=posebench.LifterSpec(privileges=("heatmaps",)))
    class Modest(nn.Module):
        def lift(self, inputs: LifterInputs) -> Tensor:
            assert inputs.heatmaps is not None
            assert inputs.heatmaps.size == (64, 64)
            return torch.zeros(*inputs.keypoints.shape[:3], 3)

    for work in ("_modes", "_crops", "read"):
        monkeypatch.setattr(BuiltHeatmaps, work, None)
    posebench.evaluate("modest", dataset="tiny", limit=5)


class Detected(TinyAdapter):
    """The tiny data set with the heatmaps of a detector: the same in every clip and view."""

    name = "tiny-heatmaps"
    maps = np.random.RandomState(0).uniform(size=(40, 17, 4, 6)).astype(np.float16)
    crop = np.tile(np.array([100.0, 50.0, 700.0, 650.0], np.float32), (40, 1))

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        for clip in super().clips(source, form):
            assert clip.world is not None
            stored = StoredHeatmaps(self.maps[: len(clip.world)], self.crop[: len(clip.world)])
            yield replace(clip, views=tuple(replace(view, heatmaps=stored) for view in clip.views))


def test_stored_maps_reach_the_lifter_as_they_are(registry: None) -> None:
    register_dataset("tiny-heatmaps", summary="for tests", licence="none", obtain="nothing to get")(Detected)
    register_protocol("tiny-heatmaps/standard")(lambda: open_standard("tiny-heatmaps", default_source="gt"))
    seen: list[tuple[Tensor, Tensor]] = []

    @register_lifter(
        "looker",
        spec=posebench.LifterSpec(window=8, stride=8, tail="shift", privileges=("future_frames", "heatmaps")),
    )
    class Looker(nn.Module):
        def lift(self, inputs: LifterInputs) -> Tensor:
            assert inputs.heatmaps is not None
            seen.append((inputs.heatmaps.read(), inputs.heatmaps.crop))
            return torch.zeros(*inputs.keypoints.shape[:3], 3)

    posebench.evaluate("looker", dataset="tiny-heatmaps", limit=40, batch_size=5)
    maps, crop = seen[-1]
    assert np.array_equal(maps.flatten(0, 1).numpy(), Detected.maps.astype(np.float32))
    assert np.array_equal(crop.flatten(0, 1).numpy(), Detected.crop)


def test_mock_hands_out_heatmaps(tiny: str) -> None:
    @posebench.register_lifter("looks", spec=posebench.LifterSpec(privileges=("heatmaps",)))
    class Looks(nn.Module):
        def lift(self, inputs: posebench.LifterInputs) -> torch.Tensor:
            assert inputs.heatmaps is not None
            maps = inputs.heatmaps.read()
            assert maps.shape[:3] == inputs.confidence.shape
            assert torch.allclose(maps.sum(dim=(-1, -2)), torch.ones(1), atol=1e-3)
            return torch.zeros(*inputs.confidence.shape, 3)

    assert mock("looks", batch=2).output_shape == (2, 1, 1, 17, 3)
