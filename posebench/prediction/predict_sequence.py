"""One sequence through a lifter: windows, batches, flip, precision, and only what its spec declares."""

from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from posebench.datasets.sequence import Sequence
from posebench.errors import LifterContractError, NotFiniteError, UsageError
from posebench.inputs.frames import WantedFrames
from posebench.inputs.heatmaps import sequence_heatmaps
from posebench.inputs.keypoints import Keypoints
from posebench.inputs.missing import interpolate_missing
from posebench.prediction.create import LoadedLifter
from posebench.prediction.flip import averaged, doubled
from posebench.prediction.folder import SequencePrediction
from posebench.prediction.joints import JointConversion
from posebench.prediction.lazy_heatmaps import LazyHeatmaps
from posebench.prediction.lazy_streams import LazyStreams, Streams
from posebench.prediction.lifter import Lifted, Lifter, LifterInputs
from posebench.prediction.outputs import SequenceOutputs
from posebench.prediction.run_options import Precision
from posebench.prediction.timing import ForwardClock
from posebench.prediction.windows import plan_windows
from posebench.seeding import torch_generator
from posebench.skeletons import Skeleton


def predict_sequence(
    lifter: LoadedLifter,
    joints: JointConversion,
    sequence: Sequence,
    keypoints: Keypoints,
    wanted: WantedFrames,
    clock: ForwardClock,
    *,
    batch_size: int,
    flip: bool,
    seed: int,
    precision: Precision,
) -> SequencePrediction:
    """Lift one sequence, window by window, and keep the wanted frames in order; windows without any are not lifted.

    Raises `NotFiniteError` naming the sequence and frame, `LifterContractError` for a wrong shape.
    """
    spec, device = lifter.spec, clock.device
    shown, interpolated = show_sequence(lifter, joints, sequence, keypoints, device)
    plan = plan_windows(spec, sequence.info.frames).only(wanted.frames)
    call = partial(lift, lifter, joints.lifter, flip=flip, precision=precision)
    outputs = SequenceOutputs(lifter.name, *plan.keep.shape)
    for windows, real in plan.batches(batch_size):
        index, first = plan.inputs(windows), int(windows[0])
        streams = partial(noise_streams, seed, sequence.info.id, plan.number[windows])
        if clock.passes == 0:
            # With streams of its own: a warm-up must not draw the noise of the pass that counts.
            clock.warm_up(partial(call, window_batch(shown, index, LazyStreams(len(windows), streams), device)))
        batch = window_batch(shown, index, LazyStreams(len(windows), streams), device)
        lifted = clock.time(partial(call, batch), frames=int(plan.keep[first : first + real].sum()))
        check_shape(lifter, joints.lifter, lifted, len(windows), plan.keep.shape[1])
        outputs.add(first, real, lifted)
    places, frame = plan.kept(wanted.frames, by_frame=spec.tail != "overlap-chunk")
    take = torch.from_numpy(places).to(device)
    root, weight, lens = outputs.root, outputs.weight, outputs.lens
    prediction = SequencePrediction(
        poses=joints.returned(_numpy(outputs.poses[take].transpose(0, 1))),
        frame=frame.astype(np.int64),  # a copy: the plan's own serves other sequences too
        interpolated=interpolated,
        root=None if root is None else _numpy(root[take] if root.ndim == 2 else root[take].transpose(0, 1)),
        weight=None if weight is None else _numpy(weight[take].transpose(0, 1)),
        lens=None if lens is None else _numpy(lens),
    )
    _check_finite(lifter.name, sequence.info.id, prediction)
    return prediction


def _check_finite(name: str, sequence_id: str, prediction: SequencePrediction) -> None:
    """Raise `NotFiniteError` naming the sequence and the first frame of a pose, root or weight that is not finite."""
    of_rows = (
        ("", prediction.poses, -3),
        (" for a root", prediction.root, -2),
        (" for a weight", prediction.weight, -1),
    )
    for what, values, axis in of_rows:
        if values is None or np.isfinite(values).all():
            continue
        rows = np.moveaxis(values, axis, 0).reshape(len(prediction.frame), -1)
        bad = int(prediction.frame[np.flatnonzero(~np.isfinite(rows).all(axis=1))[0]])
        raise NotFiniteError(
            f"{name} returned NaN or infinity{what} in sequence {sequence_id}, frame {bad}; check its weights and inputs."
        )
    if prediction.lens is not None and not np.isfinite(prediction.lens).all():
        raise NotFiniteError(f"{name} returned NaN or infinity for a lens in sequence {sequence_id}; check its inputs.")


