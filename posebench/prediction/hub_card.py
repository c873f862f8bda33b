"""The README.md of weights on the Hub: what they are, whose, trained on what, and how to run them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from posebench.errors import UsageError
from posebench.registry.manifest import TrainingSet
from posebench.registry.resolve import ModelTag

#: Licences that the Hub has an identifier for, as far as weights of this field carry them; another is named in full.
IDENTIFIERS = (
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
)  # fmt: skip


@dataclass(frozen=True)
class PushedFile:
    """What a card says of the file beside it."""

    name: str
    sha256: str
    bytes: int
    licence: str
    trained_on: tuple[TrainingSet, ...]
    config: dict[str, Any]
    parameters: int


def readme(tag: ModelTag, file: PushedFile) -> str:
    """The text, with the head that the Hub reads."""
    architecture = tag.paper
    trained = [f"- {t.dataset}, split {t.split}, version {t.version}, 2D source {t.source}" for t in file.trained_on]
    published = [f"- Architecture: {architecture.title} ({architecture.citation})"] if architecture else []
    return "\n".join(
        [
            "---",
            yaml.safe_dump(_head(tag, file), sort_keys=False, allow_unicode=True).rstrip(),
            "---",
            f"# {tag.name}",
            "",
            f"2D-to-3D human pose lifting: {tag.described.summary}.",
            "",
            *published,
            f"- File: `{file.name}`, {file.bytes:,} bytes, {file.parameters:,} parameters, sha256 `{file.sha256}`",
            f"- Licence of the weights: {file.licence}",
            "",
            "## Training data",
            "",
            *(trained or ["Not stated by who pushed this file."]),
            "",
            "## Configuration",
            "",
            "```json",
            json.dumps(file.config, indent=1, sort_keys=True),
            "```",
            "",
            "## Run",
            "",
            "```",
            f"posebench run --model {tag.name} --dataset DATASET --weights {file.name}",
            "```",
            "",
        ]
    )


def _head(tag: ModelTag, file: PushedFile) -> dict[str, Any]:
    identifier = re.sub(r"[\s_]+", "-", file.licence.partition(" (")[0].strip().lower())
    known = identifier in IDENTIFIERS
    return {
        "license": identifier if known else "other",
        **({} if known else {"license_name": file.licence}),
        "library_name": "posebench",
        "tags": ["posebench", "human-pose-estimation", "2d-to-3d-lifting", tag.architecture],
    }


def manifest_lines(repository: str, revision: str, file: PushedFile) -> str:
    """What to add below the tag in a manifest, so that these weights are found at this commit."""
    weights: dict[str, Any] = {
        "weights": {
            "hub": {"repository": repository, "revision": revision, "file": file.name},
            "sha256": file.sha256,
            "licence": file.licence,
        }
    }
    if file.trained_on:
        weights["trained_on"] = [msgspec.to_builtins(item) for item in file.trained_on]
    return yaml.safe_dump(weights, sort_keys=False, allow_unicode=True, width=1000)


def training_sets(texts: Sequence[str]) -> tuple[TrainingSet, ...]:
    """Training data as the command line gives them, `dataset/split@version+source`; raises `UsageError`."""
    sets = []
    for text in texts:
        match = re.fullmatch(r"([^/@+]+)/([^@+]+)@([^+]+)\+(.+)", text)
        if match is None:
            raise UsageError(f"--trained-on {text!r} is not of the form dataset/split@version+source.")
        dataset, split, version, source = match.groups()
        sets.append(TrainingSet(dataset=dataset, split=split, version=version, source=source))
    return tuple(sets)
