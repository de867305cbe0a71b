"""Properties of the one path."""

import math
from dataclasses import replace

import pytest
import torch

from core.config.march import THRESHOLDS_OFF, MarchSettings
from core.fields.base import PIECE
from core.fields.ngp import NGPField
from core.geometry.cameras import Camera, image_points, look_at
from core.geometry.lenses import Lens
from core.geometry.rays import Rays
from core.kernels.camera_rays import generate_rays
from core.kernels.contraction import Space
from core.kernels.runtime.launch import using_threads
from core.rendering.render import render_image, render_rays
from core.rendering.timing import Stopwatch
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from tests.scenes import BALL_RADIUS, BOX, SMALL_FIELD, Ball, Fog, ball_dataset, camera

WHITE = torch.ones(3)
MARCH = MarchSettings(render_step_size=0.02, **THRESHOLDS_OFF)


def full_sampler(box=BOX, resolution=8, n_levels=1):
    sampler = OccupancySampler(OccupancyGrid(box, resolution, n_levels))
    sampler.grid.start(0.01, 0.95)
    return sampler


def dense_reference(field, rays, march, background):
    """All intervals of all rays in the box, without grid or packing: weights from products of (1 - alpha)."""
    n = int(8.0 / march.render_step_size)
    t_starts = march.near_plane + march.render_step_size * torch.arange(n)
    t_mids = t_starts + march.render_step_size / 2
    positions = rays.rays_o[:, None] + rays.rays_d[:, None] * t_mids[None, :, None]
    inside = (positions.abs() <= 1.0).all(-1)
    sigmas, features = field.density(positions.reshape(-1, 3))
    directions = rays.rays_d[:, None].expand_as(positions).reshape(-1, 3)
    rgbs = field.color(features, directions).view(*positions.shape)
    alphas = (1 - torch.exp(-sigmas.view(inside.shape) * march.render_step_size)) * inside
    trans = torch.cumprod(torch.cat([torch.ones_like(alphas[:, :1]), 1 - alphas], 1), 1)
    weights = trans[:, :-1] * alphas
    return (weights[..., None] * rgbs).sum(1) + trans[:, -1:] * background, weights.sum(1)


@pytest.mark.parametrize("field", [Ball(), Ball(sigma=2.0), Fog()])
def test_with_thresholds_off_the_image_equals_the_dense_march(field):
    rays = generate_rays(camera(size=24))
    background = torch.tensor([0.2, 0.5, 0.9])
    out = render_rays(field, full_sampler(), rays, MARCH, background)
    colors, opacities = dense_reference(field, rays, MARCH, background)
    torch.testing.assert_close(out.colors, colors, rtol=0, atol=1e-3)
    torch.testing.assert_close(out.opacities, opacities, rtol=0, atol=1e-3)


@pytest.mark.parametrize("thresholds", [{}, {"early_stop_eps": 0.1}, {"alpha_thre": 0.03, "early_stop_eps": 0.02}])
def test_any_round_size_gives_the_same_image(thresholds):
    rays = generate_rays(camera(size=24))
    march = replace(MARCH, **thresholds)
    pictures = [render_rays(Fog(), full_sampler(), rays, march, WHITE, round_size=k) for k in (1, 5, 64, 1024)]
    for picture in pictures[1:]:
        torch.testing.assert_close(picture.colors, pictures[0].colors, rtol=0, atol=1e-6)
        assert torch.equal(picture.n_kept, pictures[0].n_kept)


def test_chunk_size_does_not_change_an_image():
    view = camera(size=32)
    whole = render_image(Fog(), full_sampler(), view, MARCH, WHITE)
    parts = render_image(Fog(), full_sampler(), view, MARCH, WHITE, chunk=100)
    torch.testing.assert_close(parts.colors, whole.colors, rtol=0, atol=1e-6)
    assert whole.colors.shape == (32, 32, 3) and whole.depths.shape == (32, 32)


