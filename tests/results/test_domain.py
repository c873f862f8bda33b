"""What a row was trained on decides what it may be called."""

from pathlib import Path

import pytest

import posebench
from posebench.registry.manifest import TrainingSet
from posebench.results.domain import domain_of
from posebench.results.record import SettingsPart


def seen(*pairs: tuple[str, str]) -> list[TrainingSet]:
    return [TrainingSet(dataset=dataset, split=split, version="1", source="gt") for dataset, split in pairs]


@pytest.mark.parametrize(
    ("trained_on", "fitted", "domain"),
    [
        (seen(("hdm05", "train")), False, "in-domain"),
        (seen(("cmu", "train"), ("hdm05", "train")), False, "in-domain"),
        (seen(("cmu", "train")), False, "cross-dataset"),
        (seen(("cmu", "test")), False, "cross-dataset"),
        (seen(("hdm05", "train"), ("hdm05", "test")), False, "contaminated"),
        (seen(), False, "untrained"),
        (seen(), True, "in-domain"),
        (None, False, "unknown"),
        (None, True, "unknown"),
    ],
)
def test_domains(trained_on: list[TrainingSet] | None, fitted: bool, domain: str) -> None:
    assert domain_of(trained_on, "hdm05", "test", fitted) == domain


def test_whoever_saw_a_part_is_contaminated_for_the_whole() -> None:
    assert domain_of(seen(("3dpw", "train")), "3dpw", "all", False) == "contaminated"
    assert domain_of(seen(("hdm05", "train")), "3dpw", "all", False) == "cross-dataset"
    assert domain_of([], "openbiomechanics", "test+train", True) == "contaminated"
    assert domain_of(seen(("openbiomechanics", "train")), "openbiomechanics", "test+train", False) == "contaminated"
    assert domain_of(seen(("openbiomechanics", "extra")), "openbiomechanics", "test+train", False) == "in-domain"


def test_a_bundled_lifter_on_a_strange_data_set_is_cross_dataset(tiny: str) -> None:
    record = posebench.evaluate("videopose3d", dataset="tiny")
    assert record.lifter.domain == "cross-dataset"
    assert record.lifter.settings == SettingsPart(flip=True, resample=False)
    assert record.lifter.weights_origin == "bundled"
    assert {item.dataset for item in record.lifter.trained_on} == {"procedural", "hdm05", "cmu"}


def test_weights_of_a_users_own_file_are_of_unknown_training(tiny: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = posebench.create_lifter("videopose3d").state_dict()
    save_file(
        {name: value + 0.01 if value.is_floating_point() else value for name, value in state.items()},
        tmp_path / "own.safetensors",
    )
    record = posebench.evaluate("videopose3d", dataset="tiny", weights=tmp_path / "own.safetensors")
    assert record.lifter.domain == "unknown"
    assert record.lifter.trained_on == ()
    assert (
        record.lifter.weights_sha256 != posebench.evaluate("videopose3d", dataset="tiny", limit=5).lifter.weights_sha256
    )
