"""Errors after the prediction was moved onto the truth: P-MPJPE and N-MPJPE.

The rotation comes in closed form. For the 3x3 covariance B = X^T Y of the centred
poses, with singular values s1 >= s2 >= s3 and s3 negative when det B < 0, the best
proper rotation (Kabsch 1978, Umeyama 1991) is FOAM's (Markley 1993, "Attitude
determination using vector observations: a fast optimal matrix algorithm"):

    R = ((k + |B|^2) B + l cof(B) - B B^T B) / z,   k = (l^2 - |B|^2) / 2,   z = k l - det B

where l = s1 + s2 + s3 is the largest root of (l^2 - |B|^2)^2 - 8 l det B - 4 |cof B|^2 = 0,
the characteristic polynomial of Horn's 4x4 quaternion matrix (Horn 1987, Theobald
2005). All four roots are real, so Laguerre's steps from an upper bound fall to the
largest one and to no other. One Newton-Schulz step then takes what rounding left
in R, and the scale is <R, B> / |X|^2, whose error is the square of R's.

z = (s1 + s2)(s2 + s3)(s3 + s1) measures how well the rotation is defined. A planar
pose (s3 = 0) and a mirrored one (s3 < 0) are ordinary; only s2 + s3 near 0 is not:
collinear, collapsed, or mirrored with two equal spreads. Each pose is tested by
itself (z, orthogonality of R, range of the lengths), and what fails goes to `torch.linalg.svd`.

Poses are worked on as columns, one column entry a pose, in blocks whose operations
stay below `GRAIN` elements and are always a multiple of `LANES` wide. So torch's CPU
loops run in one thread and in whole vectors only, with one order of additions, and the
error of a pose is the same to the bit whatever its neighbours, its place and the number
of threads (tested; on a GPU only for one batch shape).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from posebench.errors import UsageError
from posebench.metrics.position import mpjpe, same_shape

#: Elements from which torch splits an operation over threads on a CPU. Below it no core waits for another
#: one hundreds of times a chunk.
GRAIN = 32768
#: A multiple of the widest run of columns that torch's CPU loops take at once; others are added in another order.
LANES = 64
#: Poses worked on at a time where there is no such limit: it bounds memory.
BLOCK = 32768
#: With |B| = 1, z is about s2 + s3 near its zero. At 1e-4 rounding grows to some 1e-12 of the rotation.
LEAST_DEFINED = 1e-4
#: |R^T R - I| before the last Newton-Schulz step, which leaves 3/8 of its square.
MOST_SKEWED = 1e-7
#: Laguerre steps for l. Three suffice for a prediction like its truth; after five, 1 in 20,000 mirrored ones has
#: not arrived, and fails the test of R.
STEPS = 5
#: Squares outside this range have lost digits to underflow or overflow.
SMALLEST, LARGEST = 1e-280, 1e280
#: Far below the square of any length; keeps the root of 0 at 0.
TINY = 1e-300
#: The nine cofactors of a 3x3 matrix, row by row: p q - r s of its entries.
MINORS = (
    (4, 8, 5, 7), (5, 6, 3, 8), (3, 7, 4, 6),
    (7, 2, 8, 1), (8, 0, 6, 2), (6, 1, 7, 0),
    (1, 5, 2, 4), (2, 3, 0, 5), (0, 4, 1, 3),
)  # fmt: skip


def _root(x: Tensor, out: Tensor | None = None) -> Tensor:
    """Square roots. `torch.sqrt` has threads of its own from 2048 elements on; this has not, and is faster."""
    return torch.add(x, TINY, out=out).rsqrt_().mul_(x)


def _product(a: Tensor, b: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The factors, as views, whose products sum to the matrix product a b of matrices (3, 3, poses)."""
    return list(zip(a.unsqueeze(2).unbind(1), b.unsqueeze(0).unbind(1), strict=True))


def _sum_of_products(pairs: list[tuple[Tensor, Tensor]], out: Tensor) -> Tensor:
    """The sum of first times second of every pair, in their order, written into `out`."""
    (first, second), *others = pairs
    torch.mul(first, second, out=out)
    for first, second in others:
        out.addcmul_(first, second)
    return out


def _inner(a: Tensor, b: Tensor, out: Tensor) -> Tensor:
    """The inner product of 3x3 matrices held as columns: (3, 3, poses) twice to (poses); `out` is scratch."""
    return torch.mul(a, b, out=out).flatten(0, 1).sum(dim=0)


