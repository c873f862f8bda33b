"""Lifting a user's own 2D keypoints: the code of a run, on a sequence without a truth."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from posebench.cameras import Camera
from posebench.datasets.sequence import Sequence, SequenceInfo, round_thousandth
from posebench.errors import UsageError
from posebench.inputs.frames import WantedFrames
from posebench.inputs.keypoints import Keypoints
from posebench.joint_maps import approximate, convert_confidence, convert_joints
from posebench.metrics.hypotheses import p_agg
from posebench.prediction.create import LoadedLifter, load_lifter
from posebench.prediction.flip import check_flip
from posebench.prediction.folder import SequencePrediction
from posebench.prediction.joints import JointConversion
from posebench.prediction.predict_resampled import check_resample, predict_resampled
from posebench.prediction.predict_sequence import predict_sequence
from posebench.prediction.resample import resampled_frames
from posebench.prediction.run_options import check_precision, sampling_config
from posebench.prediction.runner import auto_batch_size, choose_device, full_float32, sampling
from posebench.prediction.spec import ANY_JOINTS
from posebench.prediction.timing import ForwardClock
from posebench.registry.resolve import resolve_model
from posebench.results.environment import posebench_version
from posebench.results.lift_input import LiftInput, read_lift_input
from posebench.skeletons import HUMAN36M_17, SKELETONS, Skeleton

#: Called with (stage, done, all): the stage `lift` counts frames.
Progress = Callable[[str, int, int], None]

#: Privileges that only a data set can grant, and what they are.
ONLY_IN_DATASETS = {"root_depth": "the true depth of the root", "action_label": "the action's label"}
#: Frame rates that differ by less than this share are one: 59.94 is called 60.
SAME_RATE = 0.01
#: All inputs are this sequence, so that a lifter's noise does not depend on the file's name.
INFO = {"dataset": "lift", "subject": "input", "action": "lift", "clip": "clip", "camera": "camera", "split": "test"}


@dataclass(frozen=True)
class Lifted:
    """Keypoints of a video and the poses lifted from them.

    `poses` is float32 (frames, joints, 3), the mean of `hypotheses` (hypotheses,
    frames, joints, 3) weighted by `weight` (hypotheses, frames) where the lifter
    gave one: mm about the root for the space `root_relative`, camera mm for
    `camera`, x right, y down, z forward; pixels for `image25d`. `root` is the
    lifter's own estimate in camera mm, (frames, 3), or (hypotheses, frames, 3)
    where each has its own. `keypoints` are those it was given, in
    its joints, before missing ones were filled in. `frame` are the numbers of
    the frames in the input. `about` says where all this comes from, and
    `warnings` what to mistrust, a sentence each.
    """

    poses: npt.NDArray[np.float32]
    hypotheses: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32] | None
    root: npt.NDArray[np.float32] | None
    keypoints: Keypoints
    frame: tuple[int, ...]
    fps: float
    skeleton: Skeleton
    space: str
    about: dict[str, Any]
    warnings: tuple[str, ...]


class _ReportingClock(ForwardClock):
    """The clock of a run, which tells how far it is after each pass."""

    report: Callable[[int], None] | None = None

    def time(self, forward: Callable[[], Any], frames: int) -> Any:
        result = super().time(forward, frames)
        if self.report:
            self.report(self.frames)
        return result


def lift_file(
    path: Path | str,
    model: str,
    *,
    fps: float | None = None,
    image_size: tuple[int, int] | None = None,
    joint_set: str | None = None,
    person: str | int | None = None,
    focal: float | None = None,
    resample: bool = False,
    flip: bool | None = None,
    device: str = "auto",
    weights: Path | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    hypotheses: int | None = None,
    steps: int | None = None,
    precision: str = "fp32",
    progress: Progress | None = None,
) -> Lifted:
    """Lift the 2D keypoints in a file or folder; nothing is written (`write_lifted` does that).

    `fps`, `image_size` (pixels), `joint_set` and `person` are as
    `read_lift_input` has them. `focal` is the camera's focal length in pixels,
    its principal point then the image's middle: what a lifter with the
    privilege `intrinsics` needs. `resample` shows the lifter its training
    frame rate and brings the poses back. `hypotheses`, `steps` and `precision`
    are as `posebench.predict` has them. Raises `UsageError` for a lifter that
    needs more than a file has, and subclasses of `PosebenchError`.
    """
    chosen_precision = check_precision(precision)
    asked = sampling_config(resolve_model(model), hypotheses, steps)
    lifter = load_lifter(model, weights, partial(progress, "weights") if progress else None, **asked)
    spec = lifter.spec
    _check_lifter(lifter, focal)
    chosen_flip = bool(lifter.tag.described.settings.get("flip", False)) if flip is None else flip
    if chosen_flip:
        check_flip(spec, lifter.name)
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"--batch-size is {batch_size}; give 1 window or more, or 'auto'.")
    chosen_device = choose_device(device)
    found = read_lift_input(Path(path), fps=fps, image_size=image_size, joint_set=joint_set, person=person)
    skeleton = HUMAN36M_17 if spec.skeleton == ANY_JOINTS else SKELETONS[spec.skeleton]
    keypoints = Keypoints(
        round_thousandth(convert_joints(found.pixels, found.skeleton, skeleton)),
        convert_confidence(found.confidence, found.skeleton, skeleton).astype(np.float32),
        found.image_size,
    )
    # A lifter without a training rate has nothing to be resampled to, and is shown what there is.
    resample = resample and spec.fps not in (None, found.fps)
    if resample:
        check_resample(lifter)
    rate = spec.fps if resample and spec.fps is not None else found.fps
    frames = len(keypoints.pixels)
    clock = _ReportingClock(chosen_device)
    clock.report = None if progress is None else partial(_report, progress, resampled_frames(frames, found.fps, rate))
    size = batch_size or auto_batch_size(chosen_device, lifter)
    lifter.module.to(chosen_device)
    sequence = _sequence(keypoints, found.fps, skeleton, focal)
    predict = predict_resampled if resample else predict_sequence
    with torch.inference_mode(), full_float32():
        prediction = predict(
            lifter, JointConversion(skeleton, skeleton), sequence, keypoints,
            WantedFrames(sequence.info, np.arange(frames)), clock, batch_size=size, flip=chosen_flip, seed=seed,
            precision=chosen_precision,
        )  # fmt: skip
    settings = {
        "flip": chosen_flip,
        "resampled_to_fps": None if rate == found.fps else rate,
        "focal": focal,
        "device": chosen_device.type,
        "batch_size": size,
        "seed": seed,
        **sampling(lifter),
        "precision": chosen_precision,
    }
    return _finish(lifter, found, keypoints, prediction, skeleton, rate, settings)


def _check_lifter(lifter: LoadedLifter, focal: float | None) -> None:
    """Raise `UsageError` for a lifter that needs what a file of keypoints does not have."""
    spec = lifter.spec
    if spec.fitted:
        raise UsageError(
            f"{lifter.name} is fitted on a data set's training split, which a file of keypoints does not have; choose another."
        )
    for privilege in spec.privileges:
        if privilege in ONLY_IN_DATASETS:
            raise UsageError(
                f"{lifter.name} needs {ONLY_IN_DATASETS[privilege]}, which a file of keypoints does not have; choose another."
            )
    if focal is not None and not 0 < focal < float("inf"):
        raise UsageError(f"--focal is {focal:g}; give the camera's focal length in pixels.")
    if "intrinsics" in spec.privileges and focal is None:
        raise UsageError(f"{lifter.name} needs the camera's intrinsics; add --focal PIXELS, or choose another lifter.")


def _report(progress: Progress, total: int, done: int) -> None:
    progress("lift", done, total)


def _sequence(keypoints: Keypoints, fps: float, skeleton: Skeleton, focal: float | None) -> Sequence:
    """A sequence that has no truth: whoever looked at its poses would get NaN."""
    frames = len(keypoints.pixels)
    width, height = keypoints.image_size
    # Who is not granted the lens never sees it; NaN would tell if he did.
    lens = float("nan") if focal is None else focal
    camera = Camera(
        INFO["camera"], width, height, (lens, lens), (width / 2, height / 2), (0.0, 0.0, 0.0), (0.0, 0.0),
        (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0),
    )  # fmt: skip
    unknown = np.full((frames, skeleton.num_joints, 3), np.nan, np.float32)
    return Sequence(SequenceInfo(**INFO, frames=frames, fps=fps), skeleton, camera, unknown)


def _finish(
    lifter: LoadedLifter,
    found: LiftInput,
    keypoints: Keypoints,
    prediction: SequencePrediction,
    skeleton: Skeleton,
    rate: float,
    settings: dict[str, Any],
) -> Lifted:
    # A lifter whose chunks overlap predicts some frames twice; the first counts, as in a score.
    _, rows = np.unique(prediction.frame, return_index=True)
    hypotheses = prediction.poses[:, rows]
    weight = None if prediction.weight is None else prediction.weight[:, rows]
    root = None if prediction.root is None else prediction.root[..., rows, :]
    mean = p_agg(torch.from_numpy(hypotheses).double(), None if weight is None else torch.from_numpy(weight).double())
    missing = int(np.isnan(keypoints.pixels).any(axis=-1).sum())
    inexact = approximate(found.skeleton, skeleton)
    about = {
        "posebench": posebench_version(),
        "lifter": {
            **lifter.about(),
            "training_fps": lifter.spec.fps,
            "granted": sorted(lifter.spec.privileges),
        },
        "settings": settings,
        "input": {
            **found.about,
            "joint_set": found.skeleton.name,
            "image_size": list(found.image_size),
            "fps": found.fps,
            "frames": len(found.frame),
            "missing_joints": missing,
            "interpolated": not lifter.spec.accepts_missing and missing > 0,
            "approximate_joints": list(inexact),
        },
    }
    return Lifted(
        poses=round_thousandth(mean.numpy()),
        hypotheses=round_thousandth(hypotheses),
        weight=weight,
        root=root,
        keypoints=keypoints,
        frame=found.frame,
        fps=found.fps,
        skeleton=skeleton,
        space=lifter.spec.space,
        about=about,
        warnings=_warnings(lifter, found, keypoints, skeleton, rate),
    )


def _warnings(
    lifter: LoadedLifter, found: LiftInput, keypoints: Keypoints, skeleton: Skeleton, rate: float
) -> tuple[str, ...]:
    warnings = []
    trained = lifter.spec.fps
    if trained is not None and abs(rate / trained - 1) > SAME_RATE:
        warnings.append(
            f"{lifter.name} was trained at {trained:g} frames a second and is shown {rate:g}: movement looks "
            f"{trained / rate:.2g} times as fast to it; --resample shows it its own rate."
        )
    missing = np.asarray(np.isnan(keypoints.pixels).any(axis=-1))
    never = [skeleton.joints[joint] for joint in np.flatnonzero(missing.all(axis=0))]
    if never:
        warnings.append(f"No frame has {', '.join(never)}: what stands there is a guess.")
    if nobody := found.about.get("frames_with_nobody"):
        warnings.append(f"Nobody was found in {nobody} of {len(found.frame)} frames: their poses are interpolated.")
    return tuple(warnings)
