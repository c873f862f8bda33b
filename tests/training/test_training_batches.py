"""Windows for training, and validation as prediction does it."""

from typing import Any

import numpy as np
import pytest
import torch

from posebench.prediction.spec import LifterSpec
from zoo import specs
from zoo.specs import mixste
from zoo.training.batches import Batches
from zoo.training.config import TrainingConfig
from zoo.training.renditions import Renditions
from zoo.training.stores import TrainingStore
from zoo.training.validate import read_validation, validate


def numbered(lengths: list[int], first: int = 0) -> Renditions:
    """Renditions whose every coordinate is the number of its frame."""
    total = sum(lengths)
    count = (first + np.arange(total)).astype(np.float32)
    ends = np.cumsum(lengths)
    return Renditions(
        pixels=np.broadcast_to(count[:, None, None], (total, 17, 2)).copy(),
        confidence=np.broadcast_to(count[:, None], (total, 17)).copy(),
        poses=np.broadcast_to(count[:, None, None], (total, 17, 3)).copy(),
        start=(ends - lengths).astype(np.int64),
        end=ends.astype(np.int64),
        image_size=np.full((len(lengths), 2), 1000, dtype=np.float32),
        clip=np.arange(len(lengths)),
    )


@pytest.mark.parametrize("causal", [False, True])
def test_windows_stay_in_their_rendition(causal: bool) -> None:
    spec = specs.videopose3d({"filter_widths": [3, 3], "causal": causal})
    parts = [numbered([5, 20]), numbered([7], first=25)]
    batches = Batches(parts, [0.75, 0.25], spec, lambda pixels, size: pixels, 64, 0, torch.device("cpu"))
    lows, highs = np.array([0, 5, 25]), np.array([4, 24, 31])
    for step in range(5):
        batch = batches.draw(step)
        windows, poses = batch.windows, batch.returned
        assert poses.shape == (64, 1, 17, 3)
        centres = poses[:, 0, 0, 0].long().numpy()
        which = np.searchsorted(lows, centres, side="right") - 1
        expected = centres[:, None] + np.arange(9) - (8 if causal else 4)
        expected = np.clip(expected, lows[which, None], highs[which, None])
        assert np.array_equal(windows[:, :, 3, 1].long().numpy(), expected)
        assert (centres >= 25).sum() == 16


def test_chunks_are_learned_from_whole_and_lie_in_their_rendition() -> None:
    spec = mixste.spec({"frames": 9})
    batches = Batches([numbered([5, 20])], [1.0], spec, lambda pixels, size: pixels, 256, 0, torch.device("cpu"))
    begun = set()
    for step in range(5):
        batch = batches.draw(step)
        windows, poses = batch.windows, batch.returned
        assert torch.equal(windows[..., 0], poses[..., 0])
        assert torch.equal(windows[..., 0], batch.confidence)
        for chunk in windows[:, :, 0, 0].long().numpy():
            if chunk[0] < 5:
                # Shorter than the window: the last frame goes on.
                assert np.array_equal(chunk, np.minimum(np.arange(9), 4))
            else:
                assert np.array_equal(chunk, np.arange(chunk[0], chunk[0] + 9))
                assert chunk[-1] <= 24
                begun.add(int(chunk[0]))
    assert begun == set(range(5, 17))


def test_poses_around_the_window_are_those_of_the_rendition() -> None:
    labels = [np.array([4, 2])]
    spec = mixste.spec({"frames": 5})
    batches = Batches(
        [numbered([5, 20])], [1.0], spec, lambda pixels, size: pixels, 256, 0, torch.device("cpu"), labels, margin=2
    )
    batch = batches.draw(0)
    first = batch.windows[:, 0, 0, 0].long()
    assert torch.equal(batch.returned[:, :, 0, 0].long(), first[:, None] + torch.arange(5))
    assert torch.equal(batch.actions, torch.where(first < 5, 4, 2))
    for count in (1, 3, 5):
        wanted = (first[:, None] + torch.arange(5))[..., None] + torch.arange(count) - count // 2
        low, high = torch.where(first < 5, 0, 5)[:, None, None], torch.where(first < 5, 4, 24)[:, None, None]
        inside = (wanted >= low) & (wanted <= high)
        assert torch.equal(batch.inside_around(count), inside)
        assert torch.equal(batch.around(count)[..., 0, 0].long()[inside], wanted[inside])
    assert not inside.all()


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    spec = specs.simple_baseline({})
    one, other, third = (
        Batches([numbered([50])], [1.0], spec, lambda pixels, size: pixels, 16, seed, torch.device("cpu"))
        for seed in (0, 0, 1)
    )
    one.draw(0)
    assert torch.equal(one.draw(7).poses, other.draw(7).poses)
    assert not torch.equal(one.draw(7).poses, one.draw(8).poses)
    assert not torch.equal(one.draw(7).poses, third.draw(7).poses)


