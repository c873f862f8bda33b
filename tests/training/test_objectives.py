"""What the lifters are trained to do: every part of a loss, by hand."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from zoo.blocks.diffusion import TIMESTEPS, add_noise, cosine_schedule
from zoo.lifters.d3dp import D3DP
from zoo.lifters.dreampose3d import DreamPose3D
from zoo.lifters.heatmap_diffusion import HeatmapDiffusion
from zoo.training import objectives
from zoo.training.batches import TrainingBatch
from zoo.training.config import LossConfig
from zoo.training.validate import ValidationSequence, validate_prior


def batch(margin: int = 1) -> TrainingBatch:
    """Two windows of three frames; the first rendition had ended before the last margin."""
    outputs = 3 + 2 * margin
    poses = 100 * torch.randn(2, outputs, 17, 3, generator=torch.Generator().manual_seed(0))
    inside = torch.ones(2, outputs, dtype=torch.bool)
    if margin:
        inside[0, -margin:] = False
    return TrainingBatch(torch.zeros(2, 3, 17, 2), torch.ones(2, 3, 17), poses, inside, torch.tensor([1, 0]), margin)


class Told(nn.Module):
    """Says what it was told, in metres, and remembers what it was shown."""

    def __init__(self, like: DreamPose3D, answer: Tensor) -> None:
        super().__init__()
        self.network, self.bound, self.infers_actions = like.network, like.bound, like.infers_actions
        self.answer, self.features = answer, torch.zeros(2, 16)

    def forward(self, windows: Tensor, noisy: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        self.noisy, self.times = noisy, times
        return self.answer[:, None], self.features


def dream(**config: Any) -> DreamPose3D:
    return DreamPose3D(
        frames=3, dim=8, depth=1, heads=2, prompt_dim=16, actions=["walking", "running"], **config
    )  # fmt: skip


def answered(offsets: dict[int, float], hallucinated: int = 3) -> Told:
    """The true poses, but for a shift in x (mm) of those at an offset."""
    around = batch().around(hallucinated)
    for offset, shift in offsets.items():
        around[:, :, hallucinated // 2 + offset, :, 0] += shift
    return Told(dream(hallucinated=hallucinated), around / 1000)


def test_regression_is_the_mean_distance() -> None:
    seen = batch(0)
    shifted = seen.poses + torch.tensor([30.0, 40.0, 0.0])
    loss = objectives.regression(lambda windows: shifted, seen, LossConfig(), 0.0)  # type: ignore[arg-type]
    assert loss.total.item() == pytest.approx(0.05)
    assert float(loss.parts["pose"]) == pytest.approx(50.0, rel=1e-4)


def test_poses_around_a_frame_weigh_less_and_come_later() -> None:
    def total(offsets: dict[int, float], done: float, **loss: Any) -> float:
        found = objectives.dreampose3d(answered(offsets), batch(), LossConfig(**loss), done)  # type: ignore[arg-type]
        return found.total.item()

    assert total({0: 20.0}, 0.0) == pytest.approx(0.02, rel=1e-4)
    assert total({0: 20.0}, 1.0) == pytest.approx(0.02, rel=1e-4)
    # A neighbour counts half, and not at all in the first quarter; frames beyond the rendition do not count.
    assert total({1: 20.0}, 0.2) == pytest.approx(0.0, abs=1e-6)
    assert total({1: 20.0}, 0.25) == pytest.approx(0.01, rel=1e-4)
    assert total({-1: 20.0, 1: 20.0}, 1.0, hallucinate_from=1.0) == pytest.approx(0.02, rel=1e-4)
    assert total({1: 20.0}, 0.9, hallucinate_from=1.0) == pytest.approx(0.0, abs=1e-6)


def test_frames_that_are_not_there_do_not_count() -> None:
    told = answered({})
    told.answer[0, -1, 2] += 100.0
    loss = objectives.dreampose3d(told, batch(), LossConfig(), 1.0)  # type: ignore[arg-type]
    assert loss.total.item() == pytest.approx(0.0, abs=1e-6)


def test_the_distance_is_l1_or_the_length() -> None:
    told = answered({})
    told.answer[:, :, 1] += torch.tensor([0.03, 0.04, 0.0])
    for kind, expected in (("l1", 0.07), ("mpjpe", 0.05)):
        loss = objectives.dreampose3d(told, batch(), LossConfig(pose=kind), 0.0)  # type: ignore[arg-type]
        assert loss.total.item() == pytest.approx(expected, rel=1e-4)
        assert float(loss.parts["pose"]) == pytest.approx(50.0, rel=1e-4)


def test_bones_and_motion() -> None:
    told = answered({})
    # One hand moves away from its elbow by as much as it takes to make that bone 34 mm longer.
    about = told.answer[:, :, 1]
    bone = about[:, :, 16] - about[:, :, 15]
    about[:, :, 16] += 0.034 * bone / bone.norm(dim=-1, keepdim=True)
    loss = objectives.dreampose3d(told, batch(), LossConfig(bone=1.0), 0.0)  # type: ignore[arg-type]
    assert float(loss.parts["bone"]) == pytest.approx(34 / 16, rel=1e-3)
    alone = objectives.dreampose3d(told, batch(), LossConfig(), 0.0)  # type: ignore[arg-type]
    assert (loss.total - alone.total).item() == pytest.approx(0.034 / 16, rel=1e-3)
    assert "bone" not in alone.parts

    # A pose that is everywhere wrong by the same moves as the true one does.
    still, moved = answered({0: 20.0}), answered({})
    moved.answer[:, 1, 1] += torch.tensor([0.0, 0.01, 0.0])
    for told, expected in ((still, 0.0), (moved, 10.0)):
        loss = objectives.dreampose3d(told, batch(), LossConfig(temporal=1.0), 0.0)  # type: ignore[arg-type]
        assert float(loss.parts["temporal"]) == pytest.approx(expected, abs=1e-3)


def test_bones_and_motion_of_frames_that_are_not_there_do_not_count() -> None:
    seen = batch()
    # The first window's last frame is the first of those beyond the end, too.
    seen.inside[0, -2] = False
    told = answered({})
    told.answer[0, 2, 1, 16] += 1.0
    loss = objectives.dreampose3d(told, seen, LossConfig(bone=1.0, temporal=1.0), 0.0)  # type: ignore[arg-type]
    assert [float(loss.parts[name]) for name in ("pose", "bone", "temporal")] == pytest.approx([0, 0, 0], abs=1e-3)
    assert loss.total.item() == pytest.approx(0.0, abs=1e-6)


def test_the_action_is_compared_in_full_precision() -> None:
    told = answered({})
    told.features = torch.randn(2, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        told.network.prompt.sharpness.fill_(math.log(100.0))  # type: ignore[union-attr]
    exact = objectives.dreampose3d(told, batch(), LossConfig(action=1.0), 0.0)  # type: ignore[arg-type]
    with torch.autocast("cpu", torch.bfloat16):
        half = objectives.dreampose3d(told, batch(), LossConfig(action=1.0), 0.0)  # type: ignore[arg-type]
    assert float(half.parts["action"]) == pytest.approx(float(exact.parts["action"]), rel=1e-6)


def test_the_action_is_supervised() -> None:
    told = answered({})
    prompt = told.network.prompt
    assert prompt is not None
    with torch.no_grad():
        # Each window's features are the name of its action: batch() has label 1, then 0.
        told.features = prompt.text.names(["running", "walking"]).clone()
        logits = prompt.logits(told.features)
    loss = objectives.dreampose3d(told, batch(), LossConfig(action=0.5), 0.0)  # type: ignore[arg-type]
    expected = -torch.stack([logits[0].log_softmax(-1)[1], logits[1].log_softmax(-1)[0]]).mean()
    assert float(loss.parts["accuracy"]) == 1.0
    assert float(loss.parts["action"]) == pytest.approx(expected.item(), rel=1e-4)
    assert loss.total.item() == pytest.approx(0.5 * expected.item(), rel=1e-3, abs=1e-6)
    # Likeness is a cosine over a temperature that begins at 0.07.
    assert float(logits.max()) == pytest.approx(1 / 0.07, rel=1e-3)


@pytest.mark.parametrize("prompt", ["random", "none"])
def test_a_prompt_that_is_not_of_the_motion_is_not_supervised(prompt: str) -> None:
    loss = objectives.dreampose3d(dream(prompt=prompt, hallucinated=1), batch(0), LossConfig(action=1.0), 1.0)
    assert loss.parts.keys() == {"pose"}


def test_noise_follows_the_schedule() -> None:
    torch.manual_seed(0)
    clean = torch.full((4000, 50), 0.7)
    noisy, times = objectives.noised(clean, 1.0, 100.0)
    assert times.min() < 10
    assert times.max() > TIMESTEPS - 10
    left = torch.tensor(cosine_schedule())[times]
    for low in (0.0, 0.3, 0.6):
        chosen = (left >= low) & (left < low + 0.1)
        share = left[chosen].mean().item()
        assert noisy[chosen].mean().item() == pytest.approx(0.7 * math.sqrt(share), abs=0.03)
        assert noisy[chosen].std().item() == pytest.approx(math.sqrt(1 - share), abs=0.03)
    assert objectives.noised(clean, 1.0, 1.1)[0].abs().max() <= 1.1
    assert torch.equal(add_noise(clean, clean, torch.ones(4000)), clean)


def test_d3dp_is_asked_for_the_clean_pose() -> None:
    torch.manual_seed(0)
    lifter = D3DP(frames=3, dim=8, depth=1, heads=2, flip=False)
    seen = batch(0)
    shown: list[Tensor] = []

    def network(windows: Tensor, noisy: Tensor, times: Tensor) -> Tensor:
        shown.append(noisy)
        return seen.poses[:, None] / 1000 + torch.tensor([0.0, 0.0, 0.01])

    lifter.forward = network  # type: ignore[method-assign]
    loss = objectives.d3dp(lifter, seen, LossConfig(), 0.0)
    assert loss.total.item() == pytest.approx(0.01, rel=1e-4)
    assert shown[0].shape == (2, 1, 3, 17, 3)
    assert shown[0].abs().max() <= 1.1


def test_an_action_that_the_lifter_does_not_know_is_named(values: dict[str, Any], tmp_path: Any) -> None:
    from training_runs import start

    values["flip"] = False
    values["lifter"] = {
        "arch": "dreampose3d",
        "config": {"frames": 5, "dim": 8, "depth": 1, "heads": 2, "prompt_dim": 8, "actions": ["running"]},
    }
    with pytest.raises(UsageError, match="actions has no 'walking', an action of 'sway'"):
        start(values, tmp_path / "run")


# A prior of poses


class Denoises(nn.Module):
    """Says that clean poses are those of an answer, in standardised coordinates, and remembers what it was shown."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        like = HeatmapDiffusion(frames=3, dim=8, depth=1)
        self.network, self.spec = like.network, like.spec
        self.network.standardise([batch(0).poses / 1000])
        self.answer = answer

    def forward(self, noisy: Tensor, times: Tensor) -> Tensor:
        self.noisy, self.times = noisy, times
        return self.network.inward(self.answer / 1000)


