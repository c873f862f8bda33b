"""One sequence through a lifter at the lifter's own frame rate, and back to the sequence's: only where it is asked for."""

from dataclasses import replace

import numpy as np

from posebench.datasets.sequence import Sequence
from posebench.errors import UsageError
from posebench.inputs.frames import WantedFrames
from posebench.inputs.keypoints import Keypoints
from posebench.prediction.create import LoadedLifter
from posebench.prediction.folder import SequencePrediction
from posebench.prediction.joints import JointConversion
from posebench.prediction.predict_sequence import predict_sequence
from posebench.prediction.resample import resample_keypoints, resample_poses, resampled_frames
from posebench.prediction.run_options import Precision
from posebench.prediction.timing import ForwardClock


def check_resample(lifter: LoadedLifter) -> None:
    """Raise `UsageError` for a lifter that cannot be run at another frame rate than the data's."""
    spec = lifter.spec
    if spec.fps is None:
        raise UsageError(f"{lifter.name} has no training frame rate to resample to; leave --resample away.")
    if spec.tail == "overlap-chunk":
        raise UsageError(f"{lifter.name} predicts some frames twice, which cannot be resampled; leave --resample away.")
    for privilege in ("heatmaps", "root_depth"):
        if privilege in spec.privileges:
            raise UsageError(
                f"{lifter.name} takes the privilege {privilege!r}, which is not resampled; leave --resample away."
            )


def predict_resampled(
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
    """As `predict_sequence`, with keypoints brought to the lifter's rate and its poses back, linearly in time.

    The lifter passes `check_resample`. What was interpolated is counted in
    frames of the lifter's rate.
    """
    fps, own = sequence.info.fps, lifter.spec.fps
    if own is None or own == fps:
        return predict_sequence(
            lifter, joints, sequence, keypoints, wanted, clock,
            batch_size=batch_size, flip=flip, seed=seed, precision=precision,
        )  # fmt: skip
    frames = sequence.info.frames
    info = replace(sequence.info, frames=resampled_frames(frames, fps, own), fps=own)
    made = predict_sequence(
        lifter, joints, replace(sequence, info=info), resample_keypoints(keypoints, fps, own),
        WantedFrames(info, np.arange(info.frames)), clock, batch_size=batch_size, flip=flip, seed=seed, precision=precision,
    )  # fmt: skip
    rows = wanted.frames
    return SequencePrediction(
        poses=resample_poses(made.poses, own, fps, frames)[:, rows],
        frame=rows,
        interpolated=made.interpolated,
        root=None if made.root is None else resample_poses(made.root, own, fps, frames, axis=-2)[..., rows, :],
        weight=None if made.weight is None else resample_poses(made.weight, own, fps, frames, axis=-1)[:, rows],
        lens=made.lens,
    )
