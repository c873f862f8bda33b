"""Actions of the whole body: the pelvis moves over planted or stepping feet.

Each action turns a body, a random stream and a number of frames into a
`Motion`. It is written for a right-handed person and repeats, with new
parameters each time, until the clip is full. Times are seconds, positions leg
lengths, heights hip heights, angles degrees.
"""

from dataclasses import replace

import numpy as np

from posebench.datasets.procedural.anthropometry import Body
from posebench.datasets.procedural.arithmetic import sin_cos, soft_floor
from posebench.datasets.procedural.choreography import Choreography
from posebench.datasets.procedural.kinematics import Motion
from posebench.datasets.procedural.seated import hang_hands

Rng = np.random.RandomState


def squatting(body: Body, rng: Rng, frames: int) -> Motion:
    """Squats of varied depth, arms forward, hanging or behind the head; some are held in a crouch."""
    score = Choreography(body, rng, frames)
    score.set(r_foot_y=-score.draw(0.15, 0.26), l_foot_y=score.draw(0.15, 0.26))
    score.set(r_toe=-score.draw(10, 30), l_toe=score.draw(10, 30))
    behind_head = score.chance(0.25)
    at = score.draw(0.1, 0.6)
    while at < score.seconds:
        depth, over = score.draw(0.42, 0.78), score.draw(0.8, 1.3) * body.tempo
        hold = score.draw(0.7, 1.5) if score.chance(0.3) else score.draw(0.0, 0.2)
        bottom = 0.8 - depth
        score.move(
            at,
            over,
            pelvis_z=depth,
            pelvis_x=-0.16 - 0.3 * max(bottom, 0.0),
            tilt=score.draw(22, 40),
            flex=score.draw(4, 20),
            nod=score.draw(-25, -5),
        )
        forward = score.chance(0.7)
        for side in "rl":
            if behind_head:
                score.move_side(side, at, over, flexion=95, abduction=60, rotation=-25, elbow=135)
            elif forward:
                score.move_side(
                    side, at, over, flexion=score.draw(70, 105), elbow=score.draw(6, 40), rotation=score.draw(5, 25)
                )
            else:
                score.move_side(side, at, over, flexion=score.draw(15, 40), elbow=score.draw(10, 60))
        rise = at + over + hold
        score.move(rise, over, pelvis_z=1.0, pelvis_x=0.0, tilt=0.0, flex=body.stoop, nod=0.0)
        if not behind_head:
            hang_hands(score, rise, over)
        at = rise + over + score.draw(0.0, 0.4)
    return score.motion()


def lunging(body: Body, rng: Rng, frames: int) -> Motion:
    """Step forward into a lunge and push back, one leg after the other."""
    score = Choreography(body, rng, frames)
    hips = score.chance(0.4)
    for side in "rl":
        if hips:
            score.set_side(side, flexion=-12.0, abduction=45.0, rotation=65.0, elbow=105.0)
    side, at = "r", score.draw(0.1, 0.6)
    while at < score.seconds:
        length, down = score.draw(0.6, 0.9), score.draw(0.7, 0.85)
        home, out = score.now(f"{side}_foot_x"), score.draw(0.7, 1.0) * body.tempo
        score.step(side, at, out, 0.12, foot_x=length)
        score.move(at + 0.15 * out, out, pelvis_x=0.5 * length, pelvis_z=down, tilt=score.draw(0, 16), nod=-4.0)
        other = "l" if side == "r" else "r"
        # The rear heel comes up as the rear knee goes down.
        score.move_side(other, at + 0.3 * out, 0.85 * out, foot_z=0.09)
        if not hips:
            score.move_side(other, at, out, flexion=score.draw(15, 50), elbow=score.draw(20, 80))
            score.move_side(side, at, out, flexion=score.draw(-30, 5), elbow=score.draw(15, 40))
        back = at + 1.2 * out + score.draw(0.0, 0.5)
        score.step(side, back + 0.15 * out, out, 0.12, foot_x=home)
        score.move(back, 1.1 * out, pelvis_x=0.0, pelvis_z=1.0, tilt=0.0, nod=0.0)
        score.move_side(other, back, 0.7 * out, foot_z=0.0)
        if not hips:
            hang_hands(score, back, out)
        side, at = other, back + 1.2 * out + score.draw(0.0, 0.4)
    return score.motion()


