"""What a lifter took every clip of a run to be, beside what the data set calls it (`posebench run --show-prompts`).

A window's answer is a probability for each name. A clip has the mean over the windows of all its cameras; the names are
the lifter's own, and it says itself which of them an action of the data set has. No number of a record depends on this.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Any, Self, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from posebench.datasets.store import Dataset
from posebench.errors import LifterContractError
from posebench.prediction.create import LoadedLifter
from posebench.prediction.describe import Progress, SequenceDescription, describe_sequences
from posebench.prediction.lifter import DescribingLifter
from posebench.prediction.runner import RunSettings
from posebench.protocols.protocol import Protocol

#: Names shown of a clip.
NEAREST = 3
#: Probabilities are kept to this many decimals, so that what is printed and what is stored agree.
DECIMALS = 4

Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClipPrompt(_Part):
    """What one clip seemed to be."""

    clip: str
    """`subject/action/clip`."""
    action: str
    """As the data set calls it."""
    label: str | None
    """The lifter's name for that action, None if it has none."""
    cameras: PositiveInt
    windows: PositiveInt
    probabilities: dict[str, Share]
    """Of every name, the mean over windows; the most probable first."""
    first: dict[str, PositiveInt]
    """Windows by their own most probable name; the most frequent first."""

    @property
    def nearest(self) -> str:
        """The most probable name; of equal ones the lifter's earlier."""
        return next(iter(self.probabilities))

    @property
    def right(self) -> bool | None:
        """Whether that is the action's name; None for an action without one."""
        return None if self.label is None else self.nearest == self.label


class Summary(_Part):
    """How often the nearest name is the action's, over clips whose action has a name. Shares of 1; None without such clips."""

    clips: int
    """With a named action; the others count nowhere."""
    windows: int
    right_clips: float | None
    right_windows: float | None
    uniform: float
    """By chance: any of the names."""
    commonest: str | None
    """The label of most clips."""
    commonest_clips: float | None
    """By chance: that label, always."""


class Prompts(_Part):
    """What a lifter took the clips of a protocol's inputs to be. `limit` as the run's."""

    lifter: str
    weights_sha256: str | None
    protocol: str
    inputs_hash: str
    fingerprint: str
    limit: int | None
    names: tuple[str, ...] = Field(min_length=1)
    clips: tuple[ClipPrompt, ...]

    @model_validator(mode="after")
    def _clips_are_of_the_names(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise ValueError("a name stands twice among `names`")
        for clip in self.clips:
            given = clip.probabilities
            if given.keys() != set(self.names):
                raise ValueError(f"the clip {clip.clip} does not have one probability for each of the names")
            if list(given.items()) != list(ordered(self.names, (given[name] for name in self.names)).items()):
                raise ValueError(f"the probabilities of {clip.clip} do not fall, or have more than {DECIMALS} decimals")
            if unknown := ({*clip.first, clip.label} - {*self.names, None}):
                raise ValueError(
                    f"the clip {clip.clip} is called {min(map(str, unknown))!r}, which is none of the names"
                )
            if sum(clip.first.values()) != clip.windows:
                raise ValueError(f"the clip {clip.clip} has {clip.windows} windows, and as many are not in `first`")
        return self

    def summary(self) -> Summary:
        """Clips each count once, windows each count once."""
        named = [clip for clip in self.clips if clip.label is not None]
        windows = sum(clip.windows for clip in named)
        labels = Counter(clip.label for clip in named).most_common(1)
        return Summary(
            clips=len(named),
            windows=windows,
            right_clips=_share(sum(bool(clip.right) for clip in named), len(named)),
            right_windows=_share(sum(clip.first.get(cast(str, clip.label), 0) for clip in named), windows),
            uniform=round(1 / len(self.names), DECIMALS),
            commonest=labels[0][0] if labels else None,
            commonest_clips=_share(labels[0][1], len(named)) if labels else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the summary."""
        value = self.model_dump(mode="json")
        clips = value.pop("clips")
        return {**value, "summary": self.summary().model_dump(), "clips": clips}


def collect_prompts(
    lifter: LoadedLifter,
    dataset: Dataset,
    protocol: Protocol,
    settings: RunSettings,
    progress: Progress | None = None,
) -> Prompts:
    """Ask the lifter about every clip of a protocol's inputs; raises what `describe_sequences` raises."""
    described = describe_sequences(lifter, dataset, protocol.inputs, settings, progress)
    by_clip = groupby(sorted(described, key=lambda item: item.info.clip_id), key=lambda item: item.info.clip_id)
    weights = lifter.weights
    # A user's own file is not called by the name of a tag that it may not be.
    own = weights.sha256[:12] if weights is not None and weights.origin == "file" else None
    return Prompts(
        lifter=f"{lifter.tag.architecture} with the weights {own}" if own else lifter.name,
        weights_sha256=weights.sha256 if weights else None,
        protocol=protocol.id,
        inputs_hash=protocol.inputs.hash,
        fingerprint=dataset.fingerprint,
        limit=settings.limit,
        names=described[0].names,
        clips=tuple(_clip(lifter, dataset.name, list(sequences)) for _, sequences in by_clip),
    )


def words(prompts: Prompts) -> str:
    """The summary as a sentence or two."""
    found = prompts.summary()
    if found.right_clips is None or found.right_windows is None or found.commonest_clips is None:
        return "The lifter has no name for any of these actions, so nothing can be right or wrong."
    said = (
        f"The nearest name is the action's in {found.right_clips:.1%} of {found.clips:,} clips and "
        f"{found.right_windows:.1%} of {found.windows:,} windows; by chance: {found.uniform:.1%} (any of "
        f"{len(prompts.names)} names), {found.commonest_clips:.1%} of clips (always {found.commonest!r})."
    )
    if more := len(prompts.clips) - found.clips:
        said += f" {more:,} more {'clip has' if more == 1 else 'clips have'} an action that the lifter has no name for."
    return said


def nearest_words(probabilities: dict[str, float], count: int = NEAREST) -> str:
    """The first names with their probabilities, as `kicking 62 %, lunging 20 %`."""
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in list(probabilities.items())[:count])


def ordered(names: Iterable[str], shares: Iterable[float]) -> dict[str, float]:
    """Names by falling share, equal ones as they came."""
    rounded = zip(names, (round(share, DECIMALS) for share in shares), strict=True)
    return dict(sorted(rounded, key=lambda item: -item[1]))


def _clip(lifter: LoadedLifter, dataset: str, sequences: list[SequenceDescription]) -> ClipPrompt:
    info, names = sequences[0].info, sequences[0].names
    label = cast(DescribingLifter, lifter.module).label_of(dataset, info.action)
    if label is not None and label not in names:
        raise LifterContractError(
            f"{lifter.name} calls the action {info.action!r} of {dataset} {label!r}, which is none of its names."
        )
    scores = np.concatenate([sequence.scores for sequence in sequences])
    first = np.bincount(scores.argmax(axis=1), minlength=len(names))
    return ClipPrompt(
        clip=info.clip_id,
        action=info.action,
        label=label,
        cameras=len(sequences),
        windows=len(scores),
        probabilities=ordered(names, scores.mean(axis=0).tolist()),
        first=dict(Counter({name: int(n) for name, n in zip(names, first, strict=True) if n}).most_common()),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, DECIMALS) if whole else None
