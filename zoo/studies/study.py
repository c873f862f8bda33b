"""A study as a value: which trained configurations are compared, on what, read from `zoo/studies/NAME.yaml`. Imports no torch."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from posebench.errors import DataMissingError, UsageError
from posebench.prediction.run_options import samples
from posebench.protocols.resolve import resolve_protocol
from posebench.registry.resolve import resolve_model
from zoo.training.config import TrainingConfig, find_config, load_config, read_mapping, validated
from zoo.vocabulary import ACTIONS

STUDIES = Path(__file__).parent

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]


class Run(NamedTuple):
    """What makes one record of a study; hypotheses and steps are None of a lifter that does not sample."""

    tag: str
    protocol: str
    hypotheses: int | None
    steps: int | None


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(_Section):
    """A row of the tables: one configuration, trained from one seed or several."""

    name: Name
    configurations: Annotated[tuple[str, ...], Field(min_length=1)]
    """Tags that differ in their seed alone."""
    what: str
    """What is different, in a few words."""
    against: str | None = None
    """The row that it is compared with; None for the study's reference."""


class Group(_Section):
    """Actions of a data set that are shown apart from its others."""

    title: str
    dataset: str
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    """Of `zoo.vocabulary`."""
    rows: Annotated[tuple[str, ...], Field(min_length=1)]

    @property
    def actions(self) -> frozenset[str]:
        """The data set's own names."""
        return frozenset(name for label in self.labels for name in ACTIONS[label].get(self.dataset, ()))

    @model_validator(mode="after")
    def _has_actions(self) -> "Group":
        for label in self.labels:
            if not ACTIONS.get(label, {}).get(self.dataset):
                raise ValueError(f"zoo/vocabulary.py has no action of {self.dataset!r} with the label {label!r}")
        return self


class Sweep(_Section):
    """One configuration with every pair of so many hypotheses and steps."""

    configuration: str
    protocol: str
    """With its 2D source, as `hdm05/standard+simulated`."""
    hypotheses: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    steps: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]

    @cached_property
    def runs(self) -> list[Run]:
        """Its records, step by step of every number of hypotheses."""
        protocol = resolve_protocol(self.protocol).id
        return [Run(self.configuration, protocol, h, k) for h in self.hypotheses for k in self.steps]


class Study(_Section):
    """The whole study."""

    name: Name
    """Of its file, and of its folder of results."""
    title: str
    summary: str
    reference: str
    """The row that the others are compared with."""
    protocols: Annotated[dict[str, tuple[str, ...]], Field(min_length=1)]
    """`dataset/rule`: the 2D sources."""
    hypotheses: PositiveInt = 1
    steps: PositiveInt = 1
    """Of the tables, for lifters that sample."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]
    groups: tuple[Group, ...] = ()
    sweeps: tuple[Sweep, ...] = ()

    @model_validator(mode="after")
    def _names_are_rows(self) -> "Study":
        names = [row.name for row in self.rows]
        if len(set(names)) != len(names):
            raise ValueError("two rows have the same name")
        asked = [self.reference, *(name for group in self.groups for name in group.rows)]
        asked += [row.against for row in self.rows if row.against is not None]
        if unknown := [name for name in asked if name not in names]:
            raise ValueError(f"there is no row {unknown[0]!r}; there are {', '.join(names)}")
        return self

    @property
    def tags(self) -> list[str]:
        """Every configuration, in the order of the rows, then of the sweeps."""
        rows = [tag for row in self.rows for tag in row.configurations]
        return list(dict.fromkeys([*rows, *(sweep.configuration for sweep in self.sweeps)]))

    @cached_property
    def protocol_ids(self) -> list[str]:
        """The protocols with their sources and versions, in order."""
        return [
            resolve_protocol(name, source=source).id for name, sources in self.protocols.items() for source in sources
        ]

    @cached_property
    def configurations(self) -> dict[str, TrainingConfig]:
        """The training configuration of every tag."""
        return {tag: load_config(find_config(tag)) for tag in self.tags}

    def row(self, name: str) -> Row:
        """A row by its name."""
        return next(row for row in self.rows if row.name == name)

    def compared(self, row: Row) -> Row:
        """The row that a row is compared with; the reference's is itself."""
        return self.row(row.against or self.reference)

    def run_of(self, tag: str, protocol: str) -> Run:
        """What stands in the tables of a configuration under a protocol."""
        sampled = samples(resolve_model(self.configurations[tag].lifter.arch))
        return Run(tag, protocol, *((self.hypotheses, self.steps) if sampled else (None, None)))

    def runs(self, tag: str) -> list[Run]:
        """Every record that the study wants of a configuration, each once."""
        tables = [self.run_of(tag, id) for row in self.rows if tag in row.configurations for id in self.protocol_ids]
        swept = [run for sweep in self.sweeps if sweep.configuration == tag for run in sweep.runs]
        return list(dict.fromkeys([*tables, *swept]))


def load_study(name: str) -> Study:
    """A study of this folder; raises `DataMissingError` listing those there are, `UsageError` naming a wrong key."""
    path = STUDIES / f"{name}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in STUDIES.glob("*.yaml")))
        raise DataMissingError(f"There is no study {name!r}; there are: {names}.")
    if "comparisons" in (value := read_mapping(path, "study")):
        raise UsageError(f"{name} is a study of transfer: run `python -m zoo transfer`.")
    if "trials" in value:
        raise UsageError(f"{name} is a search: run `python -m zoo search {name}`.")
    return validated(Study, {"name": name, **value}, f"study {path.name}")
