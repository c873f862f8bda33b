"""Where the owners keep the files that may be had without registration, and what those files are.

`<name>.csv` beside this module lists path, size and SHA-256 of the very files that posebench was tested with. A
file that differs from its row is not kept.
"""

import csv
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Wanted:
    """A file of a data set: its path under the folder of the download, its size and its SHA-256 (hex)."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Archive:
    """A zip archive of the owner's that holds the wanted files, found in it by their names.

    `sha256` is None where the owner publishes none; what comes out of it is checked either way.
    """

    path: str
    sha256: str | None


@dataclass(frozen=True)
class Download:
    """A data set that its owner gives to anyone.

    `base`
        The address below which the paths of the files, or that of the archive, lie.
    `archive`
        None where every file has an address of its own.
    `must_accept`
        What a user has to agree to by `--accept-licence`; empty where using the files is agreement enough.
    `given`
        Files that posebench itself writes beside the owner's: path -> name of the file in this folder.
    """

    name: str
    base: str
    archive: Archive | None = None
    must_accept: str = ""
    given: tuple[tuple[str, str], ...] = ()

    def wanted(self) -> tuple[Wanted, ...]:
        """The owner's files, by path."""
        with (files(__package__) / f"{self.name}.csv").open(encoding="utf-8") as file:
            return tuple(Wanted(row["path"], int(row["bytes"]), row["sha256"]) for row in csv.DictReader(file))

    def given_texts(self) -> dict[str, str]:
        """Path -> content of the files that posebench writes."""
        return {path: (files(__package__) / name).read_text(encoding="utf-8") for path, name in self.given}


#: docs/data.md says how each address was established.
DOWNLOADS = {
    download.name: download
    for download in (
        Download(
            "hdm05",
            "https://resources.mpi-inf.mpg.de/HDM05/cuts/",
            archive=Archive("HDM05_cut_amc.zip", None),
        ),
        Download("cmu", "http://mocap.cs.cmu.edu/subjects/", given=(("index.csv", "cmu-index.csv"),)),
        Download(
            "openbiomechanics",
            "https://github.com/drivelineresearch/openbiomechanics/releases/download/dataset-v1/",
            # From the owner's scripts/release_checksums.sha256.
            archive=Archive("pitching_c3d.zip", "2f5277dc63c7f7535fa4b15310d6f38b3f3b761e572896eec529854c8c920d29"),
            must_accept="it is for non-commercial use, and nobody who works for, or owns a significant share of, a "
            "professional sports organisation or a financial analysis firm may use these data at all",
        ),
        Download(
            "pose2sim",
            # The last commit whose demo holds OpenPose's detections.
            "https://raw.githubusercontent.com/perfanalytics/pose2sim/"
            "a948c205cfe4ea5c22d6941929e8efaba591a59d/Pose2Sim/S00_Demo_Session/",
        ),
    )
}
