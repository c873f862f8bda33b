"""SemGCN: a graph network over the joints of one frame that learns how much each listens to its neighbours.

Zhao, Peng, Tian, Kapadia, Metaxas, CVPR 2019 (arXiv 1904.03345), section 3. Order and shapes are those of the public
code (garyzhao/SemGCN), 267,343 parameters as published and 434,703 with non-local layers.
"""

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from torch.nn import functional

from posebench.errors import UsageError
from posebench.prediction.lifter import LifterInputs
from posebench.skeletons import HUMAN36M_16
from zoo.blocks.graph import GraphLayer, ResidualGraphLayers, SemanticGraphConvolution
from zoo.lifters.normalisation import find_normaliser
from zoo.specs import PUBLISHED_FPS
from zoo.specs import semgcn as specs

MILLIMETRES = 1000.0
JOINTS = HUMAN36M_16.num_joints
EDGES = HUMAN36M_16.bones


def convolution(dim_in: int, dim_out: int) -> SemanticGraphConvolution:
    """Over the skeleton's joints."""
    return SemanticGraphConvolution(dim_in, dim_out, JOINTS, EDGES)


def layer(dim_in: int, dim_out: int) -> GraphLayer:
    """Over the skeleton's joints."""
    return GraphLayer(convolution(dim_in, dim_out), dim_out)


class NonLocal(nn.Module):
    """What every joint takes from all groups of joints, added to it.

    Wang et al. 2018 with concatenation: relu(w . [theta(joint), phi(group)]) / groups weighs g(group). A group is the
    maximum over its joints, and all have the size of the first: as in the public code the order of the joints is
    pooled in steps of that size, and what is left over at its end is in no group.
    """

    order: Tensor

    def __init__(self, dim: int, groups: Sequence[Sequence[int]]) -> None:
        super().__init__()
        order = list(chain.from_iterable(groups))
        if sorted(order) != list(range(JOINTS)):
            raise UsageError(f"groups is {[list(group) for group in groups]}; give each of {JOINTS} joints once.")
        self.size = len(groups[0])
        inner = dim // 2
        self.theta, self.phi, self.g = (nn.Conv1d(dim, inner, 1) for _ in range(3))
        self.weigh = nn.Conv2d(2 * inner, 1, 1, bias=False)
        self.out = nn.Conv1d(inner, dim, 1)
        self.bn = nn.BatchNorm1d(dim)
        self.register_buffer("order", torch.tensor(order), persistent=False)
        for module in (self.theta, self.phi, self.g, self.weigh, self.out):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        # Adds nothing before it is trained.
        nn.init.zeros_(self.bn.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, joints, dim) to the same."""
        channels = x.transpose(1, 2)
        grouped = channels[:, :, self.order]
        phi, g = (functional.max_pool1d(project(grouped), self.size) for project in (self.phi, self.g))
        # The product with a concatenation is a sum: no (joints, groups, dim) is made.
        to_joint, to_group = self.weigh.weight.view(2, -1, 1)
        from_joint, from_group = ((part * h).sum(1) for part, h in ((to_joint, self.theta(channels)), (to_group, phi)))
        weights = functional.relu(from_joint[:, :, None] + from_group[:, None]) / phi.shape[-1]
        taken: Tensor = self.bn(self.out(g @ weights.transpose(1, 2)))
        return x + taken.transpose(1, 2)


class SemanticGraphNetwork(nn.Module):
    """Normalised keypoints (batch, 16, 2) to metres (batch, 16, 3).

    `dim`, `layers`
        Width, and number of residual layers of two graph convolutions.
    `groups`
        With it there are non-local layers, one after the first convolution and one after each residual layer, and
        these are the joints that they pool.
    """

    def __init__(self, dim: int = 128, layers: int = 4, groups: Sequence[Sequence[int]] | None = None) -> None:
        super().__init__()

        def non_local() -> list[nn.Module]:
            return [NonLocal(dim, groups)] if groups else []

        blocks: list[nn.Module] = []
        for _ in range(layers):
            blocks += [ResidualGraphLayers(layer(dim, dim), layer(dim, dim)), *non_local()]
        self.gconv_input = nn.Sequential(layer(2, dim), *non_local())
        self.gconv_layers = nn.Sequential(*blocks)
        self.gconv_output = convolution(dim, 3)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.gconv_output(self.gconv_layers(self.gconv_input(x)))  # type: ignore[no-any-return]


class SemGCN(nn.Module):
    """The lifter around the network: normalise, lift one frame of 16 joints, metres to mm.

    `normalize`
        How pixels become inputs, see `zoo.lifters.normalisation`; the published networks see the `screen`.
    `fps`
        Frame rate of the training data; only declared.

    The others are `SemanticGraphNetwork`'s.
    """

    def __init__(
        self,
        dim: int = 128,
        layers: int = 4,
        groups: Sequence[Sequence[int]] | None = None,
        normalize: str = "screen",
        fps: float | None = PUBLISHED_FPS,
    ) -> None:
        super().__init__()
        self.spec = specs.spec({"fps": fps})
        self.normalise = find_normaliser(normalize)
        self.network = SemanticGraphNetwork(dim, layers, groups)

    def forward(self, windows: Tensor) -> Tensor:
        """Normalised windows (batch, 1, 16, 2) to root-relative mm (batch, 16, 3)."""
        return self.network(windows[:, 0]).float() * MILLIMETRES  # type: ignore[no-any-return]

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, 1, 16, 3), root-relative camera mm."""
        poses: Tensor = self(self.normalise(inputs.keypoints, inputs.image_size))
        return poses[:, None]
