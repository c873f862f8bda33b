"""Arithmetic with the same last bit on every machine.

The motion is built from sums, products, quotients and square roots alone,
one numpy operation at a time. IEEE 754 fixes their results exactly, while the
sine of a math library, a fused multiply-add inside a compiled loop (matrix
products, `np.interp`, scipy's rotations) or a reordered sum may differ in the
last bit between processors. A difference of one bit at a rounding border
would change the fingerprint of the whole data set.
"""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Taylor coefficients from the highest power down: below 1e-16 on |x| <= pi / 4.
_SINE = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8, -1, -1))
_COSINE = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(8, -1, -1))


def sin_cos(degrees: Array) -> tuple[Array, Array]:
    """Sine and cosine of an angle in degrees, of any shape; exact to about 2e-16."""
    quarters = np.rint(degrees / 90.0)
    x = (degrees - 90.0 * quarters) * (math.pi / 180.0)
    square = x * x
    sine = np.full_like(x, _SINE[0])
    cosine = np.full_like(x, _COSINE[0])
    for s, c in zip(_SINE[1:], _COSINE[1:], strict=True):
        sine = sine * square + s
        cosine = cosine * square + c
    sine = sine * x
    turn = quarters % 4.0
    swapped = (turn == 1.0) | (turn == 3.0)
    # Adding zero turns -0.0 into 0.0, so that no sign of zero is stored.
    return (
        np.where(turn >= 2.0, -1.0, 1.0) * np.where(swapped, cosine, sine) + 0.0,
        np.where((turn == 1.0) | (turn == 2.0), -1.0, 1.0) * np.where(swapped, sine, cosine) + 0.0,
    )


def dot(a: Array, b: Array) -> Array:
    """(..., 1) scalar product over the last axis of length 3, summed in the fixed order x, y, z."""
    product = a * b
    return product[..., 0:1] + product[..., 1:2] + product[..., 2:3]


def unit(a: Array) -> Array:
    """(..., 3) vectors scaled to length 1."""
    return a / np.sqrt(dot(a, a))


def soft_floor(values: Array, low: float, width: float) -> Array:
    """A smooth `max(values, low)`: above `low` everywhere, at most `width / 2` above the larger of the two."""
    above = values - low
    return low + 0.5 * (above + np.sqrt(above * above + width * width))


def turn_about_z(points: Array, degrees: Array) -> Array:
    """(..., 3) points turned counter-clockwise about the vertical; `degrees` broadcasts against (...)."""
    s, c = sin_cos(degrees)
    x, y = points[..., 0], points[..., 1]
    return np.stack([c * x - s * y, s * x + c * y, points[..., 2] + 0.0 * c], axis=-1)
