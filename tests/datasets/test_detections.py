"""Readers of detectors' files: layouts, order, missing joints, every refusal; and the choice of one person."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posebench.datasets.detections import (
    Detections,
    choose_person,
    read_coco,
    read_detections,
    read_openpose,
)
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError, UsageError
from posebench.skeletons import BODY_25, BODY_25B, COCO_17

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
REAL = SHARED / "data" / "pose2sim_demo" / "balancing"


def person(x: float, y: float = 100.0, size: float = 10.0, confidence: float = 0.5, joints: int = 25) -> list[float]:
    """A flat list of keypoints on a diagonal of a box."""
    numbers: list[float] = []
    for joint in range(joints):
        step = size * joint / (joints - 1)
        numbers += [x + step, y + step, confidence]
    return numbers


def openpose(*people: list[float] | None) -> str:
    return json.dumps(
        {"version": 1.3, "people": [{} if numbers is None else {"pose_keypoints_2d": numbers} for numbers in people]}
    )


def write_openpose(folder: Path, frames: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in frames.items():
        (folder / name).write_text(text)
    return folder


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def result(image: int | str, x: float, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": 1, "keypoints": person(x, joints=17), "score": 0.9, **more}


def test_a_folder_of_openpose_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    first, second = person(1.0), person(200.0)
    second[:3] = [0.0, 0.0, 0.0]
    folder = write_openpose(
        tmp_path / "json",
        {
            "cam01.10_keypoints.json": openpose(),
            "cam01.9_keypoints.json": openpose(None, second),
            "cam01.8_keypoints.json": openpose(first),
            "._cam01.8_keypoints.json": "macOS",
        },
    )
    found = read_openpose(folder)
    assert found.frames == (8, 9, 10)
    assert found.skeleton == BODY_25
    assert found.image_size is None
    assert found.people.shape == (3, 2, 25, 3)
    assert found.found.tolist() == [[True, False], [False, True], [False, False]]
    np.testing.assert_array_equal(found.people[0, 0], np.reshape(first, (25, 3)))
    # A keypoint of zeros is missing, and so is everything of the empty person.
    assert np.isnan(found.people[1, 1, 0, :2]).all()
    assert found.people[1, 1, 0, 2] == 0
    assert np.isfinite(found.people[1, 1, 1:]).all()
    assert np.isnan(found.people[1, 0, :, :2]).all()
    assert (found.people[1, 0, :, 2] == 0).all()
    # So is the place of a second person where there is none.
    assert np.isnan(found.people[0, 1, :, :2]).all()
    assert (found.people[0, 1, :, 2] == 0).all()
    assert read_openpose(folder, BODY_25B).skeleton == BODY_25B
    assert read_detections(folder, BODY_25B).skeleton == BODY_25B


def test_one_openpose_file_and_padded_names(tmp_path: Path) -> None:
    folder = write_openpose(
        tmp_path / "2024_take", {f"take2_{n:012d}_keypoints.json": openpose(person(n)) for n in (0, 1)}
    )
    assert read_openpose(folder).frames == (0, 1)
    folder = write_openpose(tmp_path / "first", {f"{n}_cam2.json": openpose(person(n)) for n in (9, 10)})
    assert read_openpose(folder).frames == (9, 10)
    one = read_detections(write(tmp_path / "frame.json", openpose(person(3.0))))
    assert one.people.shape == (1, 1, 25, 3)
    assert one.people[0, 0, 0, 0] == 3.0


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "0.json").write_text(openpose(person(3.0)), encoding="utf-8-sig")
    assert read_openpose(tmp_path).people[0, 0, 0, 0] == 3.0


def test_confidence_never_exceeds_one(tmp_path: Path) -> None:
    folder = write_openpose(tmp_path, {"0.json": openpose(person(1.0, confidence=1.04))})
    assert (read_openpose(folder).people[..., 2] == 1.0).all()


@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        ({}, DataMissingError, "No JSON file is in"),
        (
            {"0.json": openpose(person(1)), "2.json": openpose(person(1))},
            DataMissingError,
            "Frame 1 is missing in .*: 0.json is followed by 2.json",
        ),
        (
            {"a0.json": openpose(), "b1.json": openpose()},
            DataDamagedError,
            "'b1' in .* is not of the series of 'a0'",
        ),
        (
            {"cam1_0.json": openpose(), "cam2_1.json": openpose()},
            DataDamagedError,
            "differ in more than one number, as 'cam1_0' and 'cam2_1'",
        ),
        ({"1.json": openpose(), "01.json": openpose()}, DataDamagedError, "'01' and '1' in .* are both frame 1"),
        ({"frame.json": openpose()}, DataDamagedError, "'frame' in .* has no frame number"),
        ({"0.json": openpose(person(1))[:-20]}, DataDamagedError, r"0.json is not JSON: .* at line 1, column \d+"),
        ({"0.json": ""}, DataDamagedError, "0.json is not JSON: expecting value at line 1, column 1"),
        ({"0.json": "[" * 100_000}, DataDamagedError, "0.json is not JSON that can be read"),
        ({"0.json": '{"people": [NaN]}'}, DataDamagedError, "0.json holds NaN, which is not JSON"),
        ({"0.json": "[]"}, DataDamagedError, "0.json has no list 'people'"),
        ({"0.json": '{"people": {}}'}, DataDamagedError, "0.json has no list 'people'"),
        ({"0.json": '{"people": [{"pose_keypoints": []}]}'}, DataDamagedError, "no 'pose_keypoints_2d'"),
        ({"0.json": '{"people": [7]}'}, DataDamagedError, "Person 0 of .*0.json has no 'pose_keypoints_2d'"),
        (
            {"0.json": openpose(person(1), person(1, joints=18))},
            DataDamagedError,
            r"Person 1 of .*0.json has 18 keypoints \(its COCO model\), which is no joint set of posebench",
        ),
        (
            {"0.json": openpose(person(1)[:-1])},
            DataDamagedError,
            "Person 0 of .*0.json has 74 numbers, not the 75 .* 'body_25'",
        ),
        ({"0.json": '{"people": [{"pose_keypoints_2d": "x"}]}'}, DataDamagedError, "has str for a list, not the 75"),
        ({"0.json": openpose(person(1)).replace("0.5", '"0.5"', 1)}, DataDamagedError, "not a number"),
        ({"0.json": openpose(person(1)).replace("0.5", "true", 1)}, DataDamagedError, "not a number"),
        ({"0.json": openpose(person(1)).replace("0.5", "1e999", 1)}, DataDamagedError, "not finite"),
        ({"0.json": openpose(person(1)).replace("0.5", "1" + "0" * 400, 1)}, DataDamagedError, "too large"),
        ({"0.json": openpose(person(1)).replace("0.5", "-0.5", 1)}, DataDamagedError, "a confidence below 0"),
    ],
)  # fmt: skip
def test_openpose_refusals(tmp_path: Path, frames: dict[str, str], error: type[PosebenchError], message: str) -> None:
    folder = write_openpose(tmp_path / "json", frames)
    with pytest.raises(error, match=message) as caught:
        read_openpose(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"There is no .*nowhere"):
        read_detections(tmp_path / "nowhere")
    with pytest.raises(DataMissingError, match=r"There is no file .*nowhere"):
        read_coco(tmp_path / "nowhere")
    with pytest.raises(DataDamagedError, match="cannot be read"):
        read_coco(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"people": "\xff\xfe"}')
    with pytest.raises(DataDamagedError, match=r"latin.json is not JSON that can be read"):
        read_detections(tmp_path / "latin.json")


def test_too_many_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posebench.datasets.detections.people.MOST_PEOPLE", 5)
    folder = write_openpose(tmp_path, {"0.json": openpose(*[person(1)] * 3), "1.json": openpose()})
    with pytest.raises(DataDamagedError, match="up to 3 people in each of 2 frames"):
        read_openpose(folder)


def test_coco_results_in_the_order_of_the_images(tmp_path: Path) -> None:
    entries = [result(7, 70.0), result(5, 50.0), result(7, 71.0), {**result(6, 1.0), "category_id": 3}]
    found = read_coco(write(tmp_path / "results.json", entries))
    # Nobody was found in frame 6.
    assert found.frames == (5, 6, 7)
    assert found.skeleton == COCO_17
    assert found.image_size is None
    assert found.people.shape == (3, 2, 17, 3)
    assert found.found.tolist() == [[True, False], [False, False], [True, True]]
    assert found.people[2, :, 0, 0].tolist() == [70.0, 71.0]
    # AlphaPose names the image instead.
    named = [result(f"{n}.jpg", n) for n in (10, 9)]
    assert read_detections(write(tmp_path / "alpha.json", named)).people[:, 0, 0, 0].tolist() == [9.0, 10.0]


def test_coco_annotations_have_a_frame_for_every_image(tmp_path: Path) -> None:
    entry = result("b", 20.0)
    entry["keypoints"][:3] = [0, 0, 0]
    entry["keypoints"][3:9] = [5, 6, 1, 7, 8, 2]
    content = {
        "images": [
            {"id": "b", "file_name": "frame_12.png", "width": 640, "height": 480},
            {"id": "a", "file_name": "frame_3.png", "width": 640, "height": 480},
        ],
        "annotations": [entry],
    }
    found = read_detections(write(tmp_path / "annotations.json", content))
    assert found.frames == (3, 12)
    assert found.image_size == (640, 480)
    assert found.found.tolist() == [[False], [True]]
    assert np.isnan(found.people[1, 0, 0, :2]).all()
    assert found.people[1, 0, :3, 2].tolist() == [0.0, 1.0, 1.0]
    for image, number in zip(content["images"], (2, 1), strict=True):
        del image["file_name"], image["width"], image["height"]
        image["id"] = number
    entry["image_id"] = 2
    found = read_coco(write(tmp_path / "annotations.json", content))
    assert found.frames == (1, 2)
    assert found.image_size is None
    assert found.found.tolist() == [[False], [True]]


IMAGES = [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "is neither a list of COCO results nor has the lists 'images' and 'annotations'"),
        ("[", "is not JSON: "),
        ([], "holds no keypoints of a person"),
        ([{**result(1, 1.0), "category_id": 2}], "holds no keypoints of a person"),
        ([7], "Result 0 of .* is not an object with 'image_id' and 'keypoints'"),
        ([result(1, 1.0), {"image_id": 2}], "Result 1 of .* has no 'keypoints'"),
        ([{"keypoints": []}], "Result 0 of .* has no 'image_id'"),
        ([{**result(1, 1.0), "image_id": True}], "Result 0 of .* has bool for 'image_id'"),
        ([{**result(1, 1.0), "keypoints": {}}], "Result 0 of .* has dict for 'keypoints'"),
        ([{**result(1, 1.0), "keypoints": [1, 2, 3]}], "Result 0 of .* has 3 numbers, not the 51"),
        ([result(1, 1.0), result("2.jpg", 1.0)], "names some images by number and some by file, as '2.jpg'"),
        ([result(397133, 1.0), result(37777, 1.0)], "2 images numbered from 37777 to 397133: these are not the frames"),
        ({"annotations": []}, "has annotations and no list 'images'"),
        ({"annotations": [], "images": [{}]}, "Image 0 of .* has no 'id'"),
        ({"annotations": [], "images": ["x"]}, "Image 0 of .* has no 'id'"),
        ({"annotations": [], "images": [{"id": 1}, {"id": 1}]}, "has two images of one id"),
        ({"annotations": [result(3, 1.0)], "images": IMAGES}, "Annotation 0 of .* is of image 3, which is not among"),
        ({"annotations": [], "images": [{"id": 1, "width": 5}, {"id": 2, "width": 6}]}, "images of different sizes"),
        ({"annotations": [], "images": [{"id": 1, "width": 5}]}, "images of the size 5 x None"),
        ({"annotations": [], "images": [{"id": "a"}]}, "Image 0 of .* has str for 'id'"),
        (
            {"annotations": [], "images": [{"id": 1, "file_name": "a_1.png"}, {"id": 2, "file_name": "b_1.png"}]},
            "'b_1.png' in .* is not of the series of 'a_1.png'",
        ),
    ],
    ids=str,
)
def test_coco_refusals(tmp_path: Path, content: Any, message: str) -> None:
    path = write(tmp_path / "coco.json", content)
    with pytest.raises(DataDamagedError, match=message) as caught:
        read_coco(path)
    assert str(path) in str(caught.value)


def detections(frames: list[list[list[float] | None]]) -> Detections:
    """People of few joints: each flat x, y, confidence; None for an empty entry."""
    width = max(len(people) for people in frames)
    stacked = np.full((len(frames), width, 25, 3), np.nan)
    stacked[..., 2] = 0.0
    for row, people in enumerate(frames):
        for place, numbers in enumerate(people):
            if numbers is not None:
                stacked[row, place] = np.reshape(numbers, (25, 3))
    return Detections(BODY_25, stacked, tuple(range(len(frames))), None)


def lefts(chosen: np.ndarray) -> list[float | None]:
    return [None if np.isnan(x) else float(x) for x in chosen[:, 0, 0]]


def test_rules_of_choice() -> None:
    small_sure = person(10, size=5, confidence=0.9)
    large_unsure = person(300, size=50, confidence=0.2)
    found = detections([[small_sure, large_unsure], [None, large_unsure], [], [large_unsure, small_sure]])
    assert lefts(choose_person(found, "largest")) == [300, 300, None, 300]
    assert lefts(choose_person(found, "confident")) == [10, 300, None, 10]
    assert lefts(choose_person(found, "first")) == [10, None, None, 300]
    assert lefts(choose_person(found, 1)) == [300, 300, None, 10]
    for rule in ("largest", "confident", "first", "track", 0):
        chosen = choose_person(found, rule)
        assert chosen.shape == (4, 25, 3)
        assert (np.isnan(chosen[..., 0]) == (chosen[..., 2] == 0)).all()


def test_track_follows_one_person_past_another() -> None:
    # Two walk towards each other; the other one is the larger from the third frame on.
    walker = [person(100 + 8 * t, size=40) for t in range(6)]
    other = [person(160 - 8 * t, y=300, size=20 + 10 * t) for t in range(6)]
    frames = [[other[t], walker[t]] if t % 2 else [walker[t], other[t]] for t in range(6)]
    assert lefts(choose_person(detections(frames), "track")) == [100 + 8 * t for t in range(6)]
    assert lefts(choose_person(detections(frames), "largest")) != [100 + 8 * t for t in range(6)]


def test_track_waits_for_a_lost_person_and_takes_no_stranger() -> None:
    walker = [person(100 + 20 * t, size=40) for t in range(6)]
    stranger = person(900, y=700, size=40)
    frames: list[list[list[float] | None]] = [
        [], [walker[1]], [stranger], [None, stranger], [stranger, walker[4]], [walker[5]],
    ]  # fmt: skip
    assert lefts(choose_person(detections(frames), "track")) == [None, 120, None, None, 180, 200]
    assert lefts(choose_person(detections([[None], [None]]), "track")) == [None] * 2


def test_track_takes_nobody_for_no_person() -> None:
    # The box of an empty entry would be at the corner of the image, where this person is.
    found = detections([[person(1, y=1)], [None, person(14, y=1)]])
    assert lefts(choose_person(found, "track")) == [1, 14]


def test_a_box_ignores_missing_joints_and_one_joint_is_somebody() -> None:
    one = person(50.0)
    one[3:] = [0.0] * 72
    found = detections([[None, one]])
    found.people[0, 1, 1:] = [np.nan, np.nan, 0.0]
    assert lefts(choose_person(found, "largest")) == [50.0]


def test_choices_that_cannot_be() -> None:
    found = detections([[person(1.0)]])
    with pytest.raises(
        UsageError, match="'best' is no way to choose a person; choose largest, confident, first, track"
    ):
        choose_person(found, "best")
    for number in (1, -1):
        with pytest.raises(UsageError, match=f"There is no person {number}"):
            choose_person(found, number)


@pytest.mark.skipif(
    not REAL.is_dir(), reason="Pose2Sim's demo is not at ../shared/data/pose2sim_demo beside the repository"
)
def test_the_real_detections() -> None:
    raw = {camera: read_openpose(REAL / "pose" / f"cam0{camera}_json", BODY_25B) for camera in (1, 2, 3, 4)}
    assert all(found.frames == tuple(range(100)) for found in raw.values())
    assert [found.people.shape[1] for found in raw.values()] == [3, 2, 1, 1]
    associated = read_openpose(REAL / "pose-associated" / "cam03_json", BODY_25B)
    assert np.flatnonzero(~associated.found[:, 0]).tolist() == [52]
    own = read_openpose(REAL / "pose-associated" / "cam01_json", BODY_25B).people[:, 0]
    # In frame 37 the detector takes the person for two halves: the bystander is the surest, the legs are the largest.
    for rule, others in (("first", []), ("largest", [37]), ("confident", [37]), ("track", [37])):
        chosen = choose_person(raw[1], rule)
        assert [f for f in range(100) if not np.array_equal(chosen[f], own[f], equal_nan=True)] == others, rule
    assert raw[1].found[37].all()
    assert np.nanmax(choose_person(raw[1], "confident")[37, :, 0]) < 120
