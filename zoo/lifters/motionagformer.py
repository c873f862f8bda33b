"""MotionAGFormer: enhancing 3D human pose estimation with a transformer-GCNFormer network.

Mehraban, Adeli, Taati, WACV 2024, section 3. The state dict of `MotionAGNetwork` has the layout of the public code
(TaatiTeam/MotionAGFormer), 11,723,811 parameters for the published base size of 243 frames.
"""

from dataclasses import dataclass
from typing import Any

import torch
from timm.layers.mlp import Mlp
from torch import Tensor, nn

from posebench.errors import UsageError
from zoo import specs
from zoo.blocks.image25d import Image25DLifter
from zoo.blocks.motion_graph import GraphConvolution, following_frames, joint_graph
from zoo.blocks.temporal_convolution import MultiScaleConvolution
from zoo.blocks.transformer import Attention

JOINTS = 17
#: x, y and confidence.
CHANNELS = 3
#: With what a new network's layer scales begin, so that at first every layer does next to nothing (public code).
FIRST_SCALE = 1e-5


@dataclass(frozen=True)
class LayerOptions:
    """What every layer of a network shares; the defaults are those of all published sizes.

    `heads`, `mlp_ratio`, `qkv_bias`
        Of the attention stream; the perceptrons of both streams have the ratio.
    `neighbours`
        How many frames each frame hears in the graph stream when `temporal_similarity` chooses them by likeness.
    `temporal_reach`
        Without `temporal_similarity` a frame hears itself and that many of the next frames.
    `adaptive_fusion`
        The streams are weighed joint by joint; otherwise their mean is taken.
    `layer_scale`
        What a block adds is scaled by learnt factors.
    `hierarchical`
        Each stream has half of the channels and the graph stream hears the attention stream; nothing is fused.
    `graph_only`
        The graph stream is bare mixers, without norms and perceptrons.
    `tcn`
        The graph stream mixes frames by convolutions.
    """

    heads: int = 8
    mlp_ratio: float = 4.0
    qkv_bias: bool = False
    neighbours: int = 2
    temporal_similarity: bool = True
    temporal_reach: int = 1
    adaptive_fusion: bool = True
    layer_scale: bool = True
    hierarchical: bool = False
    graph_only: bool = False
    tcn: bool = False


PUBLISHED = LayerOptions()


