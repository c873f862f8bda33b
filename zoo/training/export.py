"""From a finished run to what is published: weights, their hash, their card, their lines in the manifest."""

import shutil
from pathlib import Path

import torch
import yaml
from safetensors.torch import save_file

from posebench.errors import DataMissingError, UsageError
from posebench.files import replace_whole, write_text
from posebench.hashing import canonical_json, hash_file
from zoo.training.batches import Batches
from zoo.training.card import RunFacts, model_card
from zoo.training.checkpoint import RunState
from zoo.training.config import TrainingConfig
from zoo.training.stores import TrainingStore

ZOO = Path(__file__).parents[1]

#: The repository takes no larger file.
LARGEST = 4_000_000


def export(
    config: TrainingConfig,
    state: RunState,
    stores: list[TrainingStore],
    folder: Path,
    device: torch.device,
    batches: Batches,
) -> Path:
    """Write `TAG.safetensors`, `TAG.md` and `TAG.manifest.yaml` into the run folder; returns the weights' path."""
    path = folder / f"{config.tag}.safetensors"
    described = {"tag": config.tag, "arch": config.lifter.arch, "config": config.lifter.config}
    # One metadata key: the order of several is not fixed, and the file is hashed.
    metadata = {"posebench": canonical_json(described)}
    best = {name: value.contiguous() for name, value in state.best.items()}
    replace_whole(path, lambda part: save_file(best, part, metadata=metadata))
    facts = RunFacts.collect(config, state, stores, path, device, len(batches), batches.outputs)
    write_text(folder / f"{config.tag}.md", model_card(facts))
    trained_on = [
        {"dataset": store.name, "split": "train", "version": store.version, "source": "3d"} for store in stores
    ]
    entry = {
        "summary": config.summary,
        "config": config.lifter.config,
        "settings": {"flip": config.flip},
        "weights": {
            "file": f"weights/{path.name}",
            "sha256": hash_file(path),
            "licence": config.weights_licence,
        },
        # `3d`: the poses were projected through cameras of the recipe's own.
        "trained_on": trained_on,
        "card": f"cards/{config.tag}.md",
    }
    write_text(
        folder / f"{config.tag}.manifest.yaml", yaml.safe_dump({config.tag.split(".")[-1]: entry}, sort_keys=False)
    )
    return path


def publish(config: TrainingConfig, folder: Path, target: Path = ZOO) -> list[Path]:
    """Copy a run's weights and card into the package; returns where they lie.

    Raises `DataMissingError` for a run that is not finished and `UsageError`
    for weights over the repository's limit.
    """
    weights, card = folder / f"{config.tag}.safetensors", folder / f"{config.tag}.md"
    if not weights.is_file() or not card.is_file():
        raise DataMissingError(
            f"The run in {folder} is not finished; run `python -m zoo train {config.tag}` to its end first."
        )
    if (size := weights.stat().st_size) > LARGEST:
        raise UsageError(f"{weights.name} has {size} bytes and the repository takes {LARGEST}; train a smaller lifter.")
    copies = [(weights, target / "weights" / weights.name), (card, target / "cards" / card.name)]
    for source, destination in copies:
        destination.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(destination, lambda part, source=source: shutil.copyfile(source, part))  # type: ignore[misc]
    return [destination for _, destination in copies]