def show_sequence(
    lifter: LoadedLifter, joints: JointConversion, sequence: Sequence, keypoints: Keypoints, device: torch.device
) -> tuple[LifterInputs, int]:
    """The whole sequence as one window, with the granted privileges and no other.

    The number is that of joint-frames that were missing and interpolated for the lifter.
    """
    granted = lifter.spec.privileges
    interpolated = 0
    keypoints = joints.shown(keypoints)
    if not lifter.spec.accepts_missing:
        keypoints, interpolated = interpolate_missing(keypoints, sequence.info.id)
    maps = sequence_heatmaps(sequence, keypoints, joints.lifter) if "heatmaps" in granted else None
    depth = (
        torch.from_numpy(sequence.poses[:, sequence.skeleton.root, 2]).float()[None].to(device)
        if "root_depth" in granted
        else None
    )
    shown = LifterInputs(
        keypoints=torch.from_numpy(keypoints.pixels)[None].to(device),
        confidence=torch.from_numpy(keypoints.confidence)[None].to(device),
        image_size=torch.tensor(keypoints.image_size, dtype=torch.float32, device=device),
        fps=sequence.info.fps,
        lens=torch.tensor(sequence.camera.lens, dtype=torch.float32, device=device)
        if "intrinsics" in granted
        else None,
        root_depth=depth,
        heatmaps=None if maps is None else LazyHeatmaps.whole(maps, sequence.info.frames, device),
        action=sequence.info.action if "action_label" in granted else None,
    )
    return shown, interpolated


def noise_streams(seed: int, sequence_id: str, windows: Any) -> Streams:
    """A stream for each window of a sequence, by number: the same on every device and in every shard."""
    return tuple(torch_generator("lifter-noise", seed, sequence_id, int(window)) for window in windows)


def window_batch(shown: LifterInputs, index: Any, streams: Streams | LazyStreams, device: torch.device) -> LifterInputs:
    """Of a whole sequence the windows whose frames are `index` (windows, length).

    Windows overlap, and each is a copy all the same: a lifter may change in place what it is shown.
    """
    take = torch.from_numpy(index.reshape(-1)).to(device)

    def windows(values: Tensor) -> Tensor:
        # Whole rows of memory; indexing with (windows, length) takes three times as long.
        return values[0].index_select(0, take).view(*index.shape, *values.shape[2:])

    return LifterInputs(
        keypoints=windows(shown.keypoints),
        confidence=windows(shown.confidence),
        image_size=shown.image_size,
        fps=shown.fps,
        lens=shown.lens,
        root_depth=None if shown.root_depth is None else windows(shown.root_depth),
        heatmaps=None if shown.heatmaps is None else shown.heatmaps.windows(index),
        action=shown.action,
        noise_streams=streams,
    )


def lift(
    lifter: LoadedLifter, joints: Skeleton, inputs: LifterInputs, flip: bool, precision: Precision = "fp32"
) -> Lifted:
    """Call the lifter, on the doubled batch if `flip`; bare poses become `Lifted` with one hypothesis.

    With the precision bf16 it computes under autocast: it is handed float32 and what comes back is float32 again.
    """
    if not flip:
        return _call(lifter, inputs, precision)
    mirrored = joints.mirrored
    lifted = _call(lifter, doubled(inputs, mirrored), precision)
    if lifted.root is not None or lifted.weight is not None or lifted.lens is not None:
        raise UsageError(
            f"{lifter.name} returns a root, weights or a lens, whose mirror images have no average: run it without flip."
        )
    width = inputs.image_size[0] if lifter.spec.space == "image25d" else None
    return Lifted(averaged(lifted.poses, mirrored, width))


def _call(lifter: LoadedLifter, inputs: LifterInputs, precision: Precision) -> Lifted:
    module = cast(Lifter, lifter.module)
    if precision == "fp32":
        return _as_lifted(module.lift(inputs))
    with torch.autocast(inputs.keypoints.device.type, torch.bfloat16):
        lifted = _as_lifted(module.lift(inputs))
    # Before anything is averaged: a sum of bfloat16 would lose another bit of the pose.
    return lifted.each(Tensor.float)


def _as_lifted(returned: Tensor | Lifted) -> Lifted:
    if isinstance(returned, Lifted):
        return returned
    return Lifted(returned[:, None] if returned.ndim == 4 else returned)


def check_shape(lifter: LoadedLifter, skeleton: Skeleton, lifted: Lifted, batch: int, rows: int) -> None:
    """Raise `LifterContractError` unless poses are (batch, hypotheses, rows, joints, 3)."""
    joints = skeleton.num_joints
    shape = tuple(lifted.poses.shape)
    if len(shape) != 5 or (shape[0], *shape[2:]) != (batch, rows, joints, 3):
        raise LifterContractError(
            f"{lifter.name} returned poses of shape {shape}; its spec promises "
            f"({batch}, hypotheses, {rows} frames, {joints} joints, 3)."
        )


def _numpy(tensor: Tensor) -> Any:
    return tensor.to("cpu", torch.float32).contiguous().numpy()
