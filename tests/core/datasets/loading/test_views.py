from dataclasses import replace

import pytest
import torch

from core.datasets.dataset import Views
from core.datasets.loading.pixel_layout import split_alpha
from core.geometry.lenses import Lens
from core.kernels.camera_rays import generate_rays
from tests.ball import ball_views, mixed_ball_views

MIXED = mixed_ball_views(5)


def masked(views: Views, seed: int = 0, share: float = 0.6) -> Views:
    """The views behind a random mask."""
    shape = views.images.shape[:-1]
    return replace(views, used=torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share)


def expected_pixels(views: Views, index: int):
    """All pixels of one view with their rays, from its image and its camera."""
    rays = generate_rays(views.cameras[index])
    rgbs, alphas = split_alpha(views.image(index).reshape(-1, views.images.shape[-1]))
    return rays.rays_d, rgbs, alphas


def test_spread_views_include_both_ends_and_are_evenly_spaced():
    views = ball_views(9, 8)
    few = views.spread(3)
    assert few.names == tuple(views.names[i] for i in (0, 4, 8))
    assert torch.equal(few.images, views.images[[0, 4, 8]])
    assert torch.equal(few.cameras.c2w, views.cameras.c2w[[0, 4, 8]])
    assert views.spread(100).names == views.names
    assert views.spread(1).names == views.names[:1]
    assert views.spread(3).spread(0).names == ()


def test_times_stay_with_their_views():
    views = ball_views(9, 8)
    views = replace(views, cameras=replace(views.cameras, times=torch.linspace(0.0, 1.0, 9)))
    assert torch.equal(views.spread(3).cameras.times, torch.tensor([0.0, 0.5, 1.0]))
    assert views.to("meta").cameras.times.device.type == "meta"
    assert views.moves and not views.spread(1).moves and not ball_views(2, 8).moves


def test_images_of_several_sizes_keep_their_sizes():
    for index, size in enumerate(((24, 24), (36, 20), (16, 28), (24, 24), (36, 20))):
        camera = MIXED.cameras[index]
        assert (camera.width, camera.height) == size and camera.sizes is None
        assert tuple(MIXED.image(index).shape) == (size[1], size[0], 4)
        assert tuple(MIXED.photo(index, torch.ones(3)).shape) == (size[1], size[0], 3)
        assert MIXED.n_used(index) == size[0] * size[1]


@pytest.mark.parametrize("views", [MIXED, masked(MIXED), masked(ball_views(5, 12))], ids=["sizes", "both", "mask"])
def test_a_subset_has_the_chosen_views(views):
    subset = views.take(torch.tensor([4, 1, 1]))
    assert subset.names == tuple(views.names[i] for i in (4, 1, 1))
    for index, of in enumerate((4, 1, 1)):
        assert torch.equal(subset.image(index), views.image(of))
        assert torch.equal(subset.cameras[index].K, views.cameras[of].K)
        assert views.used is None or torch.equal(subset.mask(index), views.mask(of))
    assert len(views.take(torch.empty(0, dtype=torch.int64))) == 0


@pytest.mark.parametrize("views", [MIXED, masked(MIXED), masked(ball_views(5, 12))], ids=["sizes", "both", "mask"])
def test_pixels_by_number_match_the_image_and_its_camera(views):
    for index in range(5):
        rays_d, rgbs, alphas = expected_pixels(views, index)
        mask = views.mask(index)
        kept = slice(None) if mask is None else mask.view(-1)
        used = views.used_pixels(index, torch.arange(views.n_used(index)))
        torch.testing.assert_close(used.rays.rays_d, rays_d[kept])
        assert torch.equal(used.rgbs, rgbs[kept]) and torch.equal(used.alphas, alphas[kept])
        everything = views.pixels(index, torch.arange(len(rgbs)))
        assert torch.equal(everything.rgbs, rgbs)


@pytest.mark.parametrize("among", [None, torch.tensor([1, 2, 4])])
@pytest.mark.parametrize("views", [ball_views(5, 6), MIXED, masked(MIXED), masked(ball_views(5, 6))])
def test_only_used_pixels_are_sampled_and_uniformly(views, among):
    """Each pixel is identified by its ray and colour."""
    n = 20_000
    batch = views.sample(n, torch.Generator().manual_seed(0), among)
    listed = [expected_pixels(views, index) for index in range(5)]
    every = torch.cat([torch.cat([*found], dim=1) for found in listed])
    may = torch.cat(
        [torch.full((len(rays_d),), among is None or index in among) for index, (rays_d, _, _) in enumerate(listed)]
    )
    may &= torch.ones_like(may) if views.used is None else views.used.view(-1)
    drawn = torch.cat([batch.rays.rays_d, batch.rgbs, batch.alphas], dim=1)
    nearest = torch.cat([torch.cdist(piece, every).argmin(1) for piece in drawn.split(2000)])
    torch.testing.assert_close(every[nearest], drawn, atol=1e-4, rtol=0.0)
    counts = torch.bincount(nearest, minlength=len(every))
    assert (counts[~may] == 0).all()
    expected = n / int(may.sum())
    assert ((counts[may] - expected).abs() < 6.0 * expected**0.5).all()


def test_drawing_from_no_views_is_an_error():
    for views in (MIXED, masked(MIXED), ball_views(2, 4)):
        with pytest.raises(ValueError, match="at least one view"):
            views.sample(4, torch.Generator(), torch.empty(0, dtype=torch.int64))


def test_hidden_pixels_count_as_opaque():
    views = masked(ball_views(2, 12))
    alpha = views.alpha(0)
    assert (alpha[~views.mask(0)] == 255).all()
    assert torch.equal(alpha[views.mask(0)], views.image(0)[..., 3][views.mask(0)])
    assert views.has_silhouettes
    assert not replace(views, used=views.images[..., 3] == 255).has_silhouettes


def test_masks_count_as_memory():
    views = ball_views(2, 12)
    assert (views.nbytes, masked(views).nbytes) == (2 * 144 * 4, 2 * 144 * 5)


def test_only_silhouettes_of_static_scenes_without_a_lens_carve():
    views = ball_views(3, 12)
    assert views.can_carve
    moving = replace(views.cameras, times=torch.linspace(0.0, 1.0, 3))
    bent = replace(views.cameras, lens=Lens(torch.full((3, 8), 1e-3), False))
    assert not replace(views, cameras=moving).can_carve and not replace(views, cameras=bent).can_carve