def lifting_box(body: Body, rng: Rng, frames: int) -> Motion:
    """Lift a box from the floor with both hands, turn with it, and put it down; by the knees or by the back."""
    score = Choreography(body, rng, frames)
    score.set(r_foot_y=-score.draw(0.14, 0.24), l_foot_y=score.draw(0.14, 0.24))
    width, back_lift = score.draw(2, 14), score.chance(0.35)
    at = score.draw(0.1, 0.5)
    while at < score.seconds:
        down, up = score.draw(0.9, 1.3) * body.tempo, score.draw(0.9, 1.3) * body.tempo
        depth = score.draw(0.74, 0.86) if back_lift else score.draw(0.48, 0.64)
        tilt = score.draw(62, 78) if back_lift else score.draw(38, 52)
        score.move(
            at,
            down,
            pelvis_z=depth,
            pelvis_x=-0.2,
            tilt=tilt,
            flex=score.draw(18, 36),
            nod=score.draw(-30, -8),
            twist=0.0,
        )
        reach = tilt + score.draw(-12, 8)
        for side in "rl":
            score.move_side(side, at, down, flexion=reach, abduction=width, rotation=score.draw(10, 25), elbow=14)
        lift = at + down + score.draw(0.0, 0.25)
        score.move(lift, up, pelvis_z=1.0, pelvis_x=-0.04, tilt=-2.0, flex=4.0, nod=score.draw(-5, 20))
        carry = score.draw(18, 45)
        for side in "rl":
            score.move_side(side, lift, up, flexion=carry, rotation=score.draw(14, 26), elbow=score.draw(65, 95))
        score.move(lift + up, score.draw(0.7, 1.1), twist=score.draw(-40, 40), look=score.draw(-20, 20))
        at = lift + up + score.draw(0.9, 1.5)
    return score.motion()


def jumping(body: Body, rng: Rng, frames: int) -> Motion:
    """Jumps on the spot with a counter-movement and an arm swing; some open arms and legs like jumping jacks."""
    score = Choreography(body, rng, frames)
    jacks = score.chance(0.35)
    score.set(pelvis_z=0.972)
    at = score.draw(0.1, 0.7)
    while at < score.seconds:
        dip, height = score.draw(0.72, 0.86), score.draw(0.10, 0.26)
        down = score.draw(0.35, 0.55) * body.tempo
        score.move(at, down, pelvis_z=dip, pelvis_x=-0.1, tilt=score.draw(18, 34), nod=-12.0)
        for side in "rl":
            score.move_side(side, at, down, flexion=score.draw(-45, -20), elbow=score.draw(15, 35))
        # Gravity ends the rise: a minimum-jerk move of length s in time t decelerates by at most 5.8 s / t^2.
        rise = 0.77 * float(np.sqrt((1.0 + height - dip) * body.hip_height / 1000.0))
        up = at + 0.9 * down
        score.move(up, rise, pelvis_z=1.0 + height, pelvis_x=0.0, tilt=0.0, nod=0.0)
        overhead = score.draw(110, 165) if score.chance(0.6) else score.draw(45, 100)
        for side, sign in (("r", -1.0), ("l", 1.0)):
            if jacks:
                score.move_side(side, up, 1.1 * rise, flexion=5.0, abduction=score.draw(115, 150), elbow=20.0)
                score.move_side(side, up + 0.5 * rise, rise, foot_y=sign * 0.36)
            else:
                score.move_side(side, up, 1.1 * rise, flexion=overhead, elbow=score.draw(12, 40))
        land = up + 0.98 * rise
        fall = 1.05 * rise
        score.move(land, fall, pelvis_z=score.draw(0.78, 0.88), pelvis_x=-0.07, tilt=score.draw(12, 24))
        recover = land + 0.95 * fall
        score.move(recover, 0.5, pelvis_z=0.972, pelvis_x=0.0, tilt=0.0)
        for side, sign in (("r", -1.0), ("l", 1.0)):
            score.move_side(side, land, fall + 0.3, flexion=0.0, abduction=12.0, elbow=22.0)
            if jacks:
                score.move_side(side, land, 0.8 * fall, foot_y=sign * 0.15)
        at = recover + 0.4 + score.draw(0.0, 0.5)
    motion = score.motion()
    # The feet leave the ground when the legs are nearly straight and the hips still rise.
    lift = soft_floor(motion.pelvis[:, 2] - 0.985 * body.hip_height, 0.0, 25.0)
    ankles = motion.ankles.copy()
    ankles[..., 2] = ankles[..., 2] + lift
    return replace(motion, ankles=ankles)


