"""One vocabulary of actions over the data sets that the zoo trains on. Imports no torch.

Every data set names its actions in its own way; a prompt is learned over all of them, so names that mean the same share
a label. Labels are plain English, as a text encoder reads them. This table is the project's choice.
"""

from posebench.errors import UsageError

#: Label: data set: its names.
ACTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "walking": {"procedural": ("Walking", "WalkingCircle"), "cmu": ("walk", "slow-walk")},
    "running": {"procedural": ("Running",), "cmu": ("run-jog",), "hdm05": ("jogLeftCircle4StepsRstart",)},
    "sneaking": {"hdm05": ("sneak2StepsLStart",)},
    "turning around": {"procedural": ("Turning",)},
    "jumping": {"procedural": ("Jumping",), "cmu": ("jump-balance",), "hdm05": ("hopBothLegs1hops",)},
    "squatting": {"procedural": ("Squatting",), "hdm05": ("squat1Reps",)},
    "lunging": {"procedural": ("Lunging",)},
    "kicking": {"procedural": ("Kicking",), "hdm05": ("kickLFront1Reps",)},
    "punching": {"procedural": ("Boxing",), "cmu": ("punch-strike",)},
    "throwing": {"procedural": ("Throwing",), "hdm05": ("throwBasketball",)},
    "sword fighting": {"cmu": ("swordplay",)},
    "waving": {"procedural": ("Waving",)},
    "reaching": {"procedural": ("Reaching",), "hdm05": ("grabHighR",)},
    "rotating the arms": {"hdm05": ("rotateArmsBothBackward1Reps",)},
    "touching the knee with the elbow": {"hdm05": ("elbowToKnee1RepsLelbowStart",)},
    "reaching down to the floor": {"hdm05": ("depositFloorR",), "cmu": ("bend-over-scoop-up-rise-lift-arm",)},
    "lifting a box": {"procedural": ("LiftingBox",)},
    "lying down": {"hdm05": ("lieDownFloor",)},
    "sitting down": {"procedural": ("SittingDown",)},
    "standing up": {"procedural": ("StandingUp",)},
    "eating": {"procedural": ("Eating",)},
    "phoning": {"procedural": ("Phoning",)},
    "washing oneself": {"cmu": ("wash-self",)},
}

_LABELS = {
    (dataset, name): label for label, named in ACTIONS.items() for dataset, names in named.items() for name in names
}


def label_of(dataset: str, action: str) -> str:
    """The label of a data set's action; raises `UsageError` for one that the table does not have."""
    if (dataset, action) not in _LABELS:
        raise UsageError(f"The action {action!r} of {dataset!r} is not in zoo/vocabulary.py; add it to a label there.")
    return _LABELS[dataset, action]
