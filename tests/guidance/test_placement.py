"""The camera, and where in front of it a pose stands."""

import math

import pytest
import torch
from torch import Tensor

from posebench.cameras import Camera
from posebench.cameras import project as exact_project
from posebench.skeletons import HUMAN36M_17
from zoo.guidance.camera import assumed_lens, project, rays
from zoo.guidance.placement import DEPTH_DEVIATION, FAR, NEAR, UNSEEN, Start, begin, improve, in_metres

CAMERA = Camera(
    "one", 1000, 1002, (1145.0, 1143.8), (512.5, 515.5), (-0.2, 0.24, -0.002), (-0.0009, -0.0016), (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
)  # fmt: skip
LENS = torch.tensor(CAMERA.lens, dtype=torch.float64)
PLAIN = torch.tensor([1150.0, 1150.0, 500.0, 500.0, 0.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
ROOTS = torch.tensor([[0.4, 0.2, 4.5], [-1.0, 0.1, 7.0], [0.0, 0.0, 3.0]], dtype=torch.float64)
#: Bones of nobody in particular.
BONES = torch.full((len(HUMAN36M_17.bones),), 0.4, dtype=torch.float64)


def test_projection_is_posebench_s_with_gradients() -> None:
    points = torch.tensor([[0.3, -0.5, 4.0], [-1.0, 0.9, 5.5]], dtype=torch.float64, requires_grad=True)
    seen = project(points, LENS)
    expected = exact_project(points.detach().numpy() * 1000, CAMERA)
    torch.testing.assert_close(seen.detach(), torch.from_numpy(expected))
    seen.sum().backward()  # type: ignore[no-untyped-call]
    assert points.grad is not None
    assert points.grad.abs().min() > 0
    # A joint behind the camera is no reason for infinity.
    assert torch.isfinite(project(torch.tensor([[0.1, 0.1, -1.0]]), LENS.float())).all()


def test_rays_are_the_way_back() -> None:
    points = torch.tensor([[0.3, -0.5, 4.0], [-1.0, 0.9, 5.5]], dtype=torch.float64)
    along = rays(project(points, LENS), LENS)
    torch.testing.assert_close(along, points / points.norm(dim=-1, keepdim=True), rtol=0, atol=1e-5)


def test_an_assumed_lens_is_plain() -> None:
    lens = assumed_lens(torch.tensor([1920.0, 1080.0]), 1.15)
    assert lens.tolist() == pytest.approx([2208.0, 2208.0, 960.0, 540.0, 0, 0, 0, 0, 0])


def person() -> Tensor:
    poses = torch.randn(3, 17, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.3
    return poses - poses[:, :1]


def solved(poses: Tensor, seen: Tensor, weight: Tensor, lens: Tensor, start: Start, steps: int = 8) -> Tensor:
    """Roots (n, 3) in metres."""
    root = start.root[:, None]
    for _ in range(steps):
        residual = seen[:, None] - project(poses[:, None] + in_metres(root)[..., None, :], lens)
        root = improve(root, start, poses[:, None], residual, weight[:, None], lens[:2])
    return in_metres(root)[:, 0]


def far_off() -> Start:
    """A start that is wrong by a metre and more, and counts for nothing."""
    return Start(
        torch.tensor([[0.0, 0.0, math.log(6.0)]], dtype=torch.float64).expand(3, 3), torch.full((3,), 1e4).double()
    )


@pytest.mark.parametrize("lens", [PLAIN, LENS])
def test_the_root_is_found_exactly_where_all_joints_agree(lens: Tensor) -> None:
    seen = project(person() + ROOTS[:, None], lens)
    found = solved(person(), seen, torch.ones(3, 17).double(), lens, far_off())
    torch.testing.assert_close(found, ROOTS, rtol=0, atol=1e-5)


def test_it_is_the_least_squares_solution_in_the_image() -> None:
    noise = 20 * torch.randn(3, 17, 2, generator=torch.Generator().manual_seed(1)).double()
    seen = project(person() + ROOTS[:, None], PLAIN) + noise
    weight = torch.rand(3, 17, generator=torch.Generator().manual_seed(2)).double()
    found = solved(person(), seen, weight, PLAIN, far_off(), steps=20)

    def cost(roots: Tensor) -> Tensor:
        return (weight[..., None] * (project(person() + roots[:, None], PLAIN) - seen).square()).sum((1, 2))

    for shift in torch.eye(3).double().repeat(2, 1) * torch.tensor([0.01] * 3 + [-0.01] * 3)[:, None]:
        assert (cost(found + shift) > cost(found)).all()


def test_an_average_of_poses_is_not_taken_for_a_person_who_stands_near() -> None:
    """Poses that are half known, as while sampling: the mean of what is found is the true depth, not less."""
    generator = torch.Generator().manual_seed(3)
    average = 0.3 * torch.randn(400, 17, 3, generator=generator).double()
    rest = 0.2 * torch.randn(400, 17, 3, generator=generator).double()
    root = torch.tensor([0.2, 0.1, 5.0]).double()
    seen = project(average + rest + root, PLAIN)
    start = Start(torch.tensor([[0.0, 0.0, math.log(5.0)]]).double().expand(400, 3), torch.full((3,), 1e4).double())
    found = solved(average, seen, torch.ones(400, 17).double(), PLAIN, start)
    # Its inverse has no bias: the least squares are linear in it.
    assert (1 / found[:, 2]).mean().item() == pytest.approx(1 / 5.0, rel=0.02)


def test_weights_take_wrong_places_away() -> None:
    seen = project(person() + ROOTS[:, None], PLAIN)
    seen[:, 3] += 300
    weight = torch.ones(3, 17).double()
    assert ((solved(person(), seen, weight, PLAIN, far_off()) - ROOTS).norm(dim=-1) > 0.05).all()
    weight[:, 3] = 0
    torch.testing.assert_close(solved(person(), seen, weight, PLAIN, far_off()), ROOTS, rtol=0, atol=1e-5)


def test_the_start_counts_as_an_observation() -> None:
    """One joint alone says nothing of the depth, and none of anything: there the root stays where it was looked for."""
    start = Start(
        torch.tensor([[0.1, 0.0, math.log(4.0)]]).double().expand(3, 3), torch.tensor([0.3, 0.3, 0.08]).double()
    )
    seen = project(person() + ROOTS[:, None], PLAIN)
    weight = torch.zeros(3, 17).double()
    torch.testing.assert_close(solved(person(), seen, weight, PLAIN, start), in_metres(start.root))
    weight[:, 0] = 1.0
    found = solved(person(), seen, weight, PLAIN, start)
    assert found[:, 2].tolist() == pytest.approx([4.0] * 3, rel=1e-3)
    torch.testing.assert_close(project(found, PLAIN), seen[:, 0], rtol=0, atol=0.1)


def test_no_root_is_behind_or_out_of_sight() -> None:
    poses, seen = person(), project(person() + ROOTS[:, None], PLAIN)
    start = Start(far_off().root, torch.full((3,), 1e4).double())
    for size in (1e-4, 1e3):
        about = 500 + size * (seen - 500)
        depth = solved(poses, about, torch.ones(3, 17).double(), PLAIN, start, steps=30)[:, 2]
        assert ((depth > NEAR * 0.999) & (depth < FAR * 1.001)).all()


# Before any pose is known


def test_bones_say_how_far_away_they_are() -> None:
    """Of people in all directions: within what the deviation says, and with no bias to speak of."""
    generator = torch.Generator().manual_seed(5)
    count = 400
    poses = torch.zeros(count, 17, 3).double()
    for child, parent in enumerate(HUMAN36M_17.parents):
        if parent >= 0:
            way = torch.randn(count, 3, generator=generator).double()
            poses[:, child] = poses[:, parent] + 0.4 * way / way.norm(dim=-1, keepdim=True)
    depth = 3 + 4 * torch.rand(count, generator=generator).double()
    root = torch.stack([0.1 * depth, 0.05 * depth, depth], dim=-1)
    start = begin(project(poses + root[:, None], LENS), torch.ones(count, 17).double(), LENS, BONES)
    off = start.root[:, 2] - depth.log()
    assert off.median().abs() < 0.06
    assert off.std() < DEPTH_DEVIATION
    assert (start.root[:, :2] - torch.tensor([0.1, 0.05])).abs().mean() < 0.1
    # Twice as large a person stands twice as far away.
    larger = begin(project(poses + root[:, None], LENS), torch.ones(count, 17).double(), LENS, 2 * BONES)
    torch.testing.assert_close(larger.root[:, 2], start.root[:, 2] + math.log(2))


def test_joints_without_evidence_are_left_out_of_the_start() -> None:
    poses = person() + ROOTS[:, None]
    seen, weight = project(poses, PLAIN), torch.ones(3, 17).double()
    weight[:, 5] = 0
    expected = begin(seen, weight, PLAIN, BONES)
    seen[:, 5] = 1e4
    assert torch.equal(begin(seen, weight, PLAIN, BONES).root, expected.root)
    for known in (0, 1):
        weight = torch.zeros(3, 17).double()
        weight[:, :known] = 1
        found = begin(seen, weight, PLAIN, BONES)
        assert torch.isfinite(found.root).all()
        assert found.root[:, 2].exp().tolist() == pytest.approx([UNSEEN] * 3)
