"""The source `simulated-blur`: streaks along the motion, nothing on what rests, and the simulated detector below it."""

from dataclasses import replace

import numpy as np
import pytest
from tiny import STANDING

from posebench.cameras import Camera
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.errors import UsageError
from posebench.inputs.detector_noise import person_size
from posebench.inputs.motion_blur import EXPOSURE_SECONDS, FADE, LOSS, MOTION_BLUR, motion_blur
from posebench.inputs.projected import read_projected
from posebench.inputs.simulated import SIMULATED
from posebench.skeletons import HUMAN36M_17, Skeleton

WRIST, ANKLE, HEAD = (HUMAN36M_17.joints.index(name) for name in ("RWrist", "LFoot", "Head"))
CAMERA = Camera(
    "side", 1920, 1080, (1000.0, 1000.0), (960.0, 540.0), (0.0, 0.0, 0.0), (0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
)  # fmt: skip


def sequence(speed: tuple[float, float] = (0.0, 0.0), frames: int = 40, fps: float = 60.0, clip: str = "0") -> Sequence:
    """A person at rest 4 m in front of the camera whose right wrist moves by `speed` px a second in the image."""
    still = np.stack([STANDING[:, 0], 900 - STANDING[:, 2], 4000 + STANDING[:, 1]], axis=-1)
    # One depth, so that pixels are a quarter of millimetres.
    still[:, 2] = 4000
    poses = np.repeat(still[None], frames, axis=0)
    t = (np.arange(frames) - frames / 2) / fps
    poses[:, WRIST, :2] += 4 * t[:, None] * np.array(speed)
    info = SequenceInfo("tiny", "S1", "throw", clip, "side", "test", frames, fps)
    return Sequence(info, HUMAN36M_17, CAMERA, poses.astype(np.float32))


def test_what_rests_is_seen_as_by_the_simulated_detector() -> None:
    still, moving = sequence(), sequence((900.0, 0.0))
    blur = motion_blur(still)
    assert not blur.shift.any()
    assert not blur.lost.any()
    assert (blur.clarity == 1).all()
    plain, blurred = SIMULATED.read(still), MOTION_BLUR.read(still)
    np.testing.assert_array_equal(blurred.pixels, plain.pixels)
    np.testing.assert_array_equal(blurred.confidence, plain.confidence)
    # Where one joint moves, all others are as before.
    others = [joint for joint in range(17) if joint != WRIST]
    plain, blurred = SIMULATED.read(moving), MOTION_BLUR.read(moving)
    np.testing.assert_array_equal(blurred.pixels[:, others], plain.pixels[:, others])
    np.testing.assert_array_equal(blurred.confidence[:, others], plain.confidence[:, others])
    assert not np.array_equal(blurred.pixels[:, WRIST], plain.pixels[:, WRIST])


@pytest.mark.parametrize("speed", [(1500.0, 0.0), (0.0, -800.0), (600.0, 450.0)])
def test_streak_has_the_length_and_direction_of_the_motion(speed: tuple[float, float]) -> None:
    shift = np.concatenate([motion_blur(sequence(speed, frames=60, clip=str(i))).shift[:, WRIST] for i in range(50)])
    length = np.hypot(*speed) * EXPOSURE_SECONDS
    along = shift @ np.array(speed) / np.hypot(*speed)
    across = shift @ np.array([-speed[1], speed[0]]) / np.hypot(*speed)
    assert np.abs(across).max() < 1e-3 * length
    # Uniform over the streak, with the true place in its middle.
    assert np.abs(along).max() <= length / 2 * 1.001
    assert along.min() < -0.49 * length
    assert along.max() > 0.49 * length
    assert along.mean() == pytest.approx(0, abs=0.02 * length)
    assert along.std() == pytest.approx(length / np.sqrt(12), rel=0.05)


def test_confidence_falls_and_misses_rise_with_the_streak() -> None:
    found = []
    for speed in (0.0, 1500.0, 6000.0):
        clips = [sequence((speed, 0.0), clip=str(i)) for i in range(60)]
        blurs = [motion_blur(clip) for clip in clips]
        lost = np.mean([blur.lost[:, WRIST].mean() for blur in blurs])
        clarity = np.mean([blur.clarity[:, WRIST].mean() for blur in blurs])
        relative = np.mean(
            [speed * EXPOSURE_SECONDS / person_size(read_projected(c).pixels.astype(float), 60.0) for c in clips]
        )
        assert clarity == pytest.approx(np.exp(-relative / FADE), rel=0.02)
        assert lost == pytest.approx(1 - np.exp(-((relative / LOSS) ** 2)), abs=0.015)
        seen = [MOTION_BLUR.read(clip) for clip in clips]
        confidence = np.concatenate([s.confidence[:, WRIST] for s in seen])
        missing = np.concatenate([np.isnan(s.pixels[:, WRIST]).any(axis=-1) for s in seen])
        assert ((confidence == 0) == missing).all()
        assert ((confidence == 0) | ((confidence >= 0.05) & (confidence <= 1))).all()
        np.testing.assert_array_equal(confidence, np.round(confidence, 3))
        found.append((confidence[~missing].mean(), missing.mean()))
    assert found[0][0] > found[1][0] > found[2][0]
    assert found[0][1] < found[1][1] < found[2][1]


def test_the_shutter_is_never_open_longer_than_a_frame() -> None:
    """At 360 Hz the streak is that of 1/360 s: what the joint does from one frame to the next."""
    for fps, seconds in ((30.0, 1 / 250), (360.0, 1 / 360)):
        clip = sequence((1200.0, 0.0), fps=fps)
        shift = np.concatenate(
            [motion_blur(replace(clip, info=replace(clip.info, clip=str(i)))).shift for i in range(40)]
        )
        assert np.abs(shift[:, WRIST, 0]).max() == pytest.approx(1200 * seconds / 2, rel=0.02)


def test_same_bits_again_and_others_for_another_seed_or_clip() -> None:
    clip = sequence((900.0, 300.0))
    first, again = MOTION_BLUR.read(clip), MOTION_BLUR.read(clip)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.confidence, again.confidence)
    other = motion_blur(replace(clip, info=replace(clip.info, clip="1"))).shift
    assert not np.array_equal(motion_blur(clip).shift, other)
    assert not np.array_equal(motion_blur(clip).shift, motion_blur(clip, seed=1).shift)
    # The draws of a frame do not depend on how many follow.
    short = sequence((900.0, 300.0), frames=40)
    cut = replace(short, poses=short.poses[:20], info=replace(short.info, frames=20))
    np.testing.assert_array_equal(motion_blur(cut).lost[:19], motion_blur(short).lost[:19])
    np.testing.assert_allclose(motion_blur(cut).shift[:19], motion_blur(short).shift[:19], rtol=1e-3)


