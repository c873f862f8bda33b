"""The prediction run shared out among the processes of an engine, a sequence at a time, into one folder.

The folder is all that the processes share: each file is there whole or not at
all, its manifest says under which lifter, code, settings and data, and a
process that finds another on its side (an older posebench, other data) is
refused by it. So the bits are those of one process, whoever made which file.
"""

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from posebench.datasets.library import data_root, load_dataset
from posebench.datasets.store import Dataset
from posebench.engines.engine import Engine, WorkerError
from posebench.errors import DataMissingError, PosebenchError
from posebench.inputs.frames import WantedFrames
from posebench.inputs.spec import InputsSpec
from posebench.prediction.create import LoadedLifter, load_lifter
from posebench.prediction.folder import PredictionFolder
from posebench.prediction.runner import (
    PredictionRun,
    Predictor,
    Progress,
    RunPlan,
    RunSettings,
    fit_on_training_split,
    plan_run,
    run_predictions,
)
from posebench.prediction.timing import ForwardClock
from posebench.registry.decorators import DATASETS, LIFTERS
from posebench.registry.plugins import load_plugins, plugin_of


@dataclass(frozen=True)
class Job:
    """A run as another process is told of it."""

    model: str
    config: dict[str, Any]
    weights: Path | None
    """A file of the user's; registered weights are found again by their hash."""
    inputs: InputsSpec
    path: Path
    settings: RunSettings
    home: "Home"


@dataclass(frozen=True)
class Home:
    """What a process must have before it knows the names that its parent knows."""

    data: Path
    modules: tuple[str, ...]
    """Modules that registered a lifter or data set without being a plug-in, as a script's do."""

    @classmethod
    def of(cls, lifters: Iterable[str], datasets: Iterable[str]) -> "Home":
        """The home of processes that will use these architectures and data sets."""
        load_plugins()
        origins = {LIFTERS.get(name).origin for name in lifters if plugin_of("lifter", name) is None}
        origins |= {DATASETS.get(name).origin for name in datasets if plugin_of("data set", name) is None}
        return cls(data_root().resolve(), tuple(sorted({origin.partition(":")[0] for origin in origins})))

    def enter(self) -> None:
        """Make this process like its parent."""
        os.environ["POSEBENCH_DATA"] = str(self.data)
        load_plugins()
        for module in self.modules:
            # A script that was run as the main module has been run again by the library that made this process.
            if module != "__main__":
                import_module(module)


def predict_all(
    lifter: LoadedLifter,
    dataset: Dataset,
    inputs: InputsSpec,
    path: Path,
    settings: RunSettings,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> PredictionRun:
    """As `run_predictions`, and with an engine by its processes; raises what that raises, and `WorkerError`."""
    if engine is None:
        return run_predictions(lifter, dataset, inputs, path, settings, progress)
    plan = plan_run(lifter, dataset, inputs, settings)
    folder = PredictionFolder.create(path, plan.manifest)
    if lifter.spec.fitted:
        # For the record; the workers fit their own.
        fit_on_training_split(lifter, dataset)
    total = sum(len(item.frames) for item in plan.wanted)
    # The longest first: no worker is left with a long one at the end.
    missing = sorted((i for i in plan.wanted if not folder.has(i.info.id)), key=lambda item: -item.info.frames)
    frames = {item.info.id: len(item.frames) for item in missing}
    done = total - sum(frames.values())
    if progress:
        progress(done, total)
    # Closed at once where it fails, rather than when the last reference to the error goes.
    with closing(engine.map(partial(predict_one, job_of(plan, folder.path)), list(frames))) as results:
        for sequence_id, error in results:
            if error is not None:
                raise error
            done += frames[sequence_id]
            if progress:
                progress(done, total)
    workers, threads = (engine.workers, engine.threads) if frames else (None, None)
    return PredictionRun(folder, plan.wanted, ForwardClock(plan.device), workers, threads)


def job_of(plan: RunPlan, path: Path) -> Job:
    """What another process must know to predict sequences of this plan."""
    lifter = plan.lifter
    own_file = lifter.weights.path.resolve() if lifter.weights and lifter.weights.origin == "file" else None
    home = Home.of([lifter.tag.architecture], [plan.dataset.name])
    return Job(lifter.name, lifter.config, own_file, plan.manifest.inputs, path.resolve(), plan.resolved, home)


#: The job that this process works on, made ready; a process keeps one at a time.
_ready: tuple[Job, Predictor, dict[str, WantedFrames]] | None = None


def predict_one(job: Job, sequence_id: str) -> PosebenchError | None:
    """In a worker: predict one sequence of a job; returns what went wrong."""
    global _ready
    try:
        if _ready is None or _ready[0] != job:
            _ready = None
            _ready = (job, *_make_ready(job))
        _, predictor, wanted = _ready
        predictor.predict(wanted[sequence_id])
    except PosebenchError as error:
        return error
    except Exception as error:  # a stranger's lifter can fail in any way; its parent tells the user in a sentence
        said = str(error).strip().splitlines()
        what = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
        return WorkerError(f"{job.model} failed on sequence {sequence_id} ({what}); run without --engine to see where.")
    return None


def _make_ready(job: Job) -> tuple[Predictor, dict[str, WantedFrames]]:
    job.home.enter()
    if not (job.path / "manifest.json").is_file():
        raise DataMissingError(
            f"A worker does not see the folder {job.path}; keep predictions and POSEBENCH_DATA where every node has them."
        )
    lifter = load_lifter(job.model, job.weights, **job.config)
    plan = plan_run(lifter, load_dataset(job.inputs.dataset, job.inputs.form), job.inputs, job.settings)
    folder = PredictionFolder.create(job.path, plan.manifest)
    return Predictor(plan, folder), {item.info.id: item for item in plan.wanted}
