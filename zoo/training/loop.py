"""The training loop: from a configuration and a run folder to averaged weights, through any number of interruptions."""

import copy
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from timm.optim._optim_factory import create_optimizer_v2
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from posebench.errors import NotFiniteError, UsageError
from posebench.hashing import hash_value
from posebench.inputs.sources import find_source
from zoo.lifters.d3dp import D3DP
from zoo.lifters.dreampose3d import DreamPose3D
from zoo.lifters.heatmap_diffusion import HeatmapDiffusion
from zoo.lifters.mixste import MixSTE
from zoo.lifters.motionagformer import MotionAGFormer
from zoo.lifters.normalisation import keep_pixels
from zoo.lifters.poseformerv2 import PoseFormerV2
from zoo.lifters.simple_baseline import SimpleBaseline
from zoo.lifters.videopose3d import VideoPose3D
from zoo.training import objectives
from zoo.training.batches import Batches
from zoo.training.build import arguments_of, build_lifter, refuse_compiled, require_compiler
from zoo.training.checkpoint import RunState, load_checkpoint, save_checkpoint
from zoo.training.config import TrainingConfig
from zoo.training.objectives import Objective
from zoo.training.plots import write_history
from zoo.training.progress import Reporter
from zoo.training.renditions import Renditions, load_or_render, rendition_key
from zoo.training.sessions import continue_session
from zoo.training.stores import TrainingStore
from zoo.training.validate import ValidationSequence, measure_prior, read_validation, validate, validate_prior

Trainable = (
    SimpleBaseline | VideoPose3D | MixSTE | MotionAGFormer | PoseFormerV2 | D3DP | DreamPose3D | HeatmapDiffusion
)


class Recipe(NamedTuple):
    """What is trained, to do what, and what selects its weights."""

    lifter: type[Trainable]
    objective: Objective
    validate: Callable[[nn.Module, Sequence[ValidationSequence], bool], dict[str, float]] = validate
    finish: Callable[[nn.Module, Sequence[ValidationSequence]], None] | None = None
    """What is measured of the weights that were selected, and goes into them."""


ARCHITECTURES = {
    "simple_baseline": Recipe(SimpleBaseline, objectives.regression),
    "videopose3d": Recipe(VideoPose3D, objectives.regression),
    "mixste": Recipe(MixSTE, objectives.regression),
    "motionagformer": Recipe(MotionAGFormer, objectives.trusting),
    "poseformerv2": Recipe(PoseFormerV2, objectives.regression),
    "d3dp": Recipe(D3DP, cast(Objective, objectives.d3dp)),
    "dreampose3d": Recipe(DreamPose3D, cast(Objective, objectives.dreampose3d)),
    "heatmap_diffusion": Recipe(HeatmapDiffusion, cast(Objective, objectives.prior), validate_prior, measure_prior),
}

CHECKPOINT = "checkpoint.safetensors"
#: Windows that a prior is standardised on: those of the first batches.
STANDARDISED = 20_000


