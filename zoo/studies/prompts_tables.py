"""Tables of what the prompt learned: the confusion of actions and names, and the nearest names of every clip."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from tabulate import tabulate

from posebench.results.prompts import ClipPrompt, Prompts, nearest_words, ordered, words


@dataclass(frozen=True)
class ActionRow:
    """The clips of one action of a data set: `counts` are the windows whose most probable name each column is."""

    action: str
    label: str | None
    clips: int
    counts: tuple[int, ...]

    @property
    def windows(self) -> int:
        """In all its clips."""
        return sum(self.counts)

    @property
    def shares(self) -> tuple[float, ...]:
        """Of this action's windows."""
        return tuple(count / self.windows for count in self.counts)


@dataclass(frozen=True)
class Confusion:
    """Actions of a data set by names of a lifter. First the names that an action has, in the order of the rows."""

    names: tuple[str, ...]
    rows: tuple[ActionRow, ...]

    @property
    def named(self) -> int:
        """How many of the names are those of an action here."""
        return len({row.label for row in self.rows if row.label is not None})


def confusion(prompts: Prompts) -> Confusion:
    """Rows in the order of the lifter's names, then of the data set's; actions without a name last."""
    place = {name: index for index, name in enumerate(prompts.names)}
    actions = _by_action(prompts)
    actions.sort(key=lambda clips: (place.get(clips[0].label or "", len(place)), clips[0].action))
    own = list(dict.fromkeys(clips[0].label for clips in actions if clips[0].label is not None))
    names = (*own, *(name for name in prompts.names if name not in own))
    rows = []
    for clips in actions:
        counts = tuple(sum(clip.first.get(name, 0) for clip in clips) for name in names)
        rows.append(ActionRow(clips[0].action, clips[0].label, len(clips), counts))
    return Confusion(names, tuple(rows))


def to_csv(table: Confusion) -> str:
    """Windows by action and most probable name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["action", "label", "clips", "windows", *table.names])
    writer.writerows([row.action, row.label or "", row.clips, row.windows, *row.counts] for row in table.rows)
    return text.getvalue()


def to_markdown(prompts: Prompts) -> str:
    """The nearest names of every action, then of every clip, and how often they are right."""
    actions = []
    for clips in _by_action(prompts):
        mean = [sum(clip.probabilities[name] for clip in clips) / len(clips) for name in prompts.names]
        right = "–" if clips[0].label is None else f"{sum(bool(clip.right) for clip in clips)} of {len(clips)}"
        nearest = nearest_words(ordered(prompts.names, mean))
        actions.append((clips[0].action, clips[0].label or "–", right, nearest))
    every = []
    for clip in prompts.clips:
        right = {None: "–", True: "yes", False: "no"}[clip.right]
        every.append((clip.clip, clip.label or "–", right, nearest_words(clip.probabilities)))
    return "\n".join(
        [
            f"# What {prompts.lifter} takes the clips of {prompts.protocol} to be",
            "",
            "The prompt is inferred from the keypoints of each window, without a label; a percentage is the mean probability over "
            "windows and cameras. The names are those of the lifter's vocabulary.",
            "",
            words(prompts),
            "",
            "## Actions, clips averaged",
            "",
            _table(("action", "its name", "clips right", "nearest names"), actions),
            "",
            "## Clips",
            "",
            _table(("clip", "its name", "right", "nearest names"), every),
            "",
        ]
    )


def _by_action(prompts: Prompts) -> list[list[ClipPrompt]]:
    """The clips of each action, actions in alphabetical order."""
    clips = sorted(prompts.clips, key=lambda clip: clip.action)
    return [list(group) for _, group in groupby(clips, key=lambda clip: clip.action)]


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)
