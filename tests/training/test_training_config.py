"""A run's configuration: what is built from it, and what is refused by name."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from posebench.errors import DataMissingError, UsageError
from posebench.registry.decorators import LIFTERS
from posebench.registry.plugins import load_plugins
from zoo.training.config import CONFIGS, find_config, load_config
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
