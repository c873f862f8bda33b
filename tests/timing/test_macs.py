"""MACs against hand counts of the public codebases, and the same on every path that torch may take."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from small_lifters import SMALL_LIFTERS, SmallLifter, build, noise_streams, person, skeleton_of
from torch import nn

from posebench.errors import UsageError
from posebench.prediction.create import LoadedLifter, build_module
from posebench.prediction.lifter import LifterInputs
from posebench.registry.plugins import load_plugins
from posebench.registry.resolve import resolve_model
from posebench.timing.macs import count_macs


@pytest.fixture(autouse=True, scope="module")
def _plugins() -> None:
    load_plugins()


def on_meta(inputs: LifterInputs) -> LifterInputs:
    tensors = {name: value.to("meta") for name, value in vars(inputs).items() if isinstance(value, torch.Tensor)}
    return replace(inputs, **tensors, noise_streams=noise_streams(1))


def published(name: str, mirrored: bool = False, **config: Any) -> float:
    """Billions of MACs of one window of a published size; no memory is taken for its weights."""
    tag = resolve_model(name)
    merged = {**tag.config, **config}
    spec = tag.entry.spec(merged)
    with torch.device("meta"):
        lifter = LoadedLifter(build_module(tag, merged), spec, tag, merged, None)
    inputs = person(spec, batch=1)
    # A lifter of whole sequences is shown its receptive field, and returns one frame.
    one = replace(
        inputs,
        keypoints=inputs.keypoints[:, : spec.window],
        confidence=inputs.confidence[:, : spec.window],
    )
    return count_macs(lifter, skeleton_of(spec), on_meta(one), mirrored) / 1e9


#: Written otherwise here, by so much.
OTHERWISE = {"ktpformer.h36m_243": 0.008, "ktpformer.h36m_243_d8": 0.008, "poseformerv2.h36m_243": 0.006}


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("videopose3d.h36m_27", 0.0865),
        ("videopose3d.h36m_81", 0.549),
        ("videopose3d.h36m_243", 2.609),
        ("simple_baseline.h36m", 0.00428),
        ("poseformerv2.h36m_27_1_3", 0.0387),
        ("poseformerv2.h36m_27_3_3", 0.0590),
        ("poseformerv2.h36m_81_9_9", 0.178),
        ("poseformerv2.h36m_243", 0.542),
        ("mixste.h36m_27", 15.57),
        ("mixste.h36m_81", 47.3),
        ("mixste.h36m_243", 147.4),
        ("ktpformer.h36m_243", 153.9),
        ("ktpformer.h36m_243_d8", 172.3),
        ("motionbert.h36m_243", 185.4),
        ("motionbert.h36m_243_lite", 71.0),
    ],
)
def test_hand_counts_of_the_public_code(name: str, counted: float) -> None:
    assert published(name) == pytest.approx(counted, rel=OTHERWISE.get(name, 1e-3))


@pytest.mark.parametrize(
    ("name", "counted", "layers", "frames"),
    [
        ("motionagformer.xs_27", 1.08, 12, 27),
        ("motionagformer.s_81", 7.86, 26, 81),
        ("motionagformer.b_243", 64.5, 16, 243),
        ("motionagformer.l_243", 104.6, 26, 243),
    ],
)
def test_motionagformer_without_products_with_diagonal_matrices(
    name: str, counted: float, layers: int, frames: int
) -> None:
    # The public code normalises the temporal adjacency (frames, frames) of every joint by two products with diagonal matrices.
    diagonal = 2 * layers * 17 * frames**3 / 1e9
    assert published(name) + diagonal == pytest.approx(counted, rel=0.006)


def test_mixste_attention_is_what_other_counters_leave_out() -> None:
    # 8.8 GMAC, the difference between the paper's count and the whole.
    attention = (8 * 2 * 17 * 243**2 * 512 + 8 * 2 * 243 * 17**2 * 512) / 1e9
    assert published("mixste.h36m_243") - attention == pytest.approx(277.25 / 2, rel=0.002)


def test_a_diffusion_is_counted_for_every_hypothesis_step_and_mirror_image() -> None:
    one = published("d3dp.h36m_243", hypotheses=1, steps=1, flip=False)
    assert one == pytest.approx(147.4, rel=0.001)
    assert published("d3dp.h36m_243", hypotheses=2, steps=3, flip=True) == pytest.approx(12 * one, rel=1e-3)


def test_the_runs_own_flip_doubles() -> None:
    plain = published("mixste.h36m_27")
    assert published("mixste.h36m_27", mirrored=True) == 2 * plain


@pytest.mark.parametrize("small", SMALL_LIFTERS, ids=lambda small: small.id)
def test_a_cpu_and_shapes_alone_give_the_same_count(small: SmallLifter) -> None:
    lifter = build(small)
    inputs = person(lifter.spec, batch=1)
    skeleton = skeleton_of(lifter.spec)
    if "heatmaps" in lifter.spec.privileges:
        pytest.skip("heatmaps are drawn, not shapes alone")
    counted = count_macs(lifter, skeleton, inputs, False)
    lifter.module.to("meta")
    assert count_macs(lifter, skeleton, on_meta(inputs), False) == counted


class Odd(nn.Module):
    """Products that torch's own registry leaves out, or a fused layer that nothing can be said of."""

    def __init__(self, fused: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(34, 2, 34, batch_first=True)
        self.fused = layer if fused else None

    def lift(self, inputs: LifterInputs) -> torch.Tensor:
        x = inputs.keypoints.flatten(2)
        if self.fused is not None:
            x = self.fused(x)
        else:
            x[0].T @ x[0, :, 0]  # (34, frames) times (frames,)
            torch.dot(x[0, 0], x[0, 0])
        return torch.cat([x, x[..., :17]], -1).unflatten(-1, (17, 3))


def odd(fused: bool) -> LoadedLifter:
    tag = resolve_model("zero-depth")
    return LoadedLifter(Odd(fused).eval(), tag.entry.spec({}), tag, {}, None)


def test_products_with_vectors_count() -> None:
    lifter = odd(fused=False)
    inputs = person(lifter.spec, batch=1)
    assert count_macs(lifter, skeleton_of(lifter.spec), inputs, False) == 34 * inputs.keypoints.shape[1] + 34


def test_a_fused_layer_of_unknown_count_is_refused() -> None:
    lifter = odd(fused=True)
    with pytest.raises(UsageError, match="no exact count"):
        count_macs(lifter, skeleton_of(lifter.spec), person(lifter.spec, batch=1), False)
