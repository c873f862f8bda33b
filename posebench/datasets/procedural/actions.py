"""The seventeen actions and how long a clip of each lasts."""

from collections.abc import Callable

import numpy as np

from posebench.datasets.procedural import gait, gestures, postures, seated
from posebench.datasets.procedural.anthropometry import Body
from posebench.datasets.procedural.kinematics import Motion

Action = Callable[[Body, np.random.RandomState, int], Motion]

#: Name -> (the action, frames of a clip at 50 Hz). One clip of each is 3,750 frames.
ACTIONS: dict[str, tuple[Action, int]] = {
    "Boxing": (gestures.boxing, 250),
    "Eating": (gestures.eating, 200),
    "Jumping": (postures.jumping, 200),
    "Kicking": (postures.kicking, 200),
    "LiftingBox": (postures.lifting_box, 250),
    "Lunging": (postures.lunging, 200),
    "Phoning": (gestures.phoning, 200),
    "Reaching": (gestures.reaching, 200),
    "Running": (gait.running, 250),
    "SittingDown": (seated.sitting_down, 200),
    "Squatting": (postures.squatting, 250),
    "StandingUp": (seated.standing_up, 200),
    "Throwing": (gestures.throwing, 200),
    "Turning": (postures.turning, 250),
    "Walking": (gait.walking, 250),
    "WalkingCircle": (gait.walking_circle, 250),
    "Waving": (gestures.waving, 200),
}
