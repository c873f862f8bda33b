"""Published configurations have the published number of parameters (upstream counts), built without memory."""

import pytest
import torch

from posebench.prediction.create import build_module
from posebench.registry.resolve import resolve_model


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("simple_baseline.h36m", 4_291_632),
        ("videopose3d.h36m_27", 8_555_571),
        ("videopose3d.h36m_81", 12_753_971),
        ("videopose3d.h36m_243", 16_952_371),
    ],
)
def test_published_sizes(name: str, parameters: int) -> None:
    tag = resolve_model(name)
    with torch.device("meta"):
        module = build_module(tag, tag.config)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters
