"""CLIP's text model as files: a commit of the Hub or a folder of the user's, of which hash; read without any pickle.

The weights of a lifter hang on the CLIP that they were trained with and do not hold it. So a configuration says which files
they are by one sha256, wherever they lie: `clip_sha256`, the hash of the three files' own hashes.

The branch `main` of openai/clip-vit-base-patch32 has weights as a pickle only. The commit that is pinned here is the
conversion of them to safetensors in the same repository (its pull request 15); commit and hashes are those that several
public programs pin independently of each other, and they are checked each time that the files are read.
"""

import importlib
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from posebench.datasets.library import data_root
from posebench.errors import PosebenchError, UsageError, WeightsError
from posebench.hashing import hash_file, hash_value
from posebench.prediction.hub import Report, fetch_file
from posebench.prediction.hub_errors import HubSubject
from posebench.registry.manifest import HubFile

REPOSITORY = "openai/clip-vit-base-patch32"
#: As the `clip` of a configuration says it.
SOURCE = f"{REPOSITORY}@b33cedfd0df4e43b8238760678fcc89e1a0d38b3"
#: What is read of a source. Sizes at `SOURCE`: 4 kB, 2 MB, 605 MB, for the file has the model of images too.
FILES = ("config.json", "tokenizer.json", "model.safetensors")
#: sha256 of the files of `SOURCE`.
PUBLISHED: Mapping[str, str] = {
    "config.json": "b575ef3c36f2a057fa19e221650105052d61cc9c1a972ec15019c6261ec98770",
    "tokenizer.json": "b556ac8c99757ffb677208af34bc8c6721572114111a6e0aaf5fa69ff0b8d842",
    "model.safetensors": "99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d",
}
#: And all of it as one.
PUBLISHED_SHA256 = hash_value(PUBLISHED)
HUB = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})")
FOLDER = re.compile(r"\w[\w.-]*")
INSTEAD = f"name as the configuration's `clip` a folder of POSEBENCH_DATA/clip with {', '.join(FILES[:-1])} and {FILES[-1]} of one"


class MissingExtraError(PosebenchError, ImportError):
    """A library that only an extra of posebench brings."""


def find_files(source: str, sha256: str) -> dict[str, Path]:
    """The files of a CLIP by name, from the folder `POSEBENCH_DATA/clip/NAME`, or of OWNER/NAME@COMMIT, fetched if need be.

    `sha256` is `hash_value` of their own hashes by name. Raises `UsageError` for a source that can be neither, `WeightsError`
    for files that cannot be had or are others.
    """
    if FOLDER.fullmatch(source):
        found = _in_folder(data_root() / "clip" / source)
    elif match := HUB.fullmatch(source):
        found = {name: _from_hub(HubFile(**match.groupdict(), file=name), source) for name in FILES}
    else:
        raise UsageError(
            f"{source!r} is neither OWNER/NAME@COMMIT of a CLIP on the Hub, the commit with its 40 hexadecimal digits, nor the "
            "name of a folder in POSEBENCH_DATA/clip; give one of the two."
        )
    hashes = {name: hash_file(path) for name, path in found.items()}
    if source == SOURCE and (altered := [name for name in FILES if hashes[name] != PUBLISHED[name]]):
        raise WeightsError(
            f"{found[altered[0]].resolve()} is not {altered[0]} of {REPOSITORY} any more: it was altered or is damaged; delete it "
            "and run the same command again."
        )
    if (own := hash_value(hashes)) != sha256:
        raise WeightsError(
            f"The files of the CLIP {source} have the sha256 {own}, and {sha256} is asked for; give the CLIP that the weights "
            "were trained with, or to train new ones with this say its hash as `clip_sha256`."
        )
    return found


def _in_folder(folder: Path) -> dict[str, Path]:
    found = {name: folder / name for name in FILES}
    for name, path in found.items():
        if not path.is_file():
            raise WeightsError(
                f"There is no {name} in {folder}; a CLIP of one's own needs {', '.join(FILES)} "
                "(save_pretrained of model and tokenizer writes them)."
            )
    return found


def _from_hub(hub: HubFile, source: str) -> Path:
    subject = HubSubject(hub, "the files of a CLIP", "the same command", INSTEAD, "the pinned revision")
    with _bar(hub) as report:
        return fetch_file(subject, PUBLISHED[hub.file] if source == SOURCE else None, report)


@contextmanager
def _bar(hub: HubFile) -> Iterator[Report]:
    """A bar on a terminal, for the large file takes minutes; nothing elsewhere."""
    from tqdm import tqdm

    with tqdm(
        desc=f"{hub.repository}/{hub.file}", unit="B", unit_scale=True, disable=not sys.stderr.isatty(), leave=False
    ) as bar:

        def report(here: int, in_all: int) -> None:
            bar.total = in_all
            bar.update(here - bar.n)

        yield report


def load_model(files: Mapping[str, Path]) -> Any:
    """The `CLIPTextModelWithProjection` in float32 and eval mode, without gradients; every weight of it is in the file.

    Raises `MissingExtraError` without transformers, `WeightsError` for files of something else.
    """
    from safetensors import SafetensorError

    transformers = import_transformers()
    folder = files["config.json"].parent
    try:
        with _quiet():
            model, loading = transformers.CLIPTextModelWithProjection.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                attn_implementation="sdpa",
                output_loading_info=True,
            )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, SafetensorError) as error:
        raise WeightsError(_unreadable(folder, str(error) or type(error).__name__)) from error
    lacking = sorted(loading["missing_keys"])
    if lacking:
        raise WeightsError(_unreadable(folder, f"{lacking[0]!r} is not in model.safetensors"))
    return model.eval().requires_grad_(False)


def load_tokenizer(files: Mapping[str, Path]) -> Any:
    """The `tokenizers.Tokenizer`: words to ids, between start and end of text. Raises as `load_model`."""
    import_transformers()
    from tokenizers import Tokenizer

    path = files["tokenizer.json"]
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise WeightsError(_unreadable(path.parent, str(error))) from error
    # Words that are too many shall be told, not cut.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def import_transformers() -> Any:
    """The library, of the extra `clip`; raises `MissingExtraError` that says how to get it."""
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError(
            "CLIP's text model needs transformers, which is not installed; `pip install 'posebench-lifting[clip]'` brings it, "
            "and `prompt: learned` does without."
        ) from error
    return transformers


def _unreadable(folder: Path, why: str) -> str:
    first = why.strip().splitlines()[0].rstrip(".")
    return f"{folder} does not hold a text model of CLIP that can be read ({first}); {INSTEAD}."


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back a bar for a second's work, and the note that the weights of the image model are not used."""
    said: Any = importlib.import_module("transformers.utils.logging")
    level, bars = said.get_verbosity(), said.is_progress_bar_enabled()
    said.set_verbosity(logging.CRITICAL)
    said.disable_progress_bar()
    try:
        yield
    finally:
        said.set_verbosity(level)
        if bars:
            said.enable_progress_bar()
