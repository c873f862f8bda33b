"""Actions of the arms, standing or seated: reach, throw, wave, box, phone, eat.

Written for a right-handed person; see `postures` for units and conventions.
"""

import numpy as np

from posebench.datasets.procedural.anthropometry import Body
from posebench.datasets.procedural.choreography import Choreography
from posebench.datasets.procedural.kinematics import Motion
from posebench.datasets.procedural.seated import hang_hands, seat

Rng = np.random.RandomState


def reaching(body: Body, rng: Rng, frames: int) -> Motion:
    """Reach for shelves, tables and the floor, with one hand or both, bending and leaning as far as needed."""
    score = Choreography(body, rng, frames)
    at = score.draw(0.1, 0.5)
    while at < score.seconds:
        out, back = score.draw(0.8, 1.2) * body.tempo, score.draw(0.7, 1.1) * body.tempo
        kind = score.rng.random_sample()
        if kind < 0.35:
            raised, tilt, drop = score.draw(125, 165), score.draw(-4, 6), 1.0
        elif kind < 0.75:
            raised, tilt, drop = score.draw(60, 105), score.draw(6, 28), score.draw(0.95, 1.0)
        else:
            raised, tilt, drop = score.draw(65, 95), score.draw(50, 72), score.draw(0.62, 0.85)
        twist = score.draw(-30, 30)
        score.move(
            at,
            out,
            tilt=tilt,
            flex=score.body.stoop + 0.35 * max(tilt, 0.0),
            twist=twist,
            bend=score.draw(-8, 8),
            look=score.draw(-15, 15),
            nod=-0.35 * tilt + score.draw(-10, 10),
            pelvis_z=drop,
            pelvis_x=-0.003 * tilt,
        )
        both = score.chance(0.3)
        for side in "rl" if both else "r":
            score.move_side(
                side,
                at,
                out,
                flexion=raised,
                abduction=score.draw(-5, 30),
                rotation=score.draw(0, 25),
                elbow=score.draw(6, 22),
            )
        home = at + out + score.draw(0.05, 0.5)
        score.move(home, back, tilt=0.0, flex=body.stoop, twist=0.0, bend=0.0, nod=0.0, pelvis_z=1.0, pelvis_x=0.0)
        hang_hands(score, home, back)
        at = home + back + score.draw(0.0, 0.4)
    return score.motion()


def throwing(body: Body, rng: Rng, frames: int) -> Motion:
    """Overarm throws: stride, wind-up, and a whip from the hips over the trunk to the wrist; some are underarm."""
    score = Choreography(body, rng, frames)
    at = score.draw(0.1, 0.6)
    while at < score.seconds:
        wind, whip = score.draw(0.6, 0.9) * body.tempo, score.draw(0.40, 0.52) * body.tempo
        stride, home = score.draw(0.25, 0.5), score.now("l_foot_x")
        score.step("l", at + 0.4 * wind, 0.6 * wind, 0.1, foot_x=stride, toe=score.draw(-5, 10))
        release = at + wind
        score.move(at, wind, yaw=-score.draw(20, 45), twist=-score.draw(20, 35), tilt=-6.0, look=score.draw(35, 60))
        score.move(at, wind, pelvis_x=-0.04, pelvis_z=0.96)
        score.move(release - 0.1, whip, yaw=score.draw(8, 25), pelvis_x=0.55 * stride, pelvis_z=0.92, look=5.0)
        score.move(release - 0.02, whip, twist=score.draw(20, 38), tilt=score.draw(12, 24), flex=20.0)
        if score.chance(0.75):
            score.move_side(
                "r", at, wind, flexion=score.draw(5, 20), abduction=score.draw(80, 100), rotation=-80.0, elbow=95.0
            )
            score.move_side("r", release - 0.02, whip, flexion=score.draw(70, 90), rotation=15.0)
            score.move_side("r", release + 0.08, whip - 0.08, elbow=18.0, abduction=35.0)
        else:
            score.move_side("r", at, wind, flexion=-50.0, abduction=18.0, rotation=0.0, elbow=12.0)
            score.move_side("r", release - 0.02, whip, flexion=score.draw(85, 120), elbow=20.0)
        score.move_side("l", at, wind, flexion=score.draw(50, 85), abduction=20.0, elbow=25.0)
        score.move_side("l", release - 0.1, whip, flexion=-15.0, abduction=20.0, elbow=60.0)
        back = release + whip + score.draw(0.1, 0.4)
        over = score.draw(0.7, 1.0)
        score.step("l", back, over, 0.07, foot_x=home, toe=8.0)
        score.move(back, over, yaw=0.0, twist=0.0, tilt=0.0, flex=body.stoop, pelvis_x=0.0, pelvis_z=1.0, look=0.0)
        hang_hands(score, back, over)
        at = back + over + score.draw(0.0, 0.4)
    return score.motion()


