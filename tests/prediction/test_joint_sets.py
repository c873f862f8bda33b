"""One lifter on data sets of several joint sets: a permutation of joints changes nothing, what cannot be made is refused."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import TinyAdapter

import posebench
from posebench.cameras import world_to_camera
from posebench.datasets.adapter import Adapter, Form
from posebench.datasets.clip import Clip, StoredKeypoints, View
from posebench.datasets.sequence import Sequence, SequenceInfo, round_thousandth
from posebench.errors import DataMissingError, UsageError
from posebench.inputs.projected import read_projected
from posebench.joint_maps import convert_joints
from posebench.prediction.folder import PredictionFolder
from posebench.protocols.open_sets import OPEN_SCORING, open_standard
from posebench.protocols.protocol import ProtocolFamily
from posebench.registry.decorators import register_dataset, register_protocol
from posebench.skeletons import HUMAN36M_17, MPI_INF_3DHP_17, SMPL_24, Skeleton


def register(name: str, adapter: Adapter, skeleton: Skeleton, **scoring: object) -> None:
    @register_dataset(name, summary="for tests", licence="none", obtain="nothing to get")
    def make() -> Adapter:
        return adapter

    @register_protocol(f"{name}/standard")
    def standard() -> ProtocolFamily:
        family = open_standard(name, default_source="gt", stored=("found",))
        joints = {"skeleton": skeleton.name, "joints": skeleton.joints, "pck_joints": skeleton.joints}
        return replace(family, scoring=replace(OPEN_SCORING, **{**joints, **scoring}))


class Other(TinyAdapter):
    """The tiny data set in the joints of MPI-INF-3DHP."""

    name = "other"
    forms = (Form("", MPI_INF_3DHP_17, 50.0),)

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        for clip in super().clips(source, form):
            world = convert_joints(clip.world, HUMAN36M_17, MPI_INF_3DHP_17)
            yield replace(clip, world=world)


def mpjpe(model: str, dataset: str, **options: object) -> float:
    return posebench.evaluate(model, dataset=dataset, **options).results["honest"]["p-agg"]["mpjpe"]


def test_joints_in_another_order_give_the_same_errors(tiny: str) -> None:
    register("other", Other(), MPI_INF_3DHP_17)
    ours = posebench.evaluate("videopose3d", dataset="tiny")
    theirs = posebench.evaluate("videopose3d", dataset="other")
    assert theirs.results["honest"]["p-agg"]["mpjpe"] == pytest.approx(
        ours.results["honest"]["p-agg"]["mpjpe"], rel=1e-6
    )
    assert theirs.results["honest"]["p-agg"]["p_mpjpe"] == pytest.approx(
        ours.results["honest"]["p-agg"]["p_mpjpe"], rel=1e-6
    )
    assert (theirs.lifter.joints, theirs.protocol.scoring["skeleton"]) == ("human36m-17", "mpi-inf-3dhp-17")


@pytest.mark.parametrize("model", ["mean-pose", "zero-depth"])
def test_trivial_predictors_take_any_joints(tiny: str, model: str) -> None:
    register("other", Other(), MPI_INF_3DHP_17)
    column = "honest" if model == "mean-pose" else "assisted"
    ours, theirs = (posebench.evaluate(model, dataset=name) for name in ("tiny", "other"))
    assert theirs.results[column]["p-agg"]["mpjpe"] == pytest.approx(ours.results[column]["p-agg"]["mpjpe"], rel=1e-6)
    assert theirs.lifter.joints == "mpi-inf-3dhp-17"


def test_joints_that_cannot_be_made_are_named(tiny: str) -> None:
    class Bodies(TinyAdapter):
        name = "bodies"
        forms = (Form("", SMPL_24, 50.0),)

        def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
            for clip in super().clips(source, form):
                yield replace(clip, world=np.repeat(clip.world, 2, axis=1)[:, :24])

    register("bodies", Bodies(), SMPL_24)
    with pytest.raises(UsageError, match=r"videopose3d.open takes the joint set human36m-17, bodies has smpl-24"):
        posebench.evaluate("videopose3d", dataset="bodies")
    assert mpjpe("mean-pose", "bodies") > 0


class Detected(TinyAdapter):
    """The tiny data set with stored 2D: its own projections, one joint missed; two of three frames are valid."""

    name = "detected"

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        for clip in super().clips(source, form):
            views = []
            for view in clip.views:
                frames = len(clip.world)
                pixels = projected(clip, view, form)
                confidence = np.ones(pixels.shape[:2])
                pixels[frames // 2, 13] = np.nan
                confidence[-1, 16] = 0.0
                stored = {"found": StoredKeypoints(pixels, confidence)}
                views.append(replace(view, keypoints=stored, valid=np.arange(frames) % 3 != 1))
            yield replace(clip, views=tuple(views))


def projected(clip: Clip, view: View, form: Form) -> np.ndarray:
    """The source `gt` of a view."""
    poses = round_thousandth(world_to_camera(round_thousandth(clip.world), view.camera))
    info = SequenceInfo(
        "detected", clip.subject, clip.action, clip.name, view.camera.name, clip.split, len(poses), form.fps
    )
    return read_projected(Sequence(info, form.skeleton, view.camera, poses)).pixels


def test_stored_keypoints_are_a_source_and_invalid_frames_are_not_scored(tiny: str, tmp_path: Path) -> None:
    register("detected", Detected(), HUMAN36M_17)
    record = posebench.evaluate("videopose3d", dataset="detected", keypoints="found", predictions=tmp_path / "poses")
    assert record.data.frames == sum(2 * (n - (n + 1) // 3) for n in (40, 1, 25, 34))
    # One joint missed and one of confidence 0 in each sequence; both in the single frame of the shortest one.
    assert record.data.interpolated == 8 * 2
    folder = PredictionFolder.open(tmp_path / "poses")
    frames = folder.read("S2/sway/0/east").frame
    assert frames.tolist() == [f for f in range(40) if f % 3 != 1]
    whole = posebench.evaluate("videopose3d", dataset="detected", keypoints="gt", predictions=tmp_path / "gt")
    assert whole.data.interpolated == 0
    near = folder.read("S2/sway/0/east").poses - PredictionFolder.open(tmp_path / "gt").read("S2/sway/0/east").poses
    assert np.abs(near).max() < 50


def test_a_source_that_was_not_stored_is_said(tiny: str) -> None:
    register("other", Other(), MPI_INF_3DHP_17)
    with pytest.raises(DataMissingError, match=r"'other' was prepared without the 2D source 'found' \(it has none\)"):
        posebench.evaluate("videopose3d", dataset="other", keypoints="found")
