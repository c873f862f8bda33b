"""Whose weights a file has: the configuration that trained them, written into the file and its card, and compared. Imports no torch.

The safetensors metadata have one key, `posebench`: JSON with `tag`, `arch`, `config` (every argument of the lifter's class)
and `training_sha256` (`TrainingConfig.hash`). The card has the tag as its title and the same hash in a line.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from posebench.errors import DataDamagedError, UsageError
from posebench.hashing import canonical_json
from zoo.training.config import TrainingConfig


def weights_metadata(config: TrainingConfig, arguments: dict[str, Any]) -> dict[str, str]:
    """What a weights file says of itself; `arguments` are all of the lifter's class."""
    described = {
        "tag": config.tag,
        "arch": config.lifter.arch,
        "config": arguments,
        "training_sha256": config.hash,
    }
    # One key: the order of several is not fixed, and the file is hashed.
    return {"posebench": canonical_json(described)}


def configuration_line(config: TrainingConfig) -> str:
    """The line of a card that names the configuration."""
    return f"- Configuration: sha256 `{config.hash}`"


def verify_weights(config: TrainingConfig, path: Path) -> None:
    """Raise `UsageError` unless the file says that this configuration trained it, `DataDamagedError` if it cannot be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            described = json.loads((file.metadata() or {}).get("posebench", "{}"))
    except (SafetensorError, ValueError) as error:
        raise DataDamagedError(f"The weights {path} cannot be read ({error}); train them again.") from error
    if described.get("tag") != config.tag or described.get("training_sha256") != config.hash:
        raise UsageError(
            f"The weights {path} do not say that they were trained by the configuration {config.tag} as it is now; "
            "train them by it."
        )


def verify_card(config: TrainingConfig, text: str, weights_sha256: str) -> None:
    """Raise `UsageError` unless a card is of this configuration and of the weights with that hash."""
    lines = text.splitlines()
    own = lines[:1] == [f"# {config.tag}"] and configuration_line(config) in lines
    if not own or not any(line.startswith("- Weights: ") and f"`{weights_sha256}`" in line for line in lines):
        raise UsageError(
            f"The card of {config.tag} does not name that configuration as it is now, and the weights with sha256 "
            f"{weights_sha256[:12]}…; train them again."
        )