def test_shares_are_exact_over_the_steps() -> None:
    parts = [numbered([50]), numbered([50], first=50), numbered([50], first=100)]
    spec = specs.simple_baseline({})
    batches = Batches(parts, [0.4, 0.4, 0.2], spec, lambda pixels, size: pixels, 32, 0, torch.device("cpu"))
    counts = np.stack([batches.counts(step) for step in range(5)])
    assert (counts.sum(axis=1) == 32).all()
    # 12.8, 12.8 and 6.4 windows a step.
    assert counts.sum(axis=0).tolist() == [64, 64, 32]
    assert np.ptp(counts, axis=0).max() <= 2
    drawn = [np.bincount(batches.draw(step).poses[:, 0, 0, 0].long().numpy() // 50, minlength=3) for step in range(5)]
    assert np.array_equal(np.stack(drawn), counts)
    # The least share that a configuration may have: never less than no window.
    rare = Batches(parts, [30.0, 1.0, 1.0], spec, lambda pixels, size: pixels, 32, 0, torch.device("cpu"))
    assert all((rare.counts(step) >= 0).all() for step in range(200))


class Oracle(torch.nn.Module):
    """Knows the poses, and is 30 mm off in x; it mirrors nothing, so flip must be asked for to be seen."""

    def __init__(self, answers: dict[int, torch.Tensor]) -> None:
        super().__init__()
        self.answers = answers

    def lift(self, inputs: Any) -> torch.Tensor:
        answer = self.answers[inputs.keypoints.shape[1] - 8] + torch.tensor([30.0, 0.0, 0.0])
        return answer.expand(len(inputs.keypoints), *answer.shape)


def test_validation_scores_whole_sequences_by_set_and_source(values: dict[str, Any]) -> None:
    config = TrainingConfig.model_validate(values)
    spec = specs.videopose3d({"filter_widths": [3, 3]})
    found = read_validation([TrainingStore(config.data[0])], ["gt", "simulated"], spec, torch.device("cpu"))
    # Two clips, two cameras, two sources; each in one window with four frames repeated on both sides.
    assert len(found) == 8
    pixels = found[0].inputs.keypoints[0]
    assert pixels.shape == (36 + 8, 17, 2)
    assert torch.equal(pixels[:4], pixels[4:5].expand(4, 17, 2))
    east = [sequence for sequence in found if len(sequence.poses) in (36, 44)][:1]
    numbers = validate(Oracle({len(east[0].poses): east[0].poses}), east, flip=False)
    assert numbers == {"sway/gt": pytest.approx(30.0, rel=1e-5)}
    # The mirror image of an answer to the mirrored picture is averaged in: here a wrong one.
    assert validate(Oracle({len(east[0].poses): east[0].poses}), east, flip=True)["sway/gt"] > 40


@pytest.mark.parametrize("tail", ["shift", "overlap-chunk"])
def test_validation_scores_chunks_as_prediction_counts_them(values: dict[str, Any], tail: Any) -> None:
    config = TrainingConfig.model_validate(values)
    spec = LifterSpec(window=32, stride=32, tail=tail, privileges=("future_frames",))
    found = read_validation([TrainingStore(config.data[0])], ["gt"], spec, torch.device("cpu"))
    for sequence, frames in zip(found, (36, 36, 44, 44), strict=True):
        assert sequence.inputs.keypoints.shape == (2, 32, 17, 2)
        assert len(sequence.poses) == (64 if tail == "overlap-chunk" else frames)
        answer = torch.zeros(2, 32, 17, 3)
        answer[sequence.keep] = sequence.poses
        assert validate(Answer(answer), [sequence], flip=False) == {"sway/gt": 0.0}


class Answer(torch.nn.Module):
    """Gives one answer."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer = answer

    def lift(self, inputs: Any) -> torch.Tensor:
        return self.answer
