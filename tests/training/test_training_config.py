"""A run's configuration: what is built from it, and what is refused by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from posebench.errors import DataMissingError, UsageError
from posebench.prediction import create
from posebench.registry.decorators import LIFTERS
from posebench.registry.manifest import Tag
from posebench.registry.plugins import load_plugins
from posebench.registry.resolve import resolve_model
from zoo.training.build import arguments_of, build_lifter
from zoo.training.config import CONFIGS, TrainingConfig, find_config, load_config
from zoo.training.export import LARGEST
from zoo.training.loop import ARCHITECTURES


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_configurations_build_lifters_that_fit(path: Path) -> None:
    config = load_config(path)
    assert config.tag == path.stem
    assert find_config(config.tag) == path
    with torch.device("meta"):
        lifter = ARCHITECTURES[config.lifter.arch][0](**config.lifter.config)
    assert sum(value.numel() * value.element_size() for value in lifter.state_dict().values()) < LARGEST - 10_000
    load_plugins()
    declared = LIFTERS.get(config.lifter.arch).spec
    assert callable(declared)
    assert declared(config.lifter.config) == lifter.spec


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_bundled_configurations_run_as_tags(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(path)
    described = Tag(summary=config.summary, needs_weights=False)
    tag = replace(resolve_model(config.lifter.arch), tag="own", described=described, config=config.lifter.config)
    monkeypatch.setattr(create, "resolve_model", lambda name: tag)
    with torch.device("meta"):
        loaded = create.load_lifter(config.tag)
        arguments = arguments_of(loaded.module, config.lifter.config)
        again = create.load_lifter(config.tag, **arguments)
    assert arguments.items() >= loaded.config.items()
    assert again.spec == loaded.spec
    assert again.module.state_dict().keys() == loaded.module.state_dict().keys()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("stepz", 3, "`stepz`"),
        ("steps", 0, "`steps`"),
        ("lifter.arch", "hourglass", "`lifter.arch`"),
        ("data.0.weight", -1, "`data.0.weight`"),
        ("camera.distance", [5, 3], "`camera`: distance is from 5"),
        ("warmup_steps", 12, "warmup_steps is 12"),
        ("learning_rate", float("nan"), "`learning_rate`"),
        ("lifter.config.normalize", "pixels", "lifter.config.normalize"),
        ("lifter.arch", "dreampose3d", "flip must be false: dreampose3d flips by lifter.config.flip"),
        ("leave_out", ["dancing"], "leave_out names 'dancing'"),
        ("loss", {"bone": -1}, "`loss.bone`"),
        ("loss", {"bone": 0.2}, "loss must be left away: its weights are dreampose3d's, and videopose3d has one loss"),
        ("lifter", {"arch": "heatmap_diffusion"}, "flip must be false: heatmap_diffusion is not validated with it"),
    ],
)
def test_a_wrong_key_is_named(values: dict[str, Any], tmp_path: Path, key: str, value: Any, message: str) -> None:
    values.setdefault("camera", {})
    place: Any = values
    *way, last = key.split(".")
    for part in way:
        place = place[int(part)] if part.isdigit() else place[part]
    place[last] = value
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(UsageError) as error:
        load_config(path)
    assert "wrong.yaml" in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["a: [1", "- 1", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"x\.yaml"):
        load_config(tmp_path / "x.yaml")


def test_an_unknown_tag_lists_the_known() -> None:
    with pytest.raises(DataMissingError, match=r"simple_baseline\.open"):
        find_config("simple_baseline.opem")


DREAM: dict[str, Any] = {
    "lifter": {"arch": "dreampose3d", "config": {"frames": 5, "dim": 8, "depth": 1, "heads": 2, "prompt_dim": 8}},
    "flip": False,
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"loss": {"action": 0.1}, "lifter": {"arch": "dreampose3d", "config": {"prompt": "random"}}}, "loss.action"),
        (
            {"loss": {"hallucinate_from": 0.5}, "lifter": {"arch": "dreampose3d", "config": {"hallucinated": 1}}},
            "loss.hallucinate_from",
        ),
        ({"lifter": {"arch": "heatmap_diffusion"}}, "sources and validation_sources must be gt alone"),
        (
            {"lifter": {"arch": "heatmap_diffusion"}, "sources": {"gt": 1.0}},
            "sources and validation_sources must be gt",
        ),
    ],
)
def test_options_that_would_do_nothing_are_refused(
    values: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig.model_validate(values | DREAM | changed)


def test_a_data_set_has_a_window_of_every_batch(values: dict[str, Any]) -> None:
    values["data"] = [values["data"][0], values["data"][0] | {"name": "rare", "weight": 0.05}]
    with pytest.raises(ValueError, match="the weight of rare is less than one window of a batch"):
        TrainingConfig.model_validate(values)
    TrainingConfig.model_validate(values | {"batch_size": 21})


@pytest.mark.parametrize(
    ("arch", "config", "message"),
    [
        ("mixste", {"wings": 2}, "wings"),
        ("mixste", {"frames": "abc"}, "frames is 'abc'; give a whole number"),
        ("mixste", {"heads": 0}, "heads is 0"),
        ("mixste", {"depth": 0}, "depth is 0"),
        ("mixste", {"mlp_ratio": 0}, "mlp_ratio is 0"),
        ("mixste", {"drop_path": 1.0}, "drop_path is 1.0"),
        ("d3dp", {"dim": 7, "heads": 7}, "dim is 7; give an even number"),
        ("d3dp", {"dim": 2}, "dim is 2; give an even number of 4"),
        ("d3dp", {"hypotheses": 1.5}, "1.5 hypotheses in 1 steps cannot be sampled"),
        ("d3dp", {"scale": 0}, "scale is 0"),
        ("dreampose3d", {"bound": 0}, "bound is 0"),
        ("dreampose3d", {"bound": -1}, "bound is -1"),
        ("dreampose3d", {"affinity": "no"}, "affinity is 'no'; give true or false"),
        ("dreampose3d", {"condition_tokens": 0}, "condition_tokens is 0"),
        ("dreampose3d", {"condition_tokens": -1}, "condition_tokens is -1"),
        ("dreampose3d", {"prompt_dim": 18, "heads": 4}, "prompt_dim is 18; give a multiple of 8"),
        ("dreampose3d", {"prompt_dim": 20, "heads": 4}, "prompt_dim is 20; give a multiple of 8"),
        ("dreampose3d", {"actions": ["walking", "walking"]}, "actions is .* each once"),
        ("motionagformer", {"heads": 0, "layers": 1}, "is not taken by"),
        ("simple_baseline", {"linear_size": -3}, "is not taken by"),
    ],
)
def test_a_lifter_that_cannot_be_is_one_sentence(
    values: dict[str, Any], arch: str, config: dict[str, Any], message: str
) -> None:
    small = {"frames": 5, "dim": 8, "depth": 1, "heads": 2}
    sampled = {"hypotheses": 1, "steps": 1}
    given = {
        "mixste": small,
        "d3dp": small | sampled,
        "dreampose3d": small | sampled | {"prompt_dim": 8},
    }.get(arch, {}) | config
    flip = arch not in ("d3dp", "dreampose3d")
    run = TrainingConfig.model_validate(values | {"lifter": {"arch": arch, "config": given}, "flip": flip})
    with pytest.raises(UsageError, match=message) as error:
        build_lifter(run)
    assert str(error.value).count("\n") == 0
    assert f"The configuration of {arch}.tiny is not taken by" in str(error.value)


def test_momentum_without_batch_normalisation_is_refused(values: dict[str, Any]) -> None:
    run = TrainingConfig.model_validate(values | DREAM | {"norm_momentum": [0.1, 0.01]})
    with pytest.raises(UsageError, match="norm_momentum must be left away: dreampose3d has no batch normalisation"):
        build_lifter(run)


def test_the_hash_is_of_all_that_decides_the_weights(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    one = TrainingConfig.model_validate(values)
    data = values["data"][0]
    for neutral in (
        {"tag": "other", "summary": "Another.", "weights_licence": "all", "checkpoint_every": 99},
        {"data": [data | {"licence": "other", "store": None}]},
    ):
        assert TrainingConfig.model_validate(values | neutral).hash == one.hash
    for decisive in (
        {"seed": 1}, {"steps": 13}, {"leave_out": ["kicking"]}, {"amp": "bf16"}, {"data": [data | {"weight": 2.0}]},
        {"lifter": {"arch": "videopose3d", "config": {"channels": 8}}}, {"camera": {"roll": [0, 0]}},
    ):  # fmt: skip
        assert TrainingConfig.model_validate(values | decisive).hash != one.hash
    # A default that is changed some day makes another configuration of the same file.
    assert one.hash == one.model_copy(update={"ema_decay": 0.999}).hash
    assert one.hash != one.model_copy(update={"ema_decay": 0.99}).hash
