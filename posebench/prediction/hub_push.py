"""Putting weights on the Hub with the user's own token: checked first, then file and card in one commit."""

import re
from dataclasses import dataclass
from pathlib import Path

from posebench.errors import UsageError, WeightsError
from posebench.prediction.create import load_lifter
from posebench.prediction.hub import client_errors, quiet
from posebench.prediction.hub_card import PushedFile, readme
from posebench.prediction.hub_errors import push_sentence
from posebench.registry.manifest import TrainingSet
from posebench.registry.resolve import ModelTag


@dataclass(frozen=True)
class Pushed:
    """The commit that a push made, and the file in it."""

    repository: str
    revision: str
    file: PushedFile


def describe_file(tag: ModelTag, path: Path, licence: str | None, trained_on: tuple[TrainingSet, ...]) -> PushedFile:
    """What a card will say of a weights file, which must load strictly.

    Licence and training data are those given, else the manifest's where the
    file is the one that is registered there. Raises `WeightsError` for a file
    that does not fit, `UsageError` where nobody has said the licence.
    """
    lifter = load_lifter(tag.name, path)
    assert lifter.weights is not None
    registered = tag.described.weights
    is_registered = registered is not None and registered.sha256 == lifter.weights.sha256
    if licence is None:
        if registered is None or not is_registered:
            raise UsageError(
                f"The manifest knows no licence of {path}, for it is not the registered file of {tag.name}; say under which one "
                "others may use it, with --licence."
            )
        licence = registered.licence
    return PushedFile(
        name=f"{tag.name}.safetensors",
        sha256=lifter.weights.sha256,
        bytes=path.stat().st_size,
        licence=licence,
        trained_on=trained_on or (tag.described.trained_on if is_registered else ()),
        config=lifter.config,
        parameters=lifter.parameters,
    )


def push(tag: ModelTag, path: Path, file: PushedFile, repository: str, private: bool) -> Pushed:
    """Make the repository if it is not there and commit file and README.md; the same push again makes no second commit.

    Raises `WeightsError` that says what the Hub refused and what to do.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UsageError(f"--repo {repository!r} is not of the form OWNER/NAME.")
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(library_name="posebench")
    with quiet():
        try:
            api.whoami()
            api.create_repo(repository, private=private, exist_ok=True)
            commit = api.create_commit(
                repository,
                [
                    CommitOperationAdd(file.name, path),
                    CommitOperationAdd("README.md", readme(tag, file).encode()),
                ],
                commit_message=f"{tag.name}: weights with sha256 {file.sha256[:12]}",
            )
        except client_errors() as error:
            raise WeightsError(push_sentence(error, repository)) from error
        except (ValueError, RuntimeError) as error:
            # The client's own checks of a name or a card, and what its threads that upload wrap.
            first = str(error.__cause__ or error).strip().splitlines()[0]
            raise WeightsError(
                f"Nothing was pushed to {repository}: {first}; correct that, or try again later."
            ) from error
    return Pushed(repository, commit.oid, file)
