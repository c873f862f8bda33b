"""A search as a value, read from `zoo/studies/NAME.yaml`, and its evidence: the cards of what was trained, and how it samples.

A study (`study.py`) scores test sets; a search looks at nothing but the validation subjects that training itself scores.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from posebench.errors import CheckFailedError, DataMissingError, UsageError
from posebench.registry.resolve import resolve_model
from posebench.results.record_files import read_model
from zoo.studies import study
from zoo.training.config import TrainingConfig, find_config, load_config, read_mapping, validated
from zoo.training.origin import verify_card

#: File of a search's folder with the errors over hypotheses and steps.
SAMPLED = "sampling.json"

_WEIGHTS = re.compile(r"^- Weights: .* sha256 `([0-9a-f]{64})`$", re.MULTILINE)
_PARAMETERS = re.compile(r"^- Architecture: `\w+`, ([0-9,]+) parameters$", re.MULTILINE)
_MINUTES = re.compile(r"frames in all, in ([0-9.]+) minutes", re.MULTILINE)
_ERROR = re.compile(r"^\| (\w+) +\| (\S+) +\| ([0-9.]+) +\|$", re.MULTILINE)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Trial(_Section):
    """One configuration, what it asks and what is different."""

    configuration: str
    asks: str
    what: str
    against: str | None = None
    """The trial that it differs from; None for the first of the search."""


class Sampling(_Section):
    """A bundled lifter with several pairs of hypotheses and steps."""

    configuration: str
    """Its tag and that of its training."""
    pairs: Annotated[tuple[tuple[PositiveInt, PositiveInt], ...], Field(min_length=1)]


class Search(_Section):
    """The whole search."""

    name: study.Name
    title: str
    summary: str
    trials: Annotated[tuple[Trial, ...], Field(min_length=1)]
    sampling: Sampling | None = None

    @model_validator(mode="after")
    def _against_trials(self) -> "Search":
        tags = [trial.configuration for trial in self.trials]
        if unknown := [trial.against for trial in self.trials if trial.against not in (None, *tags)]:
            raise ValueError(f"there is no trial {unknown[0]!r}")
        return self

    def against(self, trial: Trial) -> str:
        """The tag that a trial is compared with; the first trial's is its own."""
        return trial.against or self.trials[0].configuration

    @cached_property
    def configurations(self) -> dict[str, TrainingConfig]:
        """The training configuration of every trial."""
        return {trial.configuration: load_config(find_config(trial.configuration)) for trial in self.trials}


class Found(NamedTuple):
    """What the card of a finished trial says."""

    parameters: int
    minutes: float | None
    """None of a training in several parts."""
    errors: Mapping[str, float]
    """Validation MPJPE in mm by `dataset/source`."""

    @property
    def mean(self) -> float:
        """What selects weights: the mean of the errors."""
        return sum(self.errors.values()) / len(self.errors)


class Sampled(_Section):
    """The file `SAMPLED`: validation MPJPE in mm of one lifter by hypotheses and steps."""

    configuration: str
    weights_sha256: str
    fingerprints: dict[str, str]
    """Of the prepared data sets."""
    rows: Annotated[tuple["SampledRow", ...], Field(min_length=1)]


class SampledRow(_Section):
    """The errors of one pair, by `dataset/source`."""

    hypotheses: PositiveInt
    steps: PositiveInt
    errors: dict[str, float]


def load_search(name: str) -> Search:
    """A search of `zoo/studies`; raises `DataMissingError` where there is none, `UsageError` naming a wrong key."""
    path = study.STUDIES / f"{name}.yaml"
    if not path.is_file():
        raise DataMissingError(
            f"There is no search {name!r} in zoo/studies; `dreampose3d_search` is the one that comes with it."
        )
    return validated(Search, {"name": name, **read_mapping(path, "search")}, f"search {path.name}")


def card_of(folder: Path, tag: str) -> Path:
    """Where a search's folder has the card of a trial."""
    return folder / "cards" / f"{tag}.md"


def read_found(search: Search, folder: Path) -> dict[str, Found]:
    """What the cards in the folder say, by tag; a trial without a card is left out.

    Raises `CheckFailedError` for a card that is not of its configuration as it is now.
    """
    cards = {tag: card_of(folder, tag) for tag in search.configurations}
    return {tag: _read_card(search.configurations[tag], card) for tag, card in cards.items() if card.is_file()}


def _read_card(config: TrainingConfig, card: Path) -> Found:
    text = card.read_text(encoding="utf-8")
    sha256, parameters = _WEIGHTS.search(text), _PARAMETERS.search(text)
    errors = {f"{name}/{source}": float(value) for name, source, value in _ERROR.findall(text)}
    wanted = {f"{data.name}/{source}" for data in config.data for source in config.validation_sources}
    if sha256 is None or parameters is None or errors.keys() != wanted:
        raise CheckFailedError(f"{card} is not the card of a finished run of {config.tag}; copy it again.")
    try:
        verify_card(config, text, sha256[1])
    except UsageError as error:
        raise CheckFailedError(f"{card} does not stand for {config.tag}: {error}") from error
    minutes = _MINUTES.search(text)
    return Found(int(parameters[1].replace(",", "")), None if minutes is None else float(minutes[1]), errors)


def read_sampled(search: Search, folder: Path) -> Sampled | None:
    """The errors over hypotheses and steps, if there are any.

    Raises `CheckFailedError` for those of another lifter or of other weights than are bundled.
    """
    if not (path := folder / SAMPLED).is_file():
        return None
    sampled = read_model(Sampled, path, "sampling")
    asked = search.sampling
    if asked is None or sampled.configuration != asked.configuration:
        raise CheckFailedError(f"{path} is of {sampled.configuration}, which {search.name} does not ask; remove it.")
    if sampled.weights_sha256 != bundled_sha256(asked.configuration):
        raise CheckFailedError(
            f"{path} is of other weights than those of {asked.configuration}; remove it, and run "
            f"`python -m zoo search {search.name}`."
        )
    return sampled


def bundled_sha256(tag: str) -> str:
    """Of the weights that the registry names for a tag; raises `UsageError` for one without."""
    weights = resolve_model(tag).described.weights
    if weights is None:
        raise UsageError(f"{tag} has no bundled weights, so nothing can be sampled with it.")
    return str(weights.sha256)