def waving(body: Body, rng: Rng, frames: int) -> Motion:
    """Wave with one arm, small at the shoulder or large overhead, sometimes with both."""
    score = Choreography(body, rng, frames)
    both = score.chance(0.25)
    at = score.draw(0.1, 0.5)
    while at < score.seconds:
        raise_time = score.draw(0.5, 0.8) * body.tempo
        large = score.chance(0.45)
        middle = score.draw(125, 150) if large else score.draw(50, 80)
        elbow, beat = (score.draw(15, 40) if large else score.draw(95, 125)), score.draw(0.24, 0.4)
        sides = "rl" if both else "r"
        for side in sides:
            score.move_side(
                side, at, raise_time, flexion=score.draw(5, 30), abduction=middle, rotation=-70.0, elbow=elbow
            )
        score.move(at, raise_time, look=score.draw(-20, 20), bend=score.draw(-6, 6))
        at = at + raise_time
        for i in range(4 + int(score.draw(0, 5))):
            swing = (1.0 if i % 2 else -1.0) * score.draw(0.6, 1.0)
            for side in sides:
                if large:
                    score.move_side(side, at, beat, abduction=middle + 24.0 * swing)
                else:
                    score.move_side(side, at, beat, rotation=-70.0 + 28.0 * swing, elbow=elbow + 10.0 * swing)
            at = at + 0.9 * beat
        hang_hands(score, at, 0.8)
        at = at + score.draw(0.9, 1.5)
    return score.motion()


def boxing(body: Body, rng: Rng, frames: int) -> Motion:
    """Guard, jabs, crosses, hooks and uppercuts on bouncing legs."""
    score = Choreography(body, rng, frames)
    score.set(l_foot_x=0.2, l_foot_y=0.12, r_foot_x=-0.2, r_foot_y=-0.14, l_toe=-12.0, r_toe=-45.0)
    score.set(pelvis_z=0.94, yaw=-28.0, tilt=6.0, flex=14.0, nod=10.0, look=18.0)
    guard = {"flexion": 38.0, "abduction": 12.0, "rotation": 30.0, "elbow": 125.0}
    for side in "rl":
        score.set_side(side, **guard)
    bounce, at = score.draw(0.3, 0.45), 0.0
    while at < score.seconds:
        score.move(at, bounce, pelvis_z=score.draw(0.90, 0.93), pelvis_x=score.draw(-0.05, 0.07))
        score.move(at + bounce, bounce, pelvis_z=score.draw(0.94, 0.96), pelvis_y=score.draw(-0.05, 0.05))
        at = at + 2 * bounce
    at, side = score.draw(0.1, 0.5), "l"
    while at < score.seconds:
        over = score.draw(0.22, 0.32)
        kind, turned = score.rng.random_sample(), (26.0 if side == "r" else -18.0)
        if kind < 0.6:
            score.move_side(
                side, at, over, flexion=score.draw(78, 98), abduction=score.draw(-2, 8), elbow=score.draw(8, 20)
            )
        elif kind < 0.8:
            score.move_side(side, at, over, flexion=82.0, abduction=25.0, rotation=75.0, elbow=85.0)
            turned *= 1.4
        else:
            score.move_side(side, at, over, flexion=70.0, rotation=5.0, elbow=100.0)
        score.move(at - 0.04, over, twist=turned, yaw=-28.0 + 0.8 * turned, tilt=score.draw(6, 14))
        score.move_side(side, at + 0.9 * over, 1.2 * over, **guard)
        score.move(at + over, 1.3 * over, twist=0.0, yaw=-28.0)
        at = at + over * score.draw(1.3, 2.4)
        if score.chance(0.25):
            at = at + score.draw(0.3, 0.8)
        side = ("l" if side == "r" else "r") if score.chance(0.75) else side
    return score.motion()