@pytest.mark.parametrize("field", [Fog(), NGPField(SMALL_FIELD, Space(BOX), torch.Generator().manual_seed(0))])
@pytest.mark.parametrize("thresholds", [{}, {"alpha_thre": 0.03, "early_stop_eps": 0.02}])
def test_the_field_may_be_evaluated_in_pieces_of_any_size(field, thresholds, monkeypatch):
    march, view = replace(MARCH, **thresholds), camera(size=24)
    whole = render_image(field, full_sampler(), view, march, WHITE)
    for piece in (1000, 4097):
        monkeypatch.setitem(PIECE, "cpu", piece)
        parts = render_image(field, full_sampler(), view, march, WHITE)
        torch.testing.assert_close(parts.colors, whole.colors, rtol=0, atol=1e-6)
        for name in ("n_dense", "n_marched", "n_kept", "stopped"):
            assert torch.equal(getattr(parts, name), getattr(whole, name))


def test_without_gradients_the_field_never_sees_more_samples_than_a_piece(monkeypatch):
    seen = []

    class Counted(Fog):
        def density(self, positions):
            seen.append(positions.shape[0])
            return super().density(positions)

        def color(self, features, directions):
            seen.append(directions.shape[0])
            return super().color(features, directions)

    monkeypatch.setitem(PIECE, "cpu", 500)
    render_image(Counted(), full_sampler(), camera(size=24), MARCH, WHITE)
    assert max(seen) == 500


@pytest.mark.parametrize("bent", ["not", "perspective", "fisheye"])
def test_pixels_of_a_training_view_equal_the_rendered_image(bent):
    views = ball_dataset().train
    if bent != "not":
        coefficients = torch.tensor([0.2, -0.1, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0]).repeat(len(views), 1)
        lens = Lens(coefficients, fisheye=bent == "fisheye")
        views = replace(views, cameras=replace(views.cameras, lens=lens))
    field, sampler = Fog(), full_sampler()
    image = render_image(field, sampler, views.cameras[2], MARCH, WHITE)
    batch = views.sample(4000, torch.Generator().manual_seed(0))
    out = render_rays(field, sampler, batch.rays, MARCH, WHITE)
    of_view = (batch.rays.rays_o == views.cameras.c2w[2, :3, 3]).all(1)
    assert of_view.sum() > 100
    x, y = image_points(views.cameras[2], batch.rays.rays_d[of_view])
    torch.testing.assert_close(out.colors[of_view], image.colors[y.long(), x.long()], rtol=0, atol=1e-5)


def test_an_opaque_balls_depth_and_silhouette_are_right():
    view = camera(size=65)
    out = render_image(Ball(sigma=1e4), full_sampler(resolution=16), view, replace(MARCH, render_step_size=5e-3), WHITE)
    distance = float(torch.linalg.vector_norm(view.c2w[:3, 3]))
    assert float(out.depths[32, 32]) == pytest.approx(distance - BALL_RADIUS, abs=0.01)
    assert torch.isinf(out.depths[0, 0]) and float(out.opacities[0, 0]) == 0.0
    torch.testing.assert_close(out.colors[0, 0], WHITE)
    torch.testing.assert_close(out.colors[32, 32], torch.tensor([0.8, 0.3, 0.1]), rtol=0, atol=1e-3)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 7.0])
def test_a_homogeneous_box_transmits_exp_of_minus_sigma_length(sigma):
    rays = Rays(torch.tensor([[-3.0, 0.1, 0.2]]), torch.tensor([[1.0, 0.0, 0.0]]))
    march = replace(MARCH, render_step_size=0.01)
    out = render_rays(Ball(sigma, radius=9.0), full_sampler(), rays, march, WHITE)
    assert 1 - float(out.opacities[0]) == pytest.approx(math.exp(-2.0 * sigma), abs=2e-3)


def test_opacity_grows_with_density():
    rays = generate_rays(camera(size=16))
    thin, thick = (render_rays(Ball(sigma), full_sampler(), rays, MARCH, WHITE).opacities for sigma in (1.0, 2.0))
    assert (thick >= thin - 1e-6).all() and (thick > thin).any()


def test_turning_scene_and_camera_together_changes_nothing():
    class Turned(Fog):  # about z by a quarter: (x, y) -> (-y, x)
        def density(self, positions):
            x, y, z = positions.unbind(-1)
            return super().density(torch.stack([y, -x, z], -1))

        def color(self, features, directions):
            x, y, z = directions.unbind(-1)
            return super().color(features, torch.stack([y, -x, z], -1))

    view = camera(size=24)
    quarter = torch.eye(4)
    quarter[:2, :2] = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    turned = Camera(quarter @ view.c2w, view.K, view.width, view.height)
    a = render_image(Fog(), full_sampler(), view, MARCH, WHITE)
    b = render_image(Turned(), full_sampler(), turned, MARCH, WHITE)
    torch.testing.assert_close(a.colors, b.colors, rtol=0, atol=1e-4)


