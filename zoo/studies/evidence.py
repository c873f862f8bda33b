"""The committed records of a study: each checked, and found by what made it."""

import re
from collections.abc import Mapping
from pathlib import Path

from posebench.errors import CheckFailedError, UsageError
from posebench.leaderboard.collect import verify_record
from posebench.prediction.run_options import SAMPLING
from posebench.results.record import Record, read_records
from zoo.studies.study import Run, Study
from zoo.training.origin import verify_card

#: The one aggregate of a study's tables: the mean of the hypotheses.
HONEST = "p-agg"

#: A prepared store in a card: its name and its fingerprint.
STORE = re.compile(r"^- (\w+): `([0-9a-f]{64})`", re.MULTILINE)

Evidence = Mapping[Run, Record]


def records_of(folder: Path, tag: str) -> Path:
    """Where a study's folder has the records of one configuration."""
    return folder / "records" / tag


def card_of(folder: Path, tag: str) -> Path:
    """Where it has the card of the run whose weights were scored."""
    return folder / "cards" / f"{tag}.md"


def read_evidence(study: Study, folder: Path) -> Evidence:
    """Every record of the study in its folder; those of configurations that it does not have are passed over.

    Of several of one run the newest stands. Raises `CheckFailedError` for a
    record that does not follow from its own evidence, is not of its
    configuration or its card, shares a protocol's name but not its value
    or its data with another, or its weights with another configuration; and
    for a card that is not of the configuration as it is now, or of other
    stores than those before it.
    """
    found: dict[Run, Record] = {}
    tag_of: dict[str | None, str] = {}
    stores: dict[str, str] = {}
    common: dict[str, tuple[str, str, str]] = {}
    for tag in study.tags:
        place = records_of(folder, tag)
        for path, record in read_records(place):
            verify_record(path, record, place)
            _verify_run(study, tag, record)
            _verify_card(study, folder, tag, record, stores)
            if (other := tag_of.setdefault(record.lifter.weights_sha256, tag)) != tag:
                raise CheckFailedError(
                    f"The record {record.id} of {tag} is of the very weights that {other} has; remove the folder {place} and "
                    f"train {tag} itself."
                )
            value = (record.protocol.inputs_hash, record.protocol.scoring_hash, record.data.fingerprint)
            if common.setdefault(record.protocol.id, value) != value:
                raise CheckFailedError(
                    f"The records of {record.protocol.id} differ in the protocol's value or in the data, {record.id} of "
                    f"{tag} among them; remove the outdated ones."
                )
            settings = record.lifter.settings
            run = Run(tag, record.protocol.id, settings.hypotheses, settings.steps)
            if run not in found or (found[run].created, found[run].id) < (record.created, record.id):
                found[run] = record
    return found


def _verify_run(study: Study, tag: str, record: Record) -> None:
    lifter, settings = study.configurations[tag].lifter, record.lifter.settings
    if record.kind != "score" or settings.resample or settings.precision != "fp32":
        raise CheckFailedError(f"The record {record.id} of {tag} is not one of a whole plain run; remove it.")
    # Weights say nothing of how many hypotheses are drawn of them, and in how many steps.
    other = [name for name, value in lifter.config.items() if record.lifter.config.get(name) != value]
    if record.lifter.architecture != lifter.arch or set(other) - set(SAMPLING):
        raise CheckFailedError(f"The record {record.id} is not of the lifter that {tag} configures; remove it.")


def _verify_card(study: Study, folder: Path, tag: str, record: Record, stores: dict[str, str]) -> None:
    """Raise `CheckFailedError` unless the weights are said to be the configuration's, trained on the `stores` of the others."""
    card = card_of(folder, tag)
    if not card.is_file():
        raise CheckFailedError(
            f"There is no {card}, the card of the record {record.id}; remove the folder {records_of(folder, tag)} and "
            "evaluate again."
        )
    text = card.read_text(encoding="utf-8")
    try:
        verify_card(study.configurations[tag], text, str(record.lifter.weights_sha256))
    except UsageError as error:
        raise CheckFailedError(f"{card} does not stand for the record {record.id}: {error}") from error
    trained = dict(STORE.findall(text))
    named = {data.name for data in study.configurations[tag].data}
    if trained.keys() != named or any(stores.setdefault(name, found) != found for name, found in trained.items()):
        raise CheckFailedError(
            f"{card} does not name the same prepared data as the other cards of the study; train {tag} again on those."
        )