def test_a_prior_learns_what_noise_is() -> None:
    """Of a pose that is predicted with an error d, the noise is wrong by sqrt(a / (1 - a)) d."""
    seen = batch(0)
    wrong = seen.poses.clone()
    wrong[:, :, 1:] += 100
    lifter = Denoises(wrong)
    torch.manual_seed(3)
    loss = objectives.prior(lifter, seen, LossConfig(), 0.0)  # type: ignore[arg-type]
    clean = lifter.network.inward(seen.poses / 1000)
    left = torch.tensor(cosine_schedule(), dtype=torch.float32)[lifter.times].view(-1, 1, 1, 1)
    added = (lifter.noisy - left.sqrt() * clean) / (1 - left).sqrt()
    said = (lifter.noisy - left.sqrt() * lifter.network.inward(wrong / 1000)) / (1 - left).sqrt()
    assert loss.parts["noise"].item() == pytest.approx(float((added - said).square().mean()), rel=1e-3)
    assert loss.total is loss.parts["noise"]
    # The noise was standard normal, and the pose's error is that of 16 of its 17 joints.
    assert added.std().item() == pytest.approx(1, abs=0.15)
    assert loss.parts["pose"].item() == pytest.approx(100 * math.sqrt(3) * 16 / 17, rel=1e-4)


