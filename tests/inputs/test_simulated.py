"""The simulated detector keeps the promises of its severities, and is the same everywhere."""

import hashlib
import importlib.util
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from posebench.cameras import Camera, look_at, world_to_camera
from posebench.datasets.sequence import Sequence, SequenceInfo, round_thousandth
from posebench.errors import UsageError
from posebench.inputs.detector_noise import episodes, person_size, wander
from posebench.inputs.detector_severity import HIGH, JOINT_ERRORS, LOW, MID, SWAP_GAP, Severity
from posebench.inputs.projected import read_projected
from posebench.inputs.simulated import SIMULATED, SOURCES, simulate_detections
from posebench.skeletons import HUMAN36M_17, Skeleton

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT.parent / "shared" / "data" / "pose2sim_demo"

STANDING = np.array(
    [
        [0, 0, 950],
        [-130, 0, 930],
        [-140, 0, 500],
        [-140, 0, 80],
        [130, 0, 930],
        [140, 0, 500],
        [140, 0, 80],
        [0, 0, 1180],
        [0, 0, 1420],
        [0, -50, 1530],
        [0, 0, 1640],
        [170, 0, 1400],
        [320, 0, 1150],
        [450, -50, 950],
        [-170, 0, 1400],
        [-320, 0, 1150],
        [-450, -50, 950],
    ],
    dtype=np.float64,
)

#: Median and 90th percentile in percent of the person's height, from `tools/measure_detector.py`.
MEASURED = {
    "Hip": (1.70, 4.33),
    "RHip": (1.40, 7.65),
    "LHip": (1.40, 7.65),
    "RKnee": (1.52, 6.39),
    "LKnee": (1.52, 6.39),
    "RFoot": (1.66, 2.82),
    "LFoot": (1.66, 2.82),
    "Spine": (1.36, 3.88),
    "Thorax": (1.24, 4.71),
    "Neck/Nose": (1.60, 2.68),
    "Head": (1.49, 6.31),
    "LShoulder": (1.33, 6.33),
    "RShoulder": (1.33, 6.33),
    "LElbow": (1.64, 5.33),
    "RElbow": (1.64, 5.33),
    "LWrist": (1.64, 4.30),
    "RWrist": (1.64, 4.30),
}


def camera(position: tuple[float, float, float] = (0.0, -5000.0, 1500.0), center: float = 500.0) -> Camera:
    turn = look_at(position, (0.0, 0.0, 900.0))
    return Camera("c", 1000, 1000, (1150.0, 1150.0), (center, 500.0), (0.0, 0.0, 0.0), (0.0, 0.0), turn, position)


def sequence(
    name: int = 0, frames: int = 100, fps: float = 60.0, *, sway: float = 60.0, seen_by: Camera | None = None
) -> Sequence:
    """A person who stands and sways smoothly, each joint by itself."""
    random = np.random.RandomState(name)
    rate, phase = random.uniform(0.2, 1.0, (1, 17, 3)), random.uniform(size=(1, 17, 3))
    time = np.arange(frames)[:, None, None] / fps
    world = STANDING + sway * np.sin(2 * np.pi * (rate * time + phase))
    seen_by = seen_by or camera()
    info = SequenceInfo("synthetic", f"S{name}", "sway", "1", seen_by.name, "test", frames, fps)
    return Sequence(info, HUMAN36M_17, seen_by, round_thousandth(world_to_camera(world, seen_by)))


