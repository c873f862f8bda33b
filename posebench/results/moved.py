"""How far a fast run moved the error: a seeded share of its sequences is predicted again the plain way, and both are scored."""

import math
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from posebench.datasets.store import Dataset
from posebench.errors import CheckFailedError, UsageError
from posebench.prediction.create import LoadedLifter
from posebench.prediction.folder import PredictionFolder
from posebench.prediction.runner import PredictionRun, Predictor, RunSettings, plan_run
from posebench.protocols.protocol import Protocol
from posebench.results.record import MovedPart
from posebench.results.score import score_predictions

#: The least share of the sequences that is predicted twice, and how far MPJPE over them may move.
SHARE = 0.05
MOST_MM = 0.1
METRIC = "mpjpe"


def check_movable(protocol: Protocol) -> None:
    """Raise `UsageError` for a rule that has no MPJPE to look at."""
    if METRIC not in protocol.scoring.metrics:
        raise UsageError(f"--fast is judged by MPJPE, which {protocol.id} does not have; leave it away.")


def check_moved(
    lifter: LoadedLifter, dataset: Dataset, protocol: Protocol, run: PredictionRun, settings: RunSettings
) -> MovedPart | None:
    """Compare a fast run with the plain way; raises `CheckFailedError` where MPJPE moved by `MOST_MM` or more.

    None for a run that was computed the plain way: it was not asked to be fast, or there was nothing to choose.
    """
    if "fast" not in run.folder.manifest.settings:
        return None
    left_out = protocol.scoring.left_out
    scored = [item.info for item in run.wanted if item.info.clip_id not in left_out]
    chosen = choose_sequences([info.id for info in scored], settings.seed)
    with TemporaryDirectory() as made:
        plan = plan_run(lifter, dataset, protocol.inputs, replace(settings, fast=False))
        plain = PredictionFolder.create(Path(made), plan.manifest)
        predictor = Predictor(plan, plain)
        for item in run.wanted:
            if item.info.id in chosen:
                predictor.predict(item)
        fast, exact = (
            score_predictions(folder, dataset, protocol, only=chosen).headline.overall for folder in (run.folder, plain)
        )
        moved = max((fast[aggregate][METRIC] - numbers[METRIC] for aggregate, numbers in exact.items()), key=abs)
        apart = [_apart(run.folder, plain, sequence_id) for sequence_id in sorted(chosen)]
    if not abs(moved) < MOST_MM:
        raise CheckFailedError(
            f"--fast moved the MPJPE of {lifter.name} by {moved:+.3f} mm over {len(chosen)} of {len(scored)} sequences, "
            f"and must stay under {MOST_MM} mm; run it without --fast."
        )
    return MovedPart(
        sequences=len(chosen),
        mpjpe_mm=round(moved, 6),
        distance_mm=round(math.fsum(total for total, _ in apart) / sum(count for _, count in apart), 6),
    )


def choose_sequences(ids: list[str], seed: int) -> frozenset[str]:
    """At least `SHARE` of the sequences, and at least one: the same for the same seed, in whatever order they come."""
    return frozenset(Random(seed).sample(sorted(ids), math.ceil(SHARE * len(ids))))


def _apart(fast: PredictionFolder, plain: PredictionFolder, sequence_id: str) -> tuple[float, int]:
    """The sum of the joints' distances in mm between both predictions of a sequence, and how many there are."""
    one, other = (folder.read(sequence_id).poses.astype(np.float64) for folder in (fast, plain))
    distances = np.linalg.norm(one - other, axis=-1)
    return float(distances.sum()), distances.size
