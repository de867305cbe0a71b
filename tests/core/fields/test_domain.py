"""Properties of the contractions, and the kernel against its twin."""

from dataclasses import replace

import pytest
import torch

from core.datasets.bounds.forward_facing import facing_frame
from core.fields.domain import in_unit_cube, space_of
from core.geometry.placement import NdcFrame
from core.kernels.contraction import FARTHEST, Space
from core.kernels.hash_grid import hash_encode, level_layout
from core.samplers.resampling import even_edges, spacing_in
from tests.core.datasets.bounds.test_forward_facing import abreast
from tests.scenes import SMALL_TRAINING, ball_dataset

BOX = (-1.0, 0.0, 2.0, 1.0, 4.0, 3.0)
CENTRE, HALVES = torch.tensor([0.0, 2.0, 2.5]), torch.tensor([1.0, 2.0, 0.5])
FRAME = NdcFrame((0.2, -0.1, 4.0), (0.9, 0.0, 0.1, -0.05, 0.8, 0.0, 0.04, 0.02, -0.5))
SPACES = {name: Space(BOX, name) for name in ("none", "max", "sphere")} | {"ndc": Space(BOX, "ndc", FRAME)}
CONTRACTED = ("max", "sphere")


def places(n=2000, reach=20.0):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(0)) * reach


def spread(name, n=2000):
    """Positions near and far; for ndc those that its cameras see."""
    if name == "none":
        return CENTRE + HALVES * (2.0 * torch.rand(n, 3, generator=torch.Generator().manual_seed(0)) - 1.0)
    if name != "ndc":
        return CENTRE + HALVES * places(n) ** 3 / 400.0
    shares = torch.rand(n, 3, generator=torch.Generator().manual_seed(0))
    return uncontracted(torch.cat([shares[:, :2], 0.99 * shares[:, 2:]], dim=1), SPACES["ndc"])


def uncontracted(at, space):
    """The inverse of `in_unit_cube`, in float64."""
    at = at.double()
    if space.frame is not None:
        depth = 1.0 / (1.0 - at[:, 2:])
        seen = torch.cat([(2.0 * at[:, :2] - 1.0) * depth, depth], dim=1)
        axes = torch.tensor(space.frame.axes).double().view(3, 3)
        return (seen @ torch.linalg.inv(axes).T + torch.tensor(space.frame.origin).double()).float()
    if space.contraction == "none":
        return (CENTRE + HALVES * (2.0 * at - 1.0)).float()
    shell = 4.0 * at - 2.0
    size = shell.abs().amax(-1, keepdim=True) if space.contraction == "max" else shell.norm(dim=-1, keepdim=True)
    grown = torch.where(size > 1.0, shell / (size * (2.0 - size)), shell)
    return (CENTRE + HALVES * grown).float()


def test_the_boxs_corners_map_to_the_cubes():
    corners = torch.tensor([BOX[:3], BOX[3:]])
    torch.testing.assert_close(in_unit_cube(corners, SPACES["none"]), torch.tensor([[0.0] * 3, [1.0] * 3]))
    torch.testing.assert_close(in_unit_cube(corners, SPACES["max"]), torch.tensor([[0.25] * 3, [0.75] * 3]))
    faces = CENTRE + torch.cat([torch.diag(HALVES), -torch.diag(HALVES)])
    expected = 0.5 + 0.25 * torch.cat([torch.eye(3), -torch.eye(3)])
    torch.testing.assert_close(in_unit_cube(faces, SPACES["sphere"]), expected)