@cache
def simulated(severity: Severity, fps: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """Error as a share of the person's size (200, 100, 17, 2) and confidence of 200 sequences."""
    errors, confidences = [], []
    for name in range(200):
        clip = sequence(name, fps=fps)
        true = read_projected(clip).pixels.astype(np.float64)
        found = simulate_detections(clip, severity)
        errors.append((found.pixels - true) / person_size(true, fps)[:, None, None])
        confidences.append(found.confidence)
    return np.array(errors), np.array(confidences)


def correlation_at(error: np.ndarray, lag: int) -> float:
    first, second = error[:, :-lag], error[:, lag:]
    both = ~np.isnan(first) & ~np.isnan(second)
    return float((first[both] * second[both]).sum() / np.sqrt((first[both] ** 2).sum() * (second[both] ** 2).sum()))


# What was measured is what `mid` does.


def test_mid_has_the_measured_size_and_tail_of_each_joint() -> None:
    length = 100 * np.linalg.norm(simulated(MID)[0], axis=-1)
    assert np.nanmedian(length) == pytest.approx(1.53, rel=0.1)
    assert np.nanquantile(length, 0.9) == pytest.approx(5.2, rel=0.1)
    for joint, (name, (median, tail)) in enumerate((name, MEASURED[name]) for name in HUMAN36M_17.joints):
        assert np.nanmedian(length[:, :, joint]) == pytest.approx(median, rel=0.2), name
        assert np.nanquantile(length[:, :, joint], 0.9) == pytest.approx(tail, rel=0.2), name


def test_tails_are_heavier_than_normal() -> None:
    length = np.linalg.norm(simulated(MID)[0], axis=-1)
    ratio = np.nanquantile(length, 0.99) / np.nanmedian(length)
    assert ratio > 1.5 * np.sqrt(np.log(100) / np.log(2)), "a 2D normal has 2.58 between its median and 99th percentile"


def test_errors_have_the_measured_memory_at_60_hz() -> None:
    error = simulated(MID)[0]
    assert correlation_at(error, 1) == pytest.approx(0.71, abs=0.03)
    assert correlation_at(error, 5) == pytest.approx(0.61, abs=0.07)
    assert correlation_at(error, 30) == pytest.approx(0.45, abs=0.14)


@pytest.mark.parametrize("fps", [50.0, 30.0])
def test_memory_is_counted_in_seconds(fps: float) -> None:
    assert correlation_at(simulated(MID, 50.0)[0], 1) == pytest.approx(0.70, abs=0.03)
    half_a_second = correlation_at(simulated(MID)[0], 30)
    assert correlation_at(simulated(MID, fps)[0], round(fps / 2)) == pytest.approx(half_a_second, abs=0.08)


def test_a_body_leans_to_one_side() -> None:
    error = np.clip(np.nan_to_num(simulated(MID)[0]), -0.05, 0.05)
    feet = np.corrcoef(error[:, :, 3, 0].ravel(), error[:, :, 6, 0].ravel())[0, 1]
    assert 0.1 < feet < 0.45


@pytest.mark.parametrize("severity", [LOW, MID, HIGH])
def test_confidence_goes_down_with_the_error(severity: Severity) -> None:
    error, confidence = simulated(severity)
    length = np.linalg.norm(error, axis=-1)
    seen = ~np.isnan(length)
    assert np.corrcoef(confidence[seen], length[seen])[0, 1] == pytest.approx(-0.22, abs=0.04)
    assert confidence[seen].mean() == pytest.approx(severity.confidence, abs=0.01)
    assert confidence[seen].min() > 0
    assert confidence.max() <= 1


@pytest.mark.parametrize("severity", [LOW, MID, HIGH])
def test_joints_are_missed_as_often_as_the_severity_says(severity: Severity) -> None:
    share = severity.miss_rate / (severity.miss_rate + 1 / severity.miss_seconds)
    assert np.isnan(simulated(severity)[0][..., 0]).mean() == pytest.approx(share, rel=0.25)


def test_severities_are_ordered() -> None:
    low, mid, high = (simulated(severity)[0] for severity in (LOW, MID, HIGH))
    medians = [np.nanmedian(np.linalg.norm(error, axis=-1)) for error in (low, mid, high)]
    assert medians[0] == pytest.approx(medians[1] / 2, rel=0.05)
    assert medians[2] == pytest.approx(medians[1] * 2, rel=0.05)
    missed = [np.isnan(error).mean() for error in (low, mid, high)]
    assert missed[0] < missed[1] < missed[2]
    assert LOW.swap_rate == 0 < MID.swap_rate < HIGH.swap_rate


# Swaps.


def swapped(clip: Sequence, rate: float) -> np.ndarray:
    """(frames, 17) joints that were given their mirror's place by a detector whose only fault is that."""
    only_swaps = replace(MID, error_scale=1e-9, miss_rate=0.0, swap_rate=rate)
    true = read_projected(clip).pixels
    found = simulate_detections(clip, only_swaps).pixels
    mirrored = true[:, HUMAN36M_17.mirrored]
    away = np.linalg.norm(found - true, axis=-1) > 0.01
    np.testing.assert_allclose(found[away], mirrored[away], atol=0.01)
    return away


def test_without_swaps_left_stays_left() -> None:
    assert not swapped(sequence(frames=600), 0.0).any()


def test_swaps_come_at_their_rate_and_in_whole_limbs() -> None:
    front = [swapped(sequence(name, 600, sway=0.0), 1.0) for name in range(60)]
    side = [
        swapped(sequence(name, 600, sway=0.0, seen_by=camera((-5000.0, -300.0, 1500.0))), 1.0) for name in range(60)
    ]
    away = np.concatenate(front)
    for group in ((11, 12, 13, 14, 15, 16), (1, 2, 3, 4, 5, 6)):
        assert (away[:, group].all(axis=1) == away[:, group].any(axis=1)).all()
    assert not away[:, (0, 7, 8, 9, 10)].any()
    # Legs are exchanged by their own chain or by that of the whole body.
    true = read_projected(sequence(sway=0.0)).pixels.astype(np.float64)
    gap = np.linalg.norm(true - true[:, HUMAN36M_17.mirrored], axis=-1)[0] / person_size(true, 60.0)[0]
    free = 1.0
    for group in (HUMAN36M_17.indices(("LHip", "LKnee", "LFoot")), HUMAN36M_17.left):
        rate = 1.0 / (1.0 + (gap[list(group)].mean() / SWAP_GAP) ** 2)
        free *= 1 - rate / (rate + 1 / MID.swap_seconds)
    assert away[:, 1].mean() == pytest.approx(1 - free, rel=0.2)
    assert np.concatenate(side)[:, 16].mean() > 3 * away[:, 16].mean(), "seen from the side, arms are near each other"


def test_confidence_goes_where_its_keypoint_goes() -> None:
    clip = sequence(frames=600)
    away = swapped(clip, 5.0)
    kept, exchanged = (
        simulate_detections(clip, replace(MID, error_scale=1e-9, miss_rate=0.0, swap_rate=rate)) for rate in (0.0, 5.0)
    )
    assert 0.05 < away[:, 3].mean() < 0.95
    expected = np.where(away, kept.confidence[:, HUMAN36M_17.mirrored], kept.confidence)
    np.testing.assert_array_equal(exchanged.confidence, expected)


# Missing joints.


def test_a_joint_without_truth_stays_missing() -> None:
    clip = sequence()
    poses = clip.poses.copy()
    poses[:, 7] = np.nan
    poses[10:20, 16] = np.nan
    found = simulate_detections(replace(clip, poses=poses), HIGH)
    assert np.isnan(found.pixels[:, 7]).all()
    assert np.isnan(found.pixels[10:20, 16]).all()
    assert (found.confidence[:, 7] == 0).all()
    np.testing.assert_array_equal(np.isnan(found.pixels[..., 0]), found.confidence == 0)


def test_a_swap_with_a_missing_partner_is_a_missing_joint() -> None:
    clip = sequence(frames=600)
    poses = clip.poses.copy()
    poses[:, 16] = np.nan
    found = simulate_detections(
        replace(clip, poses=poses), replace(MID, error_scale=1e-9, miss_rate=0.0, swap_rate=10.0)
    )
    np.testing.assert_array_equal(np.isnan(found.pixels[..., 0]), found.confidence == 0)
    assert np.isnan(found.pixels[:, 16]).all()
    assert 0.02 < np.isnan(found.pixels[:, 13, 0]).mean() < 0.8, "in a swap the left wrist is given what is not there"


def test_what_lies_outside_of_the_image_is_missing() -> None:
    clip = sequence(seen_by=camera(center=0.0))
    true = read_projected(clip).pixels
    found = simulate_detections(clip, MID)
    assert np.isnan(found.pixels[true[..., 0] < -60]).all()
    there = found.confidence > 0
    assert 0.3 < there.mean() < 0.7
    assert ((found.pixels[there] >= 0) & (found.pixels[there] <= 999)).all()
    assert np.isnan(found.pixels[~there]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("severity", [LOW, MID, HIGH])
def test_a_sequence_without_any_joint_is_all_missing(severity: Severity) -> None:
    clip = sequence()
    found = simulate_detections(replace(clip, poses=np.full_like(clip.poses, np.nan)), severity)
    assert np.isnan(found.pixels).all()
    assert not found.confidence.any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_sequences(frames: int) -> None:
    found = simulate_detections(sequence(frames=frames), HIGH)
    assert found.pixels.shape == (frames, 17, 2)
    assert found.confidence.shape == (frames, 17)


def test_another_skeleton_is_refused() -> None:
    skeleton = Skeleton("two", ("A", "B"), (-1, 0), (), ())
    with pytest.raises(UsageError, match=r"human36m-17.*'synthetic' has 'two'"):
        simulate_detections(replace(sequence(), skeleton=skeleton), MID)


# The same everywhere.


def test_same_bits_whatever_was_drawn_before() -> None:
    first = simulate_detections(sequence(3), MID)
    np.random.seed(1)
    simulate_detections(sequence(4), HIGH)
    second = simulate_detections(sequence(3), MID)
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert first.confidence.tobytes() == second.confidence.tobytes()


def test_the_bits_are_pinned() -> None:
    # A change here is a change of every protocol with a simulated source: raise VERSION.
    found = simulate_detections(sequence(7, 300), HIGH, seed=5)
    digest = hashlib.sha256(found.pixels.astype("<f4").tobytes() + found.confidence.astype("<f4").tobytes())
    assert digest.hexdigest() == "6cb5d4e22b6dd9f5b0635394d5420c8e8bb36341576967468df587dc0977d359"


def test_values_are_on_a_grid_of_a_thousandth() -> None:
    found = simulate_detections(sequence(), MID)
    assert found.pixels.dtype == found.confidence.dtype == np.float32
    for values in (found.pixels[~np.isnan(found.pixels)], found.confidence):
        exact = values.astype(np.float64)
        np.testing.assert_array_equal(np.round(exact, 3).astype(np.float32), values)


def test_each_seed_sequence_and_severity_has_its_own_noise() -> None:
    clip = sequence()
    other = replace(clip, info=replace(clip.info, camera="d"))
    true = read_projected(clip).pixels
    noises = [
        simulate_detections(clip, MID).pixels - true,
        simulate_detections(clip, MID, seed=1).pixels - true,
        simulate_detections(other, MID).pixels - true,
        (simulate_detections(clip, HIGH).pixels - true) / 2,
    ]
    for index, noise in enumerate(noises):
        for different in noises[:index]:
            assert abs(np.ma.corrcoef(*(np.ma.masked_invalid(x[:, 2, 0]) for x in (noise, different)))[0, 1]) < 0.95
            assert not np.isclose(noise, different, atol=1e-3).mean() > 0.2


def test_noise_does_not_depend_on_the_pose() -> None:
    clip = sequence()
    further = replace(clip, poses=round_thousandth(clip.poses * np.array([1, 1, 1.5])))
    calm = replace(MID, swap_rate=0.0)
    relative = []
    for seen in (clip, further):
        true = read_projected(seen).pixels.astype(np.float64)
        relative.append((simulate_detections(seen, calm).pixels - true) / person_size(true, 60.0)[:, None, None])
    np.testing.assert_allclose(relative[0], relative[1], atol=2e-5)


def test_the_first_frames_do_not_depend_on_the_later_ones() -> None:
    whole = simulate_detections(sequence(frames=200, sway=0.0), HIGH)
    part = simulate_detections(sequence(frames=50, sway=0.0), HIGH)
    np.testing.assert_array_equal(whole.pixels[:50], part.pixels)
    np.testing.assert_array_equal(whole.confidence[:50], part.confidence)


def test_sources_are_the_three_severities() -> None:
    assert [source.name for source in SOURCES] == ["simulated", "simulated-low", "simulated-high"]
    assert {source.version for source in SOURCES} == {"1"}
    for source, severity in zip(SOURCES, (MID, LOW, HIGH), strict=True):
        expected = simulate_detections(sequence(), severity, seed=0)
        np.testing.assert_array_equal(source.read(sequence()).pixels, expected.pixels)
    assert SIMULATED is SOURCES[0]


# The parts.


@pytest.mark.parametrize("fps", [25.0, 60.0, 360.0])
def test_episodes_count_seconds_and_start_in_their_stationary_share(fps: float) -> None:
    inside = episodes(np.random.RandomState(0).random_sample((round(20 * fps), 400)), 0.5, 0.5, fps)
    assert inside.mean() == pytest.approx(0.2, abs=0.01)
    assert inside[0].mean() == pytest.approx(0.2, abs=0.05)
    begun = (inside[1:] & ~inside[:-1]).sum()
    length = inside[1:].sum() / begun / fps
    # Stretches and pauses shorter than a frame are not seen, so those seen are a little longer.
    assert length == pytest.approx(0.5 + 0.75 / fps, rel=0.08)


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_wander_is_stationary_with_the_memory_it_says(fps: float) -> None:
    path = wander(np.random.RandomState(0).standard_normal((600, 500)), 0.2, fps)
    np.testing.assert_allclose(path.std(axis=1)[[0, 1, 20, 599]], 1.0, atol=0.1)
    lag = round(0.2 * fps)
    assert (path[lag:] * path[:-lag]).mean() == pytest.approx(np.exp(-1), abs=0.03)


def test_size_is_the_longer_side_and_survives_gaps() -> None:
    box = np.zeros((9, 2, 2))
    box[:, 1] = (30.0, 100.0)
    np.testing.assert_array_equal(person_size(box, 10.0), 100.0)
    np.testing.assert_array_equal(person_size(box[..., ::-1], 10.0), 100.0)
    box[4] = np.nan
    box[7, 1] = (30.0, 900.0)
    np.testing.assert_array_equal(person_size(box, 10.0), 100.0)
    assert np.isnan(person_size(np.full((3, 2, 2), np.nan), 10.0)).all()


# The measurement.


def measuring_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_detector", ROOT / "tools" / "measure_detector.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not DEMO.is_dir(), reason="needs Pose2Sim's demo folder in ../shared/data/pose2sim_demo")
def test_the_constants_are_those_that_the_measurement_gives() -> None:
    tool = measuring_script()
    length = np.linalg.norm(tool.read_demo(DEMO).error, axis=-1)
    for names in tool.POOLED.values():
        seen = length[:, :, HUMAN36M_17.indices(names)]
        seen = seen[~np.isnan(seen)]
        expected = [JOINT_ERRORS[names[0]].good, JOINT_ERRORS[names[0]].poor, JOINT_ERRORS[names[0]].poor_share]
        np.testing.assert_allclose(tool.fit_contaminated(seen), expected, rtol=0.02, atol=0.005, err_msg=names[0])
        np.testing.assert_allclose(100 * np.quantile(seen, (0.5, 0.9)), MEASURED[names[0]], atol=0.01)
        assert {JOINT_ERRORS[name] for name in names} == {JOINT_ERRORS[names[0]]}


def test_the_measuring_script_refuses_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["measure_detector.py", str(tmp_path)])
    assert measuring_script().main() == 3
    assert "is not Pose2Sim's demo" in capsys.readouterr().err
