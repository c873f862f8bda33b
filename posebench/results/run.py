"""The main job: predict, score, record."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from posebench.datasets.store import Dataset
from posebench.engines.engine import Engine
from posebench.hashing import hash_value
from posebench.prediction.create import LoadedLifter
from posebench.prediction.runner import PredictionRun, RunSettings, check_grants
from posebench.prediction.shards import predict_all
from posebench.protocols.protocol import Protocol
from posebench.registry.plugins import provided_by
from posebench.results.domain import domain_of
from posebench.results.environment import describe_environment
from posebench.results.moved import check_movable, check_moved
from posebench.results.record import (
    Asked,
    DataPart,
    LifterPart,
    MovedPart,
    ProtocolPart,
    ProvidedByPart,
    Record,
    RunPart,
    SettingsPart,
    TimingPart,
    TrainingSet,
)
from posebench.results.score import Scores, by_column, score_predictions

#: Called with (stage, done, all): the stages are `predict` in camera frames and `score` in sequences.
Progress = Callable[[str, int, int], None]

#: Floating point differs between processors in the last bits of a matrix product; more than this is another result.
TOLERANCE_MM = 0.01


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation: its record and its predictions."""

    record: Record
    run: PredictionRun
    moved: MovedPart | None


def evaluate_lifter(
    lifter: LoadedLifter,
    dataset: Dataset,
    protocol: Protocol,
    predictions: Path,
    settings: RunSettings,
    asked: Asked,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> Evaluation:
    """Predict every frame the protocol wants into the folder `predictions`, score it, and make the record (not written yet).

    Raises what `predict_all` and `score_predictions` raise, and for a fast run
    what `check_moved` does.
    """
    if settings.fast:
        check_movable(protocol)
    began = time.perf_counter()
    run = predict_all(
        lifter, dataset, protocol.inputs, predictions, settings,
        (lambda done, total: progress("predict", done, total)) if progress else None, engine,
    )  # fmt: skip
    scores = score_predictions(
        run.folder, dataset, protocol, (lambda done, total: progress("score", done, total)) if progress else None
    )
    wall = time.perf_counter() - began
    moved = check_moved(lifter, dataset, protocol, run, settings)
    return Evaluation(_make_record(lifter, dataset, protocol, run, scores, asked, wall, moved), run, moved)


def record_beside(
    lifter: LoadedLifter, dataset: Dataset, protocol: Protocol, evaluation: Evaluation, asked: Asked
) -> Record:
    """The record of an evaluation's predictions under another rule of the same inputs."""
    scores = score_predictions(evaluation.run.folder, dataset, protocol)
    wall = evaluation.record.timing.wall_seconds
    return _make_record(lifter, dataset, protocol, evaluation.run, scores, asked, wall, evaluation.moved)


def _make_record(
    lifter: LoadedLifter,
    dataset: Dataset,
    protocol: Protocol,
    run: PredictionRun,
    scores: Scores,
    asked: Asked,
    wall: float,
    moved: MovedPart | None,
) -> Record:
    manifest, spec, clock = run.folder.manifest, lifter.spec, run.clock
    granted = check_grants(lifter, protocol.inputs)
    now = datetime.now(UTC)
    timed = clock.passes > 0
    # What the manifest says of training holds for its own weights, not for a file the user brought.
    own_file = lifter.weights is not None and lifter.weights.origin == "file"
    trained_on = None if own_file else lifter.tag.described.trained_on
    return Record(
        kind="smoke" if manifest.limit is not None else "score",
        id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        created=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        asked=asked,
        protocol=ProtocolPart(
            id=protocol.id,
            inputs=protocol.inputs.to_json(),
            inputs_hash=protocol.inputs.hash,
            scoring=protocol.scoring.to_json(),
            scoring_hash=protocol.scoring.hash,
        ),
        lifter=LifterPart(
            name=lifter.name,
            architecture=lifter.tag.architecture,
            tag=lifter.tag.tag,
            origin=lifter.tag.entry.origin,
            config=lifter.config,
            settings=SettingsPart(**manifest.settings),
            parameters=lifter.parameters,
            weights_sha256=manifest.weights_sha256,
            weights_origin=lifter.weights.origin if lifter.weights else None,
            trained_on=tuple(TrainingSet.model_validate(seen, from_attributes=True) for seen in trained_on or ()),
            domain=domain_of(trained_on, dataset.name, protocol.inputs.split, spec.fitted),
            window=spec.window,
            stride=spec.stride,
            tail=spec.tail,
            look_ahead=spec.look_ahead,
            space=spec.space,
            joints=manifest.lifted_as,
            training_fps=spec.fps,
        ),
        data=DataPart(
            dataset=dataset.name,
            version=dataset.version,
            form=dataset.form,
            pseudo_truth=dataset.pseudo_truth,
            fingerprint=dataset.fingerprint,
            split=protocol.inputs.split,
            frame_list_sha256=manifest.frame_list_sha256,
            fps=dataset.fps,
            sequences=len(scores.sequences),
            frames=sum(row.frames for row in scores.sequences),
            interpolated=sum(row.interpolated for row in scores.sequences),
        ),
        run=RunPart(
            device=manifest.device,
            batch_size=manifest.batch_size,
            seed=manifest.seed,
            hypotheses=scores.hypotheses,
            granted=granted,
            predictions_sha256=scores.predictions_sha256,
            manifest_sha256=hash_value(manifest.to_json()),
        ),
        moved=moved,
        timing=TimingPart(
            wall_seconds=round(wall, 3),
            forward_seconds=round(clock.seconds, 6) if timed else None,
            forward_frames=clock.frames if timed else None,
            frames_per_second=round(clock.frames / clock.seconds, 1) if timed else None,
            method=clock.method if timed else None,
            warm_up_seconds=round(clock.warm_up_seconds, 6) if timed else None,
            workers=run.workers,
        ),
        environment=describe_environment(clock.device, run.threads),
        provided_by=ProvidedByPart(
            lifter=provided_by("lifter", lifter.tag.architecture),
            dataset=provided_by("data set", dataset.name),
            protocol=provided_by("protocol", protocol.id.partition("+")[0]),
        ),
        tolerance_mm=TOLERANCE_MM,
        results=by_column(scores.headline.overall, granted),
        by_group={action: by_column(numbers, granted) for action, numbers in scores.headline.by_group.items()},
        sequences=scores.sequences,
    )