def kicking(body: Body, rng: Rng, frames: int) -> Motion:
    """Kick a ball: step on, swing the leg from behind through and up, arms against it."""
    score = Choreography(body, rng, frames)
    at = score.draw(0.2, 0.7)
    while at < score.seconds:
        home = score.now("r_foot_x")
        score.move(at, 0.5, pelvis_y=0.09, pelvis_x=0.06, list=-3.0, pelvis_z=0.975)
        wind, through = score.draw(0.4, 0.55), score.draw(0.36, 0.5)
        height, reach = score.draw(0.22, 0.65), score.draw(0.5, 0.75)
        score.move_side("r", at + 0.1, wind, foot_x=-score.draw(0.45, 0.6), foot_z=score.draw(0.25, 0.4), foot_y=-0.2)
        score.move(at + 0.1, wind, tilt=12.0, twist=score.draw(5, 15), yaw=-12.0, nod=14.0)
        score.move_side("l", at, wind + 0.2, flexion=score.draw(30, 60), abduction=score.draw(40, 75), elbow=25.0)
        score.move_side("r", at, wind + 0.2, flexion=-30.0, abduction=25.0)
        kick = at + 0.1 + 0.85 * wind
        # The foot passes low under the hips and rises only in front of them.
        score.move_side("r", kick, 0.55 * through, foot_z=0.06)
        score.move_side("r", kick, through, foot_x=reach, foot_y=-score.draw(0.0, 0.15))
        score.move_side("r", kick + 0.5 * through, 0.6 * through, foot_z=height)
        score.move(kick, through, tilt=-score.draw(4, 16), yaw=12.0, twist=-10.0, pelvis_x=0.1, flex=14.0)
        score.move_side("l", kick, through, flexion=-20.0, abduction=40.0)
        score.move_side("r", kick, through, flexion=25.0, abduction=30.0, elbow=35.0)
        back = kick + 1.1 * through + score.draw(0.0, 0.2)
        settle = score.draw(0.7, 1.0)
        score.move_side("r", back, settle, foot_x=home, foot_z=0.0, foot_y=-0.14)
        score.move(
            back + 0.1,
            settle,
            pelvis_y=0.0,
            pelvis_x=0.0,
            list=0.0,
            pelvis_z=1.0,
            tilt=0.0,
            yaw=0.0,
            twist=0.0,
            flex=body.stoop,
            nod=0.0,
        )
        hang_hands(score, back, settle)
        at = back + settle + score.draw(0.1, 0.5)
    return score.motion()


def turning(body: Body, rng: Rng, frames: int) -> Motion:
    """Turn on the spot with small steps, head first (Hollands et al., 2004), stopping now and then."""
    score = Choreography(body, rng, frames)
    yaw, at, direction = 0.0, score.draw(0.1, 0.5), 1.0
    half = score.draw(0.11, 0.16)
    for side, sign in (("r", -1.0), ("l", 1.0)):
        _place_foot(score, side, sign * half, 0.0, None, 0.0)
    while at < score.seconds:
        if score.chance(0.25):
            direction = -direction
        steps = 2 + int(score.draw(0, 4))
        score.move(at - 0.2, 0.5, look=direction * score.draw(25, 50))
        for i in range(steps):
            angle, over = direction * score.draw(25, 50), score.draw(0.45, 0.65) * body.tempo
            # The foot on the inner side of the turn goes first.
            first = "l" if direction > 0 else "r"
            for side in (first, "r" if first == "l" else "l"):
                sign = 1.0 if side == "l" else -1.0
                when = at + (0.0 if side == first else 0.5 * over)
                _place_foot(score, side, sign * half, yaw + angle, when, 0.6 * over)
            score.move(at, over, yaw=yaw + angle, twist=direction * (12.0 if i + 1 < steps else 0.0))
            score.move(at, 0.5 * over, pelvis_y=0.0, list=-2.0 * direction)
            score.move(at + 0.5 * over, 0.5 * over, list=0.0)
            score.move_side("r", at, over, flexion=score.draw(-12, 16))
            score.move_side("l", at, over, flexion=score.draw(-12, 16))
            yaw, at = yaw + angle, at + over
        score.move(at - 0.3, 0.5, look=0.0)
        at = at + score.draw(0.2, 0.9)
    return score.motion()


def _place_foot(
    score: Choreography, side: str, out: float, yaw: float, at: float | None, over: float, height: float = 0.07
) -> None:
    """Put a foot beside the pelvis of a body that faces `yaw`; at the clip's start when `at` is None."""
    s, c = (float(value) for value in sin_cos(np.array(yaw)))
    toe = yaw + (6.0 if side == "l" else -6.0)
    targets = {"foot_x": -out * s, "foot_y": out * c, "toe": toe}
    if at is None:
        score.set_side(side, **targets)
    else:
        score.step(side, at, over, height, **targets)