@contextmanager
def _stop_requested() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that a run only stops between two steps.

    A second SIGINT interrupts at once: the last checkpoint stays.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def on_signal(number: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Training:
    """One run in one folder. `run` returns the finished state, from wherever the folder's checkpoint left off."""

    def __init__(self, config: TrainingConfig, folder: Path, device: torch.device, reporter: Reporter) -> None:
        self.config, self.folder, self.device, self.reporter = config, folder, device, reporter
        if config.compile:
            require_compiler(device)
        self.stores = [TrainingStore(data, config.leave_out) for data in config.data]
        if unknown := set(config.leave_out).difference(*(store.left_out() for store in self.stores)):
            raise UsageError(
                f"leave_out names {sorted(unknown)[0]!r}, and no training clip has that label; leave it away."
            )
        torch.manual_seed(config.seed)
        self.recipe = ARCHITECTURES[config.lifter.arch]
        self.lifter = cast(Trainable, build_lifter(config)).to(device)
        self.arguments = arguments_of(self.lifter, config.lifter.config)
        # The order of what follows is part of the recipe: weights are drawn before anything else is.
        parts = [self._render(store) for store in self.stores]
        self.batches = Batches(
            parts,
            [data.weight for data in config.data],
            self.lifter.spec,
            # A prior looks at no keypoints.
            keep_pixels if isinstance(self.lifter, HeatmapDiffusion) else self.lifter.normalise,
            config.batch_size,
            config.seed,
            device,
            self._labels(parts),
            self.lifter.network.hallucinated // 2 if isinstance(self.lifter, DreamPose3D) else 0,
        )
        if isinstance(self.lifter, SimpleBaseline):
            self.lifter.standardise(self.batches.inputs, self.batches.poses)
        elif isinstance(self.lifter, HeatmapDiffusion):
            self.lifter.network.standardise(
                self.batches.draw(step).returned / 1000.0 for step in range(math.ceil(STANDARDISED / config.batch_size))
            )
        self.average = ModelEmaV3(self.lifter, decay=config.ema_decay, use_warmup=True)
        if config.compile:
            # After the copy that is averaged and validated, whose windows have many shapes.
            self.lifter.compile()
        self.optimizer = create_optimizer_v2(
            self.lifter, opt="adamw", lr=config.learning_rate, weight_decay=config.weight_decay
        )
        # A function of the step alone: nothing of it need be in a checkpoint.
        self.schedule = CosineLRScheduler(
            self.optimizer,
            t_initial=config.steps - config.warmup_steps,
            lr_min=config.final_learning_rate,
            warmup_t=config.warmup_steps,
            warmup_lr_init=config.final_learning_rate,
            warmup_prefix=True,
            t_in_epochs=False,
        )
        self.validation = read_validation(self.stores, config.validation_sources, self.lifter.spec, device)
        if not self.validation:
            raise UsageError("No validation clip is left to select weights with; take labels out of leave_out.")
        self.state = RunState()
        self.checkpoint = folder / CHECKPOINT
        if self.checkpoint.exists():
            self.state = load_checkpoint(self.checkpoint, self.hash, self.lifter, self.average.module, self.optimizer)
            reporter.say(f"resumed at step {self.state.step} of {config.steps}")

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of what decides the weights, data and the lifter's defaults too; a run goes on only under the same."""
        sources = {name: find_source(name).version for name in self.config.validation_sources}
        renditions = [rendition_key(store, self.config) for store in self.stores]
        return hash_value([self.config.hash, self.arguments, renditions, sources])

    def _render(self, store: TrainingStore) -> Renditions:
        self.reporter.begin(f"render {store.name}", 0, store.config.camera_frames)
        # Beside the runs, which share them.
        return load_or_render(store, self.config, self.folder.absolute().parent, self.reporter.advance)

    def _labels(self, parts: list[Renditions]) -> list[npt.NDArray[np.int64]] | None:
        """Of every rendition, the place of its action among those that the lifter knows; None for a lifter without."""
        if not isinstance(self.lifter, DreamPose3D) or not self.lifter.infers_actions:
            return None
        places = {label: place for place, label in enumerate(self.lifter.actions)}
        labels = []
        for store, part in zip(self.stores, parts, strict=True):
            named = store.training_labels()
            unknown = {named[clip] for clip in part.clip} - places.keys()
            if unknown:
                raise UsageError(
                    f"lifter.config.actions has no {sorted(unknown)[0]!r}, an action of {store.name!r}; add it."
                )
            labels.append(np.array([places[named[clip]] for clip in part.clip], dtype=np.int64))
        return labels

    def run(self) -> RunState:
        """Train to the last step; raises `KeyboardInterrupt` after a checkpoint when told to stop."""
        config, state = self.config, self.state
        if state.step == config.steps:
            return state
        session = continue_session(state.sessions, self.device)
        self.reporter.begin("train", state.step, config.steps)
        with _stop_requested() as stop:
            while state.step < config.steps:
                began = time.monotonic()
                try:
                    loss = self._step(state.step)
                except RuntimeError as error:
                    # A signal reaches the compiler of the first step too, and its death is an error there.
                    if stop.is_set():
                        raise KeyboardInterrupt from None
                    refuse_compiled(error)
                    raise
                state.step += 1
                state.add(loss)
                last = state.step == config.steps
                if last or state.step % config.validate_every == 0:
                    self._validate()
                if last:
                    self._finish()
                session["steps"] += 1
                session["seconds"] += time.monotonic() - began
                if last or stop.is_set() or state.step % config.checkpoint_every == 0:
                    self._save()
                self.reporter.advance(state.step, config.steps, f"loss {loss['pose']:.1f} mm")
                if stop.is_set() and not last:
                    self.reporter.say(f"stopped after step {state.step}; the same command goes on from here")
                    raise KeyboardInterrupt
        return state

    def _step(self, step: int) -> dict[str, float]:
        """One optimizer step; returns the parts of its loss, `pose` in mm."""
        config = self.config
        self.schedule.step_update(step)
        self.lifter.train()
        if config.norm_momentum is not None:
            first, last = config.norm_momentum
            momentum = first * (last / first) ** (step / max(1, config.steps - 1))
            for module in self.lifter.modules():
                if isinstance(module, nn.BatchNorm1d):
                    module.momentum = momentum
        batch = self.batches.draw(step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=config.amp == "bf16"):
            loss = self.recipe.objective(self.lifter, batch, config.loss, step / config.steps)
        value = float(loss.total.detach())
        if not math.isfinite(value):
            raise NotFiniteError(
                f"The loss of step {step} is {value}; lower learning_rate, then start again with --fresh."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.lifter.parameters(), config.clip_norm)
        self.optimizer.step()
        self.average.update(self.lifter, step=step + 1)
        return {name: float(part.detach()) for name, part in loss.parts.items()}

    def _validate(self) -> None:
        """Score the averaged weights on the validation subjects and keep them if they are the best so far."""
        state = self.state
        numbers = self.recipe.validate(self.average.module, self.validation, self.config.flip)
        score = sum(numbers.values()) / len(numbers)
        if not math.isfinite(score):
            raise NotFiniteError(
                f"The validation error of step {state.step} is {score}; "
                "lower learning_rate, then start again with --fresh."
            )
        if score < state.best_score:
            state.best_step, state.best_score = state.step, score
            weights = self.average.module.state_dict()
            state.best = {name: value.detach().cpu().clone() for name, value in weights.items()}
        parts = state.taken_means()
        row = {
            "step": float(state.step),
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "train": parts.pop("pose"),
            "validation": score,
            **numbers,
            **parts,
        }
        state.history.append(row)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in ("step", "learning_rate"))
        self.reporter.say(f"step {state.step}: {shown}; {state.seconds:.0f} s")

    def _finish(self) -> None:
        """Measure the weights that were selected."""
        if self.recipe.finish is None:
            return
        selected = copy.deepcopy(self.average.module)
        selected.load_state_dict(self.state.best, strict=True)
        self.recipe.finish(selected, self.validation)
        self.state.best = {name: value.detach().cpu().clone() for name, value in selected.state_dict().items()}

    def _save(self) -> None:
        state = self.state
        save_checkpoint(self.checkpoint, self.hash, state, self.lifter, self.average.module, self.optimizer)
        write_history(self.folder, self.config.tag, state.history)
