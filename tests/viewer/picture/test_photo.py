"""A photo resampled to a view: laws of where its pixels go."""

import dataclasses

import numpy as np
import pytest
import torch

from core.datasets.dataset import Views
from core.geometry.cameras import Camera, look_at, pinhole_matrix
from tests.ball import mixed_ball_views
from viewer.picture.photo import HIDDEN_BRIGHTNESS, photo_in_view

WIDTH, HEIGHT = 12, 8
RED = (1.0, 0.0, 0.0)


def views(n_channels=4, dx=0.0, dy=0.0, seed=0) -> Views:
    """Two random photos whose principal points lie off the middle by (dx, dy)."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (2, HEIGHT, WIDTH, n_channels), dtype=torch.uint8, generator=generator)
    c2w = torch.stack([look_at((3.0, i, 1.0), (0.0, 0.0, 0.0)) for i in range(2)])
    K = pinhole_matrix(0.7, WIDTH, HEIGHT) + torch.tensor([[0.0, 0.0, dx], [0.0, 0.0, dy], [0.0, 0.0, 0.0]])
    return Views(Camera(c2w, K.expand(2, 3, 3), WIDTH, HEIGHT), images, ("a", "b"))


def view(of: Views, width=WIDTH, height=HEIGHT) -> Camera:
    """A centred view from where the second photo was taken."""
    return Camera(of.cameras.c2w[1], pinhole_matrix(0.7, width, height), width, height)


def plain(of: Views) -> np.ndarray:
    return of.photo(1, torch.tensor(RED)).numpy()


@pytest.mark.parametrize("n_channels", [3, 4])
def test_at_its_own_size_the_photo_comes_back(n_channels):
    of = views(n_channels)
    got = photo_in_view(of, 1, view(of))
    np.testing.assert_allclose(got.over(RED), plain(of), atol=1e-4)
    np.testing.assert_allclose(got.inside, 1.0, atol=1e-5)
    assert got.colors.dtype == got.opacities.dtype == np.float32


@pytest.mark.parametrize("factor", [2, 4])
def test_a_smaller_view_shows_means_over_areas(factor):
    of = views()
    got = photo_in_view(of, 1, view(of, WIDTH // factor, HEIGHT // factor)).over(RED)
    blocks = plain(of).reshape(HEIGHT // factor, factor, WIDTH // factor, factor, 3)
    np.testing.assert_allclose(got, blocks.mean((1, 3)), atol=1e-4)


def test_a_smaller_view_of_any_size_keeps_the_light():
    of = views()
    got = photo_in_view(of, 1, view(of, 9, 6)).over(RED)
    np.testing.assert_allclose(got.mean((0, 1)), plain(of).mean((0, 1)), atol=1e-4)


def test_a_larger_view_interpolates_between_the_photos_pixel_centres():
    of = views(3)
    got, photo = photo_in_view(of, 1, view(of, 3 * WIDTH, 3 * HEIGHT)).over(RED), plain(of)
    np.testing.assert_allclose(got[1::3, 1::3], photo, atol=1e-4)
    np.testing.assert_allclose(got[1::3, 2:-1:3], 2 / 3 * photo[:, :-1] + 1 / 3 * photo[:, 1:], atol=1e-4)


def test_a_principal_point_off_the_middle_shifts_the_photo():
    of = views(dx=3.0, dy=-2.0)
    got, photo = photo_in_view(of, 1, view(of)), plain(of)
    np.testing.assert_allclose(got.over(RED)[2:, :-3], photo[:-2, 3:], atol=1e-4)
    assert (got.inside[:2] == 0.0).all() and (got.opacities[:2] == 0.0).all()
    np.testing.assert_allclose(got.over(RED)[:, -3:], np.broadcast_to(np.float32(RED), (HEIGHT, 3, 3)), atol=1e-4)


def test_where_the_view_looks_decides_and_not_its_raster():
    of, half_turn = views(), torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0]))
    rolled = dataclasses.replace(view(of), c2w=of.cameras.c2w[1] @ half_turn)
    np.testing.assert_allclose(photo_in_view(of, 1, rolled).over(RED), plain(of)[::-1, ::-1], atol=1e-4)


def test_a_wider_view_has_nothing_outside_the_photo():
    of = views(3)
    wide = Camera(of.cameras.c2w[1], pinhole_matrix(0.7, 2 * WIDTH, HEIGHT), 2 * WIDTH, HEIGHT)
    got = photo_in_view(of, 1, wide)
    np.testing.assert_allclose(got.over(RED)[:, WIDTH // 2 : -WIDTH // 2], plain(of), atol=1e-4)
    assert got.inside.sum() == pytest.approx(WIDTH * HEIGHT, rel=1e-4)


def test_a_view_the_other_way_sees_nothing_of_it():
    of, turn = views(), torch.diag(torch.tensor([-1.0, 1.0, -1.0, 1.0]))
    got = photo_in_view(of, 1, dataclasses.replace(view(of), c2w=of.cameras.c2w[1] @ turn))
    assert (got.inside == 0.0).all() and (got.over(RED) == np.float32(RED)).all()


def test_what_a_mask_hides_is_darkened_and_is_not_inside():
    of = views()
    used = torch.ones(2, HEIGHT, WIDTH, dtype=torch.bool)
    used[1, :, 5:] = False
    got, photo = photo_in_view(dataclasses.replace(of, used=used), 1, view(of)), photo_in_view(of, 1, view(of))
    np.testing.assert_allclose(got.inside, np.broadcast_to(np.arange(WIDTH) < 5, (HEIGHT, WIDTH)), atol=1e-5)
    np.testing.assert_allclose(got.colors[:, :5], photo.colors[:, :5], atol=1e-6)
    np.testing.assert_allclose(got.colors[:, 5:], HIDDEN_BRIGHTNESS * photo.colors[:, 5:], atol=1e-6)
    np.testing.assert_array_equal(got.opacities, photo.opacities)


def test_photos_of_several_sizes_fill_their_own():
    of = mixed_ball_views(3)
    for index in range(3):
        camera = of.cameras[index]
        got = photo_in_view(of, index, camera)
        np.testing.assert_allclose(got.over(RED), of.photo(index, torch.tensor(RED)).numpy(), atol=2e-4)
        np.testing.assert_allclose(got.inside, 1.0, atol=1e-4)
