"""Configurations that extend others, and the ablations: alike but for what they ablate."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from posebench.errors import UsageError
from posebench.prediction.create import build_module
from posebench.registry.resolve import resolve_model
from zoo.studies.study import STUDIES, Study, load_study
from zoo.training import config as configurations
from zoo.training.config import CONFIGS, LossConfig, TrainingConfig, find_config, load_config

OPEN = "dreampose3d.open_27"
#: As wide as makes up for the prompt that it does not have.
WIDE = "dreampose3d.ablation_no_prompt_wide"


def extending(folder: Path, name: str = "mine", **values: Any) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_mappings_merge_and_anything_else_replaces(tmp_path: Path) -> None:
    base = load_config(find_config(OPEN))
    path = extending(
        tmp_path,
        extends=OPEN,
        tag="mine",
        summary="Mine.",
        lifter={"config": {"prompt": "none"}},
        loss={"action": 0},
        sources={"gt": 1.0},
        data=[base.data[0].model_dump(mode="json")],
    )
    config = load_config(path)
    assert config.lifter.arch == base.lifter.arch
    assert config.lifter.config == base.lifter.config | {"prompt": "none"}
    assert (config.loss.bone, config.loss.action) == (base.loss.bone, 0)
    assert config.sources == base.sources | {"gt": 1.0}
    assert config.data == base.data[:1]
    written_out = extending(tmp_path, "whole", **config.model_dump(mode="json"))
    assert load_config(written_out).hash == config.hash


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"extends": "dreampose3d.closed"}, r"extends 'dreampose3d\.closed', which is not in zoo/configs; it has "),
        ({"extends": ["a"]}, "which is not in zoo/configs"),
        ({"extends": None}, "extends None"),
        # A run's name is its own: its weights would be taken for those of the other.
        ({"extends": OPEN}, "`tag`: Field required"),
        ({"extends": OPEN, "tag": "x"}, "`summary`: Field required"),
        ({"extends": OPEN, "tag": "x", "summary": "X.", "loss": 3}, "`loss`"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        load_config(extending(tmp_path, **values))
    assert "mine.yaml" in str(error.value)


def test_circles_and_long_chains_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configurations, "CONFIGS", tmp_path)
    extending(tmp_path, "a", extends="b")
    extending(tmp_path, "b", extends="a")
    with pytest.raises(UsageError, match=r"b\.yaml extends a, which extends it in turn"):
        load_config(find_config("a"))
    for name, base in pairwise("cdefg"):
        extending(tmp_path, name, extends=base)
    (tmp_path / "g.yaml").write_text((CONFIGS / f"{OPEN}.yaml").read_text())
    own = {"tag": "d", "summary": "D."}
    with pytest.raises(UsageError, match=r"c\.yaml stands on more than 3 others"):
        load_config(find_config("c"))
    extending(tmp_path, "d", extends="e", **own)
    assert load_config(find_config("d")).tag == "d"


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("dreampose3d")


def test_every_ablation_has_the_same_budget_data_and_recipe(study: Study) -> None:
    #: What a row may have of its own; `flip` says where the flip is made. Losses are looked at below.
    free = {"tag", "summary", "lifter", "loss", "leave_out", "seed", "flip"}
    full = study.configurations[study.row(study.reference).configurations[0]]
    for tag, config in study.configurations.items():
        assert config.model_dump(exclude=free) == full.model_dump(exclude=free), tag
        assert config.steps * config.batch_size * config.lifter.config["frames"] == 5_000_832
        assert config.flip is False
        assert config.lifter.config["flip"] is True
        sizes = {"dim", "depth", "heads", "mlp_ratio", "drop_path", "bound", "normalize", "fps"}
        sizes -= {"dim"} if tag == WIDE else set()
        assert all(config.lifter.config[size] == full.lifter.config[size] for size in sizes), tag
    bundled = load_config(find_config(OPEN)).lifter
    assert full.lifter.arch == bundled.arch
    assert full.lifter.config == bundled.config | {"dim": 32, "depth": 2, "heads": 2, "prompt_dim": 32}
    assert "5,000,832" in study.summary


def test_losses_differ_where_the_row_says_so(study: Study) -> None:
    full = study.configurations[study.row(study.reference).configurations[0]].loss
    for row in study.rows:
        config = study.configurations[row.configurations[0]]
        if config.lifter.arch == "dreampose3d":
            own = {name for name, value in config.loss if value != getattr(full, name)}
            without_action = {"action"} if config.lifter.config["prompt"] in ("none", "random") else set()
            bones = {"bone"} if "no loss of bone lengths" in row.what else set()
            assert own == without_action | bones | ({"temporal"} if "displacements" in row.what else set()), row.name
            assert config.loss.pose == "l1"
        else:
            # Its loss is the mean distance of the joints, whatever `loss` says.
            assert config.loss == LossConfig()
            assert "MPJPE" in row.what


def parameters(config: TrainingConfig, **changes: Any) -> int:
    tag = resolve_model(config.lifter.arch)
    with torch.device("meta"):
        module = build_module(tag, {**config.lifter.config, **changes})
    return sum(parameter.numel() for parameter in module.parameters())


def test_without_a_prompt_but_with_its_parameters(study: Study) -> None:
    narrow, wide = (load_config(find_config(tag)) for tag in ("dreampose3d.ablation_no_prompt", WIDE))
    full = study.configurations[study.row(study.reference).configurations[0]]
    own = {"tag", "summary", "lifter"}
    assert wide.model_dump(exclude=own) == narrow.model_dump(exclude=own)
    assert wide.lifter.config == narrow.lifter.config | {"dim": 48}
    widths = range(32, 65, wide.lifter.config["heads"])
    goal = parameters(full)
    assert goal == 85_675
    assert min(widths, key=lambda dim: abs(parameters(narrow, dim=dim) - goal)) == 48
    assert parameters(wide) == 88_618


def test_seeds_of_a_row_differ_in_nothing_else(study: Study) -> None:
    for row in study.rows:
        runs = [study.configurations[tag] for tag in row.configurations]
        assert [run.seed for run in runs] == list(range(len(runs)))
        assert len({run.model_copy(update={"seed": 0, "tag": "", "summary": ""}).hash for run in runs}) == 1


def test_every_ablation_stands_in_the_study(study: Study) -> None:
    assert {path.stem for path in (CONFIGS / "ablations").glob("*.yaml")} == set(study.tags)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "whole"}, "there is no row 'whole'"),
        ({"groups": [{"title": "x", "dataset": "hdm05", "labels": ["eating"], "rows": ["full"]}]}, "`groups.0`.*'eating'"),
        ({"protocols": {}}, "`protocols`"),
        ({"sweeps": [{"configuration": OPEN, "protocol": "x", "hypotheses": [0], "steps": [1]}]}, "hypotheses.0"),
    ],
)  # fmt: skip
def test_a_wrong_study_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    value = yaml.safe_load((STUDIES / "dreampose3d.yaml").read_text())
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(value | change))
    monkeypatch.setattr("zoo.studies.study.STUDIES", tmp_path)
    with pytest.raises(UsageError, match=message):
        load_study("wrong")