def test_a_prior_is_validated_at_fixed_times_with_noise_of_its_own() -> None:
    seen = batch(0).poses
    wrong = seen.clone()
    wrong[:, :, 3, 0] += 34
    lifter = Denoises(wrong)
    shown = []
    for _ in range(2):
        errors = objectives.denoising_error(lifter, seen, torch.Generator().manual_seed(1))  # type: ignore[arg-type]
        assert errors == pytest.approx(dict.fromkeys(objectives.VALIDATION_TIMES, 2.0), rel=1e-3)
        shown.append(lifter.noisy)
    assert torch.equal(shown[0], shown[1])
    assert lifter.times.tolist() == [objectives.VALIDATION_TIMES[-1]] * 2


def test_whole_windows_are_validated_by_data_set() -> None:
    """Sequences of 7 and 3 frames and one too short, in windows of 3: a mean over frames of each data set."""
    lifter = Denoises(torch.zeros(0))
    # Nothing is beyond the bound.
    lifter.network.deviation.fill_(0.2)
    poses = 100 * torch.randn(7, 17, 3, generator=torch.Generator().manual_seed(2))
    poses -= poses[:, :1].clone()

    def off(label: str, frames: int) -> ValidationSequence:
        return ValidationSequence(label, None, poses[:frames], torch.zeros(0), 0)  # type: ignore[arg-type]

    def forward(noisy: Tensor, times: Tensor) -> Tensor:
        # Off by 10 mm where a sequence has two windows, by 40 where it has one.
        shift = 10 if len(noisy) == 2 else 40
        moved = poses[: 3 * len(noisy)].view(-1, 3, 17, 3).clone()
        moved[:, :, 1:, 0] += shift * 17 / 16
        return lifter.network.inward(moved / 1000)

    lifter.forward = forward  # type: ignore[method-assign]
    found = validate_prior(lifter, [off("a/gt", 7), off("a/gt", 3), off("b/gt", 5), off("b/gt", 2)], False)
    assert found == pytest.approx({"a/denoised": (6 * 10 + 3 * 40) / 9, "b/denoised": 40.0}, rel=1e-3)
