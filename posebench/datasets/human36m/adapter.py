"""Human3.6M: 7 actors, 15 actions twice each, 4 cameras, 50 Hz.

Source: C. Ionescu, D. Papava, V. Olaru, C. Sminchisescu, Human3.6M: Large Scale Datasets and Predictive Methods for
3D Human Sensing in Natural Environments, TPAMI 36(7), 2014. It is read from what the field's codebases made of it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip
from posebench.datasets.human36m.checks import human36m_checks
from posebench.datasets.human36m.files import MMPOSE_50, POSES_3D, Files, find_files
from posebench.datasets.human36m.mmpose import FPS, frame_rate, mmpose_clips
from posebench.datasets.human36m.motionbert import motionbert_clips
from posebench.datasets.human36m.videopose3d import videopose3d_clips
from posebench.datasets.sequence import IMAGE25D
from posebench.datasets.store import Dataset
from posebench.errors import DataDamagedError, DataMissingError
from posebench.skeletons import HUMAN36M_17

OWN = Form("", HUMAN36M_17, FPS)
MOTIONBERT = Form("motionbert", HUMAN36M_17, FPS, IMAGE25D, needs="h36m_sh_conf_cam_source_final.pkl (MotionBERT)")
FPS10 = Form("fps10", HUMAN36M_17, 10.0, needs="fps10/h36m_train.npz and fps10/h36m_test.npz (mmpose)")


class Human36M(Adapter):
    """Human3.6M from VideoPose3D's npz files, MotionBERT's pickle and mmpose's npz files: whichever are there."""

    name = "human36m"
    version = "1"
    forms = (OWN, MOTIONBERT, FPS10)

    def found(self, source: Path | None) -> tuple[Form, ...]:
        """The forms that the files have, told by their names, and mmpose's frame rate by the images it lists."""
        files = find_files(source)
        by_rate = _mmpose_by_form(files)
        there = {
            OWN.name: files.poses is not None or OWN.name in by_rate,
            MOTIONBERT.name: files.motionbert is not None,
            FPS10.name: FPS10.name in by_rate,
        }
        return tuple(form for form in self.forms if there[form.name])

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """Every take of a form, by subject, action and number; all of a file is checked before its first clip."""
        files = find_files(source)
        if form.name == MOTIONBERT.name and files.motionbert is not None:
            return motionbert_clips(files.motionbert)
        if form.name == OWN.name and files.poses is not None:
            _mmpose_by_form(files)
            return videopose3d_clips(files.poses, files.keypoints)
        if (mmpose := _mmpose_by_form(files).get(form.name)) is not None:
            return mmpose_clips(mmpose)
        needs = form.needs or f"{POSES_3D} (VideoPose3D) or {MMPOSE_50} (mmpose)"
        raise DataMissingError(f"{source} has no {needs}; put it there or prepare another form.")

    def verify(self, dataset: Dataset) -> list[Check]:
        """Sequences and frames against the owner's, and every 2D source against the projection."""
        return human36m_checks(dataset)


def _mmpose_by_form(files: Files) -> dict[str, Mapping[str, Path]]:
    """mmpose's files by the form that their frame rate makes them; raises `DataDamagedError` for another rate."""
    found: dict[str, Mapping[str, Path]] = {}
    by_rate = {form.fps: form for form in (OWN, FPS10)}
    for folder in files.mmpose:
        path = next(iter(folder.values()))
        rate = frame_rate(path)
        if rate not in by_rate:
            raise DataDamagedError(
                f"{path} has {rate:g} frames a second; make it with every frame or every fifth, as mmpose documents."
            )
        form = by_rate[rate]
        other = files.poses if form is OWN else None
        if (clash := found.get(form.name)) is not None:
            other = next(iter(clash.values()))
        if other is not None:
            raise DataDamagedError(
                f"Both {other} and {path} have all frames at {rate:g} Hz; name the one to read as --source."
            )
        found[form.name] = folder
    return found
