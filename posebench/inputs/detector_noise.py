"""The random processes of the simulated detector: stationary from the first frame, in seconds and not in frames.

All work on numbers drawn before: how many are drawn never depends on a pose.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter
from scipy.signal import lfilter

Array = npt.NDArray[np.float64]

#: The person's size is the median over this many seconds, so that one waving hand does not scale the errors.
SIZE_SECONDS = 0.5


def wander(white: Array, seconds: float, fps: float) -> Array:
    """Standard normal noise (frames, ...) with memory: correlation exp(-t / seconds) after t seconds.

    `white` is independent standard normal noise of the same shape: this is the
    Ornstein-Uhlenbeck process sampled at `fps`, an AR(1) recursion.
    """
    rho = np.exp(-1.0 / (seconds * fps))
    driven = white * np.sqrt(1.0 - rho * rho)
    driven[:1] = white[:1]
    filtered: Array = lfilter([1.0], [1.0, -rho], driven, axis=0)
    return filtered


def episodes(uniform: Array, rate: Any, seconds: Any, fps: float) -> npt.NDArray[np.bool_]:
    """Stretches of frames (frames, n) in which something is the case: a two-state Markov chain in continuous time.

    `rate` is how many stretches begin per second while there is none, `seconds`
    their mean length; both broadcast to (frames, n). `uniform` is (frames, n)
    in [0, 1). The share of the time inside is rate / (rate + 1 / seconds).
    """
    total = rate + 1.0 / np.asarray(seconds)
    share = np.broadcast_to(rate / total, uniform.shape)
    moved = -np.expm1(-total / fps)
    # High numbers switch on and low ones off: the two ranges never meet, so
    # the state is that of the last switch and needs no loop over frames.
    on = uniform > 1.0 - share * moved
    off = uniform < (1.0 - share) * moved
    on[:1] = uniform[:1] > 1.0 - share[:1]
    off[:1] = ~on[:1]
    frame = np.arange(len(uniform))[:, None]
    last = np.maximum.accumulate(np.where(on | off, frame, 0), axis=0)
    state: npt.NDArray[np.bool_] = np.take_along_axis(on, last, axis=0)
    return state


def person_size(pixels: Array, fps: float) -> Array:
    """Size of the person in pixels (frames,): the longer side of the box around its joints, median over half a second.

    `pixels` is (frames, joints, 2), NaN for a missing joint. The longer side
    is the height of a person who stands, and stays its length when it lies. A
    frame without joints takes the size of its neighbours; without any joint in
    the whole sequence the size is NaN.
    """
    there = np.logical_not(np.isnan(pixels).any(axis=-1))
    low = np.where(there[..., None], pixels, np.inf).min(axis=1, initial=np.inf)
    high = np.where(there[..., None], pixels, -np.inf).max(axis=1, initial=-np.inf)
    seen = there.any(axis=1)
    if not seen.any():
        return np.full(len(pixels), np.nan)
    frames = np.arange(len(pixels))
    size = np.interp(frames, frames[seen], (high - low)[seen].max(axis=-1))
    smooth: Array = median_filter(size, size=2 * round(SIZE_SECONDS * fps / 2) + 1, mode="nearest")
    return smooth
