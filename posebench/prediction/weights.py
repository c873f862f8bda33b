"""Where a tag's weights come from, in one order: an explicit file, a bundled file, the Hub. Hashed, loaded strictly."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from posebench.errors import WeightsError
from posebench.hashing import hash_file
from posebench.prediction.foreign_weights import foreign_kind
from posebench.registry.manifest import HubFile
from posebench.registry.resolve import ModelTag


@dataclass(frozen=True)
class WeightsFile:
    """A safetensors file on this machine, its hash, and which of the three places it came from."""

    path: Path
    sha256: str
    origin: str


def find_weights(tag: ModelTag, explicit: Path | None = None) -> WeightsFile | None:
    """The weights of a tag; None for a predictor that needs none.

    Raises `WeightsError` when they are missing, are not the file whose sha256
    the manifest names, or are of another kind than safetensors.
    """
    if explicit is not None:
        if not explicit.is_file():
            raise WeightsError(f"There is no weights file {explicit}; give a safetensors file for {tag.name}.")
        try:
            foreign = foreign_kind(explicit)
        except OSError as error:
            raise WeightsError(
                f"The weights file {explicit} cannot be read ({error.strerror}); give one that can."
            ) from error
        if foreign is not None:
            raise WeightsError(
                f"The weights file {explicit} is {foreign}; nothing of it was run, and weights must be safetensors: "
                "save the state dict with safetensors.torch.save_file where you trust it, or get such a file."
            )
        return WeightsFile(explicit, hash_file(explicit), "file")
    weights = tag.described.weights
    if weights is None:
        if tag.described.needs_weights:
            raise WeightsError(
                f"No weights of {tag.name} exist yet; give your own with --weights FILE, or choose another tag."
            )
        return None
    if weights.file is not None:
        path, origin = (tag.root or Path()) / weights.file, "bundled"
        if not path.is_file():
            raise WeightsError(
                f"The bundled weights {weights.file} of {tag.name} are missing; install posebench again."
            )
    else:
        assert weights.hub is not None
        path, origin = _fetch(tag, weights.hub), f"hub:{weights.hub.repository}@{weights.hub.revision[:12]}"
    found = hash_file(path)
    if found != weights.sha256:
        raise WeightsError(
            f"The weights {path.name} of {tag.name} have sha256 {found[:12]}…, the manifest names {weights.sha256[:12]}…: "
            "the file was altered or is damaged; delete it and get it again."
        )
    return WeightsFile(path, found, origin)


def _fetch(tag: ModelTag, hub: HubFile) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    where = f"{hub.file} of {hub.repository} at {hub.revision[:12]}"
    try:
        return Path(hf_hub_download(hub.repository, hub.file, revision=hub.revision))
    except LocalEntryNotFoundError as error:
        raise WeightsError(
            f"The weights of {tag.name} ({where}) are not on this machine and the Hub cannot be reached; "
            "connect once or give --weights FILE."
        ) from error
    except HfHubHTTPError as error:
        raise WeightsError(
            f"The Hub did not hand out the weights of {tag.name} ({where}): {str(error).splitlines()[0]}"
        ) from error


def load_weights(module: nn.Module, file: WeightsFile, name: str) -> None:
    """Load strictly: every key of the module and of the file is used; raises `WeightsError` naming the first that differs."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(file.path)
    except SafetensorError as error:
        raise WeightsError(
            f"The weights file {file.path} is not a whole safetensors file ({error}); get it again."
        ) from error
    own = module.state_dict()
    for key in sorted(own.keys() | state.keys()):
        if key not in state:
            raise WeightsError(f"The weights file {file.path.name} does not fit {name}: it lacks {key!r}.")
        if key not in own:
            raise WeightsError(f"The weights file {file.path.name} does not fit {name}: it has the unknown {key!r}.")
        if own[key].shape != state[key].shape:
            raise WeightsError(
                f"The weights file {file.path.name} does not fit {name}: {key!r} is {tuple(state[key].shape)}, "
                f"not {tuple(own[key].shape)}."
            )
    module.load_state_dict(state, strict=True)
