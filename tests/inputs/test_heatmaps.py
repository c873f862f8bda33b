"""Heatmaps that are built from keypoints, and those that a data set stores."""

import json
import tracemalloc
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tiny import STANDING, tiny_cameras

from posebench.datasets.clip import StoredHeatmaps
from posebench.datasets.sequence import Sequence, SequenceInfo
from posebench.errors import DataDamagedError, UsageError
from posebench.inputs import heatmap_crop, heatmap_modes, heatmaps
from posebench.inputs.heatmap_crop import HOLD_SECONDS, LEAST_SIZE, PADDING
from posebench.inputs.heatmap_modes import BACKGROUND, LEAST_CELLS, SHARPEST, STRANGER_ABOVE, STRANGER_BESIDE
from posebench.inputs.heatmaps import SIDE, BuiltHeatmaps, StoredMaps, describe, sequence_heatmaps
from posebench.inputs.keypoints import Keypoints
from posebench.skeletons import HUMAN36M_16, HUMAN36M_17, MPI_INF_3DHP_17, SMPL_24

IMAGE = (1000, 1000)
FPS = 50.0
KNEES = HUMAN36M_17.indices(("RKnee", "LKnee"))
HEAD, HIP, NECK = HUMAN36M_17.indices(("Head", "Hip", "Neck/Nose"))


def person(
    frames: int = 20, confidence: float = 1.0, *, scale: float = 0.3, at: tuple[float, float] = (480.0, 760.0)
) -> Keypoints:
    """A person of about 480 px who walks to the right, and a confidence for all joints."""
    flat = np.stack([STANDING[:, 0], -STANDING[:, 2]], axis=-1) * scale + np.array(at)
    walk = np.stack([2.3 * np.arange(frames), 0.7 * np.arange(frames)], axis=-1)[:, None]
    pixels = (flat + walk).astype(np.float32)
    return Keypoints(pixels, np.full(pixels.shape[:2], confidence, np.float32), IMAGE)


def info(frames: int = 20, name: str = "0") -> SequenceInfo:
    return SequenceInfo("made", "S1", "walk", name, "c", "test", frames, FPS)


def built(keypoints: Keypoints, name: str = "0", seed: int = 0) -> BuiltHeatmaps:
    return BuiltHeatmaps(keypoints, HUMAN36M_17, info(len(keypoints.pixels), name), seed)


def read(keypoints: Keypoints, *frames: int) -> np.ndarray:
    return built(keypoints).read(np.array(frames))


def to_cells(pixels: np.ndarray, crop: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) to (column, row); the middle of the first cell is 0."""
    step = (crop[..., 2:] - crop[..., :2]) / SIDE
    return (pixels - crop[..., :2]) / step - 0.5


def highest(maps: np.ndarray) -> np.ndarray:
    """(column, row) of the highest cell of maps (..., height, width)."""
    flat = maps.reshape(*maps.shape[:-2], -1).argmax(-1)
    return np.stack([flat % maps.shape[-1], flat // maps.shape[-1]], axis=-1)


def local_maxima(one: np.ndarray, least: float = 1e-3) -> list[tuple[int, int]]:
    """(column, row) of every cell higher than its eight neighbours, the highest first; of equal ones the first counts."""
    padded = np.pad(one, 1)
    higher = one > least
    for y, x in np.ndindex(3, 3):
        beside = padded[y : y + SIDE, x : x + SIDE]
        higher &= one > beside if (y, x) < (1, 1) else one >= beside
    rows, columns = np.nonzero(higher)
    found = sorted(zip(columns, rows, strict=True), key=lambda cell: -one[cell[1], cell[0]])
    return [(int(column), int(row)) for column, row in found]


def moments(one: np.ndarray, background: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Mean (column, row) and covariance of a map without its even background."""
    mass = one.astype(np.float64) - background / one.size
    mass /= mass.sum()
    cells = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).reshape(-1, 2)
    mean = mass.ravel() @ cells
    return mean, (cells - mean).T @ ((cells - mean) * mass.reshape(-1, 1))


# A peak lies where the keypoint is.


@pytest.mark.parametrize(("confidence", "slack"), [(1.0, 0.001), (0.65, 0.2)])
def test_the_highest_cell_is_the_keypoints(confidence: float, slack: float) -> None:
    keypoints = person(confidence=confidence)
    maps = built(keypoints)
    found = highest(maps.read(np.arange(20)))
    assert np.abs(found - to_cells(keypoints.pixels, maps.crop[:, None])).max() <= 0.5 + slack


