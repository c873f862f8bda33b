"""MPI-INF-3DHP: 8 actors before 14 cameras in a studio, and 6 test sequences in the studio and outdoors.

Source: D. Mehta, H. Rhodin, D. Casas, P. Fua, O. Sotnychenko, W. Xu, C. Theobalt, Monocular 3D Human Pose Estimation In
The Wild Using Improved CNN Supervision, 3DV 2017.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip
from posebench.datasets.mpi3dhp.checks import mpi3dhp_checks
from posebench.datasets.mpi3dhp.facts import ANNOT3, FPS
from posebench.datasets.mpi3dhp.files import find_files
from posebench.datasets.mpi3dhp.npz_files import npz_clips, truth_of
from posebench.datasets.mpi3dhp.testing import official_clip
from posebench.datasets.mpi3dhp.training import training_clip
from posebench.datasets.store import Dataset
from posebench.skeletons import MPI_INF_3DHP_17

OWN = Form("", MPI_INF_3DHP_17, FPS, truth=ANNOT3)


class Mpi3dhp(Adapter):
    """The owner's annotations, with both ground truths, or P-STMO's and D3DP's npz files, with the one that they have."""

    name = "mpi3dhp"
    version = "1"
    forms = (OWN,)

    def found(self, source: Path | None) -> tuple[Form, ...]:
        """The one form, with the ground truth that npz files have, told by their geometry and their names."""
        files = find_files(source)
        return (replace(OWN, truth=truth_of(files.npz)),) if files.npz else self.forms

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Every clip, test before training; all files are found before the first is read."""
        files = find_files(source)
        if files.npz:
            yield from npz_clips(files.npz, form.truth)
        for name, path in files.test.items():
            yield official_clip(name, path)
        for (subject, sequence), path in files.train.items():
            yield training_clip(subject, sequence, path)

    def count(self, source: Path | None, form: Form) -> int | None:
        """Number of the owner's annotation files; unknown for npz files, which are read to be counted."""
        files = find_files(source)
        return None if files.npz else len(files.test) + len(files.train)

    def verify(self, dataset: Dataset) -> list[Check]:
        """Which sequences are here, the release that their valid frames are of, and each sequence's two truths and 2D."""
        return mpi3dhp_checks(dataset)
