"""Interpolation fills exactly what is missing, and says how much that was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posebench.errors import NotFiniteError
from posebench.inputs.keypoints import Keypoints
from posebench.inputs.missing import interpolate_missing


def keypoints(pixels: np.ndarray) -> Keypoints:
    confidence = np.where(np.isnan(pixels).any(axis=-1), 0.0, 0.7)
    return Keypoints(pixels.astype(np.float32), confidence.astype(np.float32), (1000, 1000))


def straight(frames: int = 10, joints: int = 3) -> np.ndarray:
    """Joints that move on straight lines at constant speed."""
    time = np.arange(frames)[:, None, None]
    start = 100.0 * np.arange(1, 2 * joints + 1).reshape(joints, 2)
    return start + time * np.array([4.0, -2.0])


def test_nothing_missing_changes_nothing() -> None:
    given_keypoints = keypoints(straight())
    found, count = interpolate_missing(given_keypoints, "s")
    assert found is given_keypoints
    assert count == 0


def test_a_gap_is_bridged_linearly() -> None:
    pixels = straight()
    pixels[3:7, 1] = np.nan
    before = keypoints(pixels)
    found, count = interpolate_missing(before, "s")
    assert count == 4
    np.testing.assert_allclose(found.pixels, straight(), atol=1e-3)
    assert (found.confidence[3:7, 1] == 0).all()
    np.testing.assert_array_equal(found.confidence, before.confidence)
    assert np.isnan(before.pixels[3:7, 1]).all(), "the input is not edited"


def test_edges_hold_the_nearest_value() -> None:
    pixels = straight()
    pixels[:2, 0] = np.nan
    pixels[8:, 0] = np.nan
    found, count = interpolate_missing(keypoints(pixels), "s")
    assert count == 4
    np.testing.assert_array_equal(found.pixels[:2, 0], np.tile(found.pixels[2, 0], (2, 1)))
    np.testing.assert_array_equal(found.pixels[8:, 0], np.tile(found.pixels[7, 0], (2, 1)))


def test_a_joint_that_is_never_there_is_placed_amid_the_others() -> None:
    pixels = straight()
    pixels[:, 2] = np.nan
    pixels[4, 0] = np.nan
    found, count = interpolate_missing(keypoints(pixels), "s")
    assert count == 11
    np.testing.assert_allclose(found.pixels[:, 2], straight()[:, :2].mean(axis=1), atol=1e-3)


def test_half_a_keypoint_is_a_missing_keypoint() -> None:
    pixels = straight()
    pixels[5, 1, 0] = np.nan
    found, count = interpolate_missing(keypoints(pixels), "s")
    assert count == 1
    np.testing.assert_allclose(found.pixels[5, 1], straight()[5, 1], atol=1e-3)


@pytest.mark.parametrize("frames", [1, 5])
def test_a_sequence_without_any_keypoint_is_refused_by_name(frames: int) -> None:
    with pytest.raises(NotFiniteError, match=f"S1/walk/2/cam has no keypoint in any of its {frames} frames"):
        interpolate_missing(keypoints(np.full((frames, 3, 2), np.nan)), "S1/walk/2/cam")


def test_an_empty_sequence_has_nothing_missing() -> None:
    assert interpolate_missing(keypoints(np.zeros((0, 17, 2))), "s")[1] == 0


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(0, 2**31 - 1), st.floats(0.05, 0.9))
def test_whatever_is_missing(seed: int, share: float) -> None:
    random = np.random.RandomState(seed)
    pixels = random.uniform(0, 1000, (12, 5, 2))
    pixels[random.random_sample((12, 5)) < share] = np.nan
    pixels[random.randint(12), random.randint(5)] = 500.0
    before = keypoints(pixels)
    missing = before.confidence == 0
    found, count = interpolate_missing(before, "s")
    assert count == missing.sum()
    assert np.isfinite(found.pixels).all()
    assert found.pixels.dtype == np.float32
    np.testing.assert_array_equal(found.pixels[~missing], before.pixels[~missing])
    np.testing.assert_array_equal(found.confidence, before.confidence)
    # Nothing is placed beyond what was seen.
    assert (found.pixels >= np.nanmin(before.pixels, axis=(0, 1)) - 1e-3).all()
    assert (found.pixels <= np.nanmax(before.pixels, axis=(0, 1)) + 1e-3).all()
    # Time backwards gives the same, backwards.
    reverse = Keypoints(before.pixels[::-1], before.confidence[::-1], before.image_size)
    np.testing.assert_allclose(interpolate_missing(reverse, "s")[0].pixels[::-1], found.pixels, atol=2e-3)
