"""The store: what goes in comes out, the same everywhere, whole or not at all."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from tiny import STANDING, tiny_cameras

from posebench.datasets import library
from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, StoredHeatmaps, StoredKeypoints, View, seen_by
from posebench.datasets.store import Dataset
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, UnknownNameError, UsageError
from posebench.files import write_text
from posebench.registry.decorators import DATASETS, register_dataset
from posebench.skeletons import HUMAN36M_17, MPI_INF_3DHP_17

EAST, NORTH = tiny_cameras()
FORM = Form("", HUMAN36M_17, 50.0, truth="annot3")
#: Of `clips()` below; a store of the same frames has it on any machine.
FINGERPRINT = "79120dcf5ab5ea1875afa3497b550410c5fc20d7bfaa2dadd1888968a2f5dade"


class Owned(Adapter):
    """A data set of its owner's files: one text file, whose number scales the poses."""

    name = "owned"
    version = "1"
    forms = (FORM, Form("wide", MPI_INF_3DHP_17, 25.0, needs="wide.txt"))

    def found(self, source: Path | None) -> tuple[Form, ...]:
        assert source is not None
        return tuple(form for form in self.forms if not form.name or (source / "wide.txt").exists())

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        assert source is not None
        if not (source / "scale.txt").exists():
            raise DataMissingError(f"There is no scale.txt in {source}; put it there.")
        scale = float((source / "scale.txt").read_text())
        yield Clip("S1", "stand", "0", "test", seen_by([EAST]), np.repeat(STANDING[None] * scale, 3, axis=0))

    def verify(self, dataset: Dataset) -> list[Check]:
        return []


def view(frames: int, seed: int) -> View:
    """A view in camera space with everything that a view can have."""
    random = np.random.RandomState(seed)
    poses = STANDING + random.normal(0, 10, (frames, 17, 3)) + (0, 0, 4000)
    pixels = random.uniform(0, 1000, (frames, 17, 2))
    pixels[0, 3] = np.nan
    return View(
        (EAST, NORTH)[seed % 2],
        poses=poses,
        truths={"univ_annot3": poses * 1.04},
        keypoints={
            "found": StoredKeypoints(pixels, random.uniform(0, 1, (frames, 17))),
            "bare": StoredKeypoints(pixels),
        },
        valid=np.arange(frames) % 3 > 0,
        activity=tuple(f"act{i % 2}" for i in range(frames)),
        image_scale=random.uniform(1, 2, frames),
        heatmaps=StoredHeatmaps(random.uniform(0, 1, (frames, 17, 4, 6)), np.tile([0.0, 0, 100, 200], (frames, 1))),
    )


def clips() -> list[Clip]:
    return [
        Clip("S1", "sit", "1", "train", (view(5, 0), view(5, 1)), metadata={"throws": "L"}),
        Clip("S2", "run", "1", "test", (view(7, 2), view(7, 3)), fps=25.0),
    ]


def store(made: list[Clip], path: Path, form: Form = FORM) -> Dataset:
    return write_store(Owned(), form, made, path / "owned.safetensors")


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    dataset = store(clips(), tmp_path)
    assert (dataset.splits, dataset.sources, dataset.truths) == (
        ("test", "train"),
        ("bare", "found"),
        ("annot3", "univ_annot3"),
    )
    for clip in clips():
        for view in clip.views:
            info = next(i for i in dataset.sequences("all") if i.id == f"{clip.id}/{view.camera.name}")
            sequence = dataset.read(info)
            assert sequence.camera == view.camera
            assert np.allclose(sequence.poses, view.poses, atol=0.001)
            assert np.allclose(sequence.truths["univ_annot3"], view.truths["univ_annot3"], atol=0.001)
            assert np.allclose(
                sequence.keypoints["found"].pixels, view.keypoints["found"].pixels, atol=0.001, equal_nan=True
            )
            assert np.allclose(sequence.keypoints["found"].confidence, view.keypoints["found"].confidence)
            assert sequence.keypoints["bare"].confidence is None
            assert np.array_equal(dataset.valid(info), view.valid)
            assert sequence.activity == view.activity
            assert np.allclose(sequence.image_scale, view.image_scale)
            assert np.allclose(sequence.heatmaps.maps, view.heatmaps.maps, atol=1e-3)
            assert np.array_equal(sequence.heatmaps.crop, view.heatmaps.crop)
            assert sequence.metadata == clip.metadata
            assert info.fps == (clip.fps or 50.0)
            assert (sequence.truth, dataset.world(info.clip_id)) == ("annot3", None)


def test_the_same_frames_have_the_same_fingerprint(tmp_path: Path) -> None:
    dataset = store(clips(), tmp_path)
    assert dataset.fingerprint == dataset.compute_fingerprint() == FINGERPRINT
    other = clips()
    other[1].views[0].keypoints["found"].confidence[2, 2] += 0.001
    (tmp_path / "other").mkdir()
    assert store(other, tmp_path / "other").fingerprint != FINGERPRINT


def test_any_safetensors_library_reads_it(tmp_path: Path) -> None:
    path = store(clips(), tmp_path).path
    with safe_open(path, framework="numpy") as file:
        assert file.get_tensor("view.poses").shape == (24, 17, 3)
        assert json.loads(file.metadata()["index"])["truth"] == "annot3"


def test_splits_are_joined_by_plus(tmp_path: Path) -> None:
    dataset = store(clips(), tmp_path)
    assert dataset.sequences("train+test") == dataset.sequences("all") != dataset.sequences("train")
    with pytest.raises(UsageError, match=r"'owned' has no split 'extra'; it has test, train"):
        dataset.sequences("train+extra")


