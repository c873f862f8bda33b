"""Clips are the runner's own windows: what they show, what they return, and which frames count."""

from typing import Any

import numpy as np
import pytest
import torch
from small_lifters import SMALL_LIFTERS, build

from posebench.datasets.library import load_dataset
from posebench.inputs.frames import WantedFrames
from posebench.inputs.sources import find_source
from posebench.prediction.create import LoadedLifter
from posebench.prediction.joints import joints_between
from posebench.prediction.predict_sequence import predict_sequence
from posebench.prediction.spec import LifterSpec
from posebench.prediction.timing import ForwardClock
from posebench.prediction.windows import plan_windows
from posebench.timing import views
from posebench.timing.clips import clip_spec, make_pool, unique_frames
from posebench.timing.subject import computing, make_subject

CPU = torch.device("cpu")


def small(identity: str) -> LoadedLifter:
    return build(next(small for small in SMALL_LIFTERS if small.id == identity))


def sequences(dataset: str) -> tuple[Any, list[Any]]:
    data = load_dataset(dataset)
    source = find_source("gt")
    read = [data.read(info) for info in data.sequences("test")]
    return data, [(sequence, source.read(sequence)) for sequence in read]


@pytest.mark.parametrize("tail", ["shift", "overlap-chunk", "pad"])
@pytest.mark.parametrize("frames", [1, 8, 9, 10, 18, 25])
def test_every_frame_counts_once(tail: Any, frames: int) -> None:
    spec = LifterSpec(window=9, stride=9, tail=tail, privileges=("future_frames",))
    assert unique_frames(plan_windows(spec, frames)).sum() == frames
    single = LifterSpec(window=9, stride=1, privileges=("future_frames",))
    assert unique_frames(plan_windows(single, frames)).tolist() == [1] * frames


def test_a_whole_sequence_is_cut_into_clips_that_count_every_frame_once() -> None:
    spec = LifterSpec(window=9, stride=None, privileges=("future_frames",))
    cut = clip_spec(spec, 20)
    assert (cut.window, cut.stride, cut.first_output) == (28, 20, 4)
    plan = plan_windows(cut, 50)
    assert unique_frames(plan).tolist() == [20, 20, 10]
    causal = LifterSpec(window=9, stride=None, offset=8)
    assert clip_spec(causal, 20).first_output == 8


@pytest.mark.parametrize("identity", ["videopose3d", "videopose3d-causal", "mixste", "d3dp", "poseformerv2"])
def test_the_scored_path_is_that_of_a_run(tiny: str, identity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("MOST_STRETCH", "MOST_SHEAR", "MOST_SHIFT"):
        monkeypatch.setattr(views, bound, 0.0)
    lifter = small(identity)
    data, read = sequences(tiny)
    joints = joints_between(lifter.spec, lifter.name, data.name, data.skeleton)
    pool = make_pool(lifter, joints, read, CPU, seed=3)
    subject = make_subject(lifter, joints, pool, "fp32", False, False)
    predicted = {}
    with computing("fp32"):
        for sequence, keypoints in read:
            wanted = WantedFrames(sequence.info, np.arange(sequence.info.frames))
            predicted[sequence.info.id] = predict_sequence(
                lifter, joints, sequence, keypoints, wanted, ForwardClock(CPU), batch_size=4, flip=False, seed=3,
                precision="fp32",
            )  # fmt: skip
        draws = pool.batches(2, "test")
        for _ in range(6):
            batch = next(draws)
            lifted = subject.score(pool.inputs(batch), "fp32").poses.numpy()
            group = pool._groups[batch.group]
            for clip, poses in zip(batch.clips, lifted, strict=True):
                name = group.names[group.sequence[clip]]
                plan = group.plans[group.sequence[clip]]
                window = np.array([group.window[clip]])
                keep, frames = plan.keep[window][0], plan.outputs(window)[0]
                run = predicted[name]
                for row in np.flatnonzero(keep):
                    same = np.flatnonzero(run.frame == frames[row])
                    nearest = np.abs(run.poses[:, same] - poses[:, row][:, None]).max(axis=(0, 2, 3)).min()
                    assert nearest < 0.01


def test_draws_show_each_clip_once_before_any_twice(tiny: str) -> None:
    lifter = small("poseformerv2")
    data, read = sequences(tiny)
    pool = make_pool(lifter, joints_between(lifter.spec, lifter.name, data.name, data.skeleton), read, CPU, seed=0)
    assert pool.clips == 200  # a clip a frame of two cameras
    draws = pool.batches(1, "test")
    drawn = [(batch.group, int(batch.clips[0])) for batch in (next(draws) for _ in range(200))]
    assert len(set(drawn)) == 200
    assert len({(batch.group, int(batch.clips[0])) for batch in (next(draws) for _ in range(200))}) == 200
    again = pool.batches(1, "test")
    assert [(batch.group, int(batch.clips[0])) for batch in (next(again) for _ in range(200))] == drawn
    assert len(next(pool.batches(pool.largest_batch(), "test")).clips) == pool.largest_batch()
