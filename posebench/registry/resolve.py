"""From a name that a user typed to an architecture, its tag, and what the manifest says of it."""

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posebench.registry.decorators import LIFTERS
from posebench.registry.entries import LifterEntry, unknown_name
from posebench.registry.manifest import MANIFESTS, Architecture, Tag
from posebench.registry.plugins import load_plugins

#: The tag of an architecture that no manifest describes, such as one registered in a script.
UNDESCRIBED = Tag(summary="registered without a manifest", needs_weights=False)


@dataclass(frozen=True)
class ModelTag:
    """A lifter ready to be made: `architecture.tag` with everything the registry knows of it."""

    architecture: str
    tag: str
    entry: LifterEntry
    described: Tag
    paper: Architecture | None
    is_default: bool
    root: Path | None = None
    """Folder that the tag's bundled weights and card are relative to."""
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`architecture.tag`."""
        return f"{self.architecture}.{self.tag}"


def model_tags(pattern: str = "*") -> list[ModelTag]:
    """Every tag whose `architecture.tag` or architecture matches a shell wildcard, sorted by name."""
    load_plugins()
    described = MANIFESTS.architectures()
    tags: list[ModelTag] = []
    for entry in LIFTERS:
        if entry.name in described:
            file, architecture = described[entry.name]
            tags += [
                ModelTag(
                    entry.name,
                    tag,
                    entry,
                    value,
                    architecture,
                    tag == architecture.default,
                    file.root,
                    dict(value.config),
                )
                for tag, value in architecture.tags.items()
            ]
        else:
            tags.append(ModelTag(entry.name, "default", entry, UNDESCRIBED, None, True))
    return sorted(
        (t for t in tags if fnmatch.fnmatchcase(t.name, pattern) or fnmatch.fnmatchcase(t.architecture, pattern)),
        key=lambda t: t.name,
    )


def resolve_model(name: str) -> ModelTag:
    """The tag a user means by `architecture` (its default tag) or `architecture.tag`.

    Raises `UnknownNameError` with the nearest names.
    """
    tags = model_tags()
    for tag in tags:
        if name == tag.name or (name == tag.architecture and tag.is_default):
            return tag
    architecture = name.partition(".")[0]
    own = [tag.name for tag in tags if tag.architecture == architecture]
    raise unknown_name("model", name, own or {**{t.architecture: 0 for t in tags}, **{t.name: 0 for t in tags}})
