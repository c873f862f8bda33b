"""The prediction run: sequences in, a folder of poses out, nothing handed to a lifter that it did not declare."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from posebench.datasets.frame_lists import read_frame_list
from posebench.datasets.sequence import Sequence
from posebench.datasets.store import Dataset
from posebench.errors import LifterContractError, UsageError
from posebench.inputs import heatmaps
from posebench.inputs.frames import WantedFrames, wanted_frames
from posebench.inputs.keypoints import Keypoints
from posebench.inputs.sources import find_source
from posebench.inputs.spec import InputsSpec
from posebench.prediction.compiled import Compiled, strict_compilation
from posebench.prediction.create import LoadedLifter
from posebench.prediction.fast import PLAIN, FastPlan, choose_fast, filled_batch
from posebench.prediction.flip import check_flip
from posebench.prediction.folder import PredictionFolder, PredictionManifest, SequencePrediction
from posebench.prediction.folder_writer import FolderWriter
from posebench.prediction.joints import JointConversion, joints_between
from posebench.prediction.lifter import FittedLifter
from posebench.prediction.predict_resampled import check_resample, predict_resampled
from posebench.prediction.predict_sequence import predict_sequence
from posebench.prediction.run_options import SAMPLING, Precision
from posebench.prediction.timing import ForwardClock

#: Called with (camera frames done, camera frames in all) after every sequence.
Progress = Callable[[int, int], None]

#: Frames that one automatic batch shows: what keeps the cores busy without leaving the caches, and a GPU's memory far from full.
AUTO_FRAMES = {"cpu": 4096, "cuda": 65536}
#: Frames that are read before they are lifted: one short sequence after another while the code that reads is in the
#: processor's caches, out of which each pass of a lifter throws it.
READ_FRAMES = 4096


@dataclass(frozen=True)
class RunSettings:
    """How a lifter is run; recorded, never part of a protocol."""

    device: str = "auto"
    batch_size: int | None = None
    """Windows a batch; None chooses by window and device."""
    flip: bool = False
    resample: bool = False
    """Lift at the lifter's training frame rate where the data's is another, and bring the poses back."""
    limit: int | None = None
    seed: int = 0
    precision: Precision = "fp32"
    fast: bool = False
    """Faster by what `posebench.prediction.fast` chooses."""


@dataclass(frozen=True)
class PredictionRun:
    """A finished run: its folder, the frames it covers, and the clock of the passes made now (none if all was there)."""

    folder: PredictionFolder
    wanted: list[WantedFrames]
    clock: ForwardClock
    workers: int | None = None
    """Processes of an engine that shared the work, whose passes have no clock; None: this one did it."""
    threads: int | None = None
    """Threads that each of them computed with."""


@dataclass(frozen=True)
class RunPlan:
    """A run before its first pass: checked, and everything that its poses depend on resolved."""

    lifter: LoadedLifter
    dataset: Dataset
    settings: RunSettings
    joints: JointConversion
    device: torch.device
    manifest: PredictionManifest
    wanted: list[WantedFrames]
    fast: FastPlan = PLAIN

    @property
    def resolved(self) -> RunSettings:
        """The settings that another process must be given to make the same poses."""
        # A GPU by its number stays that one; `auto` and `cuda` are whichever the process has.
        device = self.settings.device if ":" in self.settings.device else self.manifest.device
        return replace(self.settings, device=device, batch_size=self.manifest.batch_size)


def choose_device(asked: str) -> torch.device:
    """`auto` is the first CUDA device if there is one, else the CPU; raises `UsageError` for a device that is not here."""
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"The device {asked!r} is not on this machine ({str(error).splitlines()[0]}); use --device cpu."
        ) from error
    return device


def auto_batch_size(device: torch.device, lifter: LoadedLifter) -> int:
    """Windows of an automatic batch; each hypothesis that is drawn of one takes a window's room."""
    drawn = sampling(lifter)["hypotheses"] or 1
    return max(1, AUTO_FRAMES["cuda" if device.type == "cuda" else "cpu"] // (lifter.spec.window * drawn))


def sampling(lifter: LoadedLifter) -> dict[str, Any]:
    """Hypotheses and steps, as resolved; None of a lifter that does not sample."""
    return {name: lifter.config[name] if lifter.spec.samples else None for name in SAMPLING}


def check_grants(lifter: LoadedLifter, inputs: InputsSpec) -> tuple[str, ...]:
    """The privileges that are granted; raises `UsageError` for one that the protocol does not grant."""
    for privilege in lifter.spec.privileges:
        if privilege not in inputs.grants:
            raise UsageError(
                f"{lifter.name} needs the privilege {privilege!r}, which these inputs of {inputs.dataset} do not grant "
                f"(they grant {', '.join(inputs.grants) or 'none'}); choose another protocol or lifter."
            )
    return tuple(sorted(lifter.spec.privileges))


def plan_run(lifter: LoadedLifter, dataset: Dataset, inputs: InputsSpec, settings: RunSettings) -> RunPlan:
    """Everything that can be found wrong before the first pass, and what the poses will depend on.

    Raises `UsageError` (privilege not granted, settings that the lifter cannot have).
    """
    spec = lifter.spec
    granted = check_grants(lifter, inputs)
    if settings.flip:
        check_flip(spec, lifter.name)
    if settings.resample:
        check_resample(lifter)
    joints = joints_between(spec, lifter.name, dataset.name, dataset.skeleton)
    if settings.batch_size is not None and settings.batch_size < 1:
        raise UsageError(f"--batch-size is {settings.batch_size}; give 1 window or more, or 'auto'.")
    device = choose_device(settings.device)
    fast = choose_fast(lifter, device, settings.precision) if settings.fast else PLAIN
    wanted = wanted_frames(dataset, inputs, settings.limit)
    size = settings.batch_size or auto_batch_size(device, lifter)
    if fast.graphs and settings.batch_size is None:
        size = filled_batch(size, spec, [item.info.frames for item in wanted])
    manifest = PredictionManifest(
        lifter=lifter.name,
        config=lifter.config,
        settings=_resolved(settings, lifter, fast),
        weights_sha256=lifter.weights.sha256 if lifter.weights else None,
        code_sha256=lifter.code_sha256,
        space=spec.space,
        skeleton=joints.dataset.name,
        lifted_as=joints.lifter.name,
        tail=spec.tail,
        granted=granted,
        inputs=inputs,
        dataset_fingerprint=dataset.fingerprint,
        frame_list_sha256=read_frame_list(dataset, inputs.frame_list).sha256 if inputs.frame_list else None,
        limit=settings.limit,
        seed=settings.seed,
        batch_size=size,
        device=device.type,
    )
    return RunPlan(lifter, dataset, settings, joints, device, manifest, wanted, fast)


@dataclass(frozen=True)
class ReadSequence:
    """What one sequence is predicted from."""

    wanted: WantedFrames
    sequence: Sequence
    keypoints: Keypoints


class Predictor:
    """Predicts the sequences of a plan into its folder, one at a time and in any order: the same in every process."""

    def __init__(self, plan: RunPlan, folder: PredictionFolder) -> None:
        self._plan, self._folder = plan, folder
        self.clock = ForwardClock(plan.device, keeps_laps=False)
        plan.lifter.module.to(plan.device)
        if plan.lifter.spec.fitted:
            fit_on_training_split(plan.lifter, plan.dataset)
        self._lifter = plan.lifter
        if plan.fast.graphs:
            self._lifter = replace(plan.lifter, module=Compiled(plan.lifter.module, graphs=True))
        self._source = find_source(plan.manifest.inputs.source)
        # TF32 is a GPU's; switching it costs a CPU a part in a thousand of a small lifter's pass.
        self._exact = full_float32 if plan.device.type == "cuda" else nullcontext
        self._predict = predict_resampled if plan.settings.resample else predict_sequence

    def read(self, item: WantedFrames) -> ReadSequence:
        """A sequence and its keypoints, in memory."""
        sequence = self._plan.dataset.read(item.info)
        return ReadSequence(item, sequence, self._source.read(sequence))

    def lift(self, read: ReadSequence) -> SequencePrediction:
        """Predict one sequence. Raises `LifterContractError` (wrong output) and `NotFiniteError` naming it."""
        plan, settings = self._plan, self._plan.settings
        with torch.inference_mode(), self._exact(), strict_compilation(plan.fast.graphs):
            prediction = self._predict(
                self._lifter, plan.joints, read.sequence, read.keypoints, read.wanted, self.clock,
                batch_size=plan.manifest.batch_size, flip=settings.flip, seed=settings.seed, precision=settings.precision,
                fast=plan.fast,
            )  # fmt: skip
        self.clock.settle()
        return prediction

    def predict(self, item: WantedFrames) -> None:
        """Predict one sequence and write its file, which is there afterwards. Raises what `lift` raises."""
        self._folder.write(item.info.id, self.lift(self.read(item)))


def run_predictions(
    lifter: LoadedLifter,
    dataset: Dataset,
    inputs: InputsSpec,
    path: Path,
    settings: RunSettings,
    progress: Progress | None = None,
) -> PredictionRun:
    """Predict every wanted frame into the folder `path`; sequences that are there already are not predicted again.

    Raises what `plan_run` and `Predictor.predict` raise, and `UsageError` for
    a folder of other settings. What was finished before an error or
    interruption stays.
    """
    plan = plan_run(lifter, dataset, inputs, settings)
    folder = PredictionFolder.create(path, plan.manifest)
    predictor = Predictor(plan, folder)
    total = sum(len(item.frames) for item in plan.wanted)
    done = 0
    with FolderWriter(folder, beside=plan.device.type == "cuda") as writer:
        for items in short_groups(plan.wanted):
            read = [predictor.read(item) for item in items if not folder.has(item.info.id)]
            done += sum(len(item.frames) for item in items) - sum(len(one.wanted.frames) for one in read)
            for one in read:
                writer.write(one.wanted.info.id, predictor.lift(one))
                done += len(one.wanted.frames)
                if progress:
                    progress(done, total)
            if progress and not read:
                progress(done, total)
    return PredictionRun(folder, plan.wanted, predictor.clock)


def short_groups(wanted: list[WantedFrames]) -> Iterator[list[WantedFrames]]:
    """Sequences in their order, in groups of no more than `READ_FRAMES` frames or of a longer one alone: memory stays flat."""
    group: list[WantedFrames] = []
    for item in wanted:
        if group and sum(one.info.frames for one in [*group, item]) > READ_FRAMES:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _resolved(settings: RunSettings, lifter: LoadedLifter, fast: FastPlan) -> dict[str, Any]:
    """What of the settings changes the poses, and how the heatmaps were drawn if the lifter takes them."""
    chosen = {} if fast == PLAIN else {"fast": fast.to_json()}
    drawn = {"heatmaps": heatmaps.describe()} if "heatmaps" in lifter.spec.privileges else {}
    own = {"flip": settings.flip, "resample": settings.resample, "precision": settings.precision}
    return {**own, **sampling(lifter), **drawn, **chosen}


def fit_on_training_split(lifter: LoadedLifter, dataset: Dataset) -> None:
    """Let a fitted lifter read the training split; raises `UsageError` when there is none, `LifterContractError` without `fit`."""
    if not isinstance(lifter.module, FittedLifter):
        raise LifterContractError(f"{lifter.name} declares to be fitted but has no method fit(sequences).")
    if "train" not in dataset.splits:
        raise UsageError(f"{lifter.name} is fitted on a training split, and {dataset.name} has none.")
    lifter.module.fit(dataset.read(info) for info in dataset.sequences("train"))


@contextmanager
def full_float32() -> Iterator[None]:
    """float32 means float32: TF32 is off inside, and as it was afterwards."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