class MixerBlock(nn.Module):
    """x + scale * mixer(norm(x)), then x + scale * perceptron(norm(x)): the transformer's block around any mixer."""

    def __init__(self, dim: int, mixer: nn.Module, options: LayerOptions) -> None:
        super().__init__()
        # With torch's own epsilon, unlike the other transformers of this field.
        self.norm1 = nn.LayerNorm(dim)
        self.mixer = mixer
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * options.mlp_ratio))
        self.scaled = options.layer_scale
        if self.scaled:
            self.layer_scale_1 = nn.Parameter(torch.full((dim,), FIRST_SCALE))
            self.layer_scale_2 = nn.Parameter(torch.full((dim,), FIRST_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(groups, tokens, dim) to the same."""
        mixed: Tensor = self.mixer(self.norm1(x))
        x = x + (self.layer_scale_1 * mixed if self.scaled else mixed)
        refined: Tensor = self.mlp(self.norm2(x))
        return x + (self.layer_scale_2 * refined if self.scaled else refined)


class TwoStreamLayer(nn.Module):
    """Attention and graph convolution side by side, each over the joints of a frame, then over the frames of a joint."""

    def __init__(self, frames: int, dim: int, options: LayerOptions) -> None:
        super().__init__()
        width = dim // 2 if options.hierarchical else dim
        if width % options.heads or (options.hierarchical and dim % 2):
            raise UsageError(f"A stream of {width} of {dim} channels does not divide into {options.heads} heads.")

        def attention() -> nn.Module:
            return MixerBlock(width, Attention(width, options.heads, options.qkv_bias), options)

        def graph(mixer: nn.Module) -> nn.Module:
            return mixer if options.graph_only else MixerBlock(width, mixer, options)

        self.hierarchical = options.hierarchical
        self.att_spatial, self.att_temporal = attention(), attention()
        self.graph_spatial = graph(GraphConvolution(width, JOINTS, joint_graph()))
        self.graph_temporal = graph(_frame_mixer(frames, width, options))
        # The public code has these weights also where halves are put side by side and nothing reads them.
        self.fusion = nn.Linear(2 * width, 2) if options.adaptive_fusion else None
        if self.fusion is not None:
            # Both streams alike before the first step.
            nn.init.zeros_(self.fusion.weight)
            nn.init.constant_(self.fusion.bias, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frames, joints, dim) to the same."""
        if self.hierarchical:
            first, second = x.chunk(2, dim=-1)
            attended = self._attend(first)
            return torch.cat([attended, self._convolve(second + attended)], dim=-1)
        attended, convolved = self._attend(x), self._convolve(x)
        if self.fusion is None:
            return (attended + convolved) / 2
        share: Tensor = self.fusion(torch.cat([attended, convolved], dim=-1)).softmax(dim=-1)
        return attended * share[..., :1] + convolved * share[..., 1:]

    def _attend(self, x: Tensor) -> Tensor:
        return _over_frames(self.att_temporal, _over_joints(self.att_spatial, x))

    def _convolve(self, x: Tensor) -> Tensor:
        return _over_frames(self.graph_temporal, _over_joints(self.graph_spatial, x))


def _frame_mixer(frames: int, width: int, options: LayerOptions) -> nn.Module:
    if options.tcn:
        return MultiScaleConvolution(width)
    if options.temporal_similarity:
        return GraphConvolution(width, frames, neighbours=options.neighbours)
    return GraphConvolution(width, frames, following_frames(frames, options.temporal_reach))


def _over_joints(block: nn.Module, x: Tensor) -> Tensor:
    """(batch, frames, joints, dim) to the same; `block` sees the joints of each frame."""
    mixed: Tensor = block(x.flatten(0, 1))
    return mixed.reshape(x.shape)


def _over_frames(block: nn.Module, x: Tensor) -> Tensor:
    """(batch, frames, joints, dim) to the same; `block` sees the frames of each joint."""
    return _over_joints(block, x.transpose(1, 2)).transpose(1, 2)


class MotionAGNetwork(nn.Module):
    """Keypoints with confidence to poses in the image's own space, of all frames at once."""

    def __init__(
        self,
        frames: int = 243,
        layers: int = 16,
        dim: int = 128,
        dim_rep: int = 512,
        options: LayerOptions = PUBLISHED,
    ) -> None:
        super().__init__()
        self.joints_embed = nn.Linear(CHANNELS, dim)
        self.pos_embed = nn.Parameter(torch.zeros(1, JOINTS, dim))
        self.layers = nn.Sequential(*(TwoStreamLayer(frames, dim, options) for _ in range(layers)))
        self.norm = nn.LayerNorm(dim)
        self.rep_logit = nn.Sequential()
        self.rep_logit.add_module("fc", nn.Linear(dim, dim_rep))
        self.rep_logit.add_module("act", nn.Tanh())
        self.head = nn.Linear(dim_rep, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frames, 17, 3): x, y in units of half the image's width and confidence; returns x, y, depth in those."""
        x = self.layers(self.joints_embed(x) + self.pos_embed)
        poses: Tensor = self.head(self.rep_logit(self.norm(x)))
        return poses


class MotionAGFormer(Image25DLifter):
    """The lifter around the network; `output`, `rootrel` and `normalize` are explained at `Image25DLifter`.

    `fps`
        Frame rate of the training data; only declared.
    `layer_options`
        Any of the fields of `LayerOptions`.
    """

    def __init__(
        self,
        frames: int = 243,
        layers: int = 16,
        dim: int = 128,
        dim_rep: int = 512,
        output: str = "image25d",
        rootrel: bool = True,
        normalize: str = "screen",
        fps: float | None = specs.PUBLISHED_FPS,
        **layer_options: Any,
    ) -> None:
        super().__init__(
            MotionAGNetwork(frames, layers, dim, dim_rep, LayerOptions(**layer_options)),
            {"frames": frames, "output": output, "fps": fps},
            rootrel=rootrel,
            normalize=normalize,
        )
