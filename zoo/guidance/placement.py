"""Where in front of the camera a pose stands, solved from where its joints are seen.

A root is (a, b, c): direction x / z and y / z, and logarithm of the depth z in metres. It is solved in the image, by
Gauss-Newton steps on the squared residuals there. In metres beside the rays the solution would be linear, but near by a
metre: a pose that is still an average is smaller than the person, and the smaller the depth, the smaller that residual.

The depth begins with what bones say before any pose is known: one of length L that is seen l long (in focal lengths)
cannot be farther than L / l, and the less it is foreshortened, the nearer that bound. Nothing is taken from ground truth.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from posebench.cameras import undistort
from posebench.skeletons import HUMAN36M_17
from zoo.guidance.camera import NEAREST

#: Which of the bounds that the bones set is taken for the depth: the quantile that has no bias on HDM05's validation subject.
BOUND_QUANTILE = 0.25
#: How far the logarithm of the depth may be from that; 0.073 there, and twice that is better calibrated, for what bones
#: say is used again with every pose.
DEPTH_DEVIATION = 0.15
#: How far the direction is from the middle of all joints.
DIRECTION_DEVIATION = 0.3
#: Depths (metres) that a root is kept within, and the one that is taken without any evidence.
NEAR, FAR, UNSEEN = 0.5, 50.0, 5.0
_ONE, _OTHER = (list(ends) for ends in zip(*HUMAN36M_17.bones, strict=True))


@dataclass(frozen=True)
class Start:
    """Where a root is looked for: `root` (n, 3) as (a, b, c), known up to `deviation` (3,)."""

    root: Tensor
    deviation: Tensor


def begin(seen: Tensor, weight: Tensor, lens: Tensor, bones: Tensor) -> Start:
    """From pixels (n, 17, 2), their weights (n, 17), a lens (9,) and lengths in metres (bones,) of the skeleton's bones."""
    flat = torch.stack(undistort(seen, lens), dim=-1)
    total = weight.sum(-1, keepdim=True)
    middle = (weight[..., None] * flat).sum(-2) / total.clamp(min=torch.finfo(flat.dtype).tiny)
    length = torch.linalg.vector_norm(flat[:, _ONE] - flat[:, _OTHER], dim=-1)
    known = (weight[:, _ONE] > 0) & (weight[:, _OTHER] > 0)
    bounds = torch.where(known, bones / length.clamp(min=1e-6), torch.full_like(length, torch.nan))
    depth = torch.nanquantile(bounds, BOUND_QUANTILE, dim=-1).nan_to_num(UNSEEN).clamp(NEAR, FAR)
    deviation = flat.new_tensor([DIRECTION_DEVIATION, DIRECTION_DEVIATION, DEPTH_DEVIATION])
    return Start(torch.cat([middle, depth.log()[:, None]], dim=-1), deviation)


def in_metres(root: Tensor) -> Tensor:
    """(..., 3) as (a, b, c) to x, y, z."""
    depth = root[..., 2:].exp()
    return torch.cat([root[..., :2] * depth, depth], dim=-1)


def improve(root: Tensor, start: Start, poses: Tensor, residual: Tensor, weight: Tensor, focal: Tensor) -> Tensor:
    """One Gauss-Newton step of roots (n, m, 3) as (a, b, c).

    `poses` (n, m, 17, 3) are metres about the root, `residual` (n, m, 17, 2)
    the pixels by which they are seen beside where they project, `weight`
    (n, m, 17) the inverse of its variance, `focal` (2,) pixels. `start` counts
    as an observation of its own deviation, so that joints too few or too
    uncertain to say where the root is leave it there.
    """
    a, b, c = root.unbind(-1)
    z = c.exp()[..., None]
    depth = (poses[..., 2] + z).clamp(min=NEAREST)
    # By a, b and c of (x_j + a z) / (z_j + z), likewise y; the lens's distortion is left out, which moves no solution by much.
    along = z / depth
    by_c = [z * (way[..., None] * poses[..., 2] - poses[..., axis]) / depth.square() for axis, way in enumerate((a, b))]
    zero = torch.zeros_like(along)
    across, down = (torch.stack(parts, dim=-1) for parts in ((along, zero, by_c[0]), (zero, along, by_c[1])))
    slope = torch.stack([across * focal[0], down * focal[1]], dim=-2)
    weighted = weight[..., None, None] * slope
    precision = start.deviation.square().reciprocal()
    matrix = (weighted.transpose(-2, -1) @ slope).sum(dim=-3) + torch.diag(precision)
    side = (weighted * residual[..., None]).sum(dim=(-3, -2)) + precision * (start.root[:, None] - root)
    better = root + torch.linalg.solve(matrix, side[..., None])[..., 0].clamp(-1.0, 1.0)
    return torch.cat([better[..., :2], better[..., 2:].clamp(math.log(NEAR), math.log(FAR))], dim=-1)
