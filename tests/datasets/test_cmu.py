"""CMU: the index decides which clips there are; splits, names, refusals, and the real clips where they are."""

from pathlib import Path

import numpy as np
import pytest
from asf_files import motion, naive_ends, write_cmu

from posebench.datasets.cmu import Cmu, slug, split_of
from posebench.datasets.verification import run_checks
from posebench.datasets.write_store import write_store
from posebench.errors import DataDamagedError, DataMissingError, PosebenchError

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cmu"
ROWS = [
    ("16", "16_15.amc", "120", "walk"),
    ("02", "02_06.amc", "120", "bend over, scoop up, rise, lift arm"),
    ("02", "02_03.amc", "60", "run/jog"),
    ("38", "38_01.amc", "240", "Walk  (slow)"),
]


def test_the_index_decides(tmp_path: Path) -> None:
    source = write_cmu(tmp_path, ROWS, frames=6)
    (source / "02" / "02_99.amc").write_text("not in the index, so never read")
    assert Cmu().count(source, Cmu.forms[0]) == 4
    clips = {clip.id: clip for clip in Cmu().clips(source, Cmu.forms[0])}
    assert {name: (clip.split, len(clip.world)) for name, clip in clips.items()} == {
        "02/run-jog/03": ("train", 6),
        "02/bend-over-scoop-up-rise-lift-arm/06": ("train", 3),
        "16/walk/15": ("validation", 3),
        "38/walk-slow/01": ("test", 2),
    }
    slow = clips["38/walk-slow/01"]
    assert slow.metadata == {"file": "38_01.amc", "description": "Walk  (slow)"}
    assert len(slow.views) == 4
    np.testing.assert_allclose(slow.world[1, 6], naive_ends(motion(6)[4])["ltibia"], atol=1e-9)


def test_splits_and_slugs() -> None:
    assert [split_of(subject) for subject in ("16", "38", "39", "43", "49", "55", "35")] == ["validation"] + [
        "test"
    ] * 5 + ["train"]
    assert slug("bend over, scoop up") == "bend-over-scoop-up"


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        (("02", "02_01.amc", "100", "walk"), DataDamagedError, r"index.csv, line 2, says '100' frames per second"),
        (("02", "02_01.amc", "30", "walk"), DataDamagedError, r"says '30' frames per second"),
        (("02", "02_01.amc", "fast", "walk"), DataDamagedError, r"says 'fast' frames per second"),
        (("02", "05_01.amc", "120", "walk"), DataDamagedError, r"names subject '02' and file '05_01.amc'"),
        (("..", ".._01.amc", "120", "walk"), DataDamagedError, r"names subject '\.\.'"),
        (("02", "02_01.amc", "120", " "), DataDamagedError, r"line 2, has no description; write what 02_01.amc shows"),
    ],
)
def test_a_bad_row_is_named(
    tmp_path: Path, row: tuple[str, str, str, str], error: type[PosebenchError], message: str
) -> None:
    source = write_cmu(tmp_path, [("02", "02_01.amc", "120", "walk")])
    (source / "index.csv").write_text("subject,file,fps,description\n" + ",".join(row) + "\n")
    with pytest.raises(error, match=message):
        list(Cmu().clips(source, Cmu.forms[0]))


def test_missing_files_have_their_own_sentences(tmp_path: Path) -> None:
    def refuse(error: type[PosebenchError], message: str, folder: Path | None = tmp_path) -> None:
        with pytest.raises(error, match=message):
            write_store(Cmu(), Cmu.forms[0], Cmu().clips(folder, Cmu.forms[0]), tmp_path / "stores" / "cmu.safetensors")
        assert not (tmp_path / "stores").exists()

    refuse(DataMissingError, "no folder was given", None)
    refuse(DataMissingError, "x is not a folder", tmp_path / "x")
    refuse(DataMissingError, "index.csv is not there; write one with the columns subject, file, fps, description")
    write_cmu(tmp_path, ROWS)
    (tmp_path / "16" / "16_15.amc").unlink()
    refuse(DataMissingError, r"motion .*16_15.amc that .*index.csv, line 2, needs is not there")
    write_cmu(tmp_path, ROWS)
    (tmp_path / "02" / "02.asf").unlink()
    refuse(DataMissingError, r"skeleton .*02.asf that .*index.csv, line 3, needs is not there")
    (tmp_path / "index.csv").write_text("subject,file,description\n02,02_01.amc,walk\n")
    refuse(DataDamagedError, "index.csv lacks a column")
    (tmp_path / "index.csv").write_text("subject,file,fps,description\n")
    refuse(DataDamagedError, "index.csv names no clip")


@pytest.mark.skipif(not REAL.is_dir(), reason="the CMU clips are not at ../shared/data/cmu beside the repository")
def test_the_real_clips_pass_every_check(tmp_path: Path) -> None:
    store = write_store(Cmu(), Cmu.forms[0], Cmu().clips(REAL, Cmu.forms[0]), tmp_path / "cmu.safetensors")
    assert [check for check in run_checks(Cmu(), store) if not check.passed] == []
    assert {info.subject for info in store.sequences("validation")} == {"16"}
