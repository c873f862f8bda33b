"""What a lifter declares about itself. A leaf without torch: `list` and `info` read it."""

from dataclasses import dataclass
from typing import Literal

from posebench.errors import UsageError
from posebench.skeletons import SKELETONS

#: Where a lifter's poses live: see `LifterSpec.space`.
Space = Literal["root_relative", "camera", "image25d"]
#: What happens where the sequence does not divide into windows: see `LifterSpec.tail`.
Tail = Literal["pad", "shift", "overlap-chunk", "resample"]
#: What a lifter may ask for beyond 2D keypoints.
Privilege = Literal["future_frames", "intrinsics", "root_depth", "heatmaps", "action_label"]

#: The joint set of a lifter that takes any: it works in that of the data set at hand.
ANY_JOINTS = "any"

#: The joint set of generated poses: their anatomy and their distance to real ones are measured in it.
GENERATED_JOINTS = "human36m-17"

#: Privileges that lean on a true root, camera or label: numbers had with them are `assisted`, never `honest`.
ASSISTING: frozenset[Privilege] = frozenset({"intrinsics", "root_depth", "action_label"})


@dataclass(frozen=True)
class LifterSpec:
    """The declared behaviour of a lifter; the runner hands out what it names and nothing else.

    `skeleton`
        The joint set that it takes and returns; `ANY_JOINTS` for that of the
        data set. A data set with another is converted, where every joint can
        be made both ways.
    `window`
        Frames that one window shows.
    `stride`
        Frames that one window returns. 1 is the centre frame of overlapping
        windows, `stride == window` is chunks. None is a whole sequence in one
        window of `frames + window - 1`: a convolution whose receptive field
        is `window`.
    `offset`
        Index in the window of the first returned frame; None centres it.
    `tail`
        `pad`: inputs beyond the ends repeat the edge frame, only real frames
        are kept. `shift`: the last window is moved back to end with the
        sequence and only its new frames are kept. `overlap-chunk`: the same,
        but frames of the overlap are predicted, and scored, twice (MixSTE).
        `resample`: as `shift`, but a sequence shorter than the window is
        stretched in time to fill it (MotionBERT), where the others repeat its
        edge frames.
    `space`
        `root_relative`: camera mm, the origin is the true root, joint 0 is an
        output like any other. `camera`: absolute camera mm. `image25d`:
        pixels and scaled depth.
    `privileges`
        What the lifter needs beyond 2D keypoints, see `Privilege`.
    `accepts_missing`
        Missing joints arrive as NaN; otherwise they are interpolated in time.
    `fps`
        Frame rate of the training data, None for a lifter that has none.
    `flips_itself`
        The lifter averages with mirror images inside, as a diffusion does in
        each of its steps: a run's own flip would average unrelated samples.
    `samples`
        The lifter draws hypotheses in steps: its configuration has
        `hypotheses` and `steps`, which a run may ask to be otherwise.
    `early_steps`
        Of the steps that it samples in each corrects the one before, and it
        heeds `LifterInputs.early_steps`.
    `fitted`
        The lifter has a `fit(sequences)` that is called with the training
        split of the data set at hand before it predicts.
    `describes`
        The lifter infers from the keypoints what the motion is, and says so
        where it is asked (`DescribingLifter`).
    `generates`
        The lifter is a prior of poses: without any image it draws them,
        completes and denoises them (`GenerativeLifter`).
    """

    skeleton: str = "human36m-17"
    window: int = 1
    stride: int | None = 1
    offset: int | None = None
    tail: Tail = "pad"
    space: Space = "root_relative"
    privileges: tuple[Privilege, ...] = ()
    accepts_missing: bool = False
    fps: float | None = None
    flips_itself: bool = False
    samples: bool = False
    early_steps: bool = False
    fitted: bool = False
    describes: bool = False
    generates: bool = False

    def __post_init__(self) -> None:
        if self.skeleton != ANY_JOINTS and self.skeleton not in SKELETONS:
            raise UsageError(
                f"A lifter declares the unknown joint set {self.skeleton!r}; known: {', '.join(SKELETONS)}."
            )
        if self.window < 1 or (self.stride is not None and not 1 <= self.stride <= self.window):
            raise UsageError(
                f"A lifter declares window {self.window} and stride {self.stride}; 1 <= stride <= window is needed."
            )
        if self.tail != "pad" and self.stride != self.window:
            raise UsageError(
                f"The tail rule {self.tail!r} is for chunks: stride must equal window, not {self.stride} and {self.window}."
            )
        if self.generates and (self.skeleton != GENERATED_JOINTS or self.space != "root_relative"):
            raise UsageError(
                f"A lifter that generates poses declares the joints {self.skeleton} in the space {self.space}; generated "
                f"poses are root_relative, in {GENERATED_JOINTS}."
            )
        if not 0 <= self.first_output <= self.window - (self.stride or 1):
            raise UsageError(f"A lifter declares offset {self.offset}, outside of its window of {self.window} frames.")
        if self.look_ahead and "future_frames" not in self.privileges:
            raise UsageError(f"A window that looks {self.look_ahead} frames ahead needs the privilege 'future_frames'.")

    @property
    def first_output(self) -> int:
        """Index in the window of the first frame that is returned."""
        return (self.window - (self.stride or 1)) // 2 if self.offset is None else self.offset

    @property
    def look_ahead(self) -> int:
        """How many frames after the earliest output of a window the lifter has seen."""
        return self.window - 1 - self.first_output
