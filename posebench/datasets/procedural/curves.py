"""The primitives every motion is composed of; all are smooth in time."""

import numpy as np

from posebench.datasets.procedural.arithmetic import Array, sin_cos


def between(rng: np.random.RandomState, low: float, high: float) -> float:
    """A uniform number in [low, high).

    Not `rng.uniform`: its compiled sum may be fused into one rounding on some processors.
    """
    return low + (high - low) * float(rng.random_sample())


def minimum_jerk(progress: Array) -> Array:
    """0 before, 1 after, and between them the minimum-jerk transition of Flash and Hogan (1985), equation 3."""
    u = np.minimum(np.maximum(progress, 0.0), 1.0)
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


def sway(rng: np.random.RandomState, time: Array, amplitude: float) -> Array:
    """Low-frequency wandering about 0: four sines of random phase between 0.1 and 1.1 Hz.

    `time` is seconds; the result is within +-`amplitude` and falls off with
    frequency, as quiet postural sway does.
    """
    bands = ((0.1, 0.25), (0.25, 0.45), (0.45, 0.75), (0.75, 1.1))
    waves = [(between(rng, low, high), between(rng, 0.0, 360.0)) for low, high in bands]
    first, second, third, fourth = sin_cos(np.stack([360.0 * frequency * time + phase for frequency, phase in waves]))[
        0
    ]
    wave: Array = amplitude * ((0.4 * first + 0.3 * second) + (0.2 * third + 0.1 * fourth))
    return wave


def harmonics(samples: tuple[float, ...], count: int) -> tuple[tuple[float, float], ...]:
    """Fourier coefficients (cosine, sine) 0..`count` of one period sampled at equal steps."""
    n = len(samples)
    coefficients = []
    for k in range(count + 1):
        s, c = sin_cos(np.arange(n).astype(np.float64) * (360.0 * k / n))
        scale = (1.0 if k == 0 else 2.0) / n
        cosine = sine = 0.0
        # Summed one by one: neither numpy's nor Python's sum() has the same order and rounding in every release.
        for i, value in enumerate(samples):
            cosine += value * float(c[i])
            sine += value * float(s[i])
        coefficients.append((scale * cosine, scale * sine))
    return tuple(coefficients)


def fourier(coefficients: tuple[tuple[float, float], ...], phase: Array) -> Array:
    """The Fourier series at `phase` in degrees (360 is one period)."""
    total = np.full_like(phase, coefficients[0][0])
    for k, (cosine, sine) in enumerate(coefficients[1:], start=1):
        s, c = sin_cos(k * phase)
        total = total + (cosine * c + sine * s)
    return total
