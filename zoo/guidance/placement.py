"""Where in front of the camera a pose stands, solved from the rays that its joints are seen along.

Closed form: the root t minimises sum_j w_j |P_j (x_j + t)|^2, where P_j = I - r_j r_j^T takes what is beside the ray r_j. That
is linear in t: A t = -b, with A = sum_j w_j P_j and b = sum_j w_j P_j x_j. A pose in metres fixes scale and depth together; nothing
of it is taken from ground truth.
"""

import torch
from torch import Tensor

#: Added to the diagonal of A in proportion to its trace: one joint alone says nothing of its depth.
RIDGE = 1e-6
#: Depths (metres) that a root is kept within.
NEAR, FAR = 0.5, 50.0


def place_root(poses: Tensor, seen: Tensor, weight: Tensor) -> Tensor:
    """Roots (..., 3) of poses (..., joints, 3) about them, given unit rays (..., joints, 3) and weights (..., joints).

    Lengths are in metres. A root that comes out behind the camera, or nearer
    than `NEAR` or farther than `FAR`, is moved along the middle ray to those
    depths; without any evidence that is the optical axis.
    """
    identity = torch.eye(3, device=poses.device, dtype=poses.dtype)
    beside = weight[..., None, None] * (identity - seen[..., :, None] * seen[..., None, :])
    matrix = beside.sum(dim=-3)
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1).clamp(min=RIDGE)
    side = -(beside @ poses[..., None]).sum(dim=-3)
    root: Tensor = torch.linalg.solve(matrix + RIDGE * trace[..., None, None] * identity, side)[..., 0]
    depth = root[..., 2:].clamp(NEAR, FAR)
    axis = poses.new_tensor([0.0, 0.0, RIDGE])
    middle = (weight[..., None] * seen).sum(dim=-2) + axis
    along = middle / middle[..., 2:].clamp(min=RIDGE)
    outside = (root[..., 2:] < NEAR) | (root[..., 2:] > FAR)
    return torch.where(outside, along * depth, root)