def _squares(parts: Sequence[Tensor], out: Tensor) -> Tensor:
    """The squared lengths of vectors held as three parts."""
    first, second, third = parts
    return torch.mul(first, first, out=out).addcmul_(second, second).addcmul_(third, third)


class _Rotations:
    """Memory in which the rotations of `width` poses are found; reused, as fresh memory takes longer than the work."""

    def __init__(self, width: int, device: torch.device) -> None:
        self.space = torch.empty(4, 3, 3, width, dtype=torch.float64, device=device)
        self.covariance, self.answer = self.space[0], self.space[3]
        self.entries = self.covariance.flatten(0, 1).unbind(0)
        self.cofactors = self.space[1].flatten(0, 1).unbind(0)
        # The four matrix products of `solve`: B^T B, B (B^T B), R^T R, and R (R^T R - I), with R in `work`.
        b, work, product, _ = self.space
        self.gram = _product(b.transpose(0, 1), b)
        self.b_gram = _product(b, product)
        self.square = _product(work.transpose(0, 1), work)
        self.correction = _product(work, product)
        self.identity = torch.eye(3, dtype=torch.float64, device=device)[:, :, None]

    def solve(self, spread: Tensor, reflections: bool) -> Tensor:
        """Fills `answer` with scale times rotation, from `covariance` and |X|^2; (width) whether it may be trusted."""
        b, work, product, rotation = self.space
        norm = _root(_inner(b, b, product))
        b /= norm
        for cofactor, (p, q, r, s) in zip(self.cofactors, MINORS, strict=True):
            torch.mul(self.entries[p], self.entries[q], out=cofactor)
            cofactor.addcmul_(self.entries[r], self.entries[s], value=-1)
        det = torch.mul(b[0], work[0], out=product[0]).sum(dim=0)
        if reflections:
            # The best orthogonal matrix of B is minus the best of -B, so a proper rotation of one of them is it.
            sign = torch.where(det < 0, -1.0, 1.0).to(b.dtype)
            b *= sign
            det = det.abs()
        minors = 4 * _inner(work, work, product)
        det2, det8 = 2 * det, 8 * det
        # With |B| = 1 no root exceeds sqrt(3); put into the polynomial, that bounds the largest root much better.
        # Laguerre's step for four real roots: from above it falls to the largest, with its error cubed near it.
        root = _root(_root((det8.clamp(min=0) * 3**0.5).add_(minors)).add_(1))
        for _ in range(STEPS):
            over = (root * root).sub_(1)
            value = (over * over).sub_(det8 * root).sub_(minors)
            slope = (over * root).sub_(det2)
            bend = _root((slope * slope).sub_(over.add_(2 / 3).mul_(value)))
            root.sub_(value.div_(slope.add_(bend, alpha=3)))
        k = (root * root).sub_(1).div_(2)
        z = k * root - det
        _sum_of_products(self.gram, product)
        work.mul_(root).addcmul_(b, k.add_(1)).sub_(_sum_of_products(self.b_gram, rotation)).div_(z)
        skew = _sum_of_products(self.square, product).sub_(self.identity)
        torch.sub(work, _sum_of_products(self.correction, rotation), alpha=0.5, out=rotation)
        trusted = (z > LEAST_DEFINED) & (_inner(skew, skew, work) < MOST_SKEWED**2)
        trusted &= (spread > SMALLEST) & (spread < LARGEST)
        scale = _inner(rotation, b, product).mul_(norm).div_(spread)
        rotation *= scale.mul_(sign) if reflections else scale
        return trusted


class _Block:
    """Memory for `width` poses as columns, and the views of it; made once, as making a view takes as long as its use."""

    def __init__(self, joints: int, covariance: Tensor, rotation: Tensor) -> None:
        self.covariance = covariance
        self.rotation = [entries.unbind(0) for entries in rotation.unbind(1)]
        x, self.y = covariance.new_empty(2, 3, joints, covariance.shape[-1])
        self.x_parts, self.y_parts = x.unbind(0), self.y.unbind(0)
        self.joints = list(zip(x.unsqueeze(1).unbind(2), self.y.unsqueeze(0).unbind(2), strict=True))
        self.scratch = torch.empty_like(x[0])

    def fill(self, predicted: Tensor, truth: Tensor) -> Tensor:
        """Take (poses, joints, 3) twice, about their means; finds the covariance, gives |X|^2 of every column.

        Columns beyond the last pose keep what they had: no operation mixes columns.
        """
        count = len(truth)
        sources = [*predicted.permute(2, 1, 0).unbind(0), *truth.permute(2, 1, 0).unbind(0)]
        for part, source in zip(self.x_parts + self.y_parts, sources, strict=True):
            part[:, :count].copy_(source)
            part -= part.sum(dim=0).div_(len(part))
        _sum_of_products(self.joints, self.covariance)
        return _squares(self.x_parts, self.scratch).sum(dim=0)

    def subtract(self) -> None:
        """Truth minus the moved prediction, where the truth was."""
        for part, entries in zip(self.y_parts, self.rotation, strict=True):
            for of_x, entry in zip(self.x_parts, entries, strict=True):
                part.addcmul_(of_x, entry, value=-1)


