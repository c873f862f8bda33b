"""Sitting down and standing up, and the seated start that other actions share.

See `postures` for units and conventions.
"""

import numpy as np

from posebench.datasets.procedural.anthropometry import Body
from posebench.datasets.procedural.choreography import Choreography
from posebench.datasets.procedural.kinematics import Motion

Rng = np.random.RandomState


def seat(score: Choreography, high: float = 0.56) -> None:
    """Start the clip seated on a chair of ordinary height, feet in front, hands often on the thighs."""
    score.set(pelvis_x=-0.42, pelvis_z=score.draw(0.50, high), tilt=score.draw(-12, 4), flex=score.draw(4, 20))
    for side, sign in (("r", -1.0), ("l", 1.0)):
        score.set_side(side, foot_x=score.draw(-0.05, 0.16), foot_y=sign * score.draw(0.1, 0.24))
        if score.chance(0.65):
            score.set_side(
                side,
                flexion=score.draw(20, 38),
                abduction=score.draw(5, 16),
                rotation=score.draw(15, 45),
                elbow=score.draw(45, 75),
            )


def sit_down(score: Choreography, at: float, over: float) -> None:
    """Lean forward, lower the hips backwards, straighten the trunk: phases after Schenkman et al. (1990), reversed."""
    lean = score.draw(24, 38)
    score.move(at, 0.65 * over, tilt=lean, flex=score.draw(12, 26), nod=score.draw(-18, 8))
    score.move(at + 0.12 * over, 0.70 * over, pelvis_x=-0.42, pelvis_z=score.draw(0.50, 0.56))
    score.move(at + 0.60 * over, 0.45 * over, tilt=score.draw(-14, 4), flex=score.draw(4, 20), nod=score.draw(-8, 12))


def stand_up(score: Choreography, at: float, over: float) -> None:
    """Flexion momentum, momentum transfer, extension: Schenkman et al., Physical Therapy 70 (1990)."""
    score.move(at, 0.50 * over, tilt=score.draw(28, 42), flex=score.draw(10, 24), nod=score.draw(-22, 4))
    score.move(at + 0.28 * over, 0.72 * over, pelvis_x=0.0, pelvis_z=1.0)
    score.move(at + 0.45 * over, 0.60 * over, tilt=0.0, flex=score.body.stoop, nod=0.0)


def rest_hands(score: Choreography, at: float, over: float) -> None:
    """Bring both hands to the thighs."""
    for side in "rl":
        score.move_side(
            side,
            at + score.draw(0.0, 0.3),
            over,
            flexion=score.draw(20, 38),
            abduction=score.draw(5, 14),
            rotation=score.draw(15, 45),
            elbow=score.draw(45, 75),
        )


def hang_hands(score: Choreography, at: float, over: float) -> None:
    """Let both arms hang."""
    for side in "rl":
        score.move_side(
            side,
            at + score.draw(0.0, 0.2),
            over,
            flexion=score.draw(-4, 10),
            abduction=score.draw(7, 14),
            rotation=score.draw(5, 35),
            elbow=score.draw(10, 28),
        )


def sitting_down(body: Body, rng: Rng, frames: int) -> Motion:
    """Stand, sit down on a chair, and shift about on it."""
    score = Choreography(body, rng, frames)
    begin, over = score.draw(0.3, 1.1), score.draw(1.4, 2.1) * body.tempo
    sit_down(score, begin, over)
    rest_hands(score, begin + 0.3 * over, 0.9)
    after = begin + over
    score.move(after, 0.9, twist=score.draw(-18, 18), look=score.draw(-35, 35), bend=score.draw(-6, 6))
    if score.chance(0.5):
        side = "r" if score.chance(0.5) else "l"
        sign = 1.0 if side == "l" else -1.0
        score.step(side, after + 0.2, 0.8, 0.05, foot_x=score.draw(-0.15, 0.25), foot_y=sign * score.draw(0.06, 0.2))
    return score.motion()


def standing_up(body: Body, rng: Rng, frames: int) -> Motion:
    """Sit, stand up, and mostly take a step forward."""
    score = Choreography(body, rng, frames)
    seat(score)
    score.set(look=score.draw(-30, 30), twist=score.draw(-12, 12))
    begin, over = score.draw(0.4, 1.4), score.draw(1.3, 2.0) * body.tempo
    score.move(begin - 0.3, 0.8, look=0.0, twist=0.0)
    for side, sign in (("r", -1.0), ("l", 1.0)):
        score.step(side, begin - 0.2, 0.5, 0.03, foot_x=score.draw(-0.12, 0.0), foot_y=sign * score.draw(0.12, 0.2))
        swing = score.draw(10, 45)
        score.move_side(side, begin, 0.5 * over, flexion=swing, elbow=score.draw(25, 60))
    stand_up(score, begin, over)
    hang_hands(score, begin + 0.6 * over, 0.9)
    if score.chance(0.6):
        length = score.draw(0.2, 0.45)
        at = begin + over
        score.step("r", at, 0.6, 0.09, foot_x=length)
        score.move(at + 0.1, 1.0, pelvis_x=length, twist=6.0)
        score.step("l", at + 0.5, 0.6, 0.09, foot_x=length + score.draw(-0.04, 0.04))
    return score.motion()
