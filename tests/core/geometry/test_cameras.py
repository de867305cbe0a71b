import math
from dataclasses import replace

import pytest
import torch

from core.geometry.cameras import Camera, image_points, look_at, pinhole_matrix, rays_through, sees
from core.geometry.lenses import Lens
from core.geometry.rays import Rays
from core.kernels.camera_rays import generate_rays, rays_of_pixels

SEEDS = range(5)


def random_rotation(generator: torch.Generator) -> torch.Tensor:
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator))
    q = q * r.diagonal().sign()
    return q * torch.linalg.det(q)


def random_camera(seed: int, width=7, height=5) -> Camera:
    """A camera with a random pose, unequal focal lengths and an off-centre principal point."""
    generator = torch.Generator().manual_seed(seed)
    c2w = torch.eye(4)
    c2w[:3, :3] = random_rotation(generator)
    c2w[:3, 3] = 5.0 * torch.randn(3, generator=generator)
    fx, fy, dx, dy = (0.5 + torch.rand(4, generator=generator)).tolist()
    K = torch.tensor([[9.0 * fx, 0.0, 3.5 * dx], [0.0, 9.0 * fy, 2.5 * dy], [0.0, 0.0, 1.0]])
    return Camera(c2w, K, width, height)


def batch_of(cameras: list[Camera]) -> Camera:
    width, height = cameras[0].width, cameras[0].height
    return Camera(torch.stack([c.c2w for c in cameras]), torch.stack([c.K for c in cameras]), width, height)


def project(camera: Camera, points: torch.Tensor) -> torch.Tensor:
    """World points (n, 3) to image coordinates (n, 2), by the definition of a pinhole camera."""
    x, y, z = ((points - camera.c2w[:3, 3]) @ camera.c2w[:3, :3]).unbind(-1)
    K = camera.K
    return torch.stack([K[0, 0] * x / -z + K[0, 2], K[1, 1] * -y / -z + K[1, 2]], dim=-1)


@pytest.mark.parametrize("seed", SEEDS)
def test_rays_start_at_the_camera_and_are_unit_vectors(seed):
    camera = random_camera(seed)
    rays = generate_rays(camera)
    assert rays.rays_o.shape == rays.rays_d.shape == (35, 3)
    assert torch.equal(rays.rays_o, camera.c2w[:3, 3].expand(35, 3))
    torch.testing.assert_close(torch.linalg.vector_norm(rays.rays_d, dim=-1), torch.ones(35))


