"""OpenBiomechanics: C3D in the owner's variants, joints, phases, cameras, refusals, and the real files where they are."""

import csv
import random
import struct
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c3d_files import FPS, LABELS, PITCHES, pitcher, write_c3d, write_openbiomechanics

from posebench.cameras import project, world_to_camera
from posebench.datasets.clip import Clip
from posebench.datasets.openbiomechanics import OpenBiomechanics, c3d
from posebench.datasets.openbiomechanics.broadcast import IMAGE, broadcast_cameras
from posebench.datasets.openbiomechanics.c3d import read_c3d
from posebench.datasets.openbiomechanics.joints import human36m_joints
from posebench.datasets.openbiomechanics.markers import read_markers
from posebench.datasets.openbiomechanics.phases import PHASES, find_phases
from posebench.datasets.openbiomechanics.recordings import RECORDINGS, find_recordings
from posebench.datasets.store import Dataset
from posebench.datasets.verification import run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError
from posebench.skeletons import HUMAN36M_17

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "obp_baseball"
needs_files = pytest.mark.skipif(not REAL.is_dir(), reason="OpenBiomechanics is not at ../shared/data/obp_baseball")
SIXTY, THIRTY, RECORDED, *_ = OpenBiomechanics.forms
J = {name: i for i, name in enumerate(HUMAN36M_17.joints)}
TEST_STEM = "001062_001830_66_186_002_FF_835"


def read(source: Path, form: int = 0) -> dict[str, Clip]:
    adapter = OpenBiomechanics()
    return {clip.id: clip for clip in adapter.clips(source, adapter.forms[form])}


def store(source: Path, path: Path, form: int = 0) -> Dataset:
    adapter = OpenBiomechanics()
    return write_store(adapter, adapter.forms[form], adapter.clips(source, adapter.forms[form]), path)


def failed(dataset: Dataset) -> dict[str, str]:
    return {check.name: check.detail for check in run_checks(OpenBiomechanics(), dataset) if not check.passed}


def test_joints_by_hand() -> None:
    """The pelvis of the builder is 160 mm deep and 240 mm wide, and faces +x: the regression by hand."""
    pose = human36m_joints(pitcher())[0]
    expected = {
        "RHip": (80 - 48.3, -86.5, 1000 - 82.9),  # 0.24 * 160 + 9.9, 0.33 * 240 + 7.3, 0.30 * 240 + 10.9
        "LHip": (80 - 48.3, 86.5, 1000 - 82.9),
        "Hip": (31.7, 0, 917.1),
        "Spine": (0, 0, 0.75 * 1150 + 0.25 * 1000),
        "Thorax": (0, 0, 1430),
        "Head": (0, 0, 1660),
        "Neck/Nose": (0, 0, 1545),
        "LShoulder": (0, 190, 1440 - 64.6),
        "RShoulder": (0, -190, 1440 - 64.6),
        "LElbow": (0, 500, 1440 - 64.6),
        "LWrist": (0, 500, 1440 - 64.6 + 270),
        "RFoot": (31.7 - 63, -86.5, 917.1 - 430 - 420 * np.sqrt(1 - 0.15**2)),
    }
    for name, place in expected.items():
        np.testing.assert_allclose(pose[J[name]], place, atol=1e-9, err_msg=name)


def test_the_pelvis_is_square_where_its_markers_are_not() -> None:
    """With both PSIS markers 30 mm to the left the pelvis is deeper, and still faces at right angles to the ASIS."""
    markers = pitcher(frames=1)
    for name in ("LPSI", "RPSI"):
        markers[name] = markers[name] + np.array([0, 30, 0])
    depth = np.hypot(160, 30)
    pose = human36m_joints(markers)[0]
    np.testing.assert_allclose(pose[J["RHip"]], (80 - 0.24 * depth - 9.9, -86.5, 917.1), atol=1e-9)
    np.testing.assert_allclose(pose[J["LHip"]], (80 - 0.24 * depth - 9.9, 86.5, 917.1), atol=1e-9)


