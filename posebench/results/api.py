"""The Python functions: what the command line does, without a command line."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from posebench.datasets.library import data_root, ensure_writable, load_dataset
from posebench.datasets.store import Dataset
from posebench.engines.engine import Engine
from posebench.hashing import hash_value
from posebench.prediction.create import LoadedLifter, load_lifter
from posebench.prediction.folder import PredictionFolder
from posebench.prediction.run_options import check_describes, check_precision, sampling_config
from posebench.prediction.runner import RunSettings
from posebench.prediction.shards import predict_all
from posebench.protocols.protocol import Protocol
from posebench.protocols.resolve import find_family, resolve_protocol
from posebench.registry.resolve import resolve_model
from posebench.results.prompts import Prompts, collect_prompts
from posebench.results.record import Asked, Record
from posebench.results.run import evaluate_lifter, record_beside
from posebench.results.score import Scores, score_predictions

#: Called with (stage, done, all).
Progress = Callable[[str, int, int], None]


def predict(
    model: str,
    predictions: Path | str,
    *,
    dataset: str | None = None,
    protocol: str | None = None,
    keypoints: str | None = None,
    limit: int | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    flip: bool | None = None,
    resample: bool = False,
    seed: int = 0,
    hypotheses: int | None = None,
    steps: int | None = None,
    precision: str = "fp32",
    fast: bool = False,
    weights: Path | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> PredictionFolder:
    """Predict every test frame of a protocol's inputs into a folder; an interrupted folder is taken up again.

    Give `dataset` (its default protocol), or `protocol`, or both; `keypoints`
    swaps the 2D source; `resample` lifts at the lifter's training frame rate.
    `hypotheses` and `steps` are for a lifter that samples, in place of its
    tag's; `precision` is `fp32`, or `bf16` for autocast to bfloat16; `fast` is faster by what
    docs/fast.md says, and a record of it says how far MPJPE moved. `engine` (`posebench.engines`) shares the
    sequences out among processes. Raises subclasses of `posebench.errors.PosebenchError`.
    """
    chosen = resolve_protocol(protocol, dataset, keypoints)
    lifter = _load(model, weights, hypotheses, steps, precision, progress)
    data = load_dataset(chosen.inputs.dataset, chosen.inputs.form)
    settings = run_settings(lifter, limit, device, batch_size, flip, resample, seed, precision, fast)
    report = (lambda done, total: progress("predict", done, total)) if progress else None
    return predict_all(lifter, data, chosen.inputs, Path(predictions), settings, report, engine).folder


def score(predictions: Path | str, protocol: str | None = None, progress: Progress | None = None) -> Scores:
    """Score a prediction folder again, without its lifter: the same numbers to the last bit.

    `protocol` is any scoring rule of the folder's data set (default: the data
    set's own); its inputs half must be the folder's.
    """
    folder = PredictionFolder.open(Path(predictions))
    chosen = protocol_for(folder, protocol)
    report = (lambda done, total: progress("score", done, total)) if progress else None
    return score_predictions(
        folder, load_dataset(folder.manifest.inputs.dataset, folder.manifest.inputs.form), chosen, report
    )


def evaluate(
    model: str,
    *,
    dataset: str | None = None,
    protocol: str | None = None,
    keypoints: str | None = None,
    limit: int | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    flip: bool | None = None,
    resample: bool = False,
    seed: int = 0,
    hypotheses: int | None = None,
    steps: int | None = None,
    precision: str = "fp32",
    fast: bool = False,
    weights: Path | None = None,
    predictions: Path | str | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> Record:
    """Predict, score and record; returns the record, which `write_record` writes.

    Without `predictions` the poses go to a working folder under
    `POSEBENCH_DATA` that is removed at the end; after an interruption the same
    call takes it up. Arguments and errors as `predict`.
    """
    return evaluate_beside(
        model, dataset=dataset, protocol=protocol, keypoints=keypoints, limit=limit, device=device,
        batch_size=batch_size, flip=flip, resample=resample, seed=seed, hypotheses=hypotheses, steps=steps, precision=precision,
        fast=fast, weights=weights, predictions=predictions, progress=progress, engine=engine,
    )[0]  # fmt: skip


def evaluate_beside(
    model: str,
    *,
    dataset: str | None = None,
    protocol: str | None = None,
    keypoints: str | None = None,
    limit: int | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    flip: bool | None = None,
    resample: bool = False,
    seed: int = 0,
    hypotheses: int | None = None,
    steps: int | None = None,
    precision: str = "fp32",
    fast: bool = False,
    weights: Path | None = None,
    predictions: Path | str | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> tuple[Record, ...]:
    """The record of `evaluate`, then one for each rule that is always shown beside it (`ProtocolFamily.beside`).

    A rule whose ground truth this copy of the data set does not have is left
    away. Arguments and errors as `predict`.
    """
    asked = Asked(
        model=model, protocol=protocol, dataset=dataset, keypoints=keypoints, limit=limit, device=device,
        batch_size=batch_size, flip=flip, resample=resample, seed=seed, hypotheses=hypotheses, steps=steps,
        precision=check_precision(precision), fast=fast,
    )  # fmt: skip
    prepared = prepare(asked, weights, progress)
    folder = Path(predictions) if predictions is not None else working_folder(prepared)
    ensure_writable(folder)
    records = evaluate_prepared(prepared, folder, progress, engine)
    if predictions is None:
        shutil.rmtree(folder)
    return records


@dataclass(frozen=True)
class Prepared:
    """What was asked, with everything it names found: the protocol, the lifter with its weights, the data."""

    asked: Asked
    protocol: Protocol
    lifter: LoadedLifter
    settings: RunSettings
    data: Dataset


def prepare(asked: Asked, weights: Path | None = None, progress: Progress | None = None) -> Prepared:
    """Find everything that is asked for; errors as `predict`."""
    chosen = resolve_protocol(asked.protocol, asked.dataset, asked.keypoints)
    lifter = _load(asked.model, weights, asked.hypotheses, asked.steps, asked.precision, progress)
    settings = run_settings(
        lifter, asked.limit, asked.device, asked.batch_size, asked.flip, asked.resample, asked.seed, asked.precision,
        asked.fast,
    )  # fmt: skip
    return Prepared(asked, chosen, lifter, settings, load_dataset(chosen.inputs.dataset, chosen.inputs.form))


def evaluate_prepared(
    prepared: Prepared, folder: Path, progress: Progress | None = None, engine: Engine | None = None
) -> tuple[Record, ...]:
    """The records of `evaluate_beside`, with the predictions left in `folder`."""
    chosen, lifter, data, asked = prepared.protocol, prepared.lifter, prepared.data, prepared.asked
    evaluation = evaluate_lifter(lifter, data, chosen, folder, prepared.settings, asked, progress, engine)
    records = [evaluation.record]
    for name in find_family(family_name(chosen)).beside:
        other = find_family(name).with_source(chosen.inputs.source)
        if other.scoring.truth in data.truths:
            # What is asked for when the row is run again is the rule it was scored under.
            as_asked = asked.model_copy(update={"protocol": other.id, "dataset": None, "keypoints": None})
            records.append(record_beside(lifter, data, other, evaluation, as_asked))
    return tuple(records)


def describe_motions(
    model: str,
    *,
    dataset: str | None = None,
    protocol: str | None = None,
    keypoints: str | None = None,
    limit: int | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    resample: bool = False,
    seed: int = 0,
    hypotheses: int | None = None,
    steps: int | None = None,
    precision: str = "fp32",
    weights: Path | None = None,
    progress: Progress | None = None,
) -> Prompts:
    """What a lifter that declares `describes` takes every test clip of a protocol's inputs to be; nothing is predicted.

    Of a clip seen by several cameras the mean. Arguments and errors as
    `predict`, and `UsageError` for a lifter that infers no action.
    """
    if weights is None:
        # Before any weights are fetched; a user's own file may say that its prompt is another.
        tag = resolve_model(model)
        check_describes(tag.entry.spec(tag.config), tag.name)
    chosen = resolve_protocol(protocol, dataset, keypoints)
    lifter = _load(model, weights, hypotheses, steps, precision, progress)
    data = load_dataset(chosen.inputs.dataset, chosen.inputs.form)
    settings = run_settings(lifter, limit, device, batch_size, False, resample, seed, precision)
    report = (lambda done, total: progress("describe", done, total)) if progress else None
    return collect_prompts(lifter, data, chosen, settings, report)


def _load(
    model: str,
    weights: Path | None,
    hypotheses: int | None,
    steps: int | None,
    precision: str,
    progress: Progress | None,
) -> LoadedLifter:
    """The lifter as asked for; what cannot be is refused before any weights are fetched."""
    check_precision(precision)
    sampling = sampling_config(resolve_model(model), hypotheses, steps)
    return load_lifter(model, weights, partial(progress, "weights") if progress else None, **sampling)


def run_settings(
    lifter: LoadedLifter,
    limit: int | None,
    device: str,
    batch_size: int | None,
    flip: bool | None,
    resample: bool,
    seed: int,
    precision: str,
    fast: bool = False,
) -> RunSettings:
    """The settings of a run: what was asked, else what the tag's manifest entry says."""
    chosen = bool(lifter.tag.described.settings.get("flip", False)) if flip is None else flip
    return RunSettings(
        device=device, batch_size=batch_size, flip=chosen, resample=resample, limit=limit, seed=seed,
        precision=check_precision(precision), fast=fast,
    )  # fmt: skip


def protocol_for(folder: PredictionFolder, protocol: str | None) -> Protocol:
    """The protocol to score a folder under: its data set's default rule, or the one asked, with the folder's 2D source."""
    inputs = folder.manifest.inputs
    if protocol is None:
        return resolve_protocol(None, inputs.dataset, inputs.source)
    chosen = resolve_protocol(protocol, inputs.dataset)
    # A rule named without a source means the source that was predicted from.
    return chosen if "+" in protocol else find_family(family_name(chosen)).with_source(inputs.source)


def family_name(protocol: Protocol) -> str:
    """`dataset/rule` of a protocol."""
    return protocol.id.partition("+")[0]


def working_folder(prepared: Prepared) -> Path:
    """Where a run without --predictions keeps its poses until it is scored: one folder for one set of settings."""
    lifter, settings = prepared.lifter, prepared.settings
    key = hash_value(
        [lifter.name, lifter.config, lifter.weights.sha256 if lifter.weights else "", lifter.code_sha256,
         prepared.protocol.inputs.hash, settings.device, settings.batch_size, settings.flip, settings.resample,
         settings.limit, settings.seed, settings.precision, settings.fast]
    )  # fmt: skip
    return data_root() / "runs" / key[:16]