def _left_by_svd(predicted: Tensor, truth: Tensor, reflections: bool) -> Tensor:
    """Truth minus moved prediction by SVD: (poses, joints, 3) mm twice to the same.

    For poses that the closed form refuses. Lengths are taken out first, so no square
    underflows. A prediction without extent gets scale 0; a pose that is not finite, NaN.
    """
    centred = [poses.double() - poses.double().mean(dim=1, keepdim=True) for poses in (predicted, truth)]
    sizes = [poses.abs().amax(dim=(1, 2), keepdim=True) for poses in centred]
    finite = sizes[0].isfinite() & sizes[1].isfinite()
    x, y = (torch.where(finite & (size > 0), poses / size, 0.0) for poses, size in zip(centred, sizes, strict=True))
    u, s, vt = torch.linalg.svd(x.transpose(1, 2) @ y)
    if not reflections:
        turn = torch.ones_like(s)
        turn[:, 2] = torch.where(torch.linalg.det(u @ vt) < 0, -1.0, 1.0)
        u, s = u * turn[:, None], s * turn
    spread = x.square().sum(dim=(1, 2))
    scale = torch.where(spread > 0, s.sum(dim=1) / spread, 0.0)
    return torch.where(finite, sizes[1] * (y - scale[:, None, None] * (x @ (u @ vt))), torch.nan)


