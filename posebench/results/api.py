"""The Python functions: what the command line does, without a command line."""

import shutil
from collections.abc import Callable
from pathlib import Path

from posebench.datasets.library import data_root, ensure_writable, load_dataset
from posebench.hashing import hash_value
from posebench.prediction.create import LoadedLifter, load_lifter
from posebench.prediction.folder import PredictionFolder
from posebench.prediction.runner import RunSettings, run_predictions
from posebench.protocols.protocol import Protocol
from posebench.protocols.resolve import find_family, resolve_protocol
from posebench.results.record import Asked, Record
from posebench.results.run import evaluate_lifter
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
    seed: int = 0,
    weights: Path | None = None,
    progress: Progress | None = None,
) -> PredictionFolder:
    """Predict every test frame of a protocol's inputs into a folder; an interrupted folder is taken up again.

    Give `dataset` (its default protocol), or `protocol`, or both; `keypoints`
    swaps the 2D source. Raises subclasses of `posebench.errors.PosebenchError`.
    """
    chosen = resolve_protocol(protocol, dataset, keypoints)
    lifter = load_lifter(model, weights)
    data = load_dataset(chosen.inputs.dataset)
    settings = run_settings(lifter, limit, device, batch_size, flip, seed)
    report = (lambda done, total: progress("predict", done, total)) if progress else None
    return run_predictions(lifter, data, chosen.inputs, Path(predictions), settings, report).folder


def score(predictions: Path | str, protocol: str | None = None, progress: Progress | None = None) -> Scores:
    """Score a prediction folder again, without its lifter: the same numbers to the last bit.

    `protocol` is any scoring rule of the folder's data set (default: the data
    set's own); its inputs half must be the folder's.
    """
    folder = PredictionFolder.open(Path(predictions))
    chosen = protocol_for(folder, protocol)
    report = (lambda done, total: progress("score", done, total)) if progress else None
    return score_predictions(folder, load_dataset(folder.manifest.inputs.dataset), chosen, report)


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
    seed: int = 0,
    weights: Path | None = None,
    predictions: Path | str | None = None,
    progress: Progress | None = None,
) -> Record:
    """Predict, score and record; returns the record, which `write_record` writes.

    Without `predictions` the poses go to a working folder under
    `POSEBENCH_DATA` that is removed at the end; after an interruption the same
    call takes it up. Arguments and errors as `predict`.
    """
    chosen = resolve_protocol(protocol, dataset, keypoints)
    lifter = load_lifter(model, weights)
    settings = run_settings(lifter, limit, device, batch_size, flip, seed)
    folder = Path(predictions) if predictions is not None else working_folder(lifter, chosen, settings)
    ensure_writable(folder)
    asked = Asked(
        model=model, protocol=protocol, dataset=dataset, keypoints=keypoints, limit=limit, device=device,
        batch_size=batch_size, flip=flip, seed=seed,
    )  # fmt: skip
    data = load_dataset(chosen.inputs.dataset)
    record = evaluate_lifter(lifter, data, chosen, folder, settings, asked, progress).record
    if predictions is None:
        shutil.rmtree(folder)
    return record


def run_settings(
    lifter: LoadedLifter, limit: int | None, device: str, batch_size: int | None, flip: bool | None, seed: int
) -> RunSettings:
    """The settings of a run: what was asked, else what the tag's manifest entry says."""
    chosen = bool(lifter.tag.described.settings.get("flip", False)) if flip is None else flip
    return RunSettings(device=device, batch_size=batch_size, flip=chosen, limit=limit, seed=seed)


def protocol_for(folder: PredictionFolder, protocol: str | None) -> Protocol:
    """The protocol to score a folder under: its data set's default rule, or the one asked, with the folder's 2D source."""
    inputs = folder.manifest.inputs
    if protocol is None:
        return resolve_protocol(None, inputs.dataset, inputs.source)
    chosen = resolve_protocol(protocol, inputs.dataset)
    # A rule named without a source means the source that was predicted from.
    return chosen if "+" in protocol else find_family(chosen.id.partition("+")[0]).with_source(inputs.source)


def working_folder(lifter: LoadedLifter, protocol: Protocol, settings: RunSettings) -> Path:
    """Where a run without --predictions keeps its poses until it is scored: one folder for one set of settings."""
    key = hash_value(
        [lifter.name, lifter.config, lifter.weights.sha256 if lifter.weights else "", lifter.code_sha256,
         protocol.inputs.hash, settings.device, settings.batch_size, settings.flip, settings.limit, settings.seed]
    )  # fmt: skip
    return data_root() / "runs" / key[:16]
