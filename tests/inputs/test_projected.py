"""The 2D source `gt` is the projection with distortion, on its grid, and keeps what is missing missing."""

import numpy as np

from posebench.cameras import Camera, project
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.inputs.projected import PROJECTED, read_projected
from posebench.skeletons import HUMAN36M_17

CAMERA = Camera(
    name="c",
    width=1000,
    height=800,
    focal=(1100.0, 1200.0),
    center=(510.0, 390.0),
    radial=(-0.2, 0.25, -0.005),
    tangential=(-0.001, 0.002),
    orientation=(1.0, 0.0, 0.0, 0.0),
    position=(0.0, 0.0, 0.0),
)


def sequence() -> Sequence:
    poses = np.random.RandomState(0).uniform((-900, -900, 3000), (900, 900, 5000), (5, 17, 3)).astype(np.float32)
    return Sequence(SequenceInfo("d", "S", "a", "1", "c", "test", 5, 50.0), HUMAN36M_17, CAMERA, poses)


def test_a_point_by_hand() -> None:
    poses = sequence().poses.copy()
    poses[0, 0] = (400.0, -800.0, 4000.0)
    pixels = read_projected(Sequence(sequence().info, HUMAN36M_17, CAMERA, poses)).pixels[0, 0]
    x, y = 0.1, -0.2
    r2 = x * x + y * y
    bend = 1 - 0.2 * r2 + 0.25 * r2**2 - 0.005 * r2**3 - 0.001 * x + 0.002 * y
    expected = 1100 * (x * bend - 0.001 * r2) + 510, 1200 * (y * bend + 0.002 * r2) + 390
    np.testing.assert_allclose(pixels, expected, atol=6e-4)


def test_it_is_the_projection_on_a_grid_of_a_thousandth() -> None:
    found = read_projected(sequence())
    exact = project(sequence().poses, CAMERA)
    assert found.pixels.dtype == found.confidence.dtype == np.float32
    np.testing.assert_array_equal(found.pixels, np.round(exact, 3).astype(np.float32))
    assert (found.confidence == 1).all()
    assert found.image_size == (1000, 800)


def test_a_missing_joint_stays_missing() -> None:
    clip = sequence()
    clip.poses[2, 5] = np.nan
    clip.poses[3, 6, 1] = np.nan
    found = read_projected(clip)
    missing = np.zeros((5, 17), dtype=bool)
    missing[2, 5] = missing[3, 6] = True
    assert np.isnan(found.pixels[2, 5]).all()
    np.testing.assert_array_equal(np.isnan(found.pixels).any(axis=-1), missing)
    np.testing.assert_array_equal(found.confidence, np.where(missing, 0.0, 1.0))


def test_its_name_in_a_protocol() -> None:
    assert (PROJECTED.name, PROJECTED.version) == ("gt", "1")
    np.testing.assert_array_equal(PROJECTED.read(sequence()).pixels, read_projected(sequence()).pixels)
