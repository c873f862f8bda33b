"""A clip that is drawn again is another input, and the same draw is the same input."""

from typing import Any

import numpy as np
import torch
from small_lifters import SMALL_LIFTERS, build

from posebench.datasets.library import load_dataset
from posebench.inputs.sources import find_source
from posebench.prediction.joints import joints_between
from posebench.timing.clips import ClipPool, make_pool
from posebench.timing.views import MOST_SHEAR, MOST_SHIFT, MOST_STRETCH, View

CPU = torch.device("cpu")


def pool_of(identity: str, dataset: str) -> ClipPool:
    lifter = build(next(small for small in SMALL_LIFTERS if small.id == identity))
    data = load_dataset(dataset)
    source = find_source("gt")
    read = [data.read(info) for info in data.sequences("test")]
    joints = joints_between(lifter.spec, lifter.name, data.name, data.skeleton)
    return make_pool(lifter, joints, [(sequence, source.read(sequence)) for sequence in read], CPU, seed=0)


def test_no_two_draws_are_alike_and_a_draw_can_be_gathered_again(tiny: str) -> None:
    pool = pool_of("poseformerv2", tiny)
    draws = pool.batches(4, "test")
    batches = [next(draws) for _ in range(150)]  # each of 200 clips three times
    seen = [clip.numpy().tobytes() for batch in batches for clip in pool.inputs(batch).keypoints]
    assert len(set(seen)) == 600
    again = pool.batches(4, "test")
    other = pool.batches(4, "another")
    for batch in batches[:3]:
        shown = pool.inputs(batch).keypoints
        assert torch.equal(shown, pool.inputs(batch).keypoints)
        assert torch.equal(shown, pool.inputs(next(again)).keypoints)
        assert not torch.equal(shown, pool.inputs(next(other)).keypoints)
        assert torch.equal(shown[[2, 0]], pool.inputs(batch.part(np.array([2, 0]))).keypoints)


def test_a_view_is_affine_about_the_middle_on_the_grid_of_the_data() -> None:
    view = View.draw(1000, np.random.RandomState(0))
    off = np.abs(view.maps - np.eye(2, 3)).max(axis=0)
    bounds = np.array([[MOST_STRETCH, MOST_SHEAR, MOST_SHIFT], [MOST_SHEAR, MOST_STRETCH, MOST_SHIFT]])
    assert (off <= bounds).all()
    assert (off > 0.9 * bounds).all()
    size = torch.tensor([1000.0, 800.0])
    points = torch.tensor([[500.0, 400.0], [600.0, 400.0], [500.0, 500.0], [float("nan"), float("nan")]])
    moved = view.part(np.array([7]))._moved(points[None, None], size)[0, 0]
    matrix, shift = view.maps[7, :, :2], view.maps[7, :, 2] * size.numpy()
    expected = (points[:3].numpy() - size.numpy() / 2) @ matrix.T + size.numpy() / 2 + shift
    np.testing.assert_allclose(moved[:3], expected, atol=6e-4)
    assert moved[3].isnan().all()
    on_grid = np.round(moved[:3].numpy().astype(float), 3).astype(np.float32)
    np.testing.assert_array_equal(moved[:3], on_grid)


def test_heatmaps_are_other_ones_and_still_one_whole(tiny: str) -> None:
    pool = pool_of("heatmap_diffusion", tiny)
    draws = pool.batches(1, "test")
    seen: set[bytes] = set()
    for _ in range(5):
        batch = next(draws)
        one, two = pool.inputs(batch).heatmaps, pool.inputs(batch).heatmaps
        assert one is not None
        assert two is not None
        maps = one.read()
        assert torch.equal(maps, two.read())
        assert torch.equal(one.crop, two.crop)
        group: Any = pool._groups[batch.group]
        plain = group.shown.heatmaps.windows(_frames(pool, batch))
        original, crop = plain.read(), plain.crop
        cells = one.maps._cells  # type: ignore[attr-defined]
        turned = torch.roll(original, cells, dims=-1)
        torch.testing.assert_close(maps, turned, rtol=2e-3, atol=0)
        assert not torch.equal(maps, turned)
        # What was at a pixel is there still, where it was not turned over the border.
        step = (crop[..., 2] - crop[..., 0]) / one.size[0]
        torch.testing.assert_close(one.crop[..., 0], crop[..., 0] - cells * step, rtol=1e-4, atol=1e-2)
        seen.add(maps.numpy().tobytes())
    assert len(seen) == 5


def _frames(pool: ClipPool, batch: Any) -> Any:
    group: Any = pool._groups[batch.group]
    return np.stack(
        [
            group.starts[s] + group.plans[s].inputs(np.array([w]))[0]
            for s, w in zip(group.sequence[batch.clips], group.window[batch.clips], strict=True)
        ]
    )
