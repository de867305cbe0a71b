import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.config.march import MarchSettings
from core.geometry.rays import RenderOutput
from core.rendering import metrics
from core.rendering.metrics import PixelErrors, decibels, evaluate, psnr, ssim
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid
from tests.ball import ball_views, mixed_ball_views
from tests.scenes import BOX, Ball

SEEDS = range(4)


def image(seed: int, height=24, width=31) -> torch.Tensor:
    """An image with edges, gradients and noise."""
    generator = torch.Generator().manual_seed(seed)
    ramp = torch.linspace(0.0, 0.5, width).expand(height, width)[..., None].repeat(1, 1, 3)
    ramp[height // 3 :, : width // 2] += 0.3
    return (ramp + 0.2 * torch.rand(height, width, 3, generator=generator)).clamp(0.0, 1.0)


def noisy(picture: torch.Tensor, amount: float, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1000 + seed)
    return (picture + amount * torch.randn(picture.shape, generator=generator)).clamp(0.0, 1.0)


def ssim_by_definition(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004, window by window, with weighted variances about each window's own mean."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))[..., None]
    window /= window.sum()
    values = []
    for row in range(a.shape[0] - 10):
        for column in range(a.shape[1] - 10):
            x, y = (picture[row : row + 11, column : column + 11] for picture in (a, b))
            mean_x, mean_y = (window * x).sum((0, 1)), (window * y).sum((0, 1))
            var_x, var_y = (window * (x - mean_x) ** 2).sum((0, 1)), (window * (y - mean_y) ** 2).sum((0, 1))
            covariance = (window * (x - mean_x) * (y - mean_y)).sum((0, 1))
            luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
            values.append(luminance * (2 * covariance + 9e-4) / (var_x + var_y + 9e-4))
    return float(np.mean(values))


@pytest.mark.parametrize("error", [0.5, 0.1, 0.01])
def test_psnr_of_a_constant_error_is_known(error):
    a = torch.full((8, 9, 3), 0.25)
    assert psnr(a, a + error) == pytest.approx(-20.0 * math.log10(error), abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_psnr_is_symmetric_and_falls_with_the_error(seed):
    a = image(seed)
    values = [psnr(a, noisy(a, amount, seed)) for amount in (0.01, 0.05, 0.2)]
    assert values == sorted(values, reverse=True)
    assert psnr(a, noisy(a, 0.1, seed)) == psnr(noisy(a, 0.1, seed), a)


def test_psnr_of_equal_images_is_infinite():
    assert psnr(image(0), image(0)) == math.inf


def test_ten_decibels_more_are_a_tenth_of_the_squared_error():
    assert decibels(1.0) == 0.0
    assert decibels(0.02) - decibels(0.2) == pytest.approx(10.0)
    assert decibels(0.0) == math.inf


def test_nan_never_counts_as_equal():
    assert math.isnan(decibels(math.nan))
    broken = image(0).clone()
    broken[0, 0, 0] = math.nan
    assert math.isnan(psnr(broken, image(0)))
    errors = PixelErrors()
    for a in (image(0), broken, noisy(image(0), 0.2, 0)):
        errors.add(a.view(-1, 3), image(0).view(-1, 3))
    assert math.isnan(errors.psnr) and math.isnan(errors.largest)


@pytest.mark.parametrize("seed", SEEDS)
def test_ssim_equals_the_papers_formula_window_by_window(seed):
    a = image(seed)
    b = noisy(a, 0.05 * (seed + 1), seed)
    assert ssim(a, b) == pytest.approx(ssim_by_definition(a.double().numpy(), b.double().numpy()), abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_ssim_is_symmetric_at_most_one_and_falls_with_noise(seed):
    a = image(seed)
    assert ssim(a, a) == pytest.approx(1.0, abs=1e-12)
    values = [ssim(a, noisy(a, amount, seed)) for amount in (0.0, 0.02, 0.1, 0.4)]
    assert values == sorted(values, reverse=True)
    b = noisy(a, 0.1, seed)
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)


def test_ssim_of_flat_images_depends_on_their_means_only():
    x, y = 0.9, 0.3
    a, b = torch.full((11, 11, 3), x), torch.full((11, 11, 3), y)
    assert ssim(a, b) == pytest.approx((2 * x * y + 1e-4) / (x**2 + y**2 + 1e-4), abs=1e-6)


def test_images_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match=r"one shape.*\(4, 4, 3\) and \(4, 5, 3\)"):
        psnr(torch.zeros(4, 4, 3), torch.zeros(4, 5, 3))
    with pytest.raises(ValueError, match="one shape"):
        ssim(torch.zeros(20, 20, 3), torch.zeros(20, 21, 3))
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim(torch.zeros(20, 10, 3), torch.zeros(20, 10, 3))


@pytest.mark.parametrize("seed", SEEDS)
def test_masked_ssim_is_the_mean_over_the_windows_without_hidden_pixels(seed):
    """Pixels behind the mask have no influence."""
    a, mask = image(seed), torch.ones(24, 31, dtype=torch.bool)
    b = noisy(a, 0.1, seed)
    mask[:, 20:] = False
    assert ssim(a, b, mask) == pytest.approx(ssim(a[:, :20], b[:, :20]), abs=1e-12)
    other = torch.where(mask[..., None], b, 1.0 - b)
    assert ssim(a, other, mask) == ssim(a, b, mask)
    assert ssim(a, b, torch.ones_like(mask)) == ssim(a, b)
    mask[::8, ::8] = False
    assert math.isnan(ssim(a, b, mask)), "every window contains a hidden pixel"


BACKGROUND = torch.tensor([1.0, 0.5, 0.0])


@pytest.fixture
def painted_views(monkeypatch):
    """Replaces rendering: view k of the ball is its photo plus an error that depends on k."""
    views = ball_views(3, 24)
    errors = (0.1, 0.01, 0.2)

    def render_image(field, sampler, camera, march, background):
        matches = (views.cameras.c2w == camera.c2w).all(-1).all(-1)
        index = int(matches.nonzero()[0, 0])
        photo = views.photo(index, background)
        colors = torch.where(photo < 0.5, photo + errors[index], photo - errors[index])
        return RenderOutput(colors, *[torch.zeros(24, 24)] * 8)

    monkeypatch.setattr(metrics, "render_image", render_image)
    return views, errors


def test_metrics_are_means_of_per_view_values(painted_views):
    views, errors = painted_views
    seen = []
    result = evaluate(None, None, views, MarchSettings(), BACKGROUND, lambda *call: seen.append(call))
    assert [score.name for score in result.per_view] == list(views.names)
    expected = [-20.0 * math.log10(error) for error in errors]
    assert [score.psnr for score in result.per_view] == pytest.approx(expected, abs=1e-3)
    assert result.psnr == pytest.approx(sum(expected) / 3, abs=1e-3)
    assert result.ssim == pytest.approx(sum(score.ssim for score in result.per_view) / 3)
    assert result.n_views == 3
    assert [index for index, _, _ in seen] == [0, 1, 2]
    for index, rendered, photo in seen:
        assert torch.equal(photo, views.photo(index, BACKGROUND))
        assert result.per_view[index].ssim == ssim(rendered, photo)


def test_rendered_colours_are_clamped_before_they_are_compared(monkeypatch):
    views = ball_views(1, 16)
    beyond = 100.0 * (views.photo(0, torch.ones(3)) - 0.5)
    monkeypatch.setattr(metrics, "render_image", lambda *_: RenderOutput(beyond, *[torch.zeros(16, 16)] * 8))
    result = evaluate(None, None, views, MarchSettings(), torch.ones(3))
    assert result.psnr == pytest.approx(psnr(beyond.clamp(0.0, 1.0), views.photo(0, torch.ones(3))))


def test_images_smaller_than_ssims_window_have_no_ssim(monkeypatch):
    views = ball_views(2, 10)
    monkeypatch.setattr(metrics, "render_image", lambda *_: RenderOutput(*[torch.zeros(10, 10, 3)] * 9))
    result = evaluate(None, None, views, MarchSettings(), BACKGROUND)
    assert math.isnan(result.ssim)
    assert math.isfinite(result.psnr)


def test_masked_pixels_are_not_compared(painted_views):
    """Other colours in a view's hidden half change none of its metrics; a view without a whole window has no SSIM."""
    views, errors = painted_views
    used = torch.ones(3, 24, 24, dtype=torch.bool)
    used[0, :, 12:], used[1, ::6, ::6] = False, False
    images = views.images.clone()
    images[0, :, 12:] = torch.tensor([200, 10, 200, 255], dtype=torch.uint8)
    hidden = replace(views, images=images, used=used)
    result = evaluate(None, None, hidden, MarchSettings(), BACKGROUND)
    assert [score.psnr for score in result.per_view] == pytest.approx(
        [-20.0 * math.log10(error) for error in errors], abs=1e-3
    )
    assert math.isnan(result.per_view[1].ssim)
    assert result.ssim == pytest.approx(0.5 * (result.per_view[0].ssim + result.per_view[2].ssim))


def test_views_of_several_sizes_are_rendered_and_compared_at_their_own():
    views, sampler = mixed_ball_views(3), OccupancySampler(OccupancyGrid(BOX, 8))
    sampler.grid.start(0.01, 0.95)
    seen = []
    result = evaluate(
        Ball(), sampler, views, MarchSettings(render_step_size=0.1), BACKGROUND, lambda i, a, b: seen.append((a, b))
    )
    assert [tuple(a.shape) for a, _ in seen] == [(24, 24, 3), (20, 36, 3), (28, 16, 3)]
    assert [score.psnr for score in result.per_view] == pytest.approx([psnr(a, b) for a, b in seen])


def test_no_views_are_refused():
    views = ball_views(1, 8)
    nothing = type(views)(views.cameras[:0], views.images[:0], ())
    with pytest.raises(ValueError, match="at least one view"):
        evaluate(None, None, nothing, MarchSettings(), BACKGROUND)
