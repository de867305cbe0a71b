"""The NDC frame of forward-facing cameras contains what they see, and other cameras are refused."""

import math

import pytest
import torch

from core.datasets.bounds.forward_facing import facing_frame
from core.fields.domain import in_unit_cube
from core.geometry.cameras import Camera, look_at, pinhole_matrix, rays_through
from core.kernels.contraction import Space
from tests.ball import ball_views

NEAR = 0.8


def abreast(n: int, size: int, apart: float = 0.4, fov: float = 0.9) -> Camera:
    """Cameras side by side that look along -y, the middle one at the origin."""
    eyes = [(apart * (index - (n - 1) / 2), 0.0, 0.0) for index in range(n)]
    poses = torch.stack([look_at(eye, (eye[0], -1.0, 0.0)) for eye in eyes])
    return Camera(poses, pinhole_matrix(fov, size, size).repeat(n, 1, 1), size, size)


def hand_held(n=6, size=16) -> Camera:
    """Cameras with slightly different positions and directions, as if held by hand."""
    shifts = torch.randn(n, 3, generator=torch.Generator().manual_seed(0))
    poses = [look_at((0.4 * s).tolist(), (5.0 + s[2], 0.3 * s[0], 1.0 + 0.3 * s[1])) for s in shifts]
    return Camera(torch.stack(poses), pinhole_matrix(0.8, size, size).repeat(n, 1, 1), size, size)


def upright_and_upside_down() -> Camera:
    """Two cameras that face one way, the second upside down."""
    cameras = abreast(2, 16)
    cameras.c2w[1, :3, :2] *= -1.0
    return cameras


@pytest.mark.parametrize("cameras", [abreast(3, 16), hand_held(), upright_and_upside_down()])
def test_everything_seen_fills_the_cube(cameras):
    space = Space((-1.0,) * 3 + (1.0,) * 3, "ndc", facing_frame(cameras, NEAR))
    found = []
    for x in (0.0, 5.0, 16.0):
        for y in (0.0, 9.0, 16.0):
            n = len(cameras)
            rays = rays_through(cameras, torch.full((n,), x), torch.full((n,), y))
            t = NEAR / torch.linspace(1.0, 1e-7, 20)[:, None, None]
            positions = (rays.rays_o + t * rays.rays_d).reshape(-1, 3)
            axes = torch.tensor(space.frame.axes).view(3, 3)
            u, v, d = ((positions - torch.tensor(space.frame.origin)) @ axes.T).unbind(-1)
            found.append(torch.stack([0.5 + 0.5 * u / d, 0.5 + 0.5 * v / d, 1.0 - 1.0 / d], dim=-1))
            torch.testing.assert_close(in_unit_cube(positions, space), found[-1], rtol=1e-4, atol=1e-4)
    at = torch.cat(found)
    for axis in range(2):
        assert float((at[:, axis] - 0.5).abs().max()) == pytest.approx(0.5, abs=1e-3), "no space is wasted"
    assert float(at[:, 2].min()) == pytest.approx(0.0, abs=1e-3) and float(at[:, 2].max()) == pytest.approx(1.0)


def test_one_camera_gives_the_papers_coordinates():
    camera = abreast(1, 16)
    focal_share = 1.0 / math.tan(0.45)  # the focal length in half image sizes
    expected = torch.tensor([[focal_share, 0.0, 0.0], [0.0, 0.0, focal_share], [0.0, -1.0, 0.0]])
    frame = facing_frame(camera, 1.0)
    axes = torch.tensor(frame.axes).view(3, 3)
    # the paper's near plane is flat; ours starts where the corner rays do
    near = 1.0 / float(axes[2].norm())
    assert near == pytest.approx(1.0 / math.sqrt(1.0 + 2.0 / focal_share**2), rel=1e-5)
    torch.testing.assert_close((near * axes).abs(), expected.abs(), rtol=1e-5, atol=1e-6)
    assert frame.origin == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)


def test_cameras_around_an_object_are_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"^ndc needs cameras that face one way: .* degrees .*; choose sphere$"):
        facing_frame(ball_views(8, 8).cameras, NEAR)
