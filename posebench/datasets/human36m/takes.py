"""Subjects, actions and takes: from the names in circulation to the owner's numbers.

Every subject performed each action twice. The owner's metadata.xml numbers the two takes (`subact` 1 and 2) and names
their files, mostly `Directions 1` and `Directions`, but not always. The numbering here is the one that
learnable-triangulation-pytorch took from there (`action_to_una_dinosauria.py`). It is also what comes out when names
are sorted, numbered ones first, and the takes of Phoning (S11), SittingDown (S5, S7, S8, S9, S11) and Photo (S5, S6,
S7) are swapped, as another converter does (`get_ordered_action_names`). The takes that MotionBERT leaves out by number
(act05.02, act10.02, act13.01 of S9) come out as those that learnable-triangulation calls damaged.
"""

from collections.abc import Iterable, Mapping

SPLITS: Mapping[str, str] = {
    "S1": "train",
    "S5": "train",
    "S6": "train",
    "S7": "train",
    "S8": "train",
    "S9": "test",
    "S11": "test",
}

#: In the owner's order: the first is his action 2, as 1 is a calibration take.
ACTIONS = (
    "Directions",
    "Discussion",
    "Eating",
    "Greeting",
    "Phoning",
    "Posing",
    "Purchases",
    "Sitting",
    "SittingDown",
    "Smoking",
    "Photo",
    "Waiting",
    "Walking",
    "WalkDog",
    "WalkTogether",
)
TAKES = ("1", "2")

#: Names of the owner's own files for the names that VideoPose3D made canonical.
_OTHER_NAMES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog", "WalkingTogether": "WalkTogether"}

#: The numbers in the names of takes 1 and 2 where they are not `Action 1` and `Action`; "" is the plain name.
_SUFFIXES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "S1": {"Eating": ("2", ""), "Sitting": ("1", "2"), "SittingDown": ("2", "")},
    "S5": {
        "Directions": ("1", "2"),
        "Discussion": ("2", "3"),
        "Greeting": ("1", "2"),
        "SittingDown": ("", "1"),
        "Photo": ("", "2"),
        "Waiting": ("1", "2"),
    },
    "S6": {
        "Eating": ("1", "2"),
        "Posing": ("2", ""),
        "Sitting": ("1", "2"),
        "Photo": ("", "1"),
        "Waiting": ("3", ""),
    },
    "S7": {
        "Phoning": ("2", ""),
        "SittingDown": ("", "1"),
        "Photo": ("", "1"),
        "Waiting": ("1", "2"),
        "Walking": ("1", "2"),
    },
    "S8": {"SittingDown": ("", "1"), "WalkTogether": ("1", "2")},
    "S9": {"Discussion": ("1", "2"), "SittingDown": ("", "1")},
    "S11": {
        "Discussion": ("1", "2"),
        "Greeting": ("2", ""),
        "Phoning": ("3", "2"),
        "SittingDown": ("", "1"),
        "Smoking": ("2", ""),
    },
}

#: One camera's video of this take is damaged, and VideoPose3D's files lack the take (`prepare_data_h36m.py`).
DAMAGED = ("S11", "Directions", "2")


def take_name(subject: str, action: str, take: str) -> str:
    """The owner's name of a take, such as `Directions 1`, in VideoPose3D's spelling of the action."""
    suffix = _SUFFIXES[subject].get(action, ("1", ""))[TAKES.index(take)]
    return f"{action} {suffix}".strip()


def action_of(name: str) -> str | None:
    """The action of a take's name such as `Directions 1` or `TakingPhoto`; None for a name of no action."""
    action, _, suffix = name.partition(" ")
    action = _OTHER_NAMES.get(action, action)
    return action if action in ACTIONS and (not suffix or suffix.isdecimal()) else None


def number_takes(subject: str, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Action and take number of each name that `action_of` knows, for the takes of one subject.

    A name that is not the owner's (files made in his layout: `Discussion` of S9, who has `Discussion 1` and
    `Discussion 2`) gets the number that is left over, numbered names first, as the owner mostly does. Raises
    `ValueError` naming an action with more than two takes.
    """
    by_action: dict[str, list[str]] = {}
    for name in names:
        action = action_of(name)
        if action is None:
            raise ValueError(f"{name!r} is not the name of an action")
        by_action.setdefault(action, []).append(name)
    numbers = {}
    for action, own in by_action.items():
        if len(own) > len(TAKES):
            raise ValueError(f"{action} has {len(own)} takes ({', '.join(sorted(own))}), not {len(TAKES)}")
        canonical = {name: f"{action} {name.partition(' ')[2]}".strip() for name in own}
        if len(set(canonical.values())) < len(own):
            raise ValueError(f"{' and '.join(sorted(own))} are the same take")
        official = {take_name(subject, action, take): take for take in TAKES}
        left = [take for name, take in official.items() if name not in canonical.values()]
        strange = sorted((name for name in own if canonical[name] not in official), key=_numbered_first)
        for name in own:
            numbers[name] = (action, official.get(canonical[name]) or left[strange.index(name)])
    return numbers


def _numbered_first(name: str) -> tuple[bool, int]:
    suffix = name.partition(" ")[2]
    return not suffix, int(suffix or 0)
