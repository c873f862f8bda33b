"""Public state dicts become ours: every key once, every shape held against the lifter, the configuration from both."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import State, containers, parallel, public_videopose3d, random_state, save_public, save_torch
from torch import Tensor

from posebench.conversion.convert import Converted, convert
from posebench.errors import PosebenchError, UnknownNameError, UsageError, WeightsError
from zoo.lifters.simple_baseline import INPUT_JOINTS, OUTPUT_JOINTS, ResidualPerceptron

STATE = public_videopose3d()
PARAMETERS = [key for key in STATE if key.endswith(("weight", "bias"))]

Change = Callable[[State], State]


def converted(tmp_path: Path, state: State, **options: object) -> Converted:
    return convert("videopose3d", save_torch({"model_pos": state}, tmp_path / "model.bin"), **options)  # type: ignore[arg-type]


def refusal(kind: type[PosebenchError], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_key_is_used_once(tmp_path: Path) -> None:
    found = converted(tmp_path, STATE)
    assert found.targets == {key: f"network.{key}" for key in STATE}
    assert all(torch.equal(found.state.tensors[f"network.{key}"], value) for key, value in STATE.items())
    assert found.parameters == sum(STATE[key].numel() for key in PARAMETERS)
    assert found.state.left == found.state.filled == found.state.cast == ()
    assert not found.averaged


@pytest.mark.parametrize("widths", [(3,), (1,), (3, 5), (5, 1, 3), (7, 3, 3, 3)])
def test_the_configuration_is_in_the_shapes(widths: tuple[int, ...], tmp_path: Path) -> None:
    assert converted(tmp_path, public_videopose3d(widths, 6)).config == {"filter_widths": [*widths], "channels": 6}


@pytest.mark.parametrize("repository", containers(STATE))
def test_the_container_does_not_matter(repository: str, tmp_path: Path) -> None:
    path = save_torch(containers(STATE)[repository], tmp_path / "model.bin", new=False)
    found = convert("videopose3d", path)
    assert all(torch.equal(value, STATE[key.removeprefix("network.")]) for key, value in found.state.tensors.items())


def without(ending: str) -> Change:
    return lambda state: {key: value for key, value in state.items() if not key.endswith(ending)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: {"STEblocks.0.norm1.weight": torch.ones(4), **s}, "'STEblocks.0.norm1.weight' of shape (4,)"),
        (lambda s: {**s, "layers_conv.7.weight": torch.ones(2, 2, 1)}, "'layers_conv.7.weight' of shape (2, 2, 1) has no place"),
        (lambda s: {**s, "shrink.weight": torch.ones(45, 8, 1)}, "'shrink.weight' is (45, 8, 1), and this videopose3d has (51, 8, 1)"),
        (lambda s: {**s, "expand_conv.weight": torch.ones(8, 30, 3)}, "'expand_conv.weight' is (8, 30, 3)"),
        (without("shrink.bias"), "lacks 'network.shrink.bias' of shape (51,)"),
        (without("expand_conv.weight"), "lacks the key 'expand_conv.weight'"),
        (lambda s: {**s, "shrink.bias": torch.ones(51, dtype=torch.int64)}, "'shrink.bias' holds torch.int64"),
        (lambda s: {**s, "expand_conv.weight": torch.ones(8)}, "shapes of this checkpoint are not those"),
    ],
)  # fmt: skip
def test_the_first_key_that_differs_is_named(change: Change, said: str, tmp_path: Path) -> None:
    assert said in refusal(WeightsError, lambda: converted(tmp_path, change(STATE)))


def test_another_architecture_is_recognised(tmp_path: Path) -> None:
    path = save_torch(random_state(ResidualPerceptron(8, 1)), tmp_path / "model.pth.tar")
    sentence = refusal(WeightsError, lambda: convert("videopose3d", path))
    assert "'w1.weight' of shape (8, 32) is not one of facebookresearch/VideoPose3D's videopose3d" in sentence
    assert "Its keys are those of simple_baseline." in sentence


def test_counters_that_old_files_lack_are_zero(tmp_path: Path) -> None:
    found = converted(tmp_path, without("num_batches_tracked")(STATE))
    assert len(found.state.filled) == 3
    assert all(found.state.tensors[key] == 0 for key in found.state.filled)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    found = converted(tmp_path, {k: v.to(dtype) if v.is_floating_point() else v for k, v in STATE.items()})
    assert found.state.cast == (str(dtype),)
    assert found.state.tensors["network.shrink.bias"].dtype == torch.float32
    assert torch.equal(found.state.tensors["network.shrink.bias"], STATE["shrink.bias"].to(dtype).float())


# Moving averages


@pytest.mark.parametrize("form", ["place", "key"])
def test_moving_averages_are_what_is_used(form: str, tmp_path: Path) -> None:
    averages = {key: STATE[key] + 1 for key in PARAMETERS}
    ema: object = {"shadow_params": list(averages.values())} if form == "place" else averages
    path = save_torch({"model_state_dict": parallel(STATE), "ema": ema}, tmp_path / "model.pth")
    found = convert("videopose3d", path)
    assert found.averaged
    for key, value in STATE.items():
        expected = averages.get(key, value)
        assert torch.equal(found.state.tensors[f"network.{key}"], expected)


@pytest.mark.parametrize(
    ("ema", "said"),
    [
        ({"shadow_params": [torch.ones(3)]}, "1 moving averages for 11 parameters"),
        ({"shadow_params": [torch.ones(3)] * 11}, "of shape (3,)"),
        ({"other.weight": torch.ones(3)}, "'other.weight' of shape (3,)"),
    ],
)
def test_averages_of_something_else_are_refused(ema: object, said: str, tmp_path: Path) -> None:
    path = save_torch({"model_state_dict": STATE, "ema": ema}, tmp_path / "model.pth")
    assert said in refusal(WeightsError, lambda: convert("videopose3d", path))


# What is given of the configuration


def test_what_no_shape_tells_is_given(tmp_path: Path) -> None:
    assert converted(tmp_path, STATE, config={"causal": True}).config == {
        "filter_widths": [3, 3], "channels": 8, "causal": True,
    }  # fmt: skip


def test_what_contradicts_the_shapes_is_refused(tmp_path: Path) -> None:
    sentence = refusal(WeightsError, lambda: converted(tmp_path, STATE, config={"channels": 16}))
    assert "'expand_conv.weight' is (8, 34, 3), and this videopose3d has (16, 34, 3) there" in sentence


def test_the_authors_names_are_known(shared: Path) -> None:
    path = shared / "conformance/models/mixste.safetensors"
    assert convert("mixste", path, config={"num_heads": 4}).config["heads"] == 4
    assert convert("mixste", path, config={"heads": 4}).config["heads"] == 4
    public = {"number_of_frames": 81}
    sentence = refusal(
        UsageError,
        lambda: convert("poseformerv2", shared / "conformance/models/poseformerv2.safetensors", config=public),
    )
    assert "without number_of_kept_frames" in sentence


def test_a_name_that_tells_nothing_is_refused(tmp_path: Path) -> None:
    sentence = refusal(UsageError, lambda: converted(tmp_path, STATE, config={"chanels": 8}))
    assert "--config chanels" in sentence
    assert "causal, channels" in sentence
    # A whole training configuration has much else.
    assert converted(tmp_path, STATE, config={"learning_rate": 1, "causal": True}, strict=False).config["causal"]
    sentence = refusal(WeightsError, lambda: converted(tmp_path, STATE, config={"dense": True}))
    assert "dense=True" in sentence


def test_architectures_without_public_checkpoints(tmp_path: Path) -> None:
    path = save_public(STATE, tmp_path / "m.safetensors")
    assert "No public checkpoints of mean-pose" in refusal(UsageError, lambda: convert("mean-pose", path))
    assert "videopose3d" in refusal(UnknownNameError, lambda: convert("videopos3d", path))


# Mean and deviation beside a checkpoint

#: Places of the 17 joints among 32, and what the public files name as in use.
OF_32 = np.array([0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27])
USED_2D = [*range(8), *range(12, 18), *range(24, 28), 30, 31, *range(34, 40), *range(50, 56)]
USED_3D = [*range(3, 12), *range(18, 27), *range(36, 48), *range(51, 60), *range(75, 84)]


def public_statistics() -> tuple[dict[str, Any], dict[str, Any]]:
    random = np.random.default_rng(0)
    two, three = (
        {"mean": random.normal(size=32 * size), "std": random.uniform(1, 2, 32 * size), "dim_use": np.array(used)}
        for size, used in ((2, USED_2D), (3, USED_3D))
    )
    return two, three


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    return save_torch(
        {"state_dict": random_state(ResidualPerceptron(8, 1)), "err": 45.5}, tmp_path / "gt_ckpt_best.pth.tar"
    )


def test_the_statistics_of_32_joints(baseline: Path, tmp_path: Path) -> None:
    two, three = public_statistics()
    files = [save_torch(three, tmp_path / "stat_3d.pth.tar", new=False), save_torch(two, tmp_path / "stat_2d.pth.tar")]
    found = convert("simple_baseline", baseline, files)
    assert found.config == {"linear_size": 8, "num_stage": 1}
    state = found.state.tensors
    for given, size, joints, buffer in ((two, 2, INPUT_JOINTS, "2d"), (three, 3, OUTPUT_JOINTS, "3d")):
        for name, ours in (("mean", f"mean_{buffer}"), ("std", f"deviation_{buffer}")):
            expected = np.asarray(given[name]).reshape(32, size)[OF_32[list(joints)]]
            assert torch.equal(state[ours], torch.tensor(expected, dtype=torch.float32))


def test_the_statistics_of_an_npz(baseline: Path, tmp_path: Path) -> None:
    two, three = public_statistics()
    np.savez(tmp_path / "all.npz", mean_2d=two["mean"], std_2d=two["std"], mean_3d=three["mean"], std_3d=three["std"])
    mean, deviation = np.ones((16, 2)), np.full((16, 3), 2.0)
    np.savez(tmp_path / "short.npz", mean_2d=mean, std_2d=np.ones(32), mean_3d=np.zeros(48), std_3d=deviation)
    assert convert("simple_baseline", baseline, [tmp_path / "all.npz"]).statistics.buffers["mean_2d"].shape == (16, 2)
    assert (convert("simple_baseline", baseline, [tmp_path / "short.npz"]).state.tensors["deviation_3d"] == 2).all()


def test_statistics_that_do_not_fit(baseline: Path, tmp_path: Path) -> None:
    two, three = public_statistics()
    stat_2d, stat_3d = save_torch(two, tmp_path / "stat_2d.pth.tar"), save_torch(three, tmp_path / "stat_3d.pth.tar")
    of_another_set = save_torch({**two, "dim_use": np.arange(32)}, tmp_path / "stat_sh.pth.tar")
    nothing = save_torch({"lr": 1.0}, tmp_path / "nothing.pth.tar")
    strange = save_torch({"mean": np.ones(5), "std": np.ones(5)}, tmp_path / "strange.pth.tar")
    for files, kind, said in (
        ([], UsageError, "not whole without mean_2d, deviation_2d, mean_3d, deviation_3d"),
        ([stat_3d], UsageError, "not whole without mean_2d, deviation_2d;"),
        ([stat_2d, stat_2d], UsageError, "give mean_2d"),
        ([of_another_set], WeightsError, "not those of the joints"),
        ([nothing], WeightsError, "neither mean and std"),
        ([strange], WeightsError, "5 means and 5 deviations"),
        ([tmp_path / "absent.npz"], WeightsError, "is not there"),
        ([tmp_path / "absent.pth.tar"], WeightsError, "is not there"),
    ):
        assert said in refusal(kind, lambda files=files: convert("simple_baseline", baseline, files))  # type: ignore[misc]
    path = save_public(STATE, tmp_path / "m.safetensors")
    assert "leave --stats away" in refusal(UsageError, lambda: convert("videopose3d", path, [stat_2d]))


def test_the_baseline_standardises_pixels_and_returns_mm(baseline: Path, tmp_path: Path) -> None:
    """Lifted as the authors' evaluation does: inputs in units of deviations, outputs brought back over 32 joints."""
    from posebench.prediction.create import create_lifter
    from posebench.prediction.lifter import LifterInputs

    two, three = public_statistics()
    files = [save_torch(two, tmp_path / "stat_2d.pth.tar"), save_torch(three, tmp_path / "stat_3d.pth.tar")]
    from posebench.conversion.write import write_converted

    write_converted(convert("simple_baseline", baseline, files), tmp_path / "ours.safetensors")
    module = create_lifter("simple_baseline", tmp_path / "ours.safetensors")
    pixels = torch.randn(4, 1, 17, 2) + 3
    inputs = LifterInputs(pixels, torch.ones(4, 1, 17), torch.tensor([1000.0, 1000.0]), 50.0)

    network = ResidualPerceptron(8, 1).eval()
    network.load_state_dict(random_state(ResidualPerceptron(8, 1)))
    full = np.zeros((4, 32, 2))
    full[:, OF_32] = pixels[:, 0].numpy()
    shown = ((full.reshape(4, 64) - two["mean"]) / two["std"])[:, USED_2D]
    with torch.inference_mode():
        placed: Tensor = network(torch.tensor(shown, dtype=torch.float32))
        ours = module.lift(inputs)[:, 0].numpy()  # type: ignore[operator]
    whole = np.zeros((4, 96))
    whole[:, USED_3D] = placed.numpy()
    whole = (whole * three["std"] + three["mean"]).reshape(4, 32, 3)
    assert np.abs(ours[:, 1:] - whole[:, OF_32[1:]]).max() < 1e-5
    assert (ours[:, 0] == 0).all()
