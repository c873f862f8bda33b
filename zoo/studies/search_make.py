"""Making the evidence of a search: the cards of finished trials, and a bundled lifter's errors over hypotheses and steps."""

import json
import shutil
from pathlib import Path

from posebench.files import replace_whole, write_text
from posebench.prediction.create import load_lifter
from posebench.prediction.runner import choose_device
from zoo.studies.search import SAMPLED, Sampled, SampledRow, Sampling, Search, bundled_sha256, card_of, read_sampled
from zoo.training.config import find_config, load_config
from zoo.training.origin import verify_weights
from zoo.training.progress import Reporter
from zoo.training.stores import TrainingStore
from zoo.training.validate import read_validation, validate


def copy_cards(search: Search, runs: Path, folder: Path, reporter: Reporter) -> None:
    """Copy the card of every finished run `runs/TAG`; raises `UsageError` for weights of another configuration."""
    for tag, config in search.configurations.items():
        weights, card = runs / tag / f"{tag}.safetensors", runs / tag / f"{tag}.md"
        if not weights.is_file() or not card.is_file():
            reporter.say(f"{tag}: no finished run in {runs / tag}; passed over")
            continue
        verify_weights(config, weights)
        target = card_of(folder, tag)
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(target, lambda part, card=card: shutil.copyfile(card, part))  # type: ignore[misc]


def sample(search: Search, folder: Path, device: str, reporter: Reporter) -> None:
    """Validate the bundled lifter with every pair that has no errors yet; what is done is kept if it is stopped.

    Raises `UsageError` for a device that is not here.
    """
    if (asked := search.sampling) is None:
        return
    sampled = read_sampled(search, folder)
    rows = [] if sampled is None else list(sampled.rows)
    missing = [pair for pair in asked.pairs if pair not in [(row.hypotheses, row.steps) for row in rows]]
    if not missing:
        return
    place = choose_device(device)
    config = load_config(find_config(asked.configuration))
    stores = [TrainingStore(data) for data in config.data]
    fingerprints = {store.name: store.fingerprint for store in stores}
    if sampled is not None and sampled.fingerprints != fingerprints:
        # Pairs are only comparable on the same data.
        rows, missing = [], list(asked.pairs)
    sequences = None
    for hypotheses, steps in missing:
        lifter = load_lifter(asked.configuration, hypotheses=hypotheses, steps=steps)
        if sequences is None:
            sequences = read_validation(stores, config.validation_sources, lifter.spec, place)
        errors = validate(lifter.module.to(place), sequences, config.flip)
        rows.append(SampledRow(hypotheses=hypotheses, steps=steps, errors=errors))
        _write(asked, fingerprints, rows, folder)
        reporter.say(f"H={hypotheses}, K={steps}: {sum(errors.values()) / len(errors):.2f} mm")


def _write(asked: Sampling, fingerprints: dict[str, str], rows: list[SampledRow], folder: Path) -> None:
    order = {pair: number for number, pair in enumerate(asked.pairs)}
    rows = [row for row in rows if (row.hypotheses, row.steps) in order]
    sampled = Sampled(
        configuration=asked.configuration,
        weights_sha256=bundled_sha256(asked.configuration),
        fingerprints=fingerprints,
        rows=tuple(sorted(rows, key=lambda row: order[row.hypotheses, row.steps])),
    )
    write_text(folder / SAMPLED, json.dumps(sampled.model_dump(mode="json"), indent=1) + "\n")
