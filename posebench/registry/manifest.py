"""The manifest: which tags an architecture has, their weights, training data and reported numbers.

A plug-in adds its manifest with `register_manifest(path)`. It is YAML, read
when first asked for and validated whole: an error names the key and its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from posebench.errors import DuplicateNameError
from posebench.registry.reading import Entry, read_yaml
from posebench.registry.reported import NAME, ReportedNumber, refuse_twice

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", description="a sha256, 64 hexadecimal digits")]
Revision = Annotated[str, Meta(pattern=r"^[0-9a-f]{40}\Z", description="a commit, 40 hexadecimal digits")]
Repository = Annotated[str, Meta(pattern=r"^[\w.-]+/[\w.-]+\Z", description="OWNER/NAME")]


class HubFile(Entry, frozen=True, kw_only=True):
    """A file of a Hugging Face Hub repository, pinned to one commit."""

    repository: Repository
    revision: Revision
    """The commit, 40 hex digits: a branch name could change under a row."""
    file: str


class Weights(Entry, frozen=True, kw_only=True):
    """Where a tag's safetensors come from, and the hash they must have."""

    file: str | None = None
    """A bundled file, relative to the manifest's weights root."""
    hub: HubFile | None = None
    sha256: Sha256
    licence: str

    def __post_init__(self) -> None:
        if (self.file is None) == (self.hub is None):
            raise ValueError("give either 'file' or 'hub'")


class TrainingSet(Entry, frozen=True, kw_only=True):
    """One data set that a tag's weights have seen."""

    dataset: str
    split: str
    version: str
    source: str
    """The 2D source, or `3d` where poses were projected through cameras of the recipe's own."""


class Tag(Entry, frozen=True, kw_only=True):
    """One configuration of an architecture, with or without weights."""

    summary: str
    config: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """How it is run unless asked otherwise: `flip`."""
    weights: Weights | None = None
    needs_weights: bool = True
    """False for a predictor that learns nothing or is fitted on the training split when it runs."""
    trained_on: tuple[TrainingSet, ...] = ()
    card: str | None = None
    """Model card, relative to the manifest's weights root."""


class Architecture(Entry, frozen=True, kw_only=True):
    """An architecture: where it was published and its tags."""

    title: str
    citation: str
    default: str
    tags: dict[str, Tag]
    reported: tuple[ReportedNumber, ...] = ()

    def __post_init__(self) -> None:
        for tag in self.tags:
            if not re.match(NAME, tag):
                raise ValueError(f"tag {tag!r} has characters other than letters, digits, '_' and '-'")
        if self.default not in self.tags:
            raise ValueError(f"the default tag {self.default!r} is not among the tags")
        for i, number in enumerate(self.reported):
            if number.tag is not None and number.tag not in self.tags:
                raise ValueError(f"the tag {number.tag!r} of reported.{i} is not among the tags")
        refuse_twice(self.reported)


class Paper(Entry, frozen=True, kw_only=True):
    """A method that is no lifter here: only its reported numbers are known."""

    title: str
    citation: str
    reported: Annotated[tuple[ReportedNumber, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        refuse_twice(self.reported)


class Manifest(Entry, frozen=True, kw_only=True):
    """A whole manifest file."""

    schema_version: Literal[1] = field(name="schema")
    lifters: dict[str, Architecture]
    papers: dict[str, Paper] = field(default_factory=dict)
    """Methods of the literature without a lifter, by name, for the ledger of reported numbers."""

    def __post_init__(self) -> None:
        for name in self.papers:
            if name in self.lifters:
                raise ValueError(f"{name!r} stands under 'papers' and 'lifters'; report its numbers with the lifter")


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


def read_manifest(path: Path) -> Manifest:
    """Read and validate a manifest; raises `ManifestError` naming the key and line of the first error."""
    return read_yaml(path, Manifest)