def test_a_narrow_peak_tells_a_keypoint_to_a_fraction_of_a_cell() -> None:
    keypoints = person()
    maps = built(keypoints)
    drawn = maps.read(np.arange(20))
    for frame, joint in ((0, 0), (7, 3), (19, 13)):
        mean, _ = moments(drawn[frame, joint], BACKGROUND[0])
        assert np.abs(mean - to_cells(keypoints.pixels[frame, joint], maps.crop[frame])).max() < 0.02


def test_exact_keypoints_have_one_round_peak_of_the_declared_width() -> None:
    keypoints = person()
    maps = built(keypoints)
    size = np.ptp(keypoints.pixels[0], axis=0).max()
    step = (maps.crop[0, 2] - maps.crop[0, 0]) / SIDE
    for one in maps.read(np.array([0]))[0]:
        assert len(local_maxima(one)) == 1
        _, covariance = moments(one, BACKGROUND[0])
        np.testing.assert_allclose(covariance, np.eye(2) * (SHARPEST * size / step) ** 2, atol=0.02)


def test_maps_do_not_change_with_the_persons_distance() -> None:
    near, far = person(1), person(1, scale=0.15, at=(300.0, 400.0))
    np.testing.assert_allclose(read(near, 0), read(far, 0), atol=1e-4)


def test_no_peak_is_too_narrow_for_its_cells() -> None:
    keypoints = person(20)
    keypoints.pixels[0, HEAD, 0] += 900
    # The first frame's outlier keeps the crop wide for a while.
    one = read(keypoints, 12)[0, HIP]
    assert np.sqrt(np.diag(moments(one, BACKGROUND[0])[1])) == pytest.approx(LEAST_CELLS, rel=0.05)


# Mass.


@pytest.mark.parametrize("confidence", [1.0, 0.7, 0.3, 0.05])
def test_a_map_is_probability_mass_with_an_even_background(confidence: float) -> None:
    drawn = read(person(confidence=confidence), 0, 9)
    assert drawn.dtype == np.float32
    assert drawn.shape == (2, 17, SIDE, SIDE)
    np.testing.assert_allclose(drawn.sum(axis=(2, 3), dtype=np.float64), 1.0, atol=1e-5)
    even = BACKGROUND[0] + (BACKGROUND[1] - BACKGROUND[0]) * (1 - confidence)
    np.testing.assert_allclose(drawn.min(axis=(2, 3)), even / SIDE**2, rtol=1e-2)
    assert np.isfinite(np.log(drawn)).all()


def test_a_missing_joint_is_no_evidence() -> None:
    keypoints = person()
    whole = read(keypoints, 3)[0]
    keypoints.pixels[3, HIP] = np.nan
    keypoints.confidence[3, HIP] = 0
    # Filled in for a lifter that accepts no missing joints: the confidence says that nothing was seen.
    keypoints.confidence[3, NECK] = 0
    keypoints.pixels[3, HEAD] = np.inf
    drawn = read(keypoints, 3)[0]
    for joint in range(17):
        assert drawn[joint].any() == (joint not in (HIP, NECK, HEAD))
    feet = HUMAN36M_17.indices(("RFoot", "LFoot"))
    assert np.array_equal(highest(drawn)[list(feet)][:, 0], highest(whole)[list(feet)][:, 0])


def test_a_joint_out_of_sight_is_no_evidence_and_moves_no_crop() -> None:
    keypoints = person()
    before = built(keypoints).crop
    keypoints.pixels[:, 13] = (1e7, -1e7)
    maps = built(keypoints)
    assert not maps.read(np.arange(20))[:, 13].any()
    assert (maps.crop[:, 2] - maps.crop[:, 0] <= before[:, 2] - before[:, 0]).all()


@settings(max_examples=40)
@given(
    arrays(np.float32, (3, 17, 2), elements=st.floats(-2000, 3000, width=32) | st.just(np.nan)),
    arrays(np.float32, (3, 17), elements=st.floats(0, 1, width=32)),
)
def test_whatever_the_keypoints_a_map_sums_to_one_or_is_empty(pixels: np.ndarray, confidence: np.ndarray) -> None:
    drawn = read(Keypoints(pixels, confidence, IMAGE), 0, 1, 2)
    assert (drawn >= 0).all()
    mass = drawn.sum(axis=(2, 3), dtype=np.float64)
    assert ((np.abs(mass - 1) < 1e-4) | (mass == 0)).all()
    assert (mass[(confidence == 0) | np.isnan(pixels).any(axis=-1)] == 0).all()


