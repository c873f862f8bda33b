"""Walking and running from published joint-angle curves.

The sagittal angles of hip, knee and ankle over one stride, from heel contact
to heel contact of the same foot, are Fourier series of six harmonics. Walking
follows the mean curves of natural cadence in Winter, The Biomechanics and
Motor Control of Human Gait (2nd edition, 1991); running the curves in
Novacheck, The biomechanics of running, Gait and Posture 7 (1998). The samples
below are set after the published figures, to a few degrees: they have the
curves' shape, extremes and timing and are not the authors' tables.

Where the feet go follows from the angles alone: the body is as high as its
lower foot allows and moves forward as fast as the foot on the ground moves
back. That straight walk is then laid along a curved path, point by point, so
that a planted foot stays planted.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from posebench.datasets.procedural.anthropometry import Body
from posebench.datasets.procedural.arithmetic import Array, sin_cos, soft_floor
from posebench.datasets.procedural.choreography import FPS
from posebench.datasets.procedural.curves import between, fourier, harmonics, minimum_jerk, sway
from posebench.datasets.procedural.kinematics import Motion

Rng = np.random.RandomState
Series = tuple[tuple[float, float], ...]

# Degrees at every 5 % of a stride; flexion of hip and knee and dorsiflexion of the ankle are positive.
WALK = (
    (20, 19, 16, 12, 8, 4, 0, -4, -7.5, -10, -11.5, -10.5, -6, 1, 8.5, 15, 19, 21.5, 22, 21),
    (5, 10, 17, 20, 18.5, 15, 11, 8, 7, 8.5, 13.5, 23, 37, 53, 63, 64.5, 55, 38, 19, 6),
    (0, -5, -3.5, 0, 3, 5, 6.5, 8, 9, 9.5, 7, -2, -14, -19, -13, -6, -2, 0, 1.5, 1.5),
)
RUN = (
    (32, 31, 27, 21, 14, 6.5, 0, -5, -6.5, -4, 2, 10, 19, 28, 35.5, 40, 41.5, 40, 37, 34),
    (18, 30, 39, 42, 39, 32, 24, 19, 20, 32, 50, 69, 85, 94, 95, 85, 66, 43, 23, 14),
    (4, 9, 16, 21, 21, 15, 4, -10, -18, -17, -10, -4, 0, 3, 4, 5, 5, 5, 4, 3),
)


@dataclass(frozen=True)
class Gait:
    """What tells walking from running: the curves, when the toe leaves (share of a stride), how exactly feet stay."""

    curves: tuple[tuple[float, ...], ...]
    toe_off: float
    planted: float
    running: bool


WALKING = Gait(WALK, toe_off=0.60, planted=1.0, running=False)
RUNNING = Gait(RUN, toe_off=0.38, planted=0.0, running=True)


@cache
def _series(curves: tuple[tuple[float, ...], ...]) -> tuple[Series, ...]:
    return tuple(harmonics(curve, 6) for curve in curves)


def _foot(body: Body, curves: tuple[tuple[float, ...], ...], phase: Array, swing: float) -> tuple[Array, Array]:
    """Ankle, heel and ball below the hip: (3, frames) forward and (3, frames) up, mm."""
    hip, knee, ankle = (fourier(series, phase) for series in _series(curves))
    hip = swing * hip
    thigh_s, thigh_c = sin_cos(hip)
    shank_s, shank_c = sin_cos(hip - knee)
    foot_s, foot_c = sin_cos(hip - knee + ankle)
    x = body.thigh * thigh_s + body.shank * shank_s
    z = -body.thigh * thigh_c - body.shank * shank_c
    forward = [x]
    up = [z]
    for along in (-body.heel, body.ball):
        forward.append(x + along * foot_c + body.ankle * foot_s)
        up.append(z + along * foot_s - body.ankle * foot_c)
    return np.stack(forward), np.stack(up)


@dataclass(frozen=True)
class _Straight:
    """A walk on a straight line, mm: pelvis forward and up (frames,), ankles forward and up (2, frames)."""

    distance: Array
    height: Array
    ankles_x: Array
    ankles_z: Array


def _straight(body: Body, gait: "Gait", phase: Array, swing: float, margin: int, step: int) -> _Straight:
    """The straight walk at `phase`, whose first and last `margin` frames are only there to be smoothed over.

    A foot on the ground follows its contact exactly. The pelvis and the
    swinging foot follow it averaged over half a `step` (in frames), for the
    load passes between feet gradually.
    """
    both = [phase, phase + 180.0]
    feet = [_foot(body, gait.curves, foot_phase, swing) for foot_phase in both]
    stance = np.stack([_stance(foot_phase, gait.toe_off) for foot_phase in both])
    soles_x = np.concatenate([forward[1:] for forward, _ in feet])
    soles_z = np.concatenate([up[1:] for _, up in feet])
    lowest = np.minimum(np.minimum(soles_z[0], soles_z[1]), np.minimum(soles_z[2], soles_z[3]))
    # A contact of a standing foot shares the load the more the nearer it is to the ground; 12 mm make the
    # hand-over smooth, and the small constant shares it between two flying feet.
    nearness = 12.0 / (soles_z - lowest + 12.0)
    weight = nearness * nearness * nearness * (np.repeat(stance, 2, axis=0) + 1e-4)
    weight = weight / _four(weight)
    height = -_four(weight * soles_z)
    # The load of a frame pair is the mean of both: a foot that lands must not drag the body for a frame.
    back = soles_x[:, 1:] - soles_x[:, :-1]
    speed = -_four(0.5 * (weight[:, 1:] + weight[:, :-1]) * back)
    distance = np.concatenate([np.zeros(1), np.cumsum(speed)])
    smooth_distance = _averaged(_averaged(distance, step // 4), step // 6)
    smooth_height = _averaged(_averaged(height, 2), 1)
    planted = stance * gait.planted
    kept = slice(margin, -margin)
    ankles_x = np.stack([x[0] for x, _ in feet]) + smooth_distance + planted * (distance - smooth_distance)
    ankles_z = np.stack([z[0] for _, z in feet]) + smooth_height + planted * (height - smooth_height)
    return _Straight(smooth_distance[kept], smooth_height[kept], ankles_x[:, kept], ankles_z[:, kept])


def _four(values: Array) -> Array:
    total: Array = (values[0] + values[1]) + (values[2] + values[3])
    return total


def _stance(phase: Array, toe_off: float) -> Array:
    """1 while the foot stands, 0 while it swings, smooth between; `toe_off` is a share of the stride."""
    place = phase / 360.0 + 0.06
    place = place - np.floor(place)
    standing: Array = minimum_jerk(place / 0.09) * (1.0 - minimum_jerk((place - toe_off - 0.02) / 0.09))
    return standing


def _averaged(values: Array, reach: int) -> Array:
    """The mean over `reach` frames to both sides; the ends, which are not kept, stay as they are."""
    total = np.zeros(len(values) - 2 * reach)
    for shift in range(2 * reach + 1):
        total = total + values[shift : shift + len(total)]
    averaged = values.copy()
    averaged[reach : len(values) - reach] = total / (2 * reach + 1)
    return averaged


class Path:
    """A closed walk of `radius` mm; `oval` degrees above 0 straighten its sides and tighten its ends."""

    STEP = 5.0

    def __init__(self, radius: float, oval: float, low: float, high: float) -> None:
        self.low = low - 2 * self.STEP
        self.per_mm = 360.0 / (6.283185307179586 * radius)
        self.oval = oval
        grid: Array = self.low + self.STEP * np.arange(int((high - self.low) / self.STEP) + 4).astype(np.float64)
        s, c = sin_cos(self.heading(grid))
        self.x = self.STEP * np.cumsum(c)
        self.y = self.STEP * np.cumsum(s)

    def heading(self, along: Array) -> Array:
        """Direction of the path in degrees, at distances in mm."""
        turned = self.per_mm * along
        return turned + self.oval * sin_cos(2.0 * turned)[0]

    def bend(self, along: Array, left: Array, up: Array) -> Array:
        """(..., 3) where points of the straight walk come to lie."""
        place = (along - self.low) / self.STEP
        index = np.floor(place).astype(np.int64)
        rest = place - index
        s, c = sin_cos(self.heading(along))
        x = self.x[index] + rest * (self.x[index + 1] - self.x[index])
        y = self.y[index] + rest * (self.y[index + 1] - self.y[index])
        return np.stack([x - left * s, y + left * c, up], axis=-1)


def _go(
    body: Body,
    rng: Rng,
    frames: int,
    gait: Gait,
    strides: float,
    swing: float,
    radius: float,
    oval: float,
) -> Motion:
    running = gait.running
    time = np.arange(frames) / FPS
    margin = int(FPS)
    longer = np.arange(-margin, frames + margin) / FPS
    phases = 360.0 * strides * longer + between(rng, 0.0, 360.0) + sway(rng, longer, 12.0)
    walk = _straight(body, gait, phases, swing, margin, int(0.5 * FPS / strides))
    phase = phases[margin:-margin]
    distance, ankles_x, ankles_z = walk.distance, walk.ankles_x, walk.ankles_z
    # The hips sway, turn and list over the feet; this much room keeps the legs from locking.
    height = walk.height - 0.015 * body.leg
    s1, c1 = sin_cos(phase)
    c2 = sin_cos(2.0 * phase)[1]
    if running:
        # Both feet leave the ground twice in a stride: about 35 to 50 % after each contact.
        flight = soft_floor(sin_cos(2.0 * phase + 126.0)[1] - 0.2, 0.0, 0.2) * between(rng, 25.0, 45.0)
        height, ankles_z = height + flight, ankles_z + flight
    sideways = -between(rng, 14.0, 26.0) * s1 + sway(rng, time, 10.0)
    half_width = between(rng, 0.3, 0.75) * body.hip_half
    # The path must hold all points, also those ahead of and behind the pelvis.
    path = Path(radius, oval, float(distance.min()) - body.stature, float(distance.max()) + body.stature)
    pelvis = path.bend(distance, sideways, height)
    ankles = np.stack(
        [
            path.bend(ankles_x[side], sign * half_width + 0.0 * time, ankles_z[side])
            for side, sign in ((0, -1.0), (1, 1.0))
        ]
    )
    heading = path.heading(distance)
    speed = distance[-1] / (frames - 1) * FPS
    # Lean into the bend until gravity and the centripetal force balance; half of it, for the feet stay under the hips.
    lean = 0.5 * 57.3 * speed * speed / (9810.0 * radius)
    rotation, obliquity = between(rng, 3.0, 6.0), between(rng, 2.0, 4.0)
    tilt = between(rng, 6.0, 12.0) if running else between(rng, 0.0, 5.0)
    turn = np.stack([heading + rotation * c1, tilt + 1.5 * c2, -obliquity * s1 - lean], axis=-1)
    counter = between(rng, 1.4, 2.2)
    spine = np.stack(
        [
            body.stoop + 1.5 * c2 + sway(rng, time, 2.0),
            0.8 * obliquity * s1 - 0.3 * lean + sway(rng, time, 1.5),
            -counter * rotation * c1 + sway(rng, time, 3.0),
        ],
        axis=-1,
    )
    neck = np.stack(
        [
            between(rng, -8.0, 12.0) - 0.6 * tilt + sway(rng, time, 6.0),
            0.5 * lean + sway(rng, time, 4.0),
            (counter - 1.0) * rotation * c1 + between(rng, -10.0, 25.0) + sway(rng, time, 14.0),
        ],
        axis=-1,
    )
    arms = np.stack([_swinging_arm(rng, time, c1, sign, running) for sign in (-1.0, 1.0)])
    toes = np.stack([path.heading(distance) + sign * between(rng, 2.0, 9.0) for sign in (-1.0, 1.0)])
    return Motion(pelvis, turn, spine, neck, arms, ankles, toes)


def _swinging_arm(rng: Rng, time: Array, c1: Array, sign: float, running: bool) -> Array:
    """(frames, 4) an arm that swings with the other leg, or, in one walk of six, one kept at the ear or the belt."""
    style = rng.random_sample()
    amplitude = between(rng, 25.0, 40.0) if running else between(rng, 12.0, 26.0)
    middle = between(rng, -12.0, 4.0) if running else between(rng, 0.0, 8.0)
    bend = between(rng, 75.0, 105.0) if running else between(rng, 15.0, 35.0)
    swing = sign * c1
    angles = [
        middle + amplitude * swing,
        between(rng, 8.0, 18.0) - 3.0 * swing,
        between(rng, 5.0, 35.0) + 6.0 * swing,
        bend + (18.0 if running else 9.0) * swing,
    ]
    if not running and style < 0.08:
        angles = [100.0 + 0.2 * amplitude * swing, 5.0 + 0.0 * c1, 42.0 + 0.0 * c1, 142.0 + 2.0 * swing]
    elif not running and style < 0.16:
        angles = [20.0 + 0.2 * amplitude * swing, 12.0 + 0.0 * c1, 40.0 + 0.0 * c1, 95.0 + 2.0 * swing]
    steps = zip(angles, (4.0, 2.0, 5.0, 5.0), strict=True)
    arm = np.stack([curve + sway(rng, time, amount) for curve, amount in steps], axis=-1)
    arm[:, 3] = soft_floor(arm[:, 3], 4.0, 4.0)
    return arm


def walking(body: Body, rng: Rng, frames: int) -> Motion:
    """Walking around an oval at 95 to 120 steps a minute."""
    strides = between(rng, 0.80, 1.0) / body.tempo
    return _go(
        body, rng, frames, WALKING, strides, between(rng, 0.95, 1.2), between(rng, 950, 1150), between(rng, 6, 18)
    )


def walking_circle(body: Body, rng: Rng, frames: int) -> Motion:
    """Walking slowly around a circle."""
    strides = between(rng, 0.62, 0.85) / body.tempo
    return _go(body, rng, frames, WALKING, strides, between(rng, 0.65, 0.95), between(rng, 600, 950), 0.0)


def running(body: Body, rng: Rng, frames: int) -> Motion:
    """Jogging around a circle at 150 to 175 steps a minute."""
    strides = between(rng, 1.25, 1.45) / body.tempo
    return _go(body, rng, frames, RUNNING, strides, between(rng, 0.62, 0.9), between(rng, 1000, 1200), 0.0)