def test_early_stop_saves_evaluations_and_is_counted():
    rays = generate_rays(camera(size=32, distance=2.0))
    ball, sampler = Ball(sigma=400.0), full_sampler()
    off = render_rays(ball, sampler, rays, MARCH, WHITE, round_size=4)
    on = render_rays(ball, sampler, rays, replace(MARCH, early_stop_eps=1e-2), WHITE, round_size=4)
    assert int(on.n_marched.sum()) < 0.9 * int(off.n_marched.sum())
    assert not off.stopped.any()
    assert torch.equal(on.stopped, off.opacities > 1 - 1e-2)
    torch.testing.assert_close(on.colors, off.colors, rtol=0, atol=1.01e-2)


@torch.no_grad()
def test_the_statistics_match_the_march():
    rays = generate_rays(camera(size=24))
    march = replace(MARCH, early_stop_eps=1e-2, alpha_thre=0.3)
    watch = Stopwatch(Ball(sigma=20.0), full_sampler(), "cpu")
    out = render_rays(watch.field, watch.sampler, rays, march, WHITE)
    stages = watch.stages()
    assert (stages.n_density, stages.n_color) == (int(out.n_marched.sum()), int(out.n_kept.sum()))
    assert min(stages.march, stages.field, stages.composite) > 0.0
    dense = render_rays(Ball(sigma=20.0), full_sampler(), rays, replace(MARCH, early_stop_eps=0.0), WHITE)
    assert torch.equal(out.n_dense, dense.n_marched), "a full grid skips nothing"
    through = ~out.stopped
    # transmittance at the end of the march, over all samples, including those below the alpha threshold
    torch.testing.assert_close(out.trans[through], 1.0 - dense.opacities[through], rtol=0, atol=1e-5)
    assert (out.trans[out.stopped] < 1e-2).all()
    seen = dense.opacities > 0.6
    assert seen.any() and (dense.median_depths[seen] > 0.0).all()
    assert (dense.median_depths[seen] - dense.depths[seen]).abs().max() < 2 * BALL_RADIUS
    assert torch.isinf(dense.median_depths[dense.opacities < 0.49]).all()


def test_a_camera_inside_the_box_and_empty_cases():
    inside = Camera(look_at((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)), camera(size=16).K, 16, 16)
    assert (render_image(Ball(), full_sampler(), inside, MARCH, WHITE).opacities > 0.99).all()
    nothing = Rays(torch.zeros(0, 3), torch.zeros(0, 3))
    assert render_rays(Ball(), full_sampler(), nothing, MARCH, WHITE).colors.shape == (0, 3)
    empty = full_sampler()
    empty.grid.occs.fill_(-1.0)
    out = render_image(Ball(), empty, camera(size=8), MARCH, WHITE)
    assert torch.equal(out.colors, torch.ones(8, 8, 3)) and int(out.n_marched.sum()) == 0


def test_a_cancelled_image_is_none():
    answers = iter([False, False, True])
    assert render_image(Fog(), full_sampler(), camera(), MARCH, WHITE, lambda: next(answers), chunk=100) is None


def test_jitter_depends_on_the_generator_alone():
    rays = generate_rays(camera(size=16))

    def render(seed):
        generator = torch.Generator().manual_seed(seed)
        return render_rays(Fog(), full_sampler(), rays, MARCH, WHITE, generator).colors

    assert torch.equal(render(1), render(1))
    assert not torch.equal(render(1), render(2))


@pytest.mark.parametrize("chunk", [100, 1 << 15])
def test_rendering_on_several_threads_gives_the_same_image(chunk):
    pictures = []
    for threads in (1, 2, 3):
        with using_threads(threads):
            pictures.append(render_image(Fog(), full_sampler(), camera(), MARCH, WHITE, chunk=chunk))
    for picture in pictures[1:]:
        for found, expected in zip(picture, pictures[0], strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
