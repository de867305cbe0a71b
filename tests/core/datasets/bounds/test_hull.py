from dataclasses import replace

import pytest
import torch

from core.datasets.bounds.hull import find_box, occupied_cells, point_looked_at
from core.datasets.dataset import Views
from core.geometry.cameras import Camera, look_at, pinhole_matrix
from tests.ball import CENTRE, RADIUS, ball_views, mixed_ball_views

BOX = (-0.9, -1.0, -0.7, 1.1, 1.2, 1.3)


def cell_of(points: torch.Tensor, box, resolution: int) -> torch.Tensor:
    low, high = torch.tensor(box).view(2, 3)
    return ((points - low) / (high - low) * resolution).long().clamp(0, resolution - 1)


def cell_centres(box, resolution: int) -> torch.Tensor:
    low, high = torch.tensor(box).view(2, 3)
    steps = (torch.arange(resolution) + 0.5) / resolution
    return low + torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), -1) * (high - low)


def points_in_ball(n: int, seed: int, centre=CENTRE, radius=RADIUS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    directions = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=-1)
    return torch.tensor(centre) + radius * torch.rand(n, 1, generator=generator) ** (1 / 3) * directions


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("resolution", "size"), [(5, 40), (16, 97), (40, 300)])
def test_no_cell_that_holds_part_of_the_object_is_carved(seed, resolution, size):
    occupied = occupied_cells(ball_views(8, size, seed), BOX, resolution)
    i, j, k = cell_of(points_in_ball(20_000, seed), BOX, resolution).unbind(-1)
    assert occupied.shape == (resolution,) * 3
    assert occupied[i, j, k].all()


@pytest.mark.parametrize("seed", range(3))
def test_cells_away_from_the_object_are_carved(seed):
    occupied = occupied_cells(ball_views(24, 150, seed), BOX, 32)
    distance = torch.linalg.vector_norm(cell_centres(BOX, 32) - torch.tensor(CENTRE), dim=-1)
    seen_by_all = distance < 0.8  # a frame shows a ball of radius 3 sin(0.3) = 0.89 around its target
    assert not occupied[seen_by_all & (distance > 1.4 * RADIUS)].any()


@pytest.mark.parametrize("seed", range(3))
def test_more_views_never_restore_cells(seed):
    views = ball_views(12, 60, seed)
    fewer = replace(views, cameras=views.cameras[:6], images=views.images[:6], names=views.names[:6])
    assert not (occupied_cells(views, BOX, 24) & ~occupied_cells(fewer, BOX, 24)).any()


def test_a_thin_wire_is_kept():
    """A line one opaque pixel wide in each view, which reduced masks or cell centres alone would miss."""
    poses = [look_at((3.0, 0.3, 0.2), (0.0, 0.0, 0.0)), look_at((0.2, 3.0, 0.1), (0.0, 0.0, 0.0))]
    cameras = Camera(torch.stack(poses), pinhole_matrix(0.7, 600, 600).repeat(2, 1, 1), 600, 600)
    points = torch.stack([torch.zeros(4000), torch.zeros(4000), torch.linspace(-0.6, 0.6, 4000)], -1)
    images = torch.zeros(2, 600, 600, 4, dtype=torch.uint8)
    for index, c2w in enumerate(poses):
        local = (points - c2w[:3, 3]) @ c2w[:3, :3]
        columns = 300 + cameras.K[0, 0, 0] * local[:, 0] / -local[:, 2]
        rows = 300 - cameras.K[0, 0, 0] * local[:, 1] / -local[:, 2]
        images[index, rows.long(), columns.long()] = 255
    box = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
    occupied = occupied_cells(Views(cameras, images, ("a", "b")), box, 33)
    i, j, k = cell_of(points, box, 33).unbind(-1)
    assert occupied[i, j, k].all()
    assert occupied.float().mean() < 0.05


def test_cells_outside_the_frame_or_behind_the_camera_are_kept():
    empty = ball_views(1, 32, seed=0)
    empty = replace(empty, images=torch.zeros_like(empty.images))
    c2w = empty.cameras.c2w[0]
    behind = c2w[:3, 3] + 3.0 * c2w[:3, 2]
    aside = c2w[:3, 3] - 3.0 * c2w[:3, 2] + 4.0 * c2w[:3, 0]
    in_view = c2w[:3, 3] - 3.0 * c2w[:3, 2]
    for place, stays in ((behind, True), (aside, True), (c2w[:3, 3], True), (in_view, False)):
        box = tuple(torch.cat([place - 0.2, place + 0.2]).tolist())
        assert occupied_cells(empty, box, 4).all().item() is stays


