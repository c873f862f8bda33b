"""What every lifter of the zoo promises, whatever its architecture: the same tests for all, on small random weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_lifters import SMALL_LIFTERS, SmallLifter, build, noise_streams, person, skeleton_of
from torch import Tensor

from posebench.datasets.library import load_dataset
from posebench.errors import UsageError, WeightsError
from posebench.hashing import hash_file
from posebench.prediction.create import LoadedLifter
from posebench.prediction.flip import check_flip, doubled
from posebench.prediction.folder import SequencePrediction
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import mock
from posebench.prediction.predict_sequence import lift
from posebench.prediction.runner import RunSettings, run_predictions
from posebench.prediction.weights import WeightsFile, load_weights
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.decorators import LIFTERS
from posebench.registry.plugins import load_plugins
from posebench.registry.resolve import model_tags

TAGS = [tag.name for tag in model_tags() if tag.entry.origin.startswith("zoo.")]
every_lifter = pytest.mark.parametrize("small", SMALL_LIFTERS, ids=lambda small: small.id)


def poses_of(lifter: LoadedLifter, inputs: LifterInputs, flip: bool = False) -> Tensor:
    """(batch, hypotheses, rows, joints, 3), with noise from its beginning."""
    fresh = replace(inputs, noise_streams=noise_streams(len(inputs.keypoints)))
    with torch.inference_mode():
        return lift(lifter, skeleton_of(lifter.spec), fresh, flip).poses.float()


def scale_of(poses: Tensor) -> float:
    """The unit of a tolerance: 1 where the largest coordinate is 1000 mm (or px) or less."""
    return max(1.0, float(poses.abs().max()) / 1000)


# The registry


def test_no_lifter_of_the_zoo_is_left_out() -> None:
    load_plugins()
    registered = {entry.name for entry in LIFTERS if entry.origin.startswith("zoo.")}
    assert registered == {small.name for small in SMALL_LIFTERS}


@pytest.mark.parametrize("name", TAGS)
def test_every_tag_keeps_its_contract_on_random_poses(name: str) -> None:
    # Raises for a shape that its spec does not promise; sizes without weights here run on the meta device.
    run = mock(name)
    assert run.output_shape[0] == run.input_shape[0] == 2


# The runner


class Runs:
    """Prediction runs of small lifters over the tiny data set's test split: clips of 1, 25, 34 and 40 frames."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        self.dataset = load_dataset("tiny")

    def __call__(self, lifter: LoadedLifter, **settings: object) -> dict[str, SequencePrediction]:
        inputs = resolve_protocol(None, "tiny", None).inputs
        inputs = replace(inputs, grants=tuple(sorted({*inputs.grants, *lifter.spec.privileges})))
        self.count += 1
        run = run_predictions(
            lifter, self.dataset, inputs, self.folder / str(self.count), RunSettings(device="cpu", **settings)  # type: ignore[arg-type]
        )  # fmt: skip
        return {item.info.id: run.folder.read(item.info.id) for item in run.wanted}


@pytest.fixture
def run(tiny: str, tmp_path: Path) -> Runs:
    return Runs(tmp_path)


@every_lifter
def test_every_frame_is_predicted(small: SmallLifter, run: Runs) -> None:
    lifter = build(small)
    predictions = run(lifter)
    assert len(predictions) == 8
    for name, prediction in predictions.items():
        frames = run.dataset.world(name.rsplit("/", 1)[0]).shape[0]
        expected = np.arange(frames)
        if lifter.spec.tail == "overlap-chunk":
            assert set(prediction.frame) == set(expected)
        else:
            assert np.array_equal(prediction.frame, expected)
        assert prediction.poses.shape[1:] == (len(prediction.frame), 17, 3)
        assert np.isfinite(prediction.poses).all()


@every_lifter
def test_the_same_seed_gives_the_same_bits(small: SmallLifter, run: Runs) -> None:
    lifter = build(small)
    first, again = run(lifter, seed=3), run(lifter, seed=3)
    assert all(np.array_equal(first[name].poses, again[name].poses) for name in first)
    other = run(lifter, seed=4)
    same = all(np.array_equal(first[name].poses, other[name].poses) for name in first)
    assert same != small.generative


@every_lifter
def test_another_batch_size_changes_nothing_that_counts(small: SmallLifter, run: Runs) -> None:
    lifter = build(small)
    small_batches, whole = run(lifter, batch_size=3), run(lifter)
    for name, prediction in whole.items():
        limit = 1e-3 * scale_of(torch.from_numpy(prediction.poses))
        assert np.abs(small_batches[name].poses - prediction.poses).max() <= limit


# Flip


def mirrored(poses: Tensor, lifter: LoadedLifter, width: Tensor) -> Tensor:
    """The poses of the mirrored person: about the root, or about the image's middle where they are pixels."""
    x = width - poses[..., 0] if lifter.spec.space == "image25d" else -poses[..., 0]
    return torch.cat([x[..., None], poses[..., 1:]], dim=-1)[..., list(skeleton_of(lifter.spec).mirrored), :]


@every_lifter
def test_a_mirrored_person_gets_the_mirrored_pose(small: SmallLifter) -> None:
    lifter = build(small)
    inputs = person(lifter.spec)
    try:
        check_flip(lifter.spec, lifter.name)
    except UsageError:
        # Camera space, a granted lens, samples, a flip of its own: refused by the runner, so nothing is promised.
        spec = lifter.spec
        assert spec.space == "camera" or "intrinsics" in spec.privileges or spec.flips_itself or spec.samples
        return
    both = doubled(inputs, skeleton_of(lifter.spec).mirrored)
    other = replace(
        both, keypoints=both.keypoints.chunk(2)[1], confidence=both.confidence.chunk(2)[1],
        root_depth=None if both.root_depth is None else both.root_depth.chunk(2)[1],
    )  # fmt: skip
    poses, of_other = poses_of(lifter, inputs, flip=True), poses_of(lifter, other, flip=True)
    expected = mirrored(poses, lifter, inputs.image_size[0])
    torch.testing.assert_close(of_other, expected, rtol=0, atol=1e-3 * scale_of(poses))


# Precision, files, compilation


@every_lifter
def test_bfloat16_stays_near(small: SmallLifter) -> None:
    lifter = build(small)
    inputs = person(lifter.spec)
    exact = poses_of(lifter, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        near = poses_of(lifter, inputs)
    distance = float((near - exact).abs().max() / exact.abs().max())
    assert distance <= small.bfloat16


@every_lifter
def test_weights_go_through_a_file(small: SmallLifter, tmp_path: Path) -> None:
    lifter, other = build(small), build(small, seed=1)
    state = lifter.module.state_dict()
    path = tmp_path / "weights.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    load_weights(other.module, WeightsFile(path, hash_file(path), "file"), lifter.name)
    inputs = person(lifter.spec)
    assert torch.equal(poses_of(lifter, inputs), poses_of(other, inputs))
    # Strictly: one key too many is refused by name.
    save_file({**{name: value.contiguous() for name, value in state.items()}, "extra": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="unknown 'extra'"):
        load_weights(other.module, WeightsFile(path, hash_file(path), "file"), lifter.name)


@every_lifter
def test_compiled_gives_the_same(small: SmallLifter) -> None:
    lifter = build(small)
    inputs = person(lifter.spec)
    expected = poses_of(lifter, inputs)
    part = getattr(lifter.module, small.compiled)
    setattr(lifter.module, small.compiled, torch.compile(part, backend="aot_eager", fullgraph=True))
    torch.testing.assert_close(poses_of(lifter, inputs), expected, rtol=0, atol=1e-3 * scale_of(expected))
