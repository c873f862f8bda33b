"""Checkpoints of garyzhao/SemGCN, with and without non-local layers."""

import re
from collections.abc import Mapping
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes
from posebench.errors import WeightsError
from posebench.skeletons import HUMAN36M_16

#: Pairs of joints that the published non-local layers pool (`common/h36m_dataset.py`).
PUBLISHED_GROUPS = ((2, 3), (5, 6), (1, 4), (0, 7), (8, 9), (14, 15), (11, 12), (10, 13))

#: Arguments of the public constructor, and ours.
ARGUMENTS = {"hid_dim": "dim", "num_layers": "layers", "nodes_group": "groups"}

#: The authors' name of a non-local layer is a keyword of Python 3, so every port has its own.
_NON_LOCAL = r"non_?local[_\d]?"
_NON_LOCAL_LAYER = re.compile(rf"gconv_(input|layers)\.\d+\.{_NON_LOCAL}\.theta\.weight")


def infer(shapes: Shapes) -> dict[str, Any]:
    """Everything; which joints a non-local layer pools is in no shape, so it takes the published groups."""
    config: dict[str, Any] = {
        "dim": shapes["gconv_output.W"][1],
        "layers": sum(key.startswith("gconv_layers.") and key.endswith(".gconv1.gconv.W") for key in shapes),
    }
    if any(_NON_LOCAL_LAYER.fullmatch(key) for key in shapes):
        config["groups"] = [list(group) for group in PUBLISHED_GROUPS]
    return config


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """From the names of the public constructor, as far as they are given.

    Raises `WeightsError` for edges that are not our skeleton's: of those a state dict tells only the number.
    `p_dropout` is for training: with it the public code has one more ReLU, which changes nothing.
    """
    edges = config.get("edges")
    if edges is not None and {frozenset(edge) for edge in edges} != {frozenset(bone) for bone in HUMAN36M_16.bones}:
        raise WeightsError(f"The edges {edges} are not the bones of {HUMAN36M_16.name}, which our semgcn has.")
    return {ours: config[public] for public, ours in ARGUMENTS.items() if public in config}


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """The bare network on (batch, 16, 2): metres (batch, 16, 3)."""
    import torch

    return module.network(torch.from_numpy(arrays["keypoints_2d"]))


CONVERSION = Conversion(
    architecture="semgcn",
    repository="garyzhao/SemGCN",
    licence="unknown",
    parity=("semgcn",),
    rules=(
        Rule(rf"(gconv_(?:input|layers)\.\d+)\.{_NON_LOCAL}\.(theta\..+)", r"network.\1.\2"),
        # phi and g stand beside the pooling that follows them, the convolution out beside its norm.
        Rule(rf"(gconv_(?:input|layers)\.\d+)\.{_NON_LOCAL}\.(phi|g)\.0\.(.+)", r"network.\1.\2.\3"),
        Rule(rf"(gconv_(?:input|layers)\.\d+)\.{_NON_LOCAL}\.concat_project\.0\.(.+)", r"network.\1.weigh.\2"),
        Rule(rf"(gconv_(?:input|layers)\.\d+)\.{_NON_LOCAL}\.W\.0\.(.+)", r"network.\1.out.\2"),
        Rule(rf"(gconv_(?:input|layers)\.\d+)\.{_NON_LOCAL}\.W\.1\.(.+)", r"network.\1.bn.\2"),
        Rule(r"(gconv_input\.0\.(?:gconv|bn)\..+)", r"network.\1"),
        Rule(r"(gconv_layers\.\d+\.gconv[12]\.(?:gconv|bn)\..+)", r"network.\1"),
        Rule(r"(gconv_output\..+)", r"network.\1"),
    ),
    infer=infer,
    translate=translate,
    run=run,
)
