"""Frame rates: a known sinusoid, grid points to the bit, gaps that stay as long as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posebench.errors import UsageError
from posebench.inputs.keypoints import Keypoints
from posebench.prediction.resample import resample_keypoints, resample_poses, resampled_frames

RATES = st.sampled_from([24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0, 100.0, 120.0, 360.0])


def keypoints(pixels: np.ndarray, confidence: np.ndarray | None = None) -> Keypoints:
    found = np.isfinite(pixels[..., 0]).astype(np.float32) if confidence is None else confidence
    return Keypoints(pixels.astype(np.float32), found.astype(np.float32), (1000, 800))


def wave(frames: int, fps: float) -> np.ndarray:
    """(frames, 2, 2): 1 Hz of 100 px."""
    t = np.arange(frames) / fps
    return 500 + 100 * np.stack([[np.sin(2 * np.pi * t + p + q) for q in (0, 1)] for p in (0, 2)]).transpose(2, 0, 1)


@pytest.mark.parametrize(
    ("from_fps", "to_fps"), [(30.0, 50.0), (60.0, 50.0), (25.0, 50.0), (120.0, 50.0), (29.97, 60.0)]
)
def test_a_sinusoid(from_fps: float, to_fps: float) -> None:
    seen = wave(61, from_fps)
    resampled = resample_keypoints(keypoints(seen), from_fps, to_fps)
    true = wave(len(resampled.pixels), to_fps)
    # Linear interpolation of a sine is off by at most A w^2 h^2 / 8.
    bound = 100 * (2 * np.pi / from_fps) ** 2 / 8
    within = np.arange(len(true)) / to_fps <= 60 / from_fps
    assert within[:-1].all()
    assert np.abs(resampled.pixels - true)[within].max() <= bound + 1e-3
    # One that is a whole number of times faster is exact at the old frames, both ways.
    back = resample_poses(resampled.pixels, to_fps, from_fps, 61)
    assert back.shape == (61, 2, 2)
    assert np.abs(back - seen)[:-1].max() <= bound + 100 * (2 * np.pi / to_fps) ** 2 / 8 + 1e-3
    # The last frame lies between two new ones, the second of which repeats it.
    assert np.abs(back - seen)[-1].max() <= 100 * 2 * np.pi / to_fps


def test_double_rate_is_exact_at_the_old_frames() -> None:
    seen = np.round(wave(9, 25.0), 3)
    twice = resample_keypoints(keypoints(seen), 25.0, 50.0)
    assert len(twice.pixels) == 17
    assert (twice.pixels[::2] == seen.astype(np.float32)).all()
    np.testing.assert_allclose(twice.pixels[1::2], (seen[1:] + seen[:-1]) / 2, atol=1e-3)
    assert (resample_poses(twice.pixels, 50.0, 25.0, 9) == seen.astype(np.float32)).all()


@given(frames=st.integers(1, 40), from_fps=RATES, to_fps=RATES, seed=st.integers(0, 9))
def test_there_and_back(frames: int, from_fps: float, to_fps: float, seed: int) -> None:
    count = resampled_frames(frames, from_fps, to_fps)
    # The new frames reach the last old one, and none of them lies a whole frame behind it.
    assert (count - 1) / to_fps >= (frames - 1) / from_fps - 1e-6
    assert (count - 2) / to_fps < (frames - 1) / from_fps + 1e-9 or count == 1
    line = np.linspace(0, 900, frames)[:, None, None] * np.ones((1, 3, 3)) + seed
    there = resample_poses(line, from_fps, to_fps, count)
    assert len(there) == count
    # The last new frame repeats the last old one, so that those after the new frame before it lie on another line.
    straight = np.arange(frames) / from_fps <= (count - 2) / to_fps
    back = resample_poses(there, to_fps, from_fps, frames)
    np.testing.assert_allclose(back[straight], line[straight], atol=1e-3)
    assert (resample_poses(line, from_fps, from_fps, frames) == line).all()
    assert there[0, 0, 0] == line[0, 0, 0]
    assert there[-1, 0, 0] == pytest.approx(line[-1, 0, 0], abs=1e-3)


def test_gaps_stay_as_long_as_they_were() -> None:
    seen = wave(31, 30.0)
    seen[6:12, 0] = np.nan
    resampled = resample_keypoints(keypoints(seen), 30.0, 60.0)
    gone = np.isnan(resampled.pixels).any(axis=-1)
    assert not gone[:, 1].any()
    # Frames 6 to 11 of 30 Hz are 12 to 22 of 60 Hz; the half frame before belongs to frame 5, the one after to frame 11.
    assert np.flatnonzero(gone[:, 0]).tolist() == list(range(12, 24))
    assert (resampled.confidence == np.where(gone, 0, 1)).all() or (resampled.confidence[gone] == 0).all()
    assert (resampled.confidence[~gone] > 0).all()
    # Half a frame past frame 5 is on the straight line over the gap, as a later interpolation would have it.
    along = seen[5, 0] + (seen[12, 0] - seen[5, 0]) * 0.5 / 7
    np.testing.assert_allclose(resampled.pixels[11, 0], along, atol=1e-2)


def test_a_frame_belongs_to_the_nearest_old_one() -> None:
    seen = wave(12, 30.0)
    seen[6] = np.nan
    gone = np.isnan(resample_keypoints(keypoints(seen), 30.0, 90.0).pixels).any(axis=(1, 2))
    assert np.flatnonzero(gone).tolist() == [17, 18, 19]


@pytest.mark.parametrize(("from_fps", "to_fps", "every"), [(50.0, 30.0, 3), (30.0, 50.0, 5), (25.0, 24.0, 24)])
def test_frames_of_both_rates_are_the_same_bits(from_fps: float, to_fps: float, every: int) -> None:
    poses = np.random.default_rng(0).normal(size=(3001, 2, 3)).astype(np.float64)
    count = resampled_frames(3001, from_fps, to_fps)
    assert count == round(3000 * to_fps / from_fps) + 1
    resampled = resample_poses(poses, from_fps, to_fps, count)
    assert (resampled[::every] == poses[:: round(every * from_fps / to_fps)]).all()


def test_every_second_frame_found_is_enough() -> None:
    seen = wave(60, 30.0)
    seen[1::2] = np.nan
    gone = np.isnan(resample_keypoints(keypoints(seen), 30.0, 50.0).pixels).any(axis=-1)
    assert 0.4 < gone.mean() < 0.6


def test_a_joint_that_is_never_there_and_confidence() -> None:
    seen, confidence = wave(5, 25.0), np.linspace(0.2, 1.0, 10).reshape(5, 2)
    seen[:, 1], confidence[:, 1] = np.nan, 0
    resampled = resample_keypoints(keypoints(seen, confidence), 25.0, 50.0)
    assert np.isnan(resampled.pixels[:, 1]).all()
    np.testing.assert_allclose(
        resampled.confidence[:, 0], np.linspace(confidence[0, 0], confidence[-1, 0], 9), atol=1e-6
    )


def test_other_axes_and_hypotheses() -> None:
    poses = np.random.default_rng(0).normal(size=(4, 13, 17, 3)).astype(np.float32)
    resampled = resample_poses(poses, 25.0, 50.0, 25)
    assert resampled.shape == (4, 25, 17, 3)
    assert resampled.dtype == np.float32
    assert (resampled[:, ::2] == poses).all()
    roots = resample_poses(poses[0, :, 0], 25.0, 50.0, 25, axis=0)
    assert (roots == resampled[0, :, 0]).all()
    assert (resample_poses(poses, 25.0, 50.0, 30)[:, 24:] == poses[:, -1:]).all()


@pytest.mark.parametrize("rates", [(0.0, 50.0), (25.0, -1.0), (float("nan"), 50.0), (25.0, float("inf"))])
def test_no_rate(rates: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="both must be above 0"):
        resample_poses(np.zeros((3, 1, 3)), *rates, 3)