# Shape: less sure is wider, and longer along the limb.


def doubtful_head(confidence: float, towards: tuple[float, float], limb: float = 60) -> np.ndarray:
    """The covariance of the Head's map, Neck/Nose to Head a limb of some pixels; all other joints are sure."""
    keypoints = person(1)
    keypoints.pixels[0, HEAD] = keypoints.pixels[0, NECK] + np.float32(limb) * np.array(towards, np.float32)
    keypoints.confidence[0, HEAD] = confidence
    even = BACKGROUND[0] + (BACKGROUND[1] - BACKGROUND[0]) * (1 - confidence)
    return moments(read(keypoints, 0)[0, HEAD], even)[1]


@pytest.mark.parametrize("degrees", [0.0, 30.0, 115.0])
def test_doubt_is_larger_along_the_limb(degrees: float) -> None:
    angle = np.radians(degrees)
    along = np.array([np.cos(angle), -abs(np.sin(angle))])
    values, vectors = np.linalg.eigh(doubtful_head(0.2, (along[0], along[1])))
    assert abs(vectors[:, 1] @ along) > 0.99
    assert 1.3 < np.sqrt(values[1] / values[0]) < 1.9


def test_peaks_are_wider_the_lower_the_confidence() -> None:
    areas = [np.sqrt(np.linalg.det(doubtful_head(confidence, (0.6, -0.8)))) for confidence in (1.0, 0.7, 0.4, 0.1)]
    assert (np.diff(areas) > 0.3).all()
    assert areas[3] > 4 * areas[0]


def test_a_limb_that_points_at_the_camera_has_no_direction() -> None:
    ratios = []
    for limb in (0, 5, 20, 60):
        values = np.linalg.eigvalsh(doubtful_head(0.2, (0.6, -0.8), limb))
        ratios.append(values[1] / values[0])
    assert ratios[0] == pytest.approx(1.0, abs=0.02)
    assert (np.diff(ratios) > 0.05).all()


# Other modes: the mirror's place, and another person.


def doubtful_knees(confidence: float, apart: float) -> Keypoints:
    """Only the knees are doubted; they are `apart` of the person's size from each other."""
    keypoints = person(1)
    size = float(np.ptp(keypoints.pixels[0, :, 1]))
    for knee, side in zip(KNEES, (-0.5, 0.5), strict=True):
        keypoints.pixels[0, knee, 0] = 480 + side * apart * size
        keypoints.confidence[0, knee] = confidence
    return keypoints


def test_a_doubted_joint_has_a_second_peak_at_its_mirrors_place() -> None:
    keypoints = doubtful_knees(0.15, 0.25)
    maps = built(keypoints)
    drawn = maps.read(np.array([0]))[0]
    places = to_cells(keypoints.pixels[0], maps.crop[0])
    for knee, other in (KNEES, KNEES[::-1]):
        peaks = np.array(local_maxima(drawn[knee]))
        assert len(peaks) == 2
        assert np.abs(peaks[0] - places[knee]).max() < 1.0
        assert np.abs(peaks[1] - places[other]).max() < 1.0
        assert drawn[knee].max() == drawn[knee][peaks[0][1], peaks[0][0]]


def mass_at_mirror(confidence: float, apart: float) -> float:
    keypoints = doubtful_knees(confidence, apart)
    maps = built(keypoints)
    one = maps.read(np.array([0]))[0, KNEES[0]]
    middle = to_cells(np.array([480.0, 0.0]), maps.crop[0])[0]
    right_of_it = one[:, int(np.ceil(middle)) :].sum()
    return float(right_of_it if keypoints.pixels[0, KNEES[0], 0] < 480 else 1 - right_of_it)


