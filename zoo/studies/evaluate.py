"""Making the records of a study: every finished run on every protocol, whatever is there already left as it is."""

import shutil
from pathlib import Path

from posebench.errors import UsageError
from posebench.files import replace_whole
from posebench.hashing import hash_file
from posebench.results.api import Progress, prepare
from posebench.results.record import Asked
from posebench.sweeps.recorded import Recorded, evaluate_unless_recorded
from zoo.studies.evidence import Evidence, card_of, read_evidence, records_of
from zoo.studies.study import Run, Study
from zoo.studies.transfer import Transfer, read_transfer_evidence
from zoo.training.origin import verify_card, verify_weights
from zoo.training.progress import Reporter


def evaluate_study(study: Study, runs: Path, folder: Path, device: str, reporter: Reporter) -> None:
    """Evaluate `runs/TAG/TAG.safetensors` of every configuration and write the records into the study's folder.

    The card of a run is copied beside its records: it says what the weights
    were trained on, how long, and their hash. A configuration without a
    finished run is said and passed over. After an interruption the same call
    goes on, within a data set too. Raises what `evaluate_unless_recorded` raises, and
    `UsageError` where there are records of other weights.
    """
    evidence = read_evidence(study, folder)
    for number, tag in enumerate(study.tags, start=1):
        head = f"{number}/{len(study.tags)} {tag}"
        weights, card = runs / tag / f"{tag}.safetensors", runs / tag / f"{tag}.md"
        if not weights.is_file() or not card.is_file():
            reporter.say(f"{head}: no finished run in {runs / tag}; passed over")
            continue
        config, sha256 = study.configurations[tag], hash_file(weights)
        verify_weights(config, weights)
        verify_card(config, card.read_text(encoding="utf-8"), sha256)
        _refuse_others(evidence, tag, folder, sha256)
        missing = [run for run in study.runs(tag) if run not in evidence]
        if not missing:
            reporter.say(f"{head}: all records are there")
            continue
        copy = card_of(folder, tag)
        copy.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(copy, lambda part, card=card: shutil.copyfile(card, part))  # type: ignore[misc]
        for run in missing:
            error = _evaluate(study, run, weights, folder, device, reporter)
            reporter.say(f"{head}: {_words(run)}: {error:.1f} mm")


def evaluate_transfer(study: Transfer, folder: Path, device: str, reporter: Reporter) -> None:
    """Make every record that a study of transfer lacks, of the lifters' registered weights, into `folder/records`.

    After an interruption the same call goes on, within a data set too. Raises what `evaluate_unless_recorded` raises.
    """
    evidence = read_transfer_evidence(study, folder)
    for run in study.runs:
        row = study.row(run.row)
        if run in evidence:
            continue
        asked = Asked(
            model=row.model, protocol=run.protocol, dataset=None, keypoints=None, limit=None, device=device,
            batch_size=None, flip=None, resample=False, seed=0, hypotheses=row.hypotheses, steps=row.steps,
        )  # fmt: skip
        progress = _shown(reporter, f"{row.name}, {run.protocol}")
        record = evaluate_unless_recorded(prepare(asked, None, progress), folder / "records", Recorded({}), progress)
        error = next(iter(record.results.values()))["p-agg"]["mpjpe"]
        reporter.say(f"{row.name}: {run.protocol}: {error:.1f} mm")


def _refuse_others(evidence: Evidence, tag: str, folder: Path, sha256: str) -> None:
    if any(run.tag == tag and record.lifter.weights_sha256 != sha256 for run, record in evidence.items()):
        raise UsageError(
            f"{records_of(folder, tag)} has records of other weights than those of this run; remove that folder to "
            "evaluate the new ones."
        )


def _evaluate(study: Study, run: Run, weights: Path, folder: Path, device: str, reporter: Reporter) -> float:
    """Write the records of one run; returns its MPJPE."""
    config = study.configurations[run.tag]
    asked = Asked(
        model=config.lifter.arch, protocol=run.protocol, dataset=None, keypoints=None, limit=None, device=device,
        batch_size=None, flip=config.flip, resample=False, seed=0, hypotheses=run.hypotheses, steps=run.steps,
    )  # fmt: skip
    progress = _shown(reporter, f"{run.tag}, {_words(run)}")
    # What the study's folder has was asked before: it holds records of before these said how they were made.
    record = evaluate_unless_recorded(
        prepare(asked, weights, progress), records_of(folder, run.tag), Recorded({}), progress
    )
    return next(iter(record.results["honest"].values()))["mpjpe"]


def _words(run: Run) -> str:
    sampled = "" if run.hypotheses is None else f", H={run.hypotheses} K={run.steps}"
    return f"{run.protocol}{sampled}"


def _shown(reporter: Reporter, title: str) -> Progress:
    stages: set[str] = set()

    def report(stage: str, done: int, total: int) -> None:
        if stage not in stages:
            stages.add(stage)
            reporter.begin(f"{stage} {title}", done, total)
        reporter.advance(done, total)

    return report
