"""A clip written as a score: every channel starts somewhere and is moved, smoothly, at given times.

Moves that overlap add up, as submovements of a human reach do (Flash and
Henis, 1991), so that a throw flows through its wind-up without a stop.
"""

import numpy as np

from posebench.datasets.procedural.anthropometry import Body
from posebench.datasets.procedural.arithmetic import Array, soft_floor
from posebench.datasets.procedural.curves import between, minimum_jerk, sway
from posebench.datasets.procedural.kinematics import Motion

FPS = 50.0

#: Channel and the amplitude of its natural sway. Positions are leg lengths (`pelvis_z`: hip heights), angles degrees.
TRUNK = {
    "pelvis_x": 0.012,
    "pelvis_y": 0.014,
    "pelvis_z": 0.0,
    "yaw": 2.0,
    "tilt": 1.5,
    "list": 1.0,
    "flex": 3.0,
    "bend": 2.0,
    "twist": 4.0,
    "nod": 6.0,
    "cock": 4.0,
    "look": 10.0,
}
#: Channels that exist for each side, with the prefix `r_` or `l_`.
LIMBS = {"foot_x": 0.0, "foot_y": 0.0, "foot_z": 0.0, "toe": 0.0, "flexion": 5.0, "abduction": 3.0, "rotation": 6.0}
ELBOW = {"elbow": 6.0}
SWAY = {**TRUNK, **{f"{side}_{name}": value for side in "rl" for name, value in {**LIMBS, **ELBOW}.items()}}


class Choreography:
    """The score of one clip, from relaxed standing on. `rng` draws stance, idle arms and sway."""

    def __init__(self, body: Body, rng: np.random.RandomState, frames: int) -> None:
        self.body = body
        self.rng = rng
        self.time: Array = np.arange(frames) / FPS
        self.seconds = frames / FPS
        self._moves: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SWAY}
        self._start = dict.fromkeys(SWAY, 0.0)
        self._now = self._start
        self._stand()

    def _stand(self) -> None:
        width, stagger = self.draw(0.10, 0.19), self.draw(-0.07, 0.07)
        self.set(pelvis_z=1.0, flex=self.body.stoop, nod=self.draw(-6.0, 8.0))
        for side, sign in (("r", -1.0), ("l", 1.0)):
            self.set_side(side, foot_x=-sign * stagger, foot_y=sign * width, toe=sign * self.draw(2.0, 16.0))
            self.idle_arm(side)

    def draw(self, low: float, high: float) -> float:
        """A uniform number of the clip's own stream."""
        return between(self.rng, low, high)

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return bool(self.rng.random_sample() < probability)

    def set(self, **values: float) -> None:
        """Where channels start."""
        for name, value in values.items():
            self._start[name] = value
        self._now = dict(self._start)

    def set_side(self, side: str, **values: float) -> None:
        """`set` for the channels of one side, `r` or `l`."""
        self.set(**{f"{side}_{name}": value for name, value in values.items()})

    def now(self, channel: str) -> float:
        """The value the channel was last sent to."""
        return self._now[channel]

    def move(self, at: float, over: float, **targets: float) -> None:
        """Send channels to new values, starting at `at` and taking `over` seconds."""
        for name, target in targets.items():
            self._moves[name].append((at, over, target - self._now[name]))
            self._now[name] = target

    def move_side(self, side: str, at: float, over: float, **targets: float) -> None:
        """`move` for the channels of one side, `r` or `l`."""
        self.move(at, over, **{f"{side}_{name}": target for name, target in targets.items()})

    def step(self, side: str, at: float, over: float, height: float, **targets: float) -> None:
        """Lift a foot by `height` leg lengths, set it down elsewhere (`foot_x`, `foot_y`, `toe`)."""
        self.move_side(side, at, 0.55 * over, foot_z=height)
        self.move_side(side, at + 0.45 * over, 0.55 * over, foot_z=0.0)
        self.move_side(side, at + 0.1 * over, 0.8 * over, **targets)

    def idle_arm(self, side: str) -> None:
        """Rest an arm: mostly hanging, at times on the hip or folded in front of the body."""
        style = self.rng.random_sample()
        if style < 0.7:
            self._arm(side, self.draw(-4, 12), self.draw(7, 16), self.draw(5, 40), self.draw(10, 30))
        elif style < 0.85:
            self._arm(side, self.draw(-20, -5), self.draw(38, 50), self.draw(55, 75), self.draw(95, 115))
        else:
            self._arm(side, self.draw(15, 30), self.draw(8, 16), self.draw(45, 65), self.draw(85, 110))

    def _arm(self, side: str, flexion: float, abduction: float, rotation: float, elbow: float) -> None:
        self.set_side(side, flexion=flexion, abduction=abduction, rotation=rotation, elbow=elbow)

    def curve(self, name: str) -> Array:
        """(frames,) the channel over time, without sway."""
        curve = np.full_like(self.time, self._start[name])
        for at, over, change in self._moves[name]:
            curve = curve + change * minimum_jerk((self.time - at) / over)
        return curve

    def motion(self) -> Motion:
        """The clip's curves in mm and degrees, with sway on every channel but the feet."""
        curves = {}
        for name, amplitude in SWAY.items():
            curves[name] = self.curve(name)
            if amplitude:
                curves[name] = curves[name] + sway(self.rng, self.time, amplitude * self.draw(0.5, 1.2))
        scale, leg = self.body.hip_height, self.body.leg

        def side_by_side(*names: str) -> Array:
            return np.stack([np.stack([curves[f"{side}_{name}"] for name in names], axis=-1) for side in "rl"])

        arms = side_by_side("flexion", "abduction", "rotation", "elbow")
        arms[..., 3] = soft_floor(arms[..., 3], 4.0, 4.0)
        ankles = leg * side_by_side("foot_x", "foot_y", "foot_z") + np.array([0.0, 0.0, self.body.ankle])
        return Motion(
            pelvis=np.stack([leg * curves["pelvis_x"], leg * curves["pelvis_y"], scale * curves["pelvis_z"]], axis=-1),
            pelvis_turn=np.stack([curves["yaw"], curves["tilt"], curves["list"]], axis=-1),
            spine=np.stack([curves["flex"], curves["bend"], curves["twist"]], axis=-1),
            neck=np.stack([curves["nod"], curves["cock"], curves["look"]], axis=-1),
            arms=arms,
            ankles=ankles,
            toes=side_by_side("toe")[..., 0],
        )
