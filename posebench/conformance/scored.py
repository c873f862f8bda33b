"""Poses from a conformance file through the real scoring, as if a lifter had predicted them."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from torch import Tensor

from posebench.cameras import Camera
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.inputs.frames import WantedFrames
from posebench.prediction.folder import SequencePrediction
from posebench.protocols.headline import ScoredSequence
from posebench.protocols.open_sets import OPEN_SCORING
from posebench.protocols.protocol import Averaging, RootRule, Scoring
from posebench.protocols.scoring import score_sequence
from posebench.skeletons import HUMAN36M_17

#: Root-relative scoring looks through no camera.
NO_CAMERA = Camera(
    "none", 1, 1, (1.0, 1.0), (0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
)


def scoring_of(
    metrics: tuple[str, ...],
    root: RootRule = "as-predicted",
    averaging: Averaging = "frames",
    joints: tuple[str, ...] = HUMAN36M_17.joints,
) -> Scoring:
    """The scoring of the open sets for single hypotheses, with these parts of it exchanged."""
    return replace(
        OPEN_SCORING, rule="conformance", joints=joints, pck_joints=joints, root=root, averaging=averaging,
        metrics=metrics, aggregates=("p-agg",),
    )  # fmt: skip


def score_poses(
    scoring: Scoring,
    predicted: Tensor,
    truth: Tensor,
    subject: str = "",
    action: str = "",
    clip: str = "",
    camera: str = "",
) -> ScoredSequence:
    """Score (frames, 17, 3) mm as one sequence; ready for `protocols.headline.combine`."""
    info = SequenceInfo("conformance", subject, action, clip, camera, "test", len(truth), fps=1.0)
    frames: npt.NDArray[np.int64] = np.arange(len(truth))
    sequence = Sequence(info, HUMAN36M_17, NO_CAMERA, truth.numpy())
    prediction = SequencePrediction(predicted[None].numpy(), np.arange(len(predicted)))
    statistics = score_sequence(
        scoring, sequence, prediction, WantedFrames(info, frames), space="root_relative", tail="pad"
    )
    return ScoredSequence(info.id, clip, statistics)