@pytest.mark.parametrize("seed", SEEDS)
def test_points_on_rays_project_to_pixel_centres_row_by_row(seed):
    camera = random_camera(seed)
    rays = generate_rays(camera)
    t = 0.5 + 10.0 * torch.rand(35, 1, generator=torch.Generator().manual_seed(seed))
    centres = torch.tensor([[x + 0.5, y + 0.5] for y in range(5) for x in range(7)])
    torch.testing.assert_close(project(camera, rays.rays_o + t * rays.rays_d), centres, atol=1e-3, rtol=0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_image_points_invert_ray_generation(seed):
    camera = random_camera(seed)
    xs, ys = (20.0 * torch.rand(2, 50, generator=torch.Generator().manual_seed(seed)) - 5.0).unbind()
    rays_d = rays_through(camera, xs, ys).rays_d
    for length in (1.0, 7.0):
        torch.testing.assert_close(torch.stack(image_points(camera, length * rays_d)), torch.stack([xs, ys]))
    assert torch.stack(image_points(camera, -rays_d)).isnan().all(), "points behind the camera have no image"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_principal_point_looks_along_minus_z(seed):
    camera = random_camera(seed)
    ray = rays_through(camera, camera.K[0, 2][None], camera.K[1, 2][None])
    torch.testing.assert_close(ray.rays_d[0], -camera.c2w[:3, 2])


def test_the_middle_pixel_of_an_odd_image_is_the_principal_point():
    camera = Camera(torch.eye(4), pinhole_matrix(0.8, 9, 5), 9, 5)
    torch.testing.assert_close(generate_rays(camera).rays_d[2 * 9 + 4], torch.tensor([0.0, 0.0, -1.0]))


def test_right_is_plus_x_and_the_top_row_is_plus_y():
    rays_d = generate_rays(Camera(torch.eye(4), pinhole_matrix(0.8, 4, 4), 4, 4)).rays_d.view(4, 4, 3)
    assert (rays_d[:, 1:, 0] > rays_d[:, :-1, 0]).all()
    assert (rays_d[1:, :, 1] < rays_d[:-1, :, 1]).all()
    assert (rays_d[0, :, 1] > 0.0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_moving_the_camera_moves_its_rays(seed):
    generator = torch.Generator().manual_seed(100 + seed)
    move = torch.eye(4)
    move[:3, :3], move[:3, 3] = random_rotation(generator), torch.randn(3, generator=generator)
    camera = random_camera(seed)
    before = generate_rays(camera)
    after = generate_rays(Camera(move @ camera.c2w, camera.K, camera.width, camera.height))
    torch.testing.assert_close(after.rays_d, before.rays_d @ move[:3, :3].T, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(after.rays_o, before.rays_o @ move[:3, :3].T + move[:3, 3], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("size", [(14, 10), (3, 11), (700, 1)])
def test_resizing_keeps_the_rays_through_the_image_corners(seed, size):
    camera = random_camera(seed)
    resized = camera.resized(*size)
    assert (resized.width, resized.height) == size

    def corners(c: Camera):
        xs, ys = torch.tensor([0.0, c.width, 0.0, c.width]), torch.tensor([0.0, 0.0, c.height, c.height])
        return rays_through(c, xs, ys).rays_d

    torch.testing.assert_close(corners(resized), corners(camera), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_of_cameras_gives_each_point_its_own_ray(seed):
    cameras = [random_camera(10 * seed + index) for index in range(4)]
    xs, ys = 7.0 * torch.rand(2, 4, generator=torch.Generator().manual_seed(seed))
    together = rays_through(batch_of(cameras), xs, ys)
    for index, camera in enumerate(cameras):
        alone = rays_through(camera, xs[index : index + 1], ys[index : index + 1])
        torch.testing.assert_close(together.rays_d[index], alone.rays_d[0])
        assert torch.equal(together.rays_o[index], alone.rays_o[0])


@pytest.mark.parametrize(
    "lens",
    [
        Lens(torch.tensor([0.058, -0.081, 0.01, 0.0, 0.0, 0.0, -1e-3, 2e-4])),
        Lens(torch.tensor([0.03, -0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), fisheye=True),
    ],
)
def test_pixels_survive_distortion_and_its_inverse_to_a_ten_thousandth(lens):
    K = torch.tensor([[1375.5, 0.0, 554.6], [0.0, 1374.5, 965.3], [0.0, 0.0, 1.0]])
    camera = Camera(torch.eye(4), K, 1080, 1920, lens)
    places = torch.rand(2, 500, generator=torch.Generator().manual_seed(0)) * torch.tensor([[1080.0], [1920.0]])
    for dtype, tolerance in ((torch.float64, 1e-6), (torch.float32, 1e-3)):  # float32 spacing near 1000 is 6e-5
        points = places.to(dtype)
        found = image_points(camera.to(dtype), rays_through(camera.to(dtype), *points).rays_d)
        torch.testing.assert_close(torch.stack(found), points, atol=tolerance, rtol=0.0)


def test_a_lens_shows_nothing_far_outside_its_image():
    lens = Lens(torch.tensor([-0.3, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    camera = Camera(torch.eye(4), pinhole_matrix(0.8, 100, 100), 100, 100, lens)
    far_off = torch.tensor([[3.0, 0.0, -1.0], [0.0, 0.0, 1.0]])  # where the polynomial folds back into the image
    assert not sees(camera, far_off).any()
    assert sees(camera, torch.tensor([[0.1, 0.1, -1.0]])).all()


def test_each_camera_of_a_batch_has_its_own_lens():
    coefficients = 0.1 * torch.rand(3, 8)
    cameras = batch_of([random_camera(seed) for seed in range(3)])
    cameras = replace(cameras, lens=Lens(coefficients))
    xs, ys = torch.rand(3), torch.rand(3)
    together = rays_through(cameras, xs, ys).rays_d
    for i in range(3):
        torch.testing.assert_close(together[i], rays_through(cameras[i], xs[i : i + 1], ys[i : i + 1]).rays_d[0])
    with pytest.raises(ValueError, match="a lens for each camera"):
        replace(cameras, lens=Lens(coefficients[:2]))


@pytest.mark.parametrize("fov_y", [0.1, 0.7, 2.5])
def test_the_top_and_bottom_edges_span_the_vertical_field_of_view(fov_y):
    K = pinhole_matrix(fov_y, 16, 10)
    camera = Camera(torch.eye(4), K, 16, 10)
    edges = rays_through(camera, torch.tensor([8.0, 8.0]), torch.tensor([0.0, 10.0])).rays_d
    angle = math.acos(float((edges[0] * edges[1]).sum()))
    assert angle == pytest.approx(fov_y, abs=1e-3)
    assert K[0, 0] == K[1, 1]


@pytest.mark.parametrize("fov_y", [0.0, -1.0, math.pi, math.nan])
def test_an_impossible_field_of_view_is_refused(fov_y):
    with pytest.raises(ValueError, match="between 0 and pi"):
        pinhole_matrix(fov_y, 4, 4)


@pytest.mark.parametrize("seed", SEEDS)
def test_look_at_is_a_rotation_that_faces_the_target_with_up_upwards(seed):
    generator = torch.Generator().manual_seed(seed)
    position, target, up = torch.randn(3, 3, generator=generator)
    c2w = look_at(position, target, up)
    R = c2w[:3, :3]
    torch.testing.assert_close(R.T @ R, torch.eye(3), atol=1e-5, rtol=0.0)
    assert torch.linalg.det(R) == pytest.approx(1.0, abs=1e-5)
    torch.testing.assert_close(c2w[:3, 3], position)
    forward = torch.nn.functional.normalize(target - position, dim=0)
    torch.testing.assert_close(-R[:, 2], forward, atol=1e-5, rtol=0.0)
    assert torch.dot(R[:, 0], up) == pytest.approx(0.0, abs=1e-5)
    assert torch.dot(R[:, 1], up) > 0.0


@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_looking_along_up_still_gives_a_rotation(up, side):
    c2w = look_at([3.0 * side * u for u in up], (0.0, 0.0, 0.0), up)
    torch.testing.assert_close(c2w[:3, :3].T @ c2w[:3, :3], torch.eye(3))
    assert torch.linalg.det(c2w[:3, :3]) == pytest.approx(1.0)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"c2w must be \(\.\.\., 4, 4\).*got \(3, 3\)"):
        Camera(torch.eye(3), torch.eye(3), 4, 4)
    with pytest.raises(ValueError, match="at least one pixel"):
        Camera(torch.eye(4), torch.eye(3), 0, 4)
    with pytest.raises(TypeError, match="batch"):
        len(Camera(torch.eye(4), torch.eye(3), 4, 4))


def mixed_batch() -> Camera:
    cameras = [random_camera(0, 7, 5), random_camera(1, 4, 9)]
    K, c2w = (torch.stack([getattr(c, name) for c in cameras]) for name in ("K", "c2w"))
    return Camera(c2w, K, 7, 9, sizes=torch.tensor([[7, 5], [4, 9]]))


def test_cameras_of_a_batch_may_have_different_sizes():
    batch = mixed_batch()
    assert [(batch[i].width, batch[i].height, batch[i].sizes) for i in range(2)] == [(7, 5, None), (4, 9, None)]
    assert batch.extent.tolist() == [[7.0, 5.0], [4.0, 9.0]]
    assert batch[torch.tensor([1, 1, 0])].extent.tolist() == [[4.0, 9.0], [4.0, 9.0], [7.0, 5.0]]
    assert len(generate_rays(batch[1]).rays_o) == 36
    wide = batch.to(torch.float64)
    assert wide.sizes.dtype == torch.int64 and wide.extent.dtype == torch.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pixels_of_images_of_several_sizes_need_view_indices(dtype):
    with pytest.raises(ValueError, match=r"several sizes .* pass `views`"):
        rays_of_pixels(mixed_batch().to(dtype), torch.arange(5))


def test_resizing_a_batch_resizes_each_camera():
    batch = mixed_batch()
    resized = batch.resized(20, 10)
    for i in range(2):
        torch.testing.assert_close(resized[i].K, batch[i].resized(20, 10).K)
        assert (resized[i].width, resized[i].height) == (20, 10)


def test_each_camera_needs_a_size():
    with pytest.raises(ValueError, match="a size for each"):
        replace(mixed_batch(), sizes=torch.tensor([[7, 5]]))


def test_sizes_and_times_stay_with_their_cameras():
    batch = replace(mixed_batch(), times=torch.tensor([0.25, 0.75]))
    for taken in (batch[torch.tensor([1, 0])], batch.to("cpu")[torch.tensor([1, 0])]):
        assert taken.extent.tolist() == [[4.0, 9.0], [7.0, 5.0]] and taken.times.tolist() == [0.75, 0.25]
    one = batch[1]
    assert (one.width, one.height, float(one.times)) == (4, 9, 0.75)
    torch.testing.assert_close(generate_rays(one).times, torch.full((36,), 0.75))
    assert batch.resized(20, 10).times is batch.times


@pytest.mark.parametrize("change", ["nothing", "lens", "fisheye", "one size", "no times", "float64"])
def test_rays_of_pixels_go_through_their_centres(change):
    batch = replace(mixed_batch(), times=torch.tensor([0.25, 0.75]))
    if change in ("lens", "fisheye"):
        coefficients = 0.01 * torch.rand(2, 8, generator=torch.Generator().manual_seed(0))
        batch = replace(batch, lens=Lens(coefficients, change == "fisheye"))
    elif change == "one size":
        batch = replace(batch, sizes=None)
    elif change == "no times":
        batch = replace(batch, times=None)
    elif change == "float64":
        batch = batch.to(torch.float64)
    views = torch.tensor([0, 1, 1, 0])
    together = rays_of_pixels(batch, torch.tensor([0, 35, 9, 34]), views)
    width = 4 if batch.sizes is not None else 7
    centres = [(0.5, 0.5), (35 % width + 0.5, 35 // width + 0.5), (9 % width + 0.5, 9 // width + 0.5), (6.5, 4.5)]
    xs, ys = torch.tensor(centres).unbind(1)
    torch.testing.assert_close(together, rays_through(batch[views], xs, ys))
    assert all(x is None or x.is_contiguous() for x in together)
    for i, pixel in enumerate([0, 35, 9, 34]):
        alone = generate_rays(batch[int(views[i])], pixel, pixel + 1)
        torch.testing.assert_close(Rays(*(None if x is None else x[i : i + 1] for x in together)), alone)