@pytest.mark.parametrize("name", SPACES)
def test_contraction_is_invertible(name):
    at = in_unit_cube(spread(name), SPACES[name])
    assert bool(((at >= 0.0) & (at <= 1.0)).all())
    torch.testing.assert_close(uncontracted(at, SPACES[name]), spread(name), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", CONTRACTED)
def test_inside_the_unit_ball_contraction_only_scales(name):
    ball = torch.nn.functional.normalize(places(20), dim=-1) * torch.linspace(0.01, 0.99, 20)[:, None]
    for place in CENTRE + HALVES * ball:
        jacobian = torch.autograd.functional.jacobian(lambda x: in_unit_cube(x[None], SPACES[name])[0], place)
        torch.testing.assert_close(4.0 * jacobian * HALVES, torch.eye(3))


@pytest.mark.parametrize("name", CONTRACTED)
def test_contraction_is_continuous_and_smooth_across_the_border(name):
    out = torch.nn.functional.normalize(places(200), dim=-1)
    size = out.abs().amax(-1, keepdim=True) if name == "max" else 1.0
    inside, border, outside = (
        in_unit_cube(CENTRE + HALVES * out / size * (1.0 + step), SPACES[name]) for step in (-1e-3, 0.0, 1e-3)
    )
    torch.testing.assert_close(border - inside, outside - border, rtol=0.02, atol=1e-6)


@pytest.mark.parametrize("name", CONTRACTED)
def test_infinity_maps_to_the_shell(name):
    far = in_unit_cube(CENTRE + HALVES * 1e7 * torch.nn.functional.normalize(places(200), dim=-1), SPACES[name]) - 0.5
    size = far.abs().amax(-1) if name == "max" else far.norm(dim=-1)
    torch.testing.assert_close(size, torch.full_like(size, 0.5))


def test_spheres_stay_spheres_and_directions_are_kept():
    out = torch.nn.functional.normalize(places(200), dim=-1)
    for size in (0.7, 1.3, 30.0):
        far = in_unit_cube(CENTRE + HALVES * size * out, SPACES["sphere"]) - 0.5
        torch.testing.assert_close(torch.nn.functional.normalize(far, dim=-1), out)
        torch.testing.assert_close(far.norm(dim=-1), far.norm(dim=-1).mean().expand(200))


def test_in_ndc_a_ray_is_straight_and_ends_on_the_far_face():
    """The paper's claim in appendix C: lines stay lines, and disparity becomes distance."""
    space = Space(BOX, "ndc", facing_frame(abreast(5, 4), 0.5))
    spacing = spacing_in(space)
    camera = abreast(1, 4)  # at the frame's origin
    depth_rate = -camera.c2w[0, :3, 2]
    for direction in torch.nn.functional.normalize(depth_rate + 0.2 * places(20, 1.0), dim=-1):
        first = torch.tensor([0.5 / float(direction @ depth_rate)])
        t = spacing.stretched(even_edges(first, torch.tensor([1e5]), 8, spacing, None))[0]
        at = in_unit_cube(camera.c2w[0, :3, 3] + t[:, None] * direction, space)
        torch.testing.assert_close(at.diff(dim=0), (at[-1:] - at[:1]).expand(8, 3) / 8.0, rtol=1e-3, atol=1e-5)
        assert float(at[-1, 2]) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", SPACES)
def test_the_hash_grid_contracts_in_the_same_way(name):
    """A table whose entries are the positions of their vertices returns the queried positions."""
    n = 4
    levels = level_layout(1, n, n, 16)
    grid = torch.stack(torch.meshgrid(*[torch.arange(n + 1.0)] * 3, indexing="ij"), dim=-1)
    table = grid.permute(2, 1, 0, 3).reshape(-1, 3) / n  # x varies fastest
    for columns in (slice(0, 2), slice(1, 3)):
        found = hash_encode(spread(name, 500), table[:, columns].contiguous(), levels.info, SPACES[name])
        expected = in_unit_cube(spread(name, 500), SPACES[name])[:, columns]
        torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("name", ["max", "sphere", "ndc"])
def test_infinitely_far_positions_become_finite_and_nan_stays_nan(name):
    far = torch.tensor([[torch.inf, 1.0, 1.0], [1.0, -torch.inf, torch.inf], [1e30, 0.0, -3e38], [0.0, torch.nan, 0.0]])
    levels = level_layout(2, 4, 8, 10)
    table = torch.rand(levels.n_entries, 2)
    at, features = in_unit_cube(far, SPACES[name]), hash_encode(far, table, levels.info, SPACES[name])
    assert bool(((at[:3] >= 0.0) & (at[:3] <= 1.0)).all()) and bool(features[:3].isfinite().all())
    assert bool(at[3].isnan().any()) and bool(features[3].isnan().all())
    torch.testing.assert_close(features[:3], hash_encode(at[:3], table, levels.info), rtol=1e-4, atol=1e-4)
    assert torch.finfo(torch.float32).max > FARTHEST**2


def test_without_a_contraction_the_outermost_box_is_covered_and_the_default_follows_the_levels():
    dataset = replace(ball_dataset(), n_levels=3)
    spaces = [
        space_of(dataset, replace(SMALL_TRAINING, grid_levels=levels, contraction=contraction))
        for levels, contraction in ((1, None), (3, None), (3, "none"), (3, "sphere"), (1, "max"))
    ]
    assert [space.contraction for space in spaces] == ["none", "max", "none", "sphere", "max"]
    assert spaces[2].box == tuple(4.0 * x for x in dataset.box)
    assert all(space.box == dataset.box for number, space in enumerate(spaces) if number != 2)
    with pytest.raises(ValueError, match="choose sphere"):
        space_of(dataset, replace(SMALL_TRAINING, contraction="ndc"))
    with pytest.raises(ValueError, match="contraction must be one of none, max"):
        replace(SMALL_TRAINING, contraction="cube")