def test_joints_go_with_the_body_and_mirror_with_it() -> None:
    markers = pitcher()
    joints = human36m_joints(markers)
    a, b = np.deg2rad(50), np.deg2rad(-35)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    turned = human36m_joints({name: place @ turn.T + [5, 6, 7] for name, place in markers.items()})
    np.testing.assert_allclose(turned, joints @ turn.T + [5, 6, 7], atol=1e-8)
    mirrored = human36m_joints(pitcher("L"))[:, HUMAN36M_17.mirrored] * [1, -1, 1]
    np.testing.assert_allclose(mirrored, joints, atol=1e-8)


def test_reads_the_owner_s_tree(tmp_path: Path) -> None:
    source = write_openbiomechanics(tmp_path)
    # His other pitches and his static trials are not the benchmark's, and neither are macOS's twins.
    write_c3d(source / "c3d" / "001062_001830_66_186_003_FF_834.c3d", pitcher(frames=3))
    for name in ("001062_001830_model.c3d", f"._{TEST_STEM}.c3d"):
        (source / "c3d" / name).write_bytes(b"static")
    adapter = OpenBiomechanics()
    assert adapter.found(source) == adapter.forms
    assert [(form.name, form.fps) for form in adapter.forms if not form.when_wanted] == [
        ("", 60.0),
        ("30hz", 30.0),
        ("360hz", 360.0),
    ]
    assert adapter.count(source, SIXTY) == len(PITCHES)
    clips = read(source)
    assert {name: clip.split for name, clip in clips.items()} == {
        "000870/pitch/003252_002": "train",
        "001000/pitch/001718_004": "train",
        "001017/pitch/001759_001": "train",
        "001062/pitch/001830_002": "test",
        "001540/pitch/002989_001": "test",
        "sample-batter/swing/hitting_sample": "extra",
        "sample-pitcher/pitch/pitching_sample": "extra",
    }
    pitch = clips["001540/pitch/002989_001"].metadata
    assert pitch == {
        "file": "001540_002989_71_185_001_FF_805.c3d",
        "height_m": "1.8034",
        "mass_kg": "83.9",
        "pitch_type": "FF",
        "pitch_speed_mph": "80.5",
        "throws": "L",
        "throws_from": "owner",
        "peak_knee_height": "15",
        "foot_plant": "45",
        "max_external_rotation": "57",
        "ball_release": "60",
        "phases_from": "motion",
    }
    sample = clips["sample-pitcher/pitch/pitching_sample"].metadata
    assert (sample["throws"], sample["throws_from"]) == ("R", "motion")
    # A swing has no hand that throws and no phases of a pitch.
    assert dict(clips["sample-batter/swing/hitting_sample"].metadata) == {"file": "hitting_sample.c3d"}
    whole = human36m_joints(pitcher("L"))
    for form, step in enumerate((6, 12, 1)):
        clip = read(source, form)["001540/pitch/002989_001"]
        np.testing.assert_allclose(clip.world, whole[::step], atol=1e-3)
        frames = [int(clip.metadata[name]) for name in PHASES]
        assert frames == [(frame + step // 2) // step for frame in (90, 270, 342, 360)]
        assert [view.camera for view in clip.views] == list(broadcast_cameras())


def test_variants_of_labels_and_units_read_alike(tmp_path: Path) -> None:
    markers = pitcher(frames=30)
    shuffled = dict(random.Random(1).sample(sorted(markers.items()), len(markers)))
    variants = {
        "plain": write_c3d(tmp_path / "plain.c3d", markers),
        "prefix": write_c3d(tmp_path / "prefix.c3d", shuffled, prefix="Skeleton_001_", events=False),
        "more": write_c3d(tmp_path / "more.c3d", {"LBAK": markers["C7"], **shuffled, "LIC": markers["C7"]}),
        "mm": write_c3d(tmp_path / "mm.c3d", markers, units="mm"),
    }
    expected = human36m_joints(markers)
    for name, path in variants.items():
        found = read_markers(path, LABELS)
        assert list(found) == list(LABELS)
        np.testing.assert_allclose(human36m_joints(found), expected, atol=1e-3, err_msg=name)


def test_the_places_are_ezc3d_s(tmp_path: Path) -> None:
    check_against_ezc3d(write_c3d(tmp_path / "a.c3d", pitcher(frames=20), missing=("C7", 4)))


def check_against_ezc3d(path: Path) -> None:
    import ezc3d

    theirs, ours = ezc3d.c3d(str(path)), read_c3d(path)
    assert list(ours.labels) == theirs["parameters"]["POINT"]["LABELS"]["value"]
    assert ours.rate == theirs["parameters"]["POINT"]["RATE"]["value"][0]
    assert [ours.units] == theirs["parameters"]["POINT"]["UNITS"]["value"]
    np.testing.assert_array_equal(ours.places, theirs["data"]["points"][:3].transpose(2, 1, 0))


def test_a_marker_that_the_file_says_is_missing_is_missing(tmp_path: Path) -> None:
    path = write_c3d(tmp_path / "a.c3d", pitcher(frames=3))
    content = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<H", content, 16)
    # The fourth number of the first frame's second marker, whose place is left as it was.
    struct.pack_into("<f", content, (start - 1) * 512 + 16 + 12, -1.0)
    path.write_bytes(content)
    missing = np.isnan(read_c3d(path).places).any(axis=-1)
    assert np.argwhere(missing).tolist() == [[0, 1]]


def test_same_fingerprint_wherever_the_files_lie(tmp_path: Path) -> None:
    flat = write_openbiomechanics(tmp_path / "flat")
    nested = tmp_path / "repository" / "baseball_pitching" / "data" / "c3d"
    for stem, throws in reversed(PITCHES.items()):
        write_openbiomechanics(nested / stem.split("_")[0], {stem: throws})
    stores = [store(root, tmp_path / f"{root.name}.safetensors") for root in (flat, tmp_path / "repository")]
    assert stores[0].fingerprint == stores[1].fingerprint == stores[0].compute_fingerprint()


def test_phases_of_a_pitch_that_is_cut_short() -> None:
    """Found, in order and inside the clip, whatever part of the pitch is there."""
    markers = pitcher()
    world = human36m_joints(markers)
    for begin, end in ((0, 1), (0, 2), (0, 100), (340, 432), (200, 300)):
        frames = find_phases(world[begin:end], markers["RFIN"][begin:end], "R", FPS)
        assert list(frames) == list(PHASES)
        assert 0 <= frames["peak_knee_height"] <= frames["foot_plant"] <= frames["ball_release"] < end - begin
        assert 0 <= frames["max_external_rotation"] <= frames["ball_release"]


def test_broadcast_cameras_stand_where_documented() -> None:
    cameras = {camera.name: camera for camera in broadcast_cameras()}
    assert list(cameras) == ["centre-field", "first-base", "third-base"]
    # The numbers of docs/datasets/openbiomechanics.md; first base is to the left of a pitcher who faces home plate.
    assert [camera.position for camera in cameras.values()] == [
        (-109_000.0, -15_000.0, 7_000.0),
        (5_500.0, 37_000.0, 3_000.0),
        (-4_000.0, -34_500.0, 5_000.0),
    ]
    for camera in cameras.values():
        assert camera.image_size == IMAGE == (1920, 1080)
        low, high = (project(world_to_camera(np.array([0.0, 0.0, z]), camera), camera) for z in (0.0, 1800.0))
        assert high[1] < low[1]
        assert high[0] == pytest.approx(low[0], abs=15)
        assert 0.5 < (low[1] - high[1]) / 1080 < 0.65
    # From centre field the plate, 18.44 m before the pitcher, is in the image and to the right of him.
    field = cameras["centre-field"]
    pitcher_x = project(world_to_camera(np.array([0.0, 0.0, 1000.0]), field), field)[0]
    plate = project(world_to_camera(np.array([18_440.0, 0.0, 300.0]), field), field)
    assert pitcher_x < 960 < plate[0] < 1920
    assert 0 < plate[1] < 1080
    # The two sides see him from opposite sides: home plate is to the right from third base, to the left from first.
    for name, sign in (("third-base", 1), ("first-base", -1)):
        near, ahead = (
            project(world_to_camera(np.array([x, 0.0, 1000.0]), cameras[name]), cameras[name])[0] for x in (0.0, 1000.0)
        )
        assert np.sign(ahead - near) == sign


def test_refusals_leave_no_store(tmp_path: Path) -> None:
    def refuse(folder: Path | None, error: type[PosebenchError], message: str) -> None:
        path = tmp_path / "stores" / "openbiomechanics.safetensors"
        with pytest.raises(error, match=message) as caught:
            write_store(OpenBiomechanics(), SIXTY, OpenBiomechanics().clips(folder, SIXTY), path)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 3
        assert not path.parent.exists() or not list(path.parent.iterdir())

    refuse(None, DataMissingError, "no folder was given")
    refuse(tmp_path / "nowhere", DataMissingError, "nowhere is not a folder")
    other = write_c3d(tmp_path / "other" / "001062_001830_model.c3d", pitcher(frames=2))
    refuse(other.parent, DataMissingError, "None of the benchmark's C3D files")

    source = write_openbiomechanics(tmp_path / "source", frames=20)
    last = source / "c3d" / "pitching_sample.c3d"
    twin = source / "elsewhere" / last.name
    twin.parent.mkdir()
    twin.write_bytes(last.read_bytes())
    refuse(source, DataMissingError, "pitching_sample.c3d is there twice")
    twin.unlink()

    markers = pitcher(frames=20)
    without = {name: place for name, place in markers.items() if name != "LWRB"}
    broken = {
        "lacks the marker RASI in 1 frames, the first 7": lambda: write_c3d(last, markers, missing=("RASI", 7)),
        "lacks the marker C7 in 20 frames": lambda: write_c3d(last, {**markers, "C7": 0 * markers["C7"]}),
        "lacks the marker T10 in 20 frames": lambda: write_c3d(last, {**markers, "T10": markers["T10"] + np.inf}),
        "has 0 markers named 'LWRB'": lambda: write_c3d(last, without),
        "has 2 markers named 'C7'": lambda: write_c3d(last, {**markers, "Second_C7": markers["C7"]}),
        "has 120 frames a second, not 360": lambda: write_c3d(last, markers, rate=120.0),
        "has the unit 'cm'": lambda: write_c3d(last, markers, units="cm"),
    }
    for message, write in broken.items():
        write()
        refuse(source, DataDamagedError, f"pitching_sample.c3d {message}")


def test_damaged_files_end_in_one_sentence(tmp_path: Path) -> None:
    path = write_c3d(tmp_path / f"{TEST_STEM}.c3d", pitcher(frames=12))
    whole = path.read_bytes()
    with pytest.raises(DataMissingError, match="There is no file"):
        read_c3d(tmp_path / "nowhere.c3d")
    with pytest.raises(DataDamagedError, match="cannot be read"):
        read_c3d(tmp_path)

    def refuse(content: bytes, message: str) -> None:
        path.write_bytes(content)
        with pytest.raises(DataDamagedError, match=message) as caught:
            read_c3d(path)
        assert str(caught.value).startswith(str(path))

    refuse(b"", "is not a C3D file")
    refuse(b"PK" + whole[2:], "is not a C3D file")
    refuse(whole[:-1000], r"it has \d+ bytes where its header asks for \d+")
    refuse(whole + bytes(512), r"it has \d+ bytes where its header asks for \d+")
    refuse(whole[:6] + struct.pack("<2H", 5, 4) + whole[10:], "tells of no frames")
    refuse(whole[:2] + struct.pack("<H", 0) + whole[4:], "tells of no frames")
    refuse(whole[:12] + struct.pack("<f", 0.1) + whole[16:], "tells of no frames of floats")
    refuse(whole[:16] + struct.pack("<H", 1) + whole[18:], "tells of no frames")
    refuse(whole[:512] + whole[512:].replace(b"UNITS", b"UNETS", 1), "does not tell its markers' labels, unit and rate")


def test_a_file_that_ezc3d_crashes_or_hangs_on_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c3d, "PATIENCE_SECONDS", 2.0)
    path = write_c3d(tmp_path / "a.c3d", pitcher(frames=2))
    whole = path.read_bytes()
    found = set()
    # With ezc3d 1.7.2 the first two of these crash and the third hangs; whatever another version does is a sentence.
    for seed in (8, 10, 0, 1, 3):
        chance = random.Random(seed)
        content = bytearray(whole)
        for _ in range(chance.randrange(1, 12)):
            content[chance.randrange(512, 1536)] = chance.randrange(256)
        path.write_bytes(content)
        with pytest.raises(DataDamagedError, match=r"is damaged: .*; get it again\.$") as caught:
            read_c3d(path)
        found.add(str(caught.value))
    assert len(found) > 1


def test_verify_passes_a_whole_tree_and_tells_an_incomplete_one(tmp_path: Path) -> None:
    source = write_openbiomechanics(tmp_path / "all", {r.stem: r.throws or "R" for r in RECORDINGS})
    for number in range(3):
        # These pitches are shorter than the owner's; nothing else may be wrong with them.
        assert set(failed(store(source, tmp_path / f"{number}.safetensors", number))) == {"frames"}
    (source / "c3d" / "hitting_sample.c3d").unlink()
    dataset = store(source, tmp_path / "fewer.safetensors")
    (recordings,) = (check for check in run_checks(OpenBiomechanics(), dataset) if check.name == "recordings")
    assert recordings.passed
    assert recordings.detail == "17 of 18 recordings; without hitting_sample.c3d"
    (source / "c3d" / f"{TEST_STEM}.c3d").unlink()
    assert (
        f"{TEST_STEM}.c3d of the split test is missing"
        in failed(store(source, tmp_path / "f.safetensors"))["recordings"]
    )


def test_verify_tells_wrong_recordings(tmp_path: Path) -> None:
    def altered(name: str, **changes: object) -> dict[str, str]:
        source = write_openbiomechanics(tmp_path / name, {TEST_STEM: str(changes.pop("throws", "R"))})
        (clip,) = read(source).values()
        if "world" in changes:
            changes["world"] = changes["world"](clip.world)
        if "metadata" in changes:
            changes["metadata"] = {**clip.metadata, **changes["metadata"]}
        dataset = write_store(OpenBiomechanics(), SIXTY, [replace(clip, **changes)], tmp_path / f"{name}.safetensors")
        return {check: text for check, text in failed(dataset).items() if check not in ("frames", "recordings")}

    assert altered("right") == {}
    hand = altered("left", throws="L")
    assert "001062/pitch/001830_002: throws with R, but L is faster" in hand["handedness"]
    slow = altered("slow", world=lambda world: np.repeat(world, 2, axis=0))
    assert "001062/pitch/001830_002: 11.1 m/s, less than 16" in slow["throwing arm"]
    assert "max_external_rotation -0.03 s after" in altered("order", metadata={"foot_plant": "59"})["phases"]
    assert "not within its 72 frames" in altered("outside", metadata={"ball_release": "72"})["phases"]
    assert "inside image" in altered("away", world=lambda world: world + np.array([0, 6000, 0]))


def test_the_files_names_say_what_stands_in_the_list() -> None:
    stems = [recording.stem for recording in RECORDINGS]
    assert stems == sorted(stems)
    splits = defaultdict(set)
    for recording in RECORDINGS:
        splits[recording.split].add(recording.subject)
    assert splits["test"] == {"001062", "001466", "001547", "001540", "001543"}
    assert len(splits["train"]) == 11
    assert splits["extra"] == {"sample-batter", "sample-pitcher"}
    hands = {r.subject: r.throws for r in RECORDINGS if r.split == "test"}
    assert hands == {"001062": "R", "001466": "R", "001547": "R", "001540": "L", "001543": "L"}


@needs_files
def test_the_real_files_pass_every_check(tmp_path: Path) -> None:
    for number, (frames, top) in enumerate(((515, 17.5), (259, 13.8), (3074, 20.7))):
        dataset = store(REAL, tmp_path / f"{number}.safetensors", number)
        assert failed(dataset) == {}
        checks = {check.name: check.detail for check in run_checks(OpenBiomechanics(), dataset)}
        assert checks["handedness"] == "11 throw right-handed, 6 left-handed"
        assert checks["recordings"] == "18 of 18 recordings"
        assert checks["inside image"].startswith("all joints in view in 100.00 %")
        assert checks["throwing arm"].startswith(f"fastest {top} ..")
        assert sum(info.frames for info in dataset.sequences("test")) == 3 * frames
        assert len(dataset.sequences("test+train")) == 3 * 16
        for info in dataset.sequences("all"):
            sequence = dataset.read(info)
            pixels = project(sequence.poses, sequence.camera)
            assert 0.43 < np.median(np.ptp(pixels[..., 1], axis=1)) / 1080 < 0.57


@needs_files
def test_the_real_files_are_read_as_ezc3d_reads_them() -> None:
    found = find_recordings(REAL)
    assert len(found) == 18
    for _, path in found:
        check_against_ezc3d(path)


@needs_files
def test_the_list_says_what_the_owner_s_tables_say() -> None:
    with (REAL / "metadata_subset.csv").open() as file:
        about = {row["filename_new"].removesuffix(".c3d"): row for row in csv.DictReader(file)}
    with (REAL / "poi_metrics_subset.csv").open() as file:
        points = {row["session_pitch"]: row for row in csv.DictReader(file)}
    for recording in RECORDINGS[:16]:
        row = about[recording.stem]
        assert recording.throws == points[row["session_pitch"]]["p_throws"]
        assert float(recording.described["height_m"]) == pytest.approx(float(row["session_height_m"]), abs=1e-4)
        assert float(recording.described["mass_kg"]) == pytest.approx(float(row["session_mass_kg"]), abs=0.1)
        assert recording.described["pitch_speed_mph"] == row["pitch_speed_mph"]


@needs_files
def test_phases_beside_the_owner_s_event_times() -> None:
    """Five pitches that he distributes as joint centres, with event times from force plates and his own model."""
    names = {"Foot": "ankle_jc", "Knee": "knee_jc"}
    arm = {"RShoulder": "shoulder_jc", "RElbow": "elbow_jc", "RWrist": "wrist_jc"}
    trunk = {"Thorax": "thorax_prox", "Spine": "thorax_dist"}
    pitches = defaultdict(list)
    with (REAL / "full_sig_sample" / "pitching_landmarks_5pitches.csv").open() as file:
        for row in csv.DictReader(file):
            pitches[row["session_pitch"]].append(row)
    assert len(pitches) == 5
    for rows in pitches.values():

        def track(name: str, rows: list[dict[str, str]] = rows) -> np.ndarray:
            return 1000 * np.array([[float(row[f"{name}_{axis}"]) for axis in "xyz"] for row in rows])

        world = np.zeros((len(rows), 17, 3))
        for joint, name in {**arm, **trunk}.items():
            world[:, J[joint]] = track(name)
        for joint, name in names.items():
            world[:, J["L" + joint]] = track(f"lead_{name}")
        frames = find_phases(world, track("hand_jc"), "R", FPS)
        owner = {name: round(float(rows[0][f"{name}_time"]) * FPS) for name in ("pkh", "fp_10", "MER", "BR")}
        assert frames["peak_knee_height"] == owner["pkh"]
        assert abs(frames["foot_plant"] - owner["fp_10"]) <= 8
        assert abs(frames["max_external_rotation"] - owner["MER"]) <= 2
        assert abs(frames["ball_release"] - owner["BR"]) <= 3
