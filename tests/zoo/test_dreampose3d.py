"""DreamPose3D: the prompt, the affinity, the poses around each frame, and a condition that is computed once."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from posebench.datasets import cmu, hdm05
from posebench.datasets.procedural import actions as procedural
from posebench.errors import UsageError
from posebench.prediction.lifter import LifterInputs
from posebench.prediction.mock import mock
from posebench.seeding import torch_generator
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.action_prompt import FixedTokens, MotionReader
from zoo.blocks.affinity import JointAffinity
from zoo.blocks.diffusion import add_noise, cosine_schedule, expected_share, mirrored, sample_poses
from zoo.blocks.learned_text import LearnedText
from zoo.lifters.d3dp import Denoiser
from zoo.lifters.dreampose3d import DreamPose3D
from zoo.specs.dreampose3d import spec
from zoo.training.config import find_config, load_config
from zoo.vocabulary import ACTIONS, label_of

SMALL: dict[str, Any] = {"frames": 5, "dim": 16, "depth": 2, "heads": 2, "prompt_dim": 16, "normalize": "person"}
#: What the small lifter gave, filled by rule, when this was written: other code would show.
GOLDEN = [16.241, -1216.894, -182.262, 114.941, -1010.660, -75.176]


def lifter(**config: Any) -> DreamPose3D:
    torch.manual_seed(0)
    made = DreamPose3D(**SMALL | config)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made.eval()


def inputs(batch: int = 2) -> LifterInputs:
    pixels = 500 + 200 * torch.sin(torch.arange(batch * 5 * 34.0)).reshape(batch, 5, 17, 2)
    streams = tuple(torch_generator("test", window) for window in range(batch))
    return LifterInputs(
        pixels, torch.ones(pixels.shape[:-1]), torch.tensor([1000.0, 1000.0]), 50.0, noise_streams=streams
    )


# The lifter


def test_golden_values() -> None:
    made = lifter(hypotheses=2, steps=2)
    for name, value in made.state_dict().items():
        ramp = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + len(name)).reshape(value.shape)
        value.copy_(1 + ramp / 8 if value.ndim == 1 and name.endswith("weight") else ramp / 8)
    with torch.inference_mode():
        poses = made.lift(inputs())
    assert poses.shape == (2, 2, 5, 17, 3)
    assert poses[0, 0, 0, :2].flatten().tolist() == pytest.approx(GOLDEN, abs=0.01)


@pytest.mark.parametrize("flip", [True, False])
def test_the_condition_is_computed_once_and_changes_nothing(flip: bool) -> None:
    made = lifter(hypotheses=3, steps=4, flip=flip)
    calls: list[str] = []
    assert made.network.prompt is not None
    made.network.prompt.register_forward_hook(lambda *_: calls.append("prompt"))
    made.network.prompt.reader.register_forward_hook(lambda *_: calls.append("reader"))
    encode = made.network.condition

    def counted(keypoints: Tensor) -> Any:
        calls.append("condition")
        return encode(keypoints)

    made.network.condition = counted  # type: ignore[method-assign]
    with torch.inference_mode():
        once = made.lift(inputs())
    assert sorted(calls) == ["condition", "prompt", "reader"]

    # The plain loop: one hypothesis, one mirror image, one step at a time, everything encoded again.
    def denoise(poses: Tensor, time: int) -> Tensor:
        seen = made.normalise(inputs().keypoints, inputs().image_size)
        columns = []
        for number in range(3):
            noisy = poses[:, number : number + 1].clamp(-1.5, 1.5)
            times = torch.full((len(poses),), time)
            clean = made.network.denoise(encode(seen), noisy, times)[:, :, :, 1]
            if flip:
                image = made.network.denoise(encode(mirrored(seen)), mirrored(noisy), times)[:, :, :, 1]
                clean = (clean + mirrored(image)) / 2
            columns.append(clean.clamp(-1.5, 1.5))
        return torch.cat(columns, dim=1)

    fresh = inputs()
    with torch.inference_mode():
        plain = sample_poses(denoise, lambda: fresh.noise(3, 5, 17, 3), 4) * 1000
    torch.testing.assert_close(once / 1000, plain / 1000, rtol=0, atol=1e-5)


@pytest.mark.parametrize("prompt", ["learned", "random", "none"])
@pytest.mark.parametrize("affinity", [True, False])
@pytest.mark.parametrize("hallucinated", [1, 3, 5])
def test_every_part_can_be_switched_off(prompt: str, affinity: bool, hallucinated: int) -> None:
    made = lifter(prompt=prompt, affinity=affinity, hallucinated=hallucinated)
    names = {name.split(".")[1] for name in made.state_dict()}
    assert ("prompt" in names, "affinity" in names) == (prompt != "none", affinity)
    seen = made.normalise(inputs().keypoints, inputs().image_size)
    poses, features = made(seen, torch.zeros(2, 1, 5, 17, 3), torch.tensor([3, 700]))
    assert poses.shape == (2, 1, 5, hallucinated, 17, 3)
    assert (features is None) == (prompt == "none")
    poses.square().mean().backward()
    # Nothing is there for show: all that is switched on has a part in the poses or in the action.
    left = {name for name, value in made.named_parameters() if value.grad is None or not value.grad.any()}
    assert left <= {"network.prompt.sharpness", "network.prompt.text.vectors"}
    with torch.inference_mode():
        assert made.lift(inputs()).shape == (2, 1, 5, 17, 3)


def test_bare_it_is_the_denoiser_of_d3dp_but_for_where_the_time_enters() -> None:
    made = lifter(prompt="none", affinity=False, hallucinated=1)
    reference = Denoiser(5, 16, 2, 2, drop_path=0.0)
    state = {name.removeprefix("network."): value for name, value in made.state_dict().items()}
    reference.load_state_dict(state, strict=True)
    # A time whose embedding is nothing enters nowhere.
    for time in (made.network.time, reference.time):
        torch.nn.init.zeros_(time.perceptron[2].weight)
        torch.nn.init.zeros_(time.perceptron[2].bias)
    seen = made.normalise(inputs().keypoints, inputs().image_size)
    noisy = torch.cos(torch.arange(2 * 3 * 5 * 51.0)).reshape(2, 3, 5, 17, 3)
    with torch.no_grad():
        ours = made.network.denoise(made.network.condition(seen), noisy, torch.tensor([1, 2]))
        theirs = reference.eval()(seen, noisy, torch.tensor([1, 2]))
    torch.testing.assert_close(ours[:, :, :, 0], theirs, rtol=1e-4, atol=1e-5)


def test_noisy_poses_are_embedded_as_the_clean_ones_that_are_expected() -> None:
    """Least squares of clean coordinates on noisy ones finds the share; all but nothing is left of noise alone."""
    torch.manual_seed(0)
    clean, noise = 0.3 * torch.randn(200_000), torch.randn(200_000)
    left, share = cosine_schedule(), expected_share(0.3)
    for time in (0, 300, 700, 999):
        noisy = add_noise(clean, noise, torch.full((len(clean),), left[time]))
        assert share[time] == pytest.approx(float((noisy * clean).mean() / noisy.square().mean()), abs=0.01)
    assert share[999] < 1e-3
    made, plain = lifter(spread=0.3), lifter()
    time, noisy = torch.tensor([999, 0]), torch.randn(2, 1, 5, 17, 3)
    with torch.inference_mode():
        condition = plain.network.condition(plain.normalise(inputs().keypoints, inputs().image_size))
        shrunk = noisy * torch.tensor(share)[time].view(-1, 1, 1, 1, 1)
        assert torch.equal(made.network.denoise(condition, noisy, time), plain.network.denoise(condition, shrunk, time))
    assert made.state_dict().keys() == plain.state_dict().keys()


def test_another_motion_is_another_prompt_and_a_random_prompt_is_not() -> None:
    seen = torch.randn(2, 5, 17, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        learned, random = (lifter(prompt=kind).network.condition(seen).prompt for kind in ("learned", "random"))
    assert learned is not None
    assert random is not None
    assert not torch.allclose(learned.vector[0], learned.vector[1], atol=1e-3)
    assert torch.equal(random.vector[0], random.vector[1])
    assert learned.tokens.shape == random.tokens.shape == (2, 4, 16)


def test_the_mirrored_person_gets_the_mirrored_pose() -> None:
    made = lifter(hypotheses=2, steps=1)
    seen = made.normalise(inputs().keypoints, inputs().image_size)
    noisy = torch.cos(torch.arange(2 * 2 * 5 * 51.0)).reshape(2, 2, 5, 17, 3)
    with torch.no_grad():
        one = made.denoise(made.condition(seen), noisy, 500)
        other = made.denoise(made.condition(mirrored(seen)), mirrored(noisy), 500)
    torch.testing.assert_close(other, mirrored(one), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"prompt": "oracle"}, "no prompt 'oracle'; choose one of learned, clip, random, none"),
        ({"hallucinated": 2}, "hallucinated is 2; give an odd number"),
        ({"steps": 0}, "1 hypotheses in 0 steps cannot be sampled"),
        ({"hypotheses": 0}, "0 hypotheses in 1 steps cannot be sampled"),
        ({"normalize": "feet"}, "no normalisation 'feet'"),
        ({"heads": 3}, "does not divide into 3 heads"),
        ({"spread": 0}, "spread is 0; give a number above 0"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(config: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        DreamPose3D(**SMALL | config)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("prompt", ["learned", "random", "none"])
def test_a_gpu_gives_the_same_poses(prompt: str) -> None:
    """Noise is drawn on the CPU, so that both have the same."""
    made = lifter(prompt=prompt, hypotheses=3, steps=4)
    shown = inputs()
    moved = replace(
        inputs(), **{name: getattr(shown, name).cuda() for name in ("keypoints", "confidence", "image_size")}
    )
    with torch.inference_mode():
        here = made.lift(shown)
        there = made.cuda().lift(moved)
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=0.01)


def test_what_it_declares() -> None:
    declared = spec({"frames": 27, "fps": 60.0})
    assert (declared.window, declared.stride, declared.tail) == (27, 27, "overlap-chunk")
    assert declared.flips_itself
    assert declared.samples
    assert declared.privileges == ("future_frames",)


# Its parts


def test_the_affinity_is_symmetric_and_begins_as_the_skeleton() -> None:
    affinity = JointAffinity(17, HUMAN36M_17.bones)
    matrix = affinity.matrix.detach()
    assert torch.equal(matrix, matrix.T)
    joined = torch.eye(17, dtype=torch.bool)
    for one, other in HUMAN36M_17.bones:
        joined[one, other] = joined[other, one] = True
    assert torch.equal(matrix > 1e-3, joined)
    # The wrist has itself and its elbow, half each; the elbow three, a third each.
    assert matrix[13, 13].item() == pytest.approx(1 / 2, abs=1e-5)
    assert matrix[13, 12].item() == pytest.approx((1 / 2 + 1 / 3) / 2, abs=1e-5)
    with torch.no_grad():
        affinity.learned[3, 9] = 0.5
    assert affinity.matrix[9, 3] == affinity.matrix[3, 9]
    assert affinity.matrix[3, 9].item() == pytest.approx(0.25, abs=1e-5)
    assert affinity(torch.ones(2, 17, 4)).shape == (2, 17, 4)


def test_learned_text_knows_its_names() -> None:
    text = LearnedText(["walking", "running", "kicking"], width=8, features=12, heads=2)
    assert torch.equal(text.names(["kicking", "walking"]), text.vectors[[2, 0]])
    with pytest.raises(UsageError, match="'dancing' is none of the learned ones: walking, running, kicking"):
        text.names(["dancing"])
    assert text(torch.zeros(3, text.tokens, 8)).shape == (3, 12)


def test_a_reader_makes_tokens_of_the_whole_motion() -> None:
    reader = MotionReader(5, 17, 16, 1, 2, tokens=6, width=10).eval()
    seen = torch.randn(1, 5, 17, 2, generator=torch.Generator().manual_seed(0))
    later = seen.clone()
    later[:, -1] += 1
    with torch.no_grad():
        one, other = reader(seen), reader(later)
    assert one.shape == (1, 6, 10)
    # Every token hears the last frame, and no two tokens are the same.
    assert ((one - other).abs().amax(-1) > 1e-5).all()
    assert not torch.allclose(one[0, 0], one[0, 1])


def test_fixed_tokens_travel_with_the_weights() -> None:
    fixed = FixedTokens(3, 4)
    other = FixedTokens(3, 4)
    other.load_state_dict(fixed.state_dict(), strict=True)
    assert torch.equal(fixed(torch.zeros(2, 1)), other(torch.ones(2, 1)))
    assert not list(fixed.parameters())


# The vocabulary


def test_every_action_of_the_training_sets_has_one_label() -> None:
    named = [(dataset, name) for label in ACTIONS.values() for dataset, names in label.items() for name in names]
    assert len(named) == len(set(named))
    assert label_of("hdm05", "jogLeftCircle4StepsRstart") == label_of("procedural", "Running") == "running"
    with pytest.raises(UsageError, match=r"'dance' of 'cmu' is not in zoo/vocabulary\.py"):
        label_of("cmu", "dance")


def test_the_training_sets_are_covered() -> None:
    with (Path(cmu.__file__).parent / "downloads" / "cmu-index.csv").open(newline="", encoding="utf-8") as index:
        descriptions = {cmu.slug(row["description"]) for row in csv.DictReader(index)}
    own = {"procedural": set(procedural.ACTIONS), "hdm05": set(hdm05.ACTIONS), "cmu": descriptions}
    trained = load_config(find_config("dreampose3d.open_27")).data
    assert {data.name for data in trained} == own.keys()
    for dataset, names in own.items():
        assert {name for label in ACTIONS.values() for name in label.get(dataset, ())} == names


@pytest.mark.parametrize("tag", ["paper_243", "paper_81"])
def test_the_paper_s_sizes_run_their_shapes(tag: str) -> None:
    run = mock(f"dreampose3d.{tag}")
    assert run.output_shape == (2, 5, int(tag.removeprefix("paper_")), 17, 3)
