"""From a finished run to what is published: weights, their hash, their card, their lines in the manifest."""

import shutil
from pathlib import Path
from typing import NamedTuple

import yaml
from safetensors.torch import save_file

from posebench.errors import DataMissingError, UsageError
from posebench.files import replace_whole, write_text
from posebench.hashing import hash_file
from zoo.training.card import model_card
from zoo.training.config import TrainingConfig
from zoo.training.loop import CHECKPOINT, Training
from zoo.training.origin import verify_card, verify_weights, weights_metadata
from zoo.training.plots import CURVE, METRICS

ZOO = Path(__file__).parents[1]

#: Folder beside the cards of what a person says of weights; the end of the published card.
NOTES = "notes"
#: The repository takes no larger file.
LARGEST = 4_000_000


class Exports(NamedTuple):
    """The files that a finished run leaves in its folder."""

    weights: Path
    card: Path
    manifest: Path


def exports_of(config: TrainingConfig, folder: Path) -> Exports:
    """Where a run in a folder leaves them."""
    return Exports(*(folder / f"{config.tag}.{ending}" for ending in ("safetensors", "md", "manifest.yaml")))


def forget(config: TrainingConfig, folder: Path) -> None:
    """Remove all that an earlier run left in the folder, so that nothing of it is taken for the next one's."""
    for path in (*exports_of(config, folder), *(folder / name for name in (CHECKPOINT, METRICS, CURVE))):
        path.unlink(missing_ok=True)


def export(training: Training) -> Path:
    """Write `TAG.safetensors`, `TAG.md` and `TAG.manifest.yaml` of a run that is done; returns the weights' path."""
    config, arguments = training.config, training.arguments
    path, card, manifest = exports_of(config, training.folder)
    best = {name: value.contiguous() for name, value in training.state.best.items()}
    replace_whole(path, lambda part: save_file(best, part, metadata=weights_metadata(config, arguments)))
    sha256 = hash_file(path)
    write_text(card, model_card(training, path.stat().st_size, sha256))
    # `3d`: the poses were projected through cameras of the recipe's own.
    trained_on = [
        {"dataset": store.name, "split": "train", "version": store.version, "source": "3d"} for store in training.stores
    ]
    entry = {
        "summary": config.summary,
        "config": arguments,
        "settings": {"flip": config.flip},
        "weights": {"file": f"weights/{path.name}", "sha256": sha256, "licence": config.weights_licence},
        "trained_on": trained_on,
        "card": f"cards/{card.name}",
    }
    write_text(manifest, yaml.safe_dump({config.tag.split(".")[-1]: entry}, sort_keys=False))
    return path


def publish(config: TrainingConfig, folder: Path, target: Path = ZOO) -> list[Path]:
    """Copy a run's weights, and its card with what `cards/notes` says of them, into the package; returns where they lie.

    Raises `DataMissingError` for a run that is not finished, and `UsageError` for weights or a card that do not name
    this very configuration, or weights over the repository's limit.
    """
    exports = exports_of(config, folder)
    if not all(path.is_file() for path in exports):
        raise DataMissingError(
            f"The run in {folder} is not finished; run `python -m zoo train {config.tag}` to its end first."
        )
    weights, card, _ = exports
    verify_weights(config, weights)
    verify_card(config, card.read_text(encoding="utf-8"), hash_file(weights))
    if (size := weights.stat().st_size) > LARGEST:
        raise UsageError(f"{weights.name} has {size} bytes and the repository takes {LARGEST}; train a smaller lifter.")
    published = target / "weights" / weights.name, target / "cards" / card.name
    for destination in published:
        destination.parent.mkdir(parents=True, exist_ok=True)
    replace_whole(published[0], lambda part: shutil.copyfile(weights, part))
    notes = target / "cards" / NOTES / card.name
    discussed = f"\n{notes.read_text(encoding='utf-8')}" if notes.is_file() else ""
    write_text(published[1], card.read_text(encoding="utf-8") + discussed)
    return list(published)
