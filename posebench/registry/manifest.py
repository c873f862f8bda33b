"""The manifest: which tags an architecture has, their weights, training data and reported numbers.

A plug-in adds its manifest with `register_manifest(path)`. It is YAML, read
when first asked for and validated whole: an error names the key and its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from posebench.errors import DuplicateNameError, ManifestError
from posebench.registry.reported import NAME, ReportedNumber, refuse_twice

SHA256 = r"^[0-9a-f]{64}$"
REVISION = r"^[0-9a-f]{40}$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HubFile(_Strict):
    """A file of a Hugging Face Hub repository, pinned to one commit."""

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=REVISION)
    """The commit, 40 hex digits: a branch name could change under a row."""
    file: str


class Weights(_Strict):
    """Where a tag's safetensors come from, and the hash they must have."""

    file: str | None = None
    """A bundled file, relative to the manifest's weights root."""
    hub: HubFile | None = None
    sha256: str = Field(pattern=SHA256)
    licence: str

    @model_validator(mode="after")
    def _one_place(self) -> "Weights":
        if (self.file is None) == (self.hub is None):
            raise ValueError("give either 'file' or 'hub'")
        return self


class TrainingSet(_Strict):
    """One data set that a tag's weights have seen."""

    dataset: str
    split: str
    version: str
    source: str
    """The 2D source, or `3d` where poses were projected through cameras of the recipe's own."""


class Tag(_Strict):
    """One configuration of an architecture, with or without weights."""

    summary: str
    config: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    """How it is run unless asked otherwise: `flip`."""
    weights: Weights | None = None
    needs_weights: bool = True
    """False for a predictor that learns nothing or is fitted on the training split when it runs."""
    trained_on: tuple[TrainingSet, ...] = ()
    card: str | None = None
    """Model card, relative to the manifest's weights root."""


class Architecture(_Strict):
    """An architecture: where it was published and its tags."""

    title: str
    citation: str
    default: str
    tags: dict[str, Tag]
    reported: tuple[ReportedNumber, ...] = ()

    @model_validator(mode="after")
    def _default_exists(self) -> "Architecture":
        for tag in self.tags:
            if not re.match(NAME, tag):
                raise ValueError(f"tag {tag!r} has characters other than letters, digits, '_' and '-'")
        if self.default not in self.tags:
            raise ValueError(f"the default tag {self.default!r} is not among the tags")
        return self

    @model_validator(mode="after")
    def _reported_holds(self) -> "Architecture":
        for i, number in enumerate(self.reported):
            if number.tag is not None and number.tag not in self.tags:
                raise ValueError(f"the tag {number.tag!r} of reported.{i} is not among the tags")
        refuse_twice(self.reported)
        return self


class Paper(_Strict):
    """A method that is no lifter here: only its reported numbers are known."""

    title: str
    citation: str
    reported: tuple[ReportedNumber, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _reported_holds(self) -> "Paper":
        refuse_twice(self.reported)
        return self


class Manifest(_Strict):
    """A whole manifest file."""

    schema_version: Literal[1] = Field(alias="schema")
    lifters: dict[str, Architecture]
    papers: dict[str, Paper] = Field(default_factory=dict)
    """Methods of the literature without a lifter, by name, for the ledger of reported numbers."""

    @model_validator(mode="after")
    def _papers_are_no_lifters(self) -> "Manifest":
        for name in self.papers:
            if name in self.lifters:
                raise ValueError(f"{name!r} stands under 'papers' and 'lifters'; report its numbers with the lifter")
        return self


@dataclass(frozen=True)
class ManifestFile:
    """A registered manifest: the YAML file, and the folder its `file` and `card` entries are relative to."""

    path: Path
    root: Path

    def __str__(self) -> str:
        return str(self.path)


class Manifests:
    """The registered manifests, read when first asked for."""

    kind = "manifest"

    def __init__(self) -> None:
        self._files: tuple[ManifestFile, ...] = ()
        self._read: dict[ManifestFile, Manifest] = {}

    def add(self, file: ManifestFile) -> None:
        """Register a manifest file; it is not opened yet."""
        self._files = (*self._files, file)

    def __iter__(self) -> Iterator[tuple[ManifestFile, Manifest]]:
        for file in self._files:
            if file not in self._read:
                self._read[file] = read_manifest(file.path)
            yield file, self._read[file]

    def architectures(self) -> dict[str, tuple[ManifestFile, Architecture]]:
        """Every architecture by name; raises `DuplicateNameError` when two manifests describe the same one."""
        merged: dict[str, tuple[ManifestFile, Architecture]] = {}
        for file, manifest in self:
            for name, architecture in manifest.lifters.items():
                if name in merged:
                    raise DuplicateNameError(
                        f"The architecture {name!r} is described by {merged[name][0].path} and by {file.path}; "
                        "remove it from one of them."
                    )
                merged[name] = (file, architecture)
        return merged

    def snapshot(self) -> tuple[ManifestFile, ...]:
        """What is registered now, for `restore`."""
        return self._files

    def restore(self, snapshot: tuple[ManifestFile, ...]) -> None:
        """Back to a snapshot."""
        self._files = snapshot


MANIFESTS = Manifests()


def register_manifest(path: Path, root: Path | None = None) -> None:
    """Add a plug-in's manifest; `root` is the folder of its bundled weights and cards (default: beside the file)."""
    MANIFESTS.add(ManifestFile(path, root or path.parent))


class _UniqueKeyLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML in which a key that is there twice is an error: YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is there twice", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_manifest(path: Path) -> Manifest:
    """Read and validate a manifest; raises `ManifestError` naming the key and line of the first error."""
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, Loader=_UniqueKeyLoader)  # a SafeLoader: builds plain values only
    except OSError as error:
        raise ManifestError(f"The manifest {path} cannot be read ({error.strerror}).") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ManifestError(f"The manifest {path.name}, line {line}, is not valid YAML: {error.problem}.") from error
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise ManifestError(
            f"The manifest {path.name}, line {_line_of(text, first['loc'])}, key {key!r}: {message}{more}."
        ) from error


def _line_of(text: str, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to `loc` that is in the file."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line: int = node.start_mark.line if node else 0
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1