def changed(**fields: object) -> Callable[[list[Clip]], list[Clip]]:
    return lambda made: [made[0], replace(made[1], **fields)]


def in_view(**fields: object) -> Callable[[list[Clip]], list[Clip]]:
    return lambda made: [made[0], replace(made[1], views=(made[1].views[0], replace(made[1].views[1], **fields)))]


POSES = np.array(view(7, 3).poses)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (changed(subject="S1", action="sit"), "S1/sit/1 of 'owned' is there twice"),
        (changed(views=()), "S2/run/1 of 'owned' has no camera"),
        (in_view(poses=POSES[:, :16]), r"seen by north has poses of shape \(7, 16, 3\), not \(frames, 17, 3\)"),
        (in_view(poses=POSES[:0]), r"seen by north has poses of shape \(0, 17, 3\)"),
        (in_view(poses=POSES[:5]), "seen by north has 5 frames, its first camera 7"),
        (in_view(poses=None), "seen by north has no poses"),
        (in_view(poses=np.where(POSES > 4300, np.inf, POSES)), "seen by north holds infinite numbers"),
        (in_view(poses=POSES / 1000), "seen by north: joints reach .* mm from the root, and these look like metres"),
        (in_view(poses=POSES * 9), "and no person has that size"),
        (in_view(truths={}), r"S2/run/1 of 'owned' lacks 'truth.univ_annot3', other than the clips before it"),
        (in_view(valid=None), "lacks 'valid'"),
        (in_view(valid=np.ones(6, bool)), r"has 'valid' of shape \(6,\), where its poses ask for \(7,\)"),
        (in_view(keypoints={"found": StoredKeypoints(np.zeros((6, 17, 2)))}), r"has 'found' of shape \(6, 17, 2\)"),
        (
            in_view(keypoints={"found": StoredKeypoints(np.zeros((7, 17, 2)), np.full((7, 17), 1.5))}),
            "has confidences of 'found' outside of 0 to 1",
        ),
        (lambda made: [], "No clip of 'owned' was found"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_nothing(
    change: Callable[[list[Clip]], list[Clip]], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(DataDamagedError, match=sentence):
        store(change(clips()), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_error_in_the_middle_leaves_the_old_store(tmp_path: Path) -> None:
    before = store(clips(), tmp_path)

    def breaking() -> Iterator[Clip]:
        yield clips()[0]
        raise DataDamagedError("The file ends in the middle.")

    with pytest.raises(DataDamagedError, match="ends in the middle"):
        write_store(Owned(), FORM, breaking(), before.path)
    assert Dataset(before.path).compute_fingerprint() == FINGERPRINT
    assert list(tmp_path.iterdir()) == [before.path]


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-9], lambda b: b[:4], lambda b: b"", lambda b: b.replace(b'"format\\":\\"2', b'"format\\":\\"7')],
)
def test_a_damaged_store_is_one_sentence(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = store(clips(), tmp_path).path
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        DataDamagedError, match=r"^The store owned\.safetensors in .*; delete it and prepare it again\.$"
    ):
        Dataset(path)


# The library: forms, versions, where things lie


@pytest.fixture
def owned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data set is registered and its owner's files are at the returned folder."""
    monkeypatch.setenv("POSEBENCH_DATA", str(tmp_path / "data"))
    write_text(tmp_path / "files" / "scale.txt", "1.0")
    before = DATASETS.snapshot()
    register_dataset("owned", summary="", licence="", obtain="ask its owner")(Owned)
    yield tmp_path / "files"
    DATASETS.restore(before)


def test_forms_that_the_files_have_are_prepared(owned: Path) -> None:
    assert [d.form for d in library.prepare_dataset("owned", owned)] == [""]
    with pytest.raises(
        DataMissingError, match=r"'owned' in its form 'wide' is not prepared .* DIR` with wide.txt in it\."
    ):
        library.load_dataset("owned", "wide")
    (owned / "wide.txt").touch()
    assert [d.form for d in library.prepare_dataset("owned", owned)] == ["", "wide"]
    assert library.load_dataset("owned", "wide").skeleton is MPI_INF_3DHP_17
    with pytest.raises(UnknownNameError, match="no form of the data set 'owned' 'wid'; did you mean 'wide'"):
        library.load_dataset("owned", "wid")


def test_a_newer_adapter_prepares_again_from_the_remembered_files(owned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = library.prepare_dataset("owned", owned)
    monkeypatch.setattr(Owned, "version", "2")
    write_text(owned / "scale.txt", "1.1")
    new = library.load_dataset("owned")
    assert (new.version, old.path.exists()) == ("2", False)
    assert new.world("S1/stand/0")[0, 0, 2] == pytest.approx(1.1 * 950)
    monkeypatch.setattr(Owned, "version", "3")
    (owned / "scale.txt").unlink()
    with pytest.raises(DataMissingError, match=r"no scale\.txt"):
        library.load_dataset("owned")
    owned.rename(owned.with_name("moved"))
    with pytest.raises(DataMissingError, match=r"was prepared by another version of posebench; get it .ask its owner."):
        library.load_dataset("owned")
    assert new.path.exists()


def test_a_missing_source_is_said(owned: Path) -> None:
    with pytest.raises(UsageError, match="Say where the files of 'owned' are"):
        library.prepare_dataset("owned", None)
    with pytest.raises(DataMissingError, match=r"There is no .*nowhere"):
        library.prepare_dataset("owned", owned / "nowhere")
    with pytest.raises(DataMissingError, match="is not prepared on this machine"):
        library.load_dataset("owned")
