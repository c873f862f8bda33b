"""A sweep as a file: models x data sets or protocols x keypoints x seeds x settings, some left out, some put in.

    models: [videopose3d.27, simple_baseline]
    datasets: [procedural, hdm05]        # or protocols: [human36m/mixste]
    keypoints: [gt, simulated]
    seeds: [0, 1]
    settings: {flip: [false, true]}
    exclude: [{dataset: hdm05, flip: true}]
    include: [{model: d3dp, dataset: hdm05, hypotheses: 5, steps: 5}]

A list is an axis of the grid, a single value one for all; null is what
`posebench run` does without the option. An entry under `exclude` takes away
every run that has all its values, one under `include` is a run of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from posebench.errors import DataMissingError, UsageError
from posebench.results.record import Asked

#: The axes of the grid as the file names them, and the name of one value of each.
AXES = {"models": "model", "datasets": "dataset", "protocols": "protocol", "keypoints": "keypoints", "seeds": "seed"}
SETTINGS = ("flip", "resample", "hypotheses", "steps", "precision", "fast", "limit", "batch_size", "weights")
NAMES = (*AXES.values(), *SETTINGS)


@dataclass(frozen=True)
class Entry:
    """One evaluation of a sweep: what is asked, and the user's file of weights if one is."""

    asked: Asked
    weights: Path | None = None

    def __str__(self) -> str:
        plain = Asked.model_fields
        changed = [
            f"{name} {getattr(self.asked, name)}"
            for name in ("keypoints", "seed", *SETTINGS[:-1])
            if getattr(self.asked, name) != plain[name].default and getattr(self.asked, name) not in (None, False)
        ]
        weights = [f"weights {self.weights.name}"] if self.weights else []
        return ", ".join([f"{self.asked.model} on {self.asked.protocol or self.asked.dataset}", *changed, *weights])


def read_sweep(path: Path, device: str = "auto") -> tuple[Entry, ...]:
    """Every entry of a file, each once, in the order of the grid; raises `DataMissingError` and `UsageError`."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataMissingError(f"There is no sweep {path}.") from error
    except OSError as error:
        raise UsageError(f"The sweep {path} cannot be read ({error.strerror}); give a YAML file.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"The sweep {path} is no YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(value, dict):
        raise UsageError(f"The sweep {path} is no mapping; docs/scale.md shows one.")
    entries: dict[str, Entry] = {}
    for where, row in _rows(value, path):
        entry = _entry(row, device, path, where)
        entries.setdefault(repr((entry.asked, entry.weights)), entry)
    if not entries:
        raise UsageError(f"The sweep {path} has no run: give models, and datasets or protocols, or include.")
    return tuple(entries.values())


def _rows(value: dict[str, Any], path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The runs of a file as mappings by name, and where in it each comes from."""
    known = (*AXES, "settings", "include", "exclude")
    _refuse_unknown(value, known, f"the sweep {path}")
    settings = value.get("settings") or {}
    if not isinstance(settings, dict):
        raise UsageError(f"settings in {path} is {settings!r}; give a mapping such as {{flip: [false, true]}}.")
    _refuse_unknown(settings, SETTINGS, f"settings in {path}")
    axes = {single: value[plural] for plural, single in AXES.items() if plural in value} | settings
    excluded = _mappings(value, "exclude", path)
    hits = [0] * len(excluded)
    # Without models the file is its `include` alone.
    for values in product(*(_listed(axis) for axis in axes.values())) if "model" in axes else ():
        row = dict(zip(axes, values, strict=True))
        matching = [n for n, entry in enumerate(excluded) if all(row.get(k) == v for k, v in entry.items())]
        for number in matching:
            hits[number] += 1
        if not matching:
            yield "the grid", row
    for entry, count in zip(excluded, hits, strict=True):
        if not count:
            raise UsageError(f"exclude {entry} in {path} takes no run away; check its names and values.")
    for entry in _mappings(value, "include", path):
        yield "include", entry


def _entry(row: dict[str, Any], device: str, path: Path, where: str) -> Entry:
    values = {"limit": None, "batch_size": None, "flip": None, "resample": False, "seed": 0, "precision": "fp32"}
    asked = {"model": None, "protocol": None, "dataset": None, "keypoints": None, "device": device}
    asked |= values | {name: value for name, value in row.items() if value is not None and name != "weights"}
    named = {name: value for name, value in row.items() if value is not None}
    if asked["model"] is None or (asked["protocol"] is None and asked["dataset"] is None):
        raise UsageError(f"The run {named} of {where} in {path} lacks a model, or a data set or protocol.")
    try:
        made = Asked.model_validate(asked, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"The run {named} of {where} in {path}: {field}: {first['msg']}.") from error
    weights = row.get("weights")
    if weights is not None and not isinstance(weights, str):
        raise UsageError(f"The run {named} of {where} in {path}: weights {weights!r} is no path.")
    return Entry(made, None if weights is None else (path.parent / weights).resolve())


def _listed(axis: Any) -> list[Any]:
    return axis if isinstance(axis, list) else [axis]


def _mappings(value: dict[str, Any], name: str, path: Path) -> list[dict[str, Any]]:
    entries = _listed(value.get(name) or [])
    for entry in entries:
        if not isinstance(entry, dict) or not entry:
            raise UsageError(f"{name} in {path} has {entry!r}; each entry is a mapping such as {{model: NAME}}.")
        _refuse_unknown(entry, NAMES, f"{name} {entry} in {path}")
    return entries


def _refuse_unknown(value: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in value:
        if name not in known:
            raise UsageError(f"There is no {name!r} in {where}; it may have {', '.join(known)}.")