def test_the_mirrors_share_grows_with_doubt_and_with_nearness() -> None:
    shares = [mass_at_mirror(confidence, 0.3) for confidence in (0.9, 0.6, 0.4, 0.2)]
    # Half of the background lies there too.
    assert shares[0] < 0.02
    assert shares[1] < 0.03
    assert shares[1] + 0.03 < shares[2] < shares[3] - 0.03
    assert mass_at_mirror(0.2, 0.3) > mass_at_mirror(0.2, 0.6) + 0.03
    assert mass_at_mirror(0.2, 0.3) < 0.4


def test_the_mirrors_peak_lies_along_the_mirrors_limb() -> None:
    keypoints = doubtful_knees(0.1, 0.35)
    keypoints.pixels[0, KNEES[1], 1] -= 90
    hips = HUMAN36M_17.indices(("RHip", "LHip"))
    # The right thigh hangs down, the left one lies level.
    keypoints.pixels[0, hips] = keypoints.pixels[0, KNEES] - np.array([[0, 100], [100, 0]], np.float32)
    maps = built(keypoints)
    drawn = maps.read(np.array([0]))[0, KNEES[0]]
    level_over_upright = []
    for knee in KNEES:
        column, row = np.rint(to_cells(keypoints.pixels[0, knee], maps.crop[0])).astype(int)
        level, upright = drawn[row, [column - 3, column + 3]].sum(), drawn[[row - 3, row + 3], column].sum()
        level_over_upright.append(level / upright)
    assert level_over_upright[0] < 0.7
    assert level_over_upright[1] > 1.4


def test_a_missing_mirror_takes_nothing() -> None:
    keypoints = doubtful_knees(0.15, 0.25)
    keypoints.pixels[0, KNEES[1]] = np.nan
    keypoints.confidence[0, KNEES[1]] = 0
    drawn = read(keypoints, 0)[0]
    assert len(local_maxima(drawn[KNEES[0]])) == 1
    assert not drawn[KNEES[1]].any()


def test_another_person_appears_while_the_whole_person_is_doubted() -> None:
    keypoints = person(60)
    keypoints.confidence[20:40] = 0.15
    maps = built(keypoints)
    drawn = maps.read(np.arange(60))
    peaks = [local_maxima(drawn[frame, HIP]) for frame in range(60)]
    assert all(len(found) == 1 for found in peaks[:20] + peaks[55:])
    assert len(peaks[38]) == 2
    size = np.ptp(keypoints.pixels[38], axis=0).max()
    step = (maps.crop[38, 2] - maps.crop[38, 0]) / SIDE
    beside = (np.array(peaks[38][1]) - peaks[38][0]) * step / size
    slack = step / size
    assert STRANGER_BESIDE[0] - slack <= abs(beside[0]) <= STRANGER_BESIDE[1] + slack
    assert abs(beside[1]) <= STRANGER_ABOVE + slack


def test_the_other_person_stands_elsewhere_in_another_sequence_and_for_another_seed() -> None:
    keypoints = person(1, 0.15)
    drawn = [built(keypoints, name, seed).read(np.array([0])) for name, seed in (("0", 0), ("1", 0), ("0", 1))]
    assert not np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert np.array_equal(drawn[0], built(keypoints).read(np.array([0])))


# The same bits, and no look ahead.


def shaky(frames: int = 40) -> Keypoints:
    random = np.random.RandomState(0)
    keypoints = person(frames)
    keypoints.pixels[:] += random.normal(0, 5, keypoints.pixels.shape).astype(np.float32)
    keypoints.confidence[:] = random.uniform(0, 1, keypoints.confidence.shape)
    missing = random.uniform(size=keypoints.confidence.shape) < 0.1
    keypoints.pixels[missing], keypoints.confidence[missing] = np.nan, 0
    return keypoints


def test_any_order_and_any_chunks_give_the_same_bits() -> None:
    whole = built(shaky()).read(np.arange(40))
    random = np.random.RandomState(1)
    for size in (1, 2, 3, 7, 40):
        maps = built(shaky())
        order = random.permutation(40)
        for first in range(0, 40, size):
            frames = order[first : first + size]
            assert np.array_equal(maps.read(frames), whole[frames])
    assert np.array_equal(built(shaky()).read(np.array([5, 5, 5])), whole[[5, 5, 5]])


def test_a_map_knows_nothing_of_later_frames() -> None:
    keypoints = shaky()
    first = Keypoints(keypoints.pixels[:25], keypoints.confidence[:25], IMAGE)
    assert np.array_equal(built(first).read(np.arange(25)), built(keypoints).read(np.arange(25)))
    assert np.array_equal(built(first).crop, built(keypoints).crop[:25])


