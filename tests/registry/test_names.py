"""Names: tags and defaults, wildcards, typos, duplicates."""

import pytest

import posebench
from posebench.errors import DuplicateNameError, UnknownNameError
from posebench.registry.decorators import DATASETS, register_lifter
from posebench.registry.resolve import model_tags, resolve_model


def test_an_architecture_alone_means_its_default_tag() -> None:
    tag = resolve_model("videopose3d")
    assert tag.is_default
    assert resolve_model(tag.name) == tag


def test_wildcards_match_tags_and_architectures() -> None:
    assert {tag.architecture for tag in model_tags("video*")} == {"videopose3d"}
    assert {tag.architecture for tag in model_tags("*-*")} >= {"mean-pose", "zero-depth"}
    assert model_tags("nothing*") == []


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("videopose", "videopose3d"),
        ("VideoPose3D", "videopose3d"),
        ("video_pose_3d", "videopose3d"),
        ("vidoepose3d", "videopose3d"),
        ("simplebaseline", "simple_baseline"),
        ("simple-baseline", "simple_baseline"),
        ("martinez_simple_baseline", "simple_baseline"),
        ("zero_depth", "zero-depth"),
        ("meanpose", "mean-pose"),
        ("videopose3d.h36m", "videopose3d.h36m_243"),
        ("videopose3d.H36M_243", "videopose3d.h36m_243"),
    ],
)
def test_a_typo_is_answered_with_the_name_that_was_meant(typo: str, meant: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        resolve_model(typo)
    assert repr(meant) in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("typo", "meant"), [("hdm5", "hdm05"), ("HDM05", "hdm05"), ("procedual", "procedural"), ("CMU", "cmu")]
)
def test_a_data_set_typo_too(typo: str, meant: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean .*'{meant}'"):
        posebench.load_dataset(typo)


def test_a_name_like_nothing_gets_no_false_hint() -> None:
    with pytest.raises(UnknownNameError, match="nothing is spelled like it"):
        DATASETS.get("qqqqqqqq")


def test_a_duplicate_names_both_origins(registry: None) -> None:
    def mine() -> None: ...

    with pytest.raises(DuplicateNameError) as caught:
        register_lifter("videopose3d", spec=posebench.LifterSpec())(mine)
    assert "zoo.plugin:videopose3d" in str(caught.value)
    assert "test_a_duplicate_names_both_origins" in str(caught.value)


def test_a_lifter_without_a_manifest_has_one_tag(registry: None) -> None:
    register_lifter("mine", spec=posebench.LifterSpec())(lambda: None)
    assert resolve_model("mine").name == "mine.default"
