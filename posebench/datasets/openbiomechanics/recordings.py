"""The owner's recordings that make the benchmark, and where they lie under a folder.

The owner distributes more pitches of more athletes. A fixed list makes one benchmark: the same store, to the bit,
from his whole repository and from a folder with these files alone.
"""

from dataclasses import dataclass
from pathlib import Path

from posebench.errors import DataMissingError

INCH_M = 0.0254
POUND_KG = 0.45359237


@dataclass(frozen=True)
class Recording:
    """One C3D file: what its name says, its split, and the owner's `p_throws` (empty where he says nothing)."""

    stem: str
    split: str
    throws: str
    subject: str
    action: str
    clip: str
    #: Height, mass, kind and speed of the pitch, as far as the name has them.
    described: dict[str, str]


def _pitch(stem: str, split: str, throws: str) -> Recording:
    """`<athlete>_<session>_<height in>_<weight lb>_<pitch>_<type>_<speed in tenths of mph>`."""
    athlete, session, height, weight, pitch, kind, speed = stem.split("_")
    described = {
        "height_m": f"{int(height) * INCH_M:.4f}",
        "mass_kg": f"{int(weight) * POUND_KG:.1f}",
        "pitch_type": kind,
        "pitch_speed_mph": f"{int(speed) / 10:.1f}",
    }
    return Recording(stem, split, throws, athlete, "pitch", f"{session}_{pitch}", described)


RECORDINGS = (
    _pitch("000870_003252_74_195_002_FF_808", "train", "R"),
    _pitch("000874_001562_73_211_003_FF_918", "train", "R"),
    _pitch("001000_001718_75_215_004_FF_912", "train", "L"),
    _pitch("001002_003132_72_216_001_FF_924", "train", "L"),
    _pitch("001003_001729_79_233_002_FF_906", "train", "R"),
    _pitch("001005_002655_71_208_001_FF_848", "train", "L"),
    _pitch("001017_001759_71_175_001_FF_839", "train", "R"),
    _pitch("001027_001782_72_215_002_FF_738", "train", "L"),
    _pitch("001029_002907_73_182_002_FF_788", "train", "R"),
    _pitch("001062_001830_66_186_002_FF_835", "test", "R"),
    _pitch("001068_001845_75_204_002_FF_875", "train", "R"),
    _pitch("001466_002653_75_170_001_FF_909", "test", "R"),
    _pitch("001539_003035_69_204_002_FF_869", "train", "R"),
    _pitch("001540_002989_71_185_001_FF_805", "test", "L"),
    _pitch("001543_003053_73_207_002_FF_814", "test", "L"),
    _pitch("001547_002889_73_245_001_FF_795", "test", "R"),
    Recording("hitting_sample", "extra", "", "sample-batter", "swing", "hitting_sample", {}),
    Recording("pitching_sample", "extra", "", "sample-pitcher", "pitch", "pitching_sample", {}),
)


def find_recordings(source: Path | None) -> list[tuple[Recording, Path]]:
    """The benchmark's recordings under a folder, in their fixed order; the owner's other files are left alone.

    Raises `DataMissingError` when there is none, or a name is there twice.
    """
    if source is None or not source.is_dir():
        where = "no folder was given" if source is None else f"{source} is not a folder"
        raise DataMissingError(
            f"OpenBiomechanics needs its files and {where}; name the folder that holds its C3D files."
        )
    places: dict[str, list[Path]] = {}
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() == ".c3d" and path.is_file():
            places.setdefault(path.stem, []).append(path)
    found = [(recording, places[recording.stem]) for recording in RECORDINGS if recording.stem in places]
    if not found:
        raise DataMissingError(
            f"None of the benchmark's C3D files ({RECORDINGS[0].stem}.c3d and others) is under {source}; "
            "name the folder of the owner's baseball_pitching/data/c3d."
        )
    for recording, paths in found:
        if len(paths) > 1:
            raise DataMissingError(
                f"{recording.stem}.c3d is there twice, as {paths[0]} and {paths[1]}; name a folder with one of them."
            )
    return [(recording, paths[0]) for recording, paths in found]