def phoning(body: Body, rng: Rng, frames: int) -> Motion:
    """Phone at the ear, standing with shifting weight or seated; the free hand talks along."""
    score = Choreography(body, rng, frames)
    seated = score.chance(0.4)
    if seated:
        seat(score)
    ear = {
        "flexion": score.draw(88, 110),
        "abduction": score.draw(0, 12),
        "rotation": score.draw(28, 50),
        "elbow": score.draw(138, 148),
    }
    if score.chance(0.5):
        score.set_side("r", **ear)
    else:
        score.move_side("r", score.draw(0.1, 0.8), score.draw(0.8, 1.2), **ear)
    at = score.draw(0.2, 0.8)
    while at < score.seconds:
        over = score.draw(0.6, 1.2)
        score.move(
            at,
            over,
            look=score.draw(-35, 35),
            nod=score.draw(-10, 22),
            cock=score.draw(-14, 4),
            twist=score.draw(-12, 12),
            bend=score.draw(-6, 6),
        )
        if not seated:
            side = score.draw(-0.07, 0.07)
            score.move(at, over, pelvis_y=side, list=-40.0 * side, pelvis_z=1.0 - 0.15 * abs(side))
        if score.chance(0.5):
            score.move_side(
                "l",
                at,
                over,
                flexion=score.draw(5, 45),
                abduction=score.draw(6, 30),
                rotation=score.draw(0, 50),
                elbow=score.draw(20, 100),
            )
        at = at + over * score.draw(0.7, 1.4)
    return score.motion()


def eating(body: Body, rng: Rng, frames: int) -> Motion:
    """Eat and drink, mostly at a table: the hand goes between plate and mouth, the head comes to meet it."""
    score = Choreography(body, rng, frames)
    if score.chance(0.75):
        seat(score)
        score.set(tilt=score.draw(-2, 10))
    table = {"flexion": 38.0, "abduction": 10.0, "rotation": 30.0, "elbow": 68.0}
    for side in "rl":
        score.set_side(side, **{name: value + score.draw(-6, 6) for name, value in table.items()})
    trunk, stoop = score.now("tilt"), score.now("flex")
    at = score.draw(0.1, 0.5)
    while at < score.seconds:
        side = "r" if score.chance(0.75) else "l"
        up, down = score.draw(0.6, 0.95) * body.tempo, score.draw(0.6, 0.9) * body.tempo
        drinking = score.chance(0.35)
        score.move_side(
            side,
            at,
            up,
            flexion=score.draw(58, 74) + (8.0 if drinking else 0.0),
            abduction=score.draw(2, 16),
            rotation=score.draw(38, 52),
            elbow=score.draw(122, 134),
        )
        score.move(
            at,
            up,
            tilt=trunk + (-4.0 if drinking else score.draw(2, 9)),
            flex=stoop + score.draw(0, 8),
            nod=-18.0 if drinking else score.draw(4, 18),
        )
        hold = score.draw(0.5, 1.1) if drinking else score.draw(0.05, 0.3)
        home = at + up + hold
        score.move_side(side, home, down, **{name: value + score.draw(-8, 8) for name, value in table.items()})
        score.move(home, down, tilt=trunk, flex=stoop, nod=score.draw(0, 18), look=score.draw(-25, 25))
        at = home + down + score.draw(0.0, 0.4)
    return score.motion()