def test_missing_joints_and_short_clips() -> None:
    clip = sequence((900.0, 0.0))
    poses = clip.poses.copy()
    poses[10, WRIST] = np.nan
    poses[20:, ANKLE] = np.nan
    blur = motion_blur(replace(clip, poses=poses))
    # The frames beside a gap have one step to tell the speed from, and the gap none of its own.
    assert np.isfinite(blur.shift).all()
    whole = motion_blur(clip)
    np.testing.assert_allclose(blur.shift[[9, 11], WRIST], whole.shift[[9, 11], WRIST], rtol=1e-3)
    found = MOTION_BLUR.read(replace(clip, poses=poses))
    assert np.isnan(found.pixels[10, WRIST]).all()
    assert np.isnan(found.pixels[20:, ANKLE]).all()
    assert (found.confidence[20:, ANKLE] == 0).all()
    nobody = MOTION_BLUR.read(replace(clip, poses=np.full_like(poses, np.nan)))
    assert np.isnan(nobody.pixels).all()
    one = sequence(frames=1)
    np.testing.assert_array_equal(MOTION_BLUR.read(one).pixels, SIMULATED.read(one).pixels)


def test_refuses_another_skeleton() -> None:
    odd = Skeleton("odd", HUMAN36M_17.joints, HUMAN36M_17.parents, (), ())
    with pytest.raises(UsageError, match="human36m-17"):
        MOTION_BLUR.read(replace(sequence(), skeleton=odd))


def test_swapped_keypoints_take_their_streak_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """The left wrist's keypoint on the right wrist has the right wrist's blur."""
    from posebench.inputs import motion_blur as module
    from posebench.inputs.detector_severity import MID

    always = replace(MID, swap_rate=1e9, swap_seconds=1e9, miss_rate=1e-9, error_scale=1e-9)
    monkeypatch.setattr(module, "MID", always)
    clip = sequence((900.0, 0.0))
    blur, true = motion_blur(clip), read_projected(clip).pixels
    found = MOTION_BLUR.read(clip).pixels
    left = HUMAN36M_17.mirrored[WRIST]
    np.testing.assert_allclose(
        found[~blur.lost[:, WRIST], left], (true + blur.shift)[~blur.lost[:, WRIST], WRIST], atol=2e-3
    )
    assert np.isnan(found[blur.lost[:, WRIST], left]).all()
    assert MOTION_BLUR.name == "simulated-blur"
