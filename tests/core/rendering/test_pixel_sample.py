"""A sample of a photo's pixels estimates the PSNR of the whole: without bias, and far better than a uniform one."""

import math

import pytest
import torch

from core.config.march import MarchSettings
from core.geometry.rays import Rays
from core.rendering.metrics import evaluate
from core.rendering.pixel_sample import pixel_psnr, sample_pixels
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from tests.ball import ball_views, mixed_ball_views
from tests.core.datasets.loading.test_views import masked
from tests.scenes import BOX, Ball

BACKGROUND = torch.tensor([1.0, 0.5, 0.0])
MARCH = MarchSettings(render_step_size=0.05)
SIZE = 64


def generator(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def sampler():
    sampler = OccupancySampler(OccupancyGrid(BOX, 8))
    sampler.grid.start(0.01, 0.95)
    return sampler


@pytest.mark.parametrize("views", [ball_views(2, 16), mixed_ball_views(2), masked(ball_views(2, 16))])
def test_a_sample_of_all_pixels_has_the_views_own_psnr(views, sampler):
    sample = sample_pixels(views, 1, 10**6, generator())
    assert len(sample.weights) == views.n_used(1)
    expected = evaluate(Ball(), sampler, views.take(torch.tensor([1])), MARCH, BACKGROUND).psnr
    assert pixel_psnr(Ball(), sampler, sample, MARCH, BACKGROUND) == pytest.approx(expected, abs=1e-3)


def means_of(view, n_pixels, n, values):
    """The weighted means of values (n_pixels of the view,) over n samples of it."""
    directions = view.pixels(0, torch.arange(SIZE * SIZE)).rays.rays_d.double()
    means = []
    for seed in range(n):
        sample = sample_pixels(view, 0, n_pixels, generator(seed))
        drawn = torch.cdist(sample.pixels.rays.rays_d.double(), directions).argmin(1)
        means.append(float((sample.weights * values[drawn]).sum()))
    return torch.tensor(means)


def test_the_estimate_has_no_bias_whatever_the_errors_are():
    view, n = ball_views(1, SIZE), 60
    for values in (torch.ones(SIZE * SIZE), torch.rand(SIZE * SIZE, generator=generator(1)) ** 4):
        means = means_of(view, 200, n, values)
        assert abs(means.mean() - values.mean()) < 4.0 * means.std() / math.sqrt(n) + 1e-6


def test_the_mean_psnr_of_four_views_is_within_a_tenth_of_a_decibel():
    """The errors are those of a blurred picture: at edges, as in every view while it is learnt."""
    view, n_pixels, n = ball_views(1, SIZE), 1024, 48
    photo = view.photo(0, BACKGROUND).permute(2, 0, 1)
    blurred = torch.nn.functional.avg_pool2d(photo, 3, stride=1, padding=1, count_include_pad=False)
    errors = (photo - blurred).square().mean(0).flatten().double()
    means = means_of(view, n_pixels, n, errors)
    decibels = -10.0 * torch.log10(means / errors.mean())
    assert decibels.view(-1, 4).mean(1).abs().quantile(0.9) < 0.1
    uniform = [torch.randperm(SIZE * SIZE, generator=generator(seed))[:n_pixels] for seed in range(n)]
    assert means.std() < 0.5 * torch.stack([errors[pixels].mean() for pixels in uniform]).std()


def test_only_pixels_that_count_are_drawn():
    views = masked(ball_views(2, SIZE))
    whole = views.pixels(1, torch.arange(SIZE * SIZE)).rays.rays_d.double()
    sample = sample_pixels(views, 1, 300, generator())
    drawn = torch.cdist(sample.pixels.rays.rays_d.double(), whole).argmin(1)
    assert len(drawn) == 300 and views.mask(1).view(-1)[drawn].all()


def test_a_photo_of_one_colour_is_sampled_evenly():
    view = ball_views(1, SIZE)
    view.images.fill_(128)
    sample = sample_pixels(view, 0, 256, generator())
    torch.testing.assert_close(sample.weights, torch.full((256,), 1.0 / 256).double())


def test_without_pixels_there_is_no_psnr(sampler):
    sample = sample_pixels(ball_views(1, 8), 0, 4, generator())
    nothing = sample._replace(
        pixels=sample.pixels._replace(rays=Rays(*(x[:0] for x in sample.pixels.rays[:2]))), weights=sample.weights[:0]
    )
    assert math.isnan(pixel_psnr(Ball(), sampler, nothing, MARCH, BACKGROUND))