def _left_over(predicted: Tensor, truth: Tensor, reflections: bool) -> Iterator[tuple[slice | Tensor, int, Tensor]]:
    """Truth minus moved prediction of (poses, joints, 3), piece by piece: which poses, how many, (3, joints, width).

    Columns beyond the last pose mean nothing, and the next piece overwrites them all. Poses that the closed form
    refuses come a second time, at the end. On a CPU two blocks share one call for their rotations, whose operations
    are on 9 numbers a pose, not on every joint's.
    """
    count, joints = truth.shape[:2]
    most = BLOCK
    if truth.device.type == "cpu":
        most = max((GRAIN - 1) // max(joints, 18) // LANES, 1) * LANES
    width = min(-(-max(count, 1) // LANES) * LANES, most)
    together = 2 if truth.device.type == "cpu" and count > width else 1
    rotations = _Rotations(together * width, truth.device)
    spread = rotations.covariance.new_zeros(together * width)
    columns = [slice(at, at + width) for at in range(0, together * width, width)]
    blocks = [_Block(joints, rotations.covariance[..., at], rotations.answer[..., at]) for at in columns]
    refused = [torch.empty(0, dtype=torch.long, device=truth.device)]
    for start in range(0, count, together * width):
        end = min(start + together * width, count)
        places = [slice(at, min(at + width, end)) for at in range(start, end, width)]
        for place, block, at in zip(places, blocks, columns, strict=False):
            spread[at] = block.fill(predicted[place], truth[place])
        trusted = rotations.solve(spread, reflections)
        refused.append((~trusted[: end - start]).nonzero()[:, 0] + start)
        for place, block in zip(places, blocks, strict=False):
            block.subtract()
            yield place, place.stop - place.start, block.y
    every = torch.cat(refused)
    for start in range(0, len(every), BLOCK):
        rest = every[start : start + BLOCK]
        left = spread.new_zeros(3, joints, -(-len(rest) // LANES) * LANES)
        left[..., : len(rest)] = _left_by_svd(predicted[rest], truth[rest], reflections).permute(2, 1, 0)
        yield rest, len(rest), left


def _check(predicted: Tensor, truth: Tensor) -> None:
    if predicted.dim() < 2 or predicted.shape[-2:] != truth.shape[-2:] or truth.shape[-1] != 3 or not truth.shape[-2]:
        raise UsageError(
            f"Poses to align need one shape (..., joints, 3), but predicted ones have {tuple(predicted.shape)} and "
            f"true ones {tuple(truth.shape)}."
        )


def procrustes_align(predicted: Tensor, truth: Tensor, *, reflections: bool = False) -> Tensor:
    """The similarity of each predicted pose that is nearest to its truth; (..., joints, 3) mm, float64 inside and out.

    Rotation, translation and scale, no reflection (Umeyama 1991, eq. 40-42; the
    rule of VideoPose3D's `p_mpjpe`): with the SVD U S V^T of the 3x3 covariance,
    the last singular vector turns over when det(U V^T) < 0. With `reflections` it
    never does. Leading dimensions broadcast. How it is computed, and why that is
    safe for planar and mirrored poses: see the module.

    Degenerate poses have a defined answer. A prediction whose joints all coincide
    has no scale or rotation: it is moved to the mean of the truth, as is any
    prediction when all true joints coincide. Where the rotation is not unique (collinear joints),
    it is the one LAPACK's SVD gives. A pose with NaN or infinity in prediction or truth
    comes back as NaN, its neighbours untouched. No gradients: this is a measure, not a loss.

    Raises `UsageError` when joints or coordinates differ in number, and `ValueError` when the leading dimensions
    do not broadcast.
    """
    _check(predicted, truth)
    shape = np.broadcast_shapes(tuple(predicted.shape), tuple(truth.shape))
    aligned = torch.empty(shape, dtype=torch.float64, device=predicted.device)
    flat = aligned.view(-1, *shape[-2:])
    with torch.inference_mode():
        x, y = (poses.expand(shape).reshape(flat.shape) for poses in (predicted, truth))
        for place, count, left in _left_over(x, y, reflections):
            flat[place] = y[place].double() - left[..., :count].permute(2, 1, 0)
    return aligned


def _aligned_errors(predicted: Tensor, truth: Tensor, reflections: bool) -> Tensor:
    """Mean joint distance after alignment, without keeping the aligned poses; (..., joints, 3) mm twice to (...) mm."""
    _check(predicted, truth)
    same_shape(predicted, truth)
    joints = truth.shape[-2]
    errors = torch.empty(truth.shape[:-2], dtype=torch.float64, device=predicted.device)
    flat = errors.view(-1)
    with torch.inference_mode():
        x, y = (poses.reshape(-1, joints, 3) for poses in (predicted, truth))
        for place, count, left in _left_over(x, y, reflections):
            lengths = _root(_squares(left.unbind(0), left[0]), left[1])
            flat[place] = lengths.sum(dim=0)[:count] / joints
    return errors


def p_mpjpe(predicted: Tensor, truth: Tensor) -> Tensor:
    """MPJPE after Procrustes alignment of every pose with scale, "Protocol 2"; (..., joints, 3) mm twice to (...) mm.

    The rule of VideoPose3D's `p_mpjpe`: no reflection. float64 out; the answer of a pose is the same to the bit in
    any batch and with any number of threads. Degenerate and non-finite poses: as in `procrustes_align`, so NaN
    in is NaN out. Raises `UsageError` for unequal shapes.
    """
    return _aligned_errors(predicted, truth, reflections=False)


def p_mpjpe_with_reflections(predicted: Tensor, truth: Tensor) -> Tensor:
    """P-MPJPE where the alignment may mirror the pose, as GFPose and ZeDO score; (..., joints, 3) mm twice to (...) mm.

    Never above the proper one by squared error, and 0 for a mirrored pose: not comparable with `p_mpjpe`.
    """
    return _aligned_errors(predicted, truth, reflections=True)


def n_mpjpe(predicted: Tensor, truth: Tensor) -> Tensor:
    """MPJPE after the best scale of every pose, no translation, "Protocol 3"; (..., joints, 3) mm twice to (...) mm.

    VideoPose3D's `n_mpjpe` (Rhodin et al. 2018): scale = <predicted, truth> / <predicted, predicted>.
    A prediction of zeros keeps its zeros.
    """
    norm = predicted.square().sum(dim=(-2, -1), keepdim=True)
    product = (predicted * truth).sum(dim=(-2, -1), keepdim=True)
    scale = torch.where(norm > 0, product / norm.clamp(min=torch.finfo(norm.dtype).tiny), 0.0)
    return mpjpe(scale * predicted, truth)
