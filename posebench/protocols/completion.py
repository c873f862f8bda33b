"""The protocols of pose completion: which joints of which frames are hidden, and what is measured of them. A leaf without torch."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from posebench.errors import UsageError
from posebench.hashing import hash_value
from posebench.inputs.spec import InputsSpec
from posebench.metrics.best_of import BEST_OF
from posebench.registry.decorators import DATASETS
from posebench.registry.plugins import load_plugins
from posebench.seeding import frozen_generator
from posebench.skeletons import HUMAN36M_17

RULE, VERSION = "complete", 1
#: Joints that a mask hides. A limb is what hangs on the shoulder or the hip; a side is all that one sees of it from the other.
MASKS: dict[str, tuple[str, ...]] = {
    "right-arm": ("RElbow", "RWrist"),
    "left-arm": ("LElbow", "LWrist"),
    "right-leg": ("RKnee", "RFoot"),
    "left-leg": ("LKnee", "LFoot"),
    "right-side": ("RHip", "RKnee", "RFoot", "RShoulder", "RElbow", "RWrist"),
    "left-side": ("LHip", "LKnee", "LFoot", "LShoulder", "LElbow", "LWrist"),
    "random-4": (),
}
#: How many joints beside the root are drawn for a frame by the masks that name none.
RANDOM = {"random-4": 4}
#: Every how many frames one is completed.
KEEP_EVERY = 8
#: The name of no 2D at all.
NO_KEYPOINTS = "none"


@dataclass(frozen=True)
class CompletionSpec:
    """A frozen, hashed value. Every field that changes a number is in the hash.

    `inputs`
        Data set, split, frames and 2D source; the source `none` shows no 2D, any other that of every joint.
    `mask`, `joints`, `random`
        Name of the mask, the joints that it hides in 3D, or how many are
        drawn for each frame (`hidden_joints`). The others are known exactly.
    `metrics`, `aggregates`
        As in `Scoring`; they are taken over the hidden joints of a frame and
        averaged over frames.
    """

    rule: str
    version: int
    inputs: InputsSpec
    mask: str
    joints: tuple[str, ...]
    random: int
    metrics: tuple[str, ...]
    aggregates: tuple[str, ...]

    @property
    def shows_keypoints(self) -> bool:
        """Whether 2D is shown at all."""
        return self.inputs.source != NO_KEYPOINTS

    @property
    def id(self) -> str:
        """`dataset/complete-mask[+source]@version`, as in `hdm05/complete-right-arm@1`."""
        source = f"+{self.inputs.source}" if self.shows_keypoints else ""
        return f"{self.inputs.dataset}/{self.rule}-{self.mask}{source}@{self.version}"

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the value."""
        return hash_value(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored in records."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {**values, "inputs": self.inputs.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "CompletionSpec":
        """The inverse of `to_json`."""
        values: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        return cls(**{**values, "inputs": InputsSpec.from_json(value["inputs"])})

    def hidden_joints(self, sequence: str, frames: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
        """Indices (frames, joints) of what is hidden in frames of a sequence, ascending; random ones depend on nothing else."""
        if self.joints:
            return np.tile(sorted(HUMAN36M_17.indices(self.joints)), (len(frames), 1))
        drawn = [
            np.sort(1 + _stream(self, sequence, int(frame)).permutation(HUMAN36M_17.num_joints - 1)[: self.random])
            for frame in frames
        ]
        return np.array(drawn, dtype=np.int64).reshape(len(frames), self.random)


def _stream(spec: CompletionSpec, sequence: str, frame: int) -> np.random.RandomState:
    return frozen_generator("completion-mask", spec.version, spec.mask, spec.inputs.dataset, sequence, frame)


def completion_spec(dataset: str, mask: str, source: str | None = None) -> CompletionSpec:
    """The protocol of a data set's test split, a mask and a 2D source (None: no 2D).

    Raises `UnknownNameError` or `UsageError` for a name of any of the three.
    """
    from posebench.inputs.sources import COMPUTED

    load_plugins()
    if mask not in MASKS:
        raise UsageError(f"There is no mask {mask!r}; choose one of {', '.join(MASKS)}.")
    if source is not None and source not in COMPUTED:
        raise UsageError(f"There is no computed 2D source {source!r}; choose one of {', '.join(COMPUTED)}, or none.")
    inputs = InputsSpec(
        dataset=dataset,
        dataset_version=DATASETS.get(dataset).make().version,
        form="",
        split="test",
        keep_every=KEEP_EVERY,
        frame_list="",
        source=source or NO_KEYPOINTS,
        source_version="" if source is None else COMPUTED[source].version,
        grants=("future_frames", "heatmaps", "intrinsics"),
    )
    return CompletionSpec(
        rule=RULE,
        version=VERSION,
        inputs=inputs,
        mask=mask,
        joints=MASKS[mask],
        random=RANDOM.get(mask, 0),
        metrics=("mpjpe", "pck150"),
        aggregates=("p-agg", *(f"p-best-{m}" for m in BEST_OF), "median"),
    )
