"""The committed records of a study: each checked, and found by what made it."""

from collections.abc import Mapping
from pathlib import Path

from posebench.errors import CheckFailedError
from posebench.leaderboard.collect import verify_record
from posebench.prediction.run_options import SAMPLING
from posebench.results.record import Record, read_records
from zoo.studies.study import Run, Study

#: The one aggregate of a study's tables: the mean of the hypotheses.
HONEST = "p-agg"

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
    configuration or its card, or shares a protocol's name but not its value
    or its data with another.
    """
    found: dict[Run, Record] = {}
    common: dict[str, tuple[str, str, str]] = {}
    for tag in study.tags:
        place = records_of(folder, tag)
        for path, record in read_records(place):
            verify_record(path, record, place)
            _verify_origin(study, folder, tag, record)
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


def _verify_origin(study: Study, folder: Path, tag: str, record: Record) -> None:
    lifter, settings, card = study.configurations[tag].lifter, record.lifter.settings, card_of(folder, tag)
    if record.kind != "score" or settings.resample or settings.precision != "fp32":
        raise CheckFailedError(f"The record {record.id} of {tag} is not one of a whole plain run; remove it.")
    # Weights say nothing of how many hypotheses are drawn of them, and in how many steps.
    other = [name for name, value in lifter.config.items() if record.lifter.config.get(name) != value]
    if record.lifter.architecture != lifter.arch or set(other) - set(SAMPLING):
        raise CheckFailedError(f"The record {record.id} is not of the lifter that {tag} configures; remove it.")
    if not card.is_file() or f"`{record.lifter.weights_sha256}`" not in card.read_text(encoding="utf-8"):
        raise CheckFailedError(
            f"The record {record.id} of {tag} is of other weights than those of its card; remove the folder "
            f"{records_of(folder, tag)} and evaluate again."
        )
