"""A photo resampled to a view: where its pixels go."""

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


def view(photos: Views, width=WIDTH, height=HEIGHT) -> Camera:
    """A centred view from where the second photo was taken."""
    return Camera(photos.cameras.c2w[1], pinhole_matrix(0.7, width, height), width, height)


def plain(photos: Views) -> np.ndarray:
    return photos.photo(1, torch.tensor(RED)).numpy()


@pytest.mark.parametrize("n_channels", [3, 4])
def test_at_its_own_size_the_photo_is_unchanged(n_channels):
    photos = views(n_channels)
    found = photo_in_view(photos, 1, view(photos))
    np.testing.assert_allclose(found.over(RED), plain(photos), atol=1e-4)
    np.testing.assert_allclose(found.inside, 1.0, atol=1e-5)
    assert found.colors.dtype == found.opacities.dtype == np.float32


@pytest.mark.parametrize("factor", [2, 4])
def test_a_smaller_view_shows_means_over_areas(factor):
    photos = views()
    found = photo_in_view(photos, 1, view(photos, WIDTH // factor, HEIGHT // factor)).over(RED)
    blocks = plain(photos).reshape(HEIGHT // factor, factor, WIDTH // factor, factor, 3)
    np.testing.assert_allclose(found, blocks.mean((1, 3)), atol=1e-4)


def test_a_smaller_view_of_any_size_keeps_the_mean_colour():
    photos = views()
    found = photo_in_view(photos, 1, view(photos, 9, 6)).over(RED)
    np.testing.assert_allclose(found.mean((0, 1)), plain(photos).mean((0, 1)), atol=1e-4)


def test_a_larger_view_interpolates_between_the_photos_pixel_centres():
    photos = views(3)
    found, photo = photo_in_view(photos, 1, view(photos, 3 * WIDTH, 3 * HEIGHT)).over(RED), plain(photos)
    np.testing.assert_allclose(found[1::3, 1::3], photo, atol=1e-4)
    np.testing.assert_allclose(found[1::3, 2:-1:3], 2 / 3 * photo[:, :-1] + 1 / 3 * photo[:, 1:], atol=1e-4)


def test_a_principal_point_off_the_middle_shifts_the_photo():
    photos = views(dx=3.0, dy=-2.0)
    found, photo = photo_in_view(photos, 1, view(photos)), plain(photos)
    np.testing.assert_allclose(found.over(RED)[2:, :-3], photo[:-2, 3:], atol=1e-4)
    assert (found.inside[:2] == 0.0).all() and (found.opacities[:2] == 0.0).all()
    np.testing.assert_allclose(found.over(RED)[:, -3:], np.broadcast_to(np.float32(RED), (HEIGHT, 3, 3)), atol=1e-4)


def test_pixels_correspond_by_direction_and_not_by_index():
    photos, half_turn = views(), torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0]))
    rolled = dataclasses.replace(view(photos), c2w=photos.cameras.c2w[1] @ half_turn)
    np.testing.assert_allclose(photo_in_view(photos, 1, rolled).over(RED), plain(photos)[::-1, ::-1], atol=1e-4)


def test_a_wider_view_is_empty_outside_the_photo():
    photos = views(3)
    wide = Camera(photos.cameras.c2w[1], pinhole_matrix(0.7, 2 * WIDTH, HEIGHT), 2 * WIDTH, HEIGHT)
    found = photo_in_view(photos, 1, wide)
    np.testing.assert_allclose(found.over(RED)[:, WIDTH // 2 : -WIDTH // 2], plain(photos), atol=1e-4)
    assert found.inside.sum() == pytest.approx(WIDTH * HEIGHT, rel=1e-4)


def test_a_view_in_the_opposite_direction_does_not_see_the_photo():
    photos, turn = views(), torch.diag(torch.tensor([-1.0, 1.0, -1.0, 1.0]))
    found = photo_in_view(photos, 1, dataclasses.replace(view(photos), c2w=photos.cameras.c2w[1] @ turn))
    assert (found.inside == 0.0).all() and (found.over(RED) == np.float32(RED)).all()


def test_masked_pixels_are_darkened_and_do_not_count_as_inside():
    photos = views()
    used = torch.ones(2, HEIGHT, WIDTH, dtype=torch.bool)
    used[1, :, 5:] = False
    found, photo = (
        photo_in_view(dataclasses.replace(photos, used=used), 1, view(photos)),
        photo_in_view(photos, 1, view(photos)),
    )
    np.testing.assert_allclose(found.inside, np.broadcast_to(np.arange(WIDTH) < 5, (HEIGHT, WIDTH)), atol=1e-5)
    np.testing.assert_allclose(found.colors[:, :5], photo.colors[:, :5], atol=1e-6)
    np.testing.assert_allclose(found.colors[:, 5:], HIDDEN_BRIGHTNESS * photo.colors[:, 5:], atol=1e-6)
    np.testing.assert_array_equal(found.opacities, photo.opacities)


def test_photos_of_several_sizes_fill_their_own_views():
    photos = mixed_ball_views(3)
    for index in range(3):
        camera = photos.cameras[index]
        found = photo_in_view(photos, index, camera)
        np.testing.assert_allclose(found.over(RED), photos.photo(index, torch.tensor(RED)).numpy(), atol=2e-4)
        np.testing.assert_allclose(found.inside, 1.0, atol=1e-4)
