"""Which joints hear which: the skeleton's part, made by hand, and a learned part.

DreamPose3D (arXiv 2511.09502): A = ((A_L + A_G) + (A_L + A_G)^T) / 2. The paper does not give the weights of A_L; here they
are KTPFormer's, of the same form: the skeleton with every joint itself, each row divided by its sum, and a learned part
that begins at 1e-6.
"""

import torch
from torch import Tensor, nn

from zoo.blocks.graph import Edges, neighbours

FIRST = 1e-6


class JointAffinity(nn.Module):
    """Tokens (..., joints, dim) to what each joint hears, of that shape."""

    local: Tensor

    def __init__(self, joints: int, bones: Edges) -> None:
        super().__init__()
        joined = neighbours(joints, bones) + torch.eye(joints)
        # A function of the skeleton alone: no part of a checkpoint.
        self.register_buffer("local", joined / joined.sum(1, keepdim=True), persistent=False)
        self.learned = nn.Parameter(torch.full((joints, joints), FIRST))

    @property
    def matrix(self) -> Tensor:
        """A, (joints, joints)."""
        both = self.local + self.learned
        return (both + both.T) / 2

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.matrix @ x
