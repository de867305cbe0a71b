import math
from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.training.batches import BatchSource, guess_samples_per_ray, restore_generator
from tests.scenes import ball_dataset


def numbered_views():
    """Opaque training views whose pixels encode their view's index in red."""
    views = ball_dataset().train
    images = torch.zeros_like(views.images)
    images[..., 0] = torch.arange(len(views)).view(-1, 1, 1)
    images[..., 3] = 255
    return replace(views, images=images)


def test_batches_come_from_all_views_but_the_excluded_ones():
    source = BatchSource(numbered_views(), frozenset({0, 2}))
    drawn = source.draw(2000, torch.Generator().manual_seed(0)).targets
    n_views = len(source.views)
    assert set((255.0 * drawn[:, 0]).round().int().tolist()) == set(range(n_views)) - {0, 2}
    assert len(source.included) == n_views - 2
    source.exclude(frozenset())
    assert source.included == list(range(n_views)) and source.excluded == frozenset()


def test_a_refused_exclusion_changes_nothing():
    source = BatchSource(numbered_views(), frozenset({1}))
    n_views = len(source.views)
    for views, message in ((frozenset(range(n_views)), "keep one"), (frozenset({n_views}), "can't exclude")):
        with pytest.raises(ValueError, match=message):
            source.exclude(views)
    assert source.excluded == frozenset({1}) and len(source.included) == n_views - 1


def test_targets_are_the_photos_composited_over_each_rays_own_background():
    views = ball_dataset().train
    batch = BatchSource(views).draw(500, torch.Generator().manual_seed(0))
    pixels = views.sample(500, torch.Generator().manual_seed(0))
    torch.testing.assert_close(batch.targets, pixels.over(batch.backgrounds))
    assert torch.equal(batch.rays.rays_d, pixels.rays.rays_d)
    assert batch.backgrounds.std(0).min() > 0.2, "each ray has its own background"


def test_the_first_guess_of_samples_per_ray_is_half_the_diagonal_in_steps():
    assert guess_samples_per_ray((0.0, 0.0, 0.0, 3.0, 4.0, 12.0), MarchSettings(render_step_size=0.1)) == pytest.approx(
        65
    )
    assert math.isfinite(guess_samples_per_ray((0.0, 0.0, 0.0, 1.0, 1.0, 1.0), MarchSettings()))


def test_a_generator_continues_from_its_state_or_is_reseeded_if_the_state_does_not_fit():
    first, second = torch.Generator().manual_seed(3), torch.Generator()
    torch.rand(5, generator=first)
    restore_generator(second, first.get_state(), 9)
    assert torch.equal(torch.rand(5, generator=first), torch.rand(5, generator=second))
    restore_generator(second, first.get_state()[:16], 9)  # a CUDA generator's state has 16 bytes
    assert torch.equal(torch.rand(5, generator=second), torch.rand(5, generator=torch.Generator().manual_seed(9)))
