"""The heatmap-guided lifter: what it makes of what it is shown, and what it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from small_lifters import people
from torch import Tensor

from posebench.cameras import project
from posebench.errors import UsageError
from posebench.inputs.heatmaps import Heatmaps
from posebench.prediction.lifter import Lifted, LifterInputs
from posebench.prediction.mock import MOCK_CAMERA, heatmaps_of
from posebench.seeding import torch_generator
from posebench.skeletons import HUMAN36M_17
from zoo.guidance.sampler import sample
from zoo.lifters import heatmap_diffusion as module
from zoo.lifters.heatmap_diffusion import HeatmapDiffusion

ROOT = torch.tensor([300.0, -200.0, 4500.0])
LENS = torch.tensor(MOCK_CAMERA.lens)


def lifter(**config: Any) -> HeatmapDiffusion:
    """A prior that knows of people no more than that they are Gaussian."""
    made = HeatmapDiffusion(**({"dim": 16, "depth": 1, "hypotheses": 4, "steps": 20} | config))
    for parameter in made.network.head[1].parameters():
        torch.nn.init.zeros_(parameter)
    poses = people(made.network.frames)
    made.network.standardise([poses])
    made.network.measure([poses], torch.Generator().manual_seed(0))
    return made.eval().requires_grad_(False)


def shown(windows: int, frames: int = 1, root: Tensor = ROOT) -> tuple[LifterInputs, Tensor]:
    """People of the prior as `MOCK_CAMERA` sees them, and their poses (windows, frames, 17, 3) in mm about the root."""
    poses = 1000 * people(frames)[:windows]
    pixels = torch.from_numpy(project((poses + root).numpy(), MOCK_CAMERA)).float()
    inputs = LifterInputs(
        keypoints=pixels,
        confidence=torch.ones(windows, frames, 17),
        image_size=torch.tensor([1000.0, 1000.0]),
        fps=50.0,
        lens=LENS,
        root_depth=torch.full((windows, frames), float(root[2])),
        heatmaps=heatmaps_of(pixels, HUMAN36M_17, torch.device("cpu")),
        noise_streams=tuple(torch_generator("guided", window) for window in range(windows)),
    )
    return inputs, poses


def seen_again(lifted: Lifted) -> Tensor:
    """Pixels of every hypothesis about its own root, through the lens that the lifter says it took."""
    assert lifted.root is not None
    assert lifted.lens is not None
    points = (lifted.poses + lifted.root[..., None, :]).double().numpy()
    camera = replace(MOCK_CAMERA, **_lens_parts(lifted.lens))
    return torch.from_numpy(project(points, camera))


def _lens_parts(lens: Tensor) -> dict[str, Any]:
    f, c, k, p = lens[:2], lens[2:4], lens[4:7], lens[7:]
    return {
        "focal": tuple(f.tolist()),
        "center": tuple(c.tolist()),
        "radial": tuple(k.tolist()),
        "tangential": tuple(p.tolist()),
    }


@pytest.mark.parametrize("frames", [1, 5])
@pytest.mark.parametrize("camera", ["assumed", "granted"])
def test_every_hypothesis_is_where_the_joints_are_seen(camera: str, frames: int) -> None:
    made = lifter(camera=camera, frames=frames, frequencies=min(2, frames))
    inputs, _ = shown(3, frames)
    with torch.inference_mode():
        lifted = made.lift(inputs)
    assert lifted.poses.shape == (3, 4, frames, 17, 3)
    assert lifted.root is not None
    assert lifted.root.shape == (3, 4, frames, 3)
    assert lifted.lens is not None
    assert torch.equal(lifted.lens, LENS) == (camera == "granted")
    miss = (seen_again(lifted) - inputs.keypoints[:, None]).norm(dim=-1)
    # People are about 500 pixels high, their peaks 0.015 of that wide.
    assert miss.median() < 15
    # Hypotheses stand where their own pose is seen.
    assert lifted.root.std(dim=1).max() > 10


def test_no_true_root_decides_where_a_person_stands() -> None:
    made = lifter(camera="granted")
    inputs, _ = shown(3)
    with torch.inference_mode():
        expected = made.lift(inputs)
        streams = tuple(torch_generator("guided", window) for window in range(3))
        other = made.lift(replace(inputs, root_depth=None, keypoints=inputs.keypoints + 500, noise_streams=streams))
    assert expected.root is not None
    assert other.root is not None
    assert torch.equal(expected.poses, other.poses)
    assert torch.equal(expected.root, other.root)


def test_a_granted_root_is_at_its_depth_where_the_hip_s_keypoint_is_also_without_its_heatmap() -> None:
    made = lifter(camera="granted", root="granted")
    inputs, _ = shown(2)
    assert inputs.heatmaps is not None
    blind = replace(inputs.heatmaps, maps=_Without(inputs.heatmaps.maps, 0))
    for heatmaps in (inputs.heatmaps, blind):
        streams = tuple(torch_generator("guided", window) for window in range(2))
        with torch.inference_mode():
            lifted = made.lift(replace(inputs, heatmaps=heatmaps, noise_streams=streams))
        assert lifted.root is not None
        torch.testing.assert_close(lifted.root, ROOT.expand(2, 4, 1, 3), rtol=0, atol=1.0)


def test_another_batch_gives_the_same_bits() -> None:
    """Windows are sampled in parts of one shape, whatever comes with them."""
    made = lifter()
    inputs, _ = shown(5)
    with torch.inference_mode():
        whole = made.lift(inputs)
        for window in range(5):
            alone = made.lift(_window(inputs, window))
            assert torch.equal(alone.poses[0], whole.poses[window])


class _Without:
    """Maps, all 0 for a joint."""

    def __init__(self, maps: Heatmaps, joint: int) -> None:
        self.crop, self.size, self._maps, self._joint = maps.crop, maps.size, maps, joint

    def read(self, frames: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float32]:
        read = self._maps.read(frames).copy()
        read[:, self._joint] = 0
        return read


def _window(inputs: LifterInputs, window: int) -> LifterInputs:
    assert inputs.heatmaps is not None
    one = slice(window, window + 1)
    return replace(
        inputs,
        keypoints=inputs.keypoints[one],
        confidence=inputs.confidence[one],
        heatmaps=replace(inputs.heatmaps, frames=inputs.heatmaps.frames[one], flipped=inputs.heatmaps.flipped[one]),
        noise_streams=(torch_generator("guided", window),),
    )


@pytest.mark.parametrize(("hypotheses", "frames"), [(1, 1), (10, 1), (200, 1), (1, 27), (50, 27)])
def test_memory_is_bounded(hypotheses: int, frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many windows a batch has, a part has no more poses and no more maps than fit, but one window."""
    made = lifter(hypotheses=hypotheses, frames=frames, frequencies=1, steps=1)
    parts = []

    def counted(prior: Any, seen: Any, *rest: Any) -> Any:
        parts.append(len(seen.evidence.maps))
        return sample(prior, seen, *rest)

    monkeypatch.setattr(module, "sample", counted)
    inputs, _ = shown(40, frames)
    with torch.inference_mode():
        made.lift(inputs)
    assert len(set(parts)) == 1
    assert parts[0] <= max(module.FRAMES, frames)
    assert parts[0] * hypotheses <= max(module.POSES, hypotheses * frames)
    assert sum(parts) >= 40 * frames


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hypotheses": 0}, "hypotheses is 0"),
        ({"hypotheses": 2.5}, "hypotheses is 2.5"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"focal": 0}, "focal is 0; give a number above 0"),
        ({"focal": -1.0}, "focal is -1.0"),
        ({"focal": float("nan")}, "focal is nan"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"depth": 0}, "depth is 0"),
        ({"dim": 2}, "dim is 2"),
        ({"dim": -3}, "dim is -3"),
        ({"through_network": "no"}, "through_network is 'no'"),
        ({"frames": 1, "frequencies": 2}, "a motion of 1 frames has 1 at most"),
        ({"camera": "guessed"}, "no camera 'guessed'"),
        ({"root": "true"}, "no root 'true'"),
    ],
)
def test_impossible_configurations_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        HeatmapDiffusion(**({"dim": 16, "depth": 1} | wrong))
