"""The graph convolution of MotionAGFormer: every node, a joint or a frame, takes the mean of its neighbours in.

Mehraban, Adeli, Taati, WACV 2024, section 3; the rules of the adjacencies are those of the public code, which the
published weights have learnt. Keys of the state dict are the public ones (`U`, `V`, `batch_norm`).
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from posebench.errors import UsageError

#: Whom each joint of Human3.6M's 17 listens to. Public code and not a skeleton: the Thorax hears neither shoulder and
#: the Hip not the left hip, although they hear it.
JOINT_NEIGHBOURS = (
    (1, 7), (2, 0), (3, 1), (2,), (5, 0), (6, 4), (5,), (0, 8), (7, 9),
    (8, 10), (9,), (12, 8), (13, 11), (12,), (15, 8), (16, 14), (15,),
)  # fmt: skip


def joint_graph() -> Tensor:
    """(17, 17), 1 where the row's joint hears the column's; no joint hears itself, the layer adds that."""
    rows = [[float(joint in heard) for joint in range(len(JOINT_NEIGHBOURS))] for heard in JOINT_NEIGHBOURS]
    return torch.tensor(rows)


def following_frames(frames: int, reach: int) -> Tensor:
    """(frames, frames), 1 where a frame hears itself and each of the next `reach` frames."""
    ones = torch.ones(frames, frames)
    return ones.triu() - ones.triu(reach + 1)


def alike(x: Tensor, neighbours: int) -> Tensor:
    """(groups, nodes, dim) to (groups, nodes, nodes): 1 where the dot product is among the row's largest `neighbours`.

    The public rule: all that tie with the last of them are in. It is a step: where two frames are alike to the last
    bits, as in a padded or stretched sequence, rounding chooses, and another kernel may give another pose.
    """
    with _full_precision(x.device.type):
        similarity = x @ x.transpose(1, 2)
    least = similarity.topk(neighbours, dim=-1).values[..., -1:]
    return (similarity >= least).to(x.dtype)


def _full_precision(device: str) -> AbstractContextManager[Any]:
    """Autocast is off inside: in bfloat16 a frame would tie with all that are about as near."""
    # The `meta` device has no autocast to be off.
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class GraphConvolution(nn.Module):
    """relu(x + norm(D^-1/2 A D^-1/2 V x + U x)) over nodes (groups, nodes, dim), each node with a norm of its own.

    `adjacency`
        A (nodes, nodes); D its sums over the columns.
    `neighbours`
        Instead of a fixed A: that many most similar nodes, see `alike`.
    """

    adjacency: Tensor | None

    def __init__(self, dim: int, nodes: int, adjacency: Tensor | None = None, neighbours: int = 0) -> None:
        super().__init__()
        if adjacency is None and not 1 <= neighbours <= nodes:
            raise UsageError(f"neighbours is {neighbours}; of {nodes} frames give 1 to {nodes}.")
        self.U = nn.Linear(dim, dim)
        self.V = nn.Linear(dim, dim)
        self.batch_norm = nn.BatchNorm1d(nodes)
        self.neighbours = neighbours
        # Not in the state dict: it is no weight but a rule.
        self.register_buffer("adjacency", adjacency, persistent=False)
        for linear in (self.U, self.V):
            nn.init.normal_(linear.weight, std=(2 / dim) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(groups, nodes, dim) to the same."""
        adjacency = alike(x, self.neighbours) if self.adjacency is None else self.adjacency
        scale = adjacency.sum(dim=-1, keepdim=True).rsqrt()
        heard = scale * (adjacency @ (scale * self.V(x)))
        return functional.relu(x + self.batch_norm(heard + self.U(x)))
