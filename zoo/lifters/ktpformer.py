"""KTPFormer: a transformer over space and time whose first tokens know the bones and the order of the frames.

Peng, Zhou, Mok, CVPR 2024 (arXiv 2404.00658), section 3. A graph convolution over the bones stands before the first
attention among joints, two over the chain of frames before the first along time; blocks of the two kinds alternate
after them. Order, shapes and epsilons are those of the public code (JihuaPeng/KTPFormer), 35,213,430 parameters as
published with depth 7 and 39,418,998 with depth 8.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from posebench.errors import UsageError
from posebench.skeletons import HUMAN36M_17
from zoo.blocks.graph import GraphLayer, PriorGraphConvolution, ResidualGraphLayers, mean_of_neighbours
from zoo.blocks.transformer import EPSILON, Block
from zoo.lifters.seq2seq import Seq2SeqLifter
from zoo.specs import PUBLISHED_FPS
from zoo.specs import ktpformer as specs

JOINTS = HUMAN36M_17.num_joints


class PriorBlock(nn.Module):
    """A transformer block whose tokens went through a graph and got a place first."""

    def __init__(self, graph: nn.Module, tokens: int, dim: int, heads: int, mlp_ratio: float, qkv_bias: bool) -> None:
        super().__init__()
        self.graph = graph
        self.position = nn.Parameter(torch.zeros(1, tokens, dim))
        self.block = Block(dim, heads, mlp_ratio, qkv_bias)
        # The public code hands its epsilon to all norms but this one.
        self.block.norm1 = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(groups, tokens, channels) to (groups, tokens, dim)."""
        return self.block(self.graph(x) + self.position)  # type: ignore[no-any-return]


class PriorTransformer(nn.Module):
    """Normalised windows (batch, frames, 17, 2) to metres (batch, frames, 17, 3).

    `depth`
        Pairs of a block over the joints of each frame and one over the frames of each joint, beside the first pair.
    `drop_path`
        Of the last pair in training; it grows to that from 0 in the first.
    """

    def __init__(
        self,
        frames: int = specs.FRAMES,
        dim: int = 512,
        depth: int = 7,
        heads: int = 8,
        mlp_ratio: float = 2.0,
        qkv_bias: bool = True,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        if dim % heads:
            raise UsageError(f"dim is {dim}, which does not divide into {heads} heads.")
        bones = mean_of_neighbours(JOINTS, HUMAN36M_17.bones)
        steps = mean_of_neighbours(frames, list(pairwise(range(frames))))
        joint_graph = GraphLayer(PriorGraphConvolution(2, dim, bones), dim)
        one, two = (GraphLayer(PriorGraphConvolution(dim, dim, steps), dim) for _ in range(2))
        self.joint_prior = PriorBlock(joint_graph, JOINTS, dim, heads, mlp_ratio, qkv_bias)
        self.frame_prior = PriorBlock(ResidualGraphLayers(one, two), frames, dim, heads, mlp_ratio, qkv_bias)
        drops = [drop_path * (block + 1) / depth for block in range(depth)]
        self.spatial_blocks, self.temporal_blocks = (
            nn.ModuleList(Block(dim, heads, mlp_ratio, qkv_bias, drop) for drop in drops) for _ in range(2)
        )
        # One for every block of its kind.
        self.spatial_norm = nn.LayerNorm(dim, eps=EPSILON)
        self.temporal_norm = nn.LayerNorm(dim, eps=EPSILON)
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 3))

    def _pair(self, x: Tensor, spatial: nn.Module, temporal: nn.Module) -> Tensor:
        """(batch, frames, joints, channels) to (batch, frames, joints, dim): among joints, then along time."""
        joints = self.spatial_norm(spatial(x.flatten(0, 1)))
        tracks = joints.view(*x.shape[:3], -1).transpose(1, 2)
        frames: Tensor = self.temporal_norm(temporal(tracks.flatten(0, 1)))
        return frames.view(tracks.shape).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self._pair(x, self.joint_prior, self.frame_prior)
        for spatial, temporal in zip(self.spatial_blocks, self.temporal_blocks, strict=True):
            x = self._pair(x, spatial, temporal)
        return self.head(x)  # type: ignore[no-any-return]


class KTPFormer(Seq2SeqLifter):
    """A `PriorTransformer`, whose arguments these are; `fps`, of the training data, is only declared."""

    def __init__(
        self,
        frames: int = specs.FRAMES,
        dim: int = 512,
        depth: int = 7,
        heads: int = 8,
        mlp_ratio: float = 2.0,
        qkv_bias: bool = True,
        drop_path: float = 0.1,
        normalize: str = "screen",
        fps: float | None = PUBLISHED_FPS,
    ) -> None:
        network = PriorTransformer(frames, dim, depth, heads, mlp_ratio, qkv_bias, drop_path)
        super().__init__(network, specs.spec({"frames": frames, "fps": fps}), normalize)