def test_no_more_than_what_is_asked_for_is_in_memory() -> None:
    maps = built(person(4000))
    maps.read(np.array([0]))
    tracemalloc.start()
    drawn = maps.read(np.array([3999, 17]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < drawn.nbytes + 2e6


def test_a_frame_that_is_not_there_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        read(person(), 20)


# The crop.


def test_the_crop_is_a_padded_square_about_the_person() -> None:
    keypoints = person(1)
    crop = built(keypoints).crop[0]
    low, high = keypoints.pixels[0].min(axis=0), keypoints.pixels[0].max(axis=0)
    np.testing.assert_allclose(crop[2:] - crop[:2], PADDING * (high - low).max(), atol=0.01)
    np.testing.assert_allclose(crop[2:] + crop[:2], low + high, atol=0.01)


def test_the_crop_holds_the_furthest_keypoints_for_a_while() -> None:
    keypoints = person(40)
    keypoints.pixels[:] = keypoints.pixels[:1]
    keypoints.pixels[10, HEAD, 1] -= 80
    held = round(HOLD_SECONDS * FPS)
    crop = built(keypoints).crop
    changed = (crop != crop[0]).any(axis=1)
    assert changed.tolist() == [10 <= frame <= 10 + held for frame in range(40)]


def test_without_keypoints_the_crop_stays_and_before_the_first_it_is_the_image() -> None:
    keypoints = person(60)
    keypoints.pixels[:5] = np.nan
    keypoints.pixels[20:] = np.nan
    maps = built(keypoints)
    assert maps.crop[:5].tolist() == [[0, 0, 1000, 1000]] * 5
    held = round(HOLD_SECONDS * FPS)
    assert (maps.crop[19 + held :] == maps.crop[19 + held]).all()
    assert (maps.crop[59, 2:] - maps.crop[59, :2] < 700).all()
    assert np.isfinite(maps.crop).all()
    assert not maps.read(np.array([0, 4, 20, 59])).any()
    assert maps.read(np.array([5, 19])).any(axis=(2, 3)).all()


def test_one_keypoint_alone_is_a_small_person() -> None:
    keypoints = person(1)
    keypoints.pixels[0, 1:] = np.nan
    maps = built(keypoints)
    np.testing.assert_allclose(maps.crop[0, 2:] - maps.crop[0, :2], PADDING * LEAST_SIZE, atol=0.01)
    assert maps.read(np.array([0]))[0, 0].sum() == pytest.approx(1.0, abs=1e-5)


# Stored maps, and which ones a lifter gets.


class Recorder:
    """Maps on disk: says which frames were read."""

    def __init__(self, maps: np.ndarray) -> None:
        self.maps, self.shape, self.asked = maps, maps.shape, list[int]()

    def __getitem__(self, frames: Any) -> np.ndarray:
        self.asked += np.asarray(frames).tolist()
        return self.maps[frames]


def with_maps(maps: Any, frames: int = 6) -> Sequence:
    crop = np.tile(np.array([10.0, 20.0, 110.0, 220.0]), (frames, 1))
    poses = np.zeros((frames, 17, 3), np.float32)
    return Sequence(info(frames), HUMAN36M_17, tiny_cameras()[0], poses, heatmaps=StoredHeatmaps(maps, crop))


def test_stored_maps_pass_through_untouched() -> None:
    random = np.random.RandomState(0)
    stored = random.uniform(0, 5, (6, 17, 12, 8)).astype(np.float16)
    recorder = Recorder(stored)
    maps = sequence_heatmaps(with_maps(recorder), person(6), HUMAN36M_17)
    assert maps.size == (8, 12)
    assert maps.crop.tolist() == [[10, 20, 110, 220]] * 6
    assert recorder.asked == []
    drawn = maps.read(np.array([4, 1]))
    assert drawn.dtype == np.float32
    assert np.array_equal(drawn, stored[[4, 1]].astype(np.float32))
    assert recorder.asked == [4, 1]


def test_stored_maps_follow_the_lifters_joints() -> None:
    stored = np.broadcast_to(np.arange(17.0)[None, :, None, None], (6, 17, 4, 4))
    maps = sequence_heatmaps(with_maps(stored), person(6), HUMAN36M_16)
    order = HUMAN36M_17.indices(HUMAN36M_16.joints)
    assert maps.read(np.array([0]))[0, :, 0, 0].tolist() == list(order)


def test_a_joint_of_several_stored_maps_is_refused_by_name() -> None:
    # Human3.6M's Hip is the middle of SMPL's hips: no map of one joint shows it.
    sequence = replace(with_maps(np.zeros((6, 24, 4, 4))), skeleton=SMPL_24)
    with pytest.raises(UsageError, match="'Hip' of 'human36m-17'"):
        sequence_heatmaps(sequence, person(6), HUMAN36M_17)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_a_damaged_stored_map_is_named(bad: float) -> None:
    stored = np.zeros((6, 17, 4, 4), np.float16)
    stored[3, 5, 1, 1] = bad
    maps = StoredMaps(StoredHeatmaps(stored, np.zeros((6, 4))), tuple(range(17)), "S1/walk/0/c")
    maps.read(np.array([0, 2, 4]))
    with pytest.raises(DataDamagedError, match="S1/walk/0/c, frame 3, joint 5"):
        maps.read(np.array([1, 3]))


def test_built_maps_see_the_keypoints_and_never_the_pose() -> None:
    keypoints = shaky(6)
    there = replace(with_maps(None), heatmaps=None)
    elsewhere = replace(there, poses=there.poses + 1000)
    drawn = [sequence_heatmaps(sequence, keypoints, HUMAN36M_17) for sequence in (there, elsewhere)]
    assert np.array_equal(drawn[0].read(np.arange(6)), drawn[1].read(np.arange(6)))
    assert drawn[0].size == (SIDE, SIDE)


def test_any_joint_set_has_maps() -> None:
    keypoints = person(2, 0.2)
    maps = BuiltHeatmaps(keypoints, MPI_INF_3DHP_17, info(2)).read(np.array([1]))
    np.testing.assert_allclose(maps.sum(axis=(2, 3)), 1.0, atol=1e-5)


@pytest.mark.parametrize(("module", "key"), [(heatmap_crop, "crop"), (heatmap_modes, "modes")])
def test_the_description_has_every_number(module: ModuleType, key: str) -> None:
    written = {
        name.lower(): list(value) if isinstance(value, tuple) else value
        for name, value in vars(module).items()
        if name.isupper() and name != "HOLD_SECONDS"
    }
    told = describe()
    assert {name: value for name, value in told[key].items() if name != "hold_seconds"} == written
    assert told["crop"]["hold_seconds"] == HOLD_SECONDS
    assert told["version"] == heatmaps.HEATMAP_VERSION
    assert json.loads(json.dumps(told)) == told


def test_deviations_are_those_of_the_normals_that_the_maps_are_drawn_of() -> None:
    # One mode and next to no background: the logarithm of a map falls with half the squared distance.
    pixels = np.random.RandomState(0).uniform(300, 700, (2, 17, 2)).astype(np.float32)
    confidence = np.full((2, 17), 0.61, np.float32)
    confidence[1, 4] = 0
    built = BuiltHeatmaps(Keypoints(pixels, confidence, (1000, 1000)), HUMAN36M_17, info(2))
    maps = built.read(np.array([0]))[0]
    box = built.crop[0]
    step = (box[2] - box[0]) / SIDE
    for joint in range(17):
        row, column = np.unravel_index(maps[joint].argmax(), (SIDE, SIDE))
        cells = np.array([(column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)])
        inside = ((cells >= 0) & (cells < SIDE)).all(axis=1)
        cells = cells[inside]
        places = box[:2] + (cells + 0.5) * step
        shown = np.repeat(places[:, None, None], 17, axis=2)
        away = built.deviations(np.array([0]), shown)[:, 0, joint]
        background = built._modes.background[0, joint] / SIDE**2
        density = np.log(maps[joint][cells[:, 1], cells[:, 0]] - background)
        np.testing.assert_allclose(density - density[0], -(away**2 - away[0] ** 2) / 2, atol=2e-3)
    at = built.deviations(np.array([0, 1]), pixels)
    np.testing.assert_allclose(at[0], 0, atol=1e-4)
    assert np.isnan(at[1]).tolist() == [joint == 4 for joint in range(17)]
    assert built.deviations(np.array([0]), np.full((1, 17, 2), np.inf)).tolist() == [[np.inf] * 17]
