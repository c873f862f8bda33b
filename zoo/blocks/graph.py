"""Graph convolutions over joints or frames, where training weighs the edges.

Zhao et al., CVPR 2019 (SemGCN), and Peng et al., CVPR 2024 (KTPFormer). Both take a node itself in through one matrix
and its neighbours through another. Keys of the state dict (`W`, `e`, `M`, `adj2`, `gconv`, `bn`) and the first weights
are those of the public codes. What follows from the edges is a buffer outside of the state dict.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

Edges = Sequence[tuple[int, int]]


def neighbours(nodes: int, edges: Edges) -> Tensor:
    """(nodes, nodes), 1 where an edge joins row and column in either direction; no node neighbours itself."""
    joined = torch.zeros(nodes, nodes)
    for one, other in edges:
        joined[one, other] = joined[other, one] = 1.0
    return joined


def mean_of_neighbours(nodes: int, edges: Edges) -> Tensor:
    """(nodes, nodes): each node's neighbours with weights that sum to 1, and the node itself with 1 (KTPFormer)."""
    joined = neighbours(nodes, edges)
    return joined / joined.sum(1, keepdim=True).clamp(min=1.0) + torch.eye(nodes)


class _GraphConvolution(nn.Module):
    """x W0 for the node itself and x W1 for all others, both weighed by an adjacency, and a bias."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.empty(2, dim_in, dim_out))
        self.bias = nn.Parameter(torch.empty(dim_out))
        nn.init.xavier_uniform_(self.W, gain=2**0.5)
        nn.init.uniform_(self.bias, -(dim_out**-0.5), dim_out**-0.5)

    def _mix(self, adjacency: Tensor, own: Tensor, others: Tensor) -> Tensor:
        """Adjacency (nodes, nodes), what each node says to itself and to others (groups, nodes, dim)."""
        itself = adjacency.diagonal()
        return itself[:, None] * own + (adjacency - itself.diag()) @ others + self.bias


class SemanticGraphConvolution(_GraphConvolution):
    """Each node weighs itself and its neighbours by a softmax over learnt numbers, one an edge (SemGCN)."""

    heard: Tensor

    def __init__(self, dim_in: int, dim_out: int, nodes: int, edges: Edges) -> None:
        super().__init__(dim_in, dim_out)
        # In the order of the rows of `heard`, both directions of an edge and every node itself.
        self.e = nn.Parameter(torch.ones(1, nodes + 2 * len(edges)))
        self.register_buffer("heard", (neighbours(nodes, edges) + torch.eye(nodes)).bool(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(groups, nodes, dim_in) to (groups, nodes, dim_out)."""
        scores = self.e.new_full(self.heard.shape, -torch.inf).masked_scatter(self.heard, self.e)
        return self._mix(scores.softmax(dim=-1), x @ self.W[0], x @ self.W[1])


class PriorGraphConvolution(_GraphConvolution):
    """A known adjacency plus a learnt one, made symmetric; `M` scales what each node says (KTPFormer)."""

    prior: Tensor

    def __init__(self, dim_in: int, dim_out: int, prior: Tensor) -> None:
        super().__init__(dim_in, dim_out)
        self.M = nn.Parameter(torch.ones(len(prior), dim_out))
        self.adj2 = nn.Parameter(torch.full(prior.shape, 1e-6))
        self.register_buffer("prior", prior, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(groups, nodes, dim_in) to (groups, nodes, dim_out)."""
        adjacency = self.prior + self.adj2
        adjacency = (adjacency + adjacency.T) / 2
        return self._mix(adjacency, self.M * (x @ self.W[0]), self.M * (x @ self.W[1]))


class GraphLayer(nn.Module):
    """A graph convolution to `dim` channels, BatchNorm over all nodes, ReLU."""

    def __init__(self, convolution: nn.Module, dim: int) -> None:
        super().__init__()
        self.gconv = convolution
        self.bn = nn.BatchNorm1d(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(groups, nodes, dim_in) to (groups, nodes, dim)."""
        x = self.gconv(x)
        return functional.relu(self.bn(x.flatten(0, 1)).view(x.shape))


class ResidualGraphLayers(nn.Module):
    """Two layers of one width with a connection around them."""

    def __init__(self, first: GraphLayer, second: GraphLayer) -> None:
        super().__init__()
        self.gconv1 = first
        self.gconv2 = second

    def forward(self, x: Tensor) -> Tensor:
        """(groups, nodes, dim) to the same."""
        added: Tensor = x + self.gconv2(self.gconv1(x))
        return added