def test_masked_pixels_carve_nothing():
    """The ball's lower half is missing in every image, behind a mask that hides more than that half."""
    views = ball_views(8, 60)
    images, used = views.images.clone(), torch.ones(8, 60, 60, dtype=torch.bool)
    images[:, 25:], used[:, 20:] = 0, False
    i, j, k = cell_of(points_in_ball(5_000, 0), BOX, 16).unbind(-1)
    assert not occupied_cells(replace(views, images=images), BOX, 16)[i, j, k].all()
    assert occupied_cells(replace(views, images=images, used=used), BOX, 16)[i, j, k].all()


def test_silhouettes_may_have_several_sizes():
    views = mixed_ball_views(12, sizes=((100, 100), (140, 90), (60, 120)))
    i, j, k = cell_of(points_in_ball(5_000, 0), BOX, 16).unbind(-1)
    occupied = occupied_cells(views, BOX, 16)
    assert occupied[i, j, k].all() and occupied.float().mean() < 0.3
    low, high = torch.tensor(find_box(views)).view(2, 3)
    assert (low <= torch.tensor(CENTRE) - RADIUS).all() and (high >= torch.tensor(CENTRE) + RADIUS).all()
    assert (high - low < 2.0 * RADIUS * 1.35).all()


def test_carving_without_alpha_is_an_error():
    views = ball_views(2, 16)
    views = replace(views, images=views.images[..., :3])
    with pytest.raises(ValueError, match="alpha"):
        occupied_cells(views, BOX, 8)
    with pytest.raises(ValueError, match="alpha"):
        find_box(views)


@pytest.mark.parametrize("seed", range(5))
def test_the_box_fits_the_object_closely(seed):
    generator = torch.Generator().manual_seed(seed)
    centre = tuple((torch.rand(3, generator=generator) * 10.0 - 5.0).tolist())
    radius = float(0.2 + 0.5 * torch.rand((), generator=generator))
    low, high = torch.tensor(find_box(ball_views(30, 120, seed, centre, radius))).view(2, 3)
    assert (low <= torch.tensor(centre) - radius).all()
    assert (high >= torch.tensor(centre) + radius).all()
    assert (high - low < 2.0 * radius * 1.25 + 0.1).all()


def test_close_ups_do_not_cut_the_object_off():
    """Views that the object does not fit in say nothing about what is outside their frames."""
    views = ball_views(16, 120)
    near = views.cameras.c2w.clone()
    near[::2, :3, 3] -= 1.8 * near[::2, :3, 2]
    cameras = replace(views.cameras, c2w=near)
    overflowing = views.images.clone()
    overflowing[::2] = 255
    low, high = torch.tensor(find_box(replace(views, cameras=cameras, images=overflowing))).view(2, 3)
    assert (low <= torch.tensor(CENTRE) - RADIUS).all()
    assert (high >= torch.tensor(CENTRE) + RADIUS).all()


def test_transparent_images_and_inconsistent_poses_give_no_box():
    views = ball_views(10, 60)
    assert find_box(replace(views, images=torch.zeros_like(views.images))) is None
    away = replace(views.cameras, c2w=views.cameras.c2w @ torch.diag(torch.tensor([-1.0, 1.0, -1.0, 1.0])))
    assert find_box(replace(views, cameras=away)) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_point_looked_at_is_the_intersection_of_the_axes(seed):
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(3, generator=generator)
    poses = [look_at(target + 4.0 * torch.randn(3, generator=generator), target) for _ in range(5)]
    cameras = Camera(torch.stack(poses), pinhole_matrix(0.7, 8, 8).repeat(5, 1, 1), 8, 8)
    torch.testing.assert_close(point_looked_at(cameras), target, atol=5e-3, rtol=0.0)


def test_parallel_axes_give_a_finite_point():
    poses = torch.stack([look_at((x, 0.0, 4.0), (x, 0.0, 0.0)) for x in (-1.0, 0.0, 1.0)])
    cameras = Camera(poses, pinhole_matrix(0.7, 8, 8).repeat(3, 1, 1), 8, 8)
    point = point_looked_at(cameras)
    assert point is None or point.isfinite().all()
