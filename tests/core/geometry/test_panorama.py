import math

import pytest
import torch

from core.config.march import THRESHOLDS_OFF, MarchSettings
from core.geometry.cameras import image_points, look_at
from core.geometry.panorama import Panorama, panorama_rays
from core.kernels.camera_rays import generate_rays
from core.rendering.render import render_image
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from tests.scenes import BALL_RADIUS, BOX, Ball, camera


def rays_of(panorama):
    n = panorama.width * panorama.height
    rays = panorama_rays(panorama, torch.arange(n))
    shape = (panorama.height, panorama.width, 3)
    return rays.rays_o.view(shape), rays.rays_d.view(shape)


def test_the_middle_looks_ahead_and_the_edges_up_down_and_around():
    c2w = look_at((1.0, 2.0, 3.0), (0.0, 0.0, 3.0))
    rays_o, rays_d = rays_of(Panorama(c2w, 400, 200))
    ahead, right, up = -c2w[:3, 2], c2w[:3, 0], c2w[:3, 1]
    assert float(0.5 * (rays_d[100, 199] + rays_d[99, 200]) @ ahead) > 0.9999
    assert float(rays_d[100, 300] @ right) > 0.999 and float(rays_d[100, 100] @ right) < -0.999
    assert float(rays_d[100, 0] @ ahead) < -0.999
    assert float(rays_d[0, 57] @ up) > 0.999 and float(rays_d[-1, 57] @ up) < -0.999
    torch.testing.assert_close(rays_d.norm(dim=-1), torch.ones(200, 400))
    torch.testing.assert_close(rays_o, c2w[:3, 3].expand_as(rays_o))


def test_it_sees_what_a_pinhole_at_its_place_sees():
    pinhole = camera(size=64)
    ys, xs = torch.meshgrid(torch.arange(8, 56, 8), torch.arange(8, 56, 8), indexing="ij")
    directions = generate_rays(pinhole).rays_d.view(64, 64, 3)[ys, xs]
    rays = panorama_rays(Panorama(pinhole.c2w, 1000, 500), torch.arange(500_000)).rays_d
    nearest = (directions.reshape(-1, 3) @ rays.T).argmax(1)
    seen_x, seen_y = image_points(pinhole, rays[nearest])
    torch.testing.assert_close(seen_x.view(6, 6), xs + 0.5, atol=0.4, rtol=0.0)
    torch.testing.assert_close(seen_y.view(6, 6), ys + 0.5, atol=0.4, rtol=0.0)


def test_two_eyes_stand_apart_at_a_right_angle_to_where_they_look_and_the_left_one_is_above():
    c2w = look_at((0.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    rays_o, rays_d = rays_of(Panorama(c2w, 36, 36, eye_distance=0.2))
    torch.testing.assert_close(rays_d[:18], rays_d[18:])
    apart = rays_o[18:] - rays_o[:18]
    torch.testing.assert_close(apart.norm(dim=-1), torch.full((18, 36), 0.2))
    torch.testing.assert_close((apart * rays_d[:18]).sum(-1), torch.zeros(18, 36), atol=1e-6, rtol=0.0)
    ahead = rays_d[9, 18]
    assert float(torch.linalg.cross(ahead, apart[9, 18]) @ c2w[:3, 1]) < 0.0, "the right eye is on the right"


def test_a_shift_of_a_pixel_is_the_next_pixel():
    c2w = look_at((0.0, 0.0, 0.0), (0.3, 1.0, 0.2))
    _, plain = rays_of(Panorama(c2w, 40, 20))
    _, shifted = rays_of(Panorama(c2w, 40, 20, shift=(1.0, 0.0)))
    torch.testing.assert_close(shifted[:, :-1], plain[:, 1:])


def test_a_ball_covers_its_solid_angle():
    sampler = OccupancySampler(OccupancyGrid(BOX, 8, 1))
    sampler.grid.start(0.01, 0.95)
    panorama = Panorama(look_at((0.0, 3.0, 0.0), (1.0, 3.0, 1.0)), 200, 100)
    march = MarchSettings(render_step_size=0.02, **THRESHOLDS_OFF)
    out = render_image(Ball(sigma=1e3), sampler, panorama, march, torch.ones(3))
    weights = torch.cos(math.pi * (torch.arange(100) + 0.5 - 50.0) / 100.0)[:, None].expand(100, 200)
    share = float((weights * out.opacities).sum() / weights.sum())
    assert share == pytest.approx(0.5 * (1.0 - math.sqrt(1.0 - (BALL_RADIUS / 3.0) ** 2)), rel=0.05)


def test_halves_must_be_equal():
    with pytest.raises(ValueError, match="equal halves"):
        Panorama(torch.eye(4), 20, 21, eye_distance=0.1)
