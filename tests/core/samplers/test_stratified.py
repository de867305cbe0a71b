from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.rendering.render import render_rays
from core.samplers.intervals import equal_shares, samples_between
from core.samplers.stratified import StratifiedSampler, StratifiedSettings
from tests.scenes import BOX, Ball, rays_inwards

MARCH = MarchSettings(early_stop_eps=0.0)
WHITE = torch.ones(3)


@torch.no_grad()
def render(n_bins, march=MARCH, generator=None):
    return render_rays(
        Ball(3.0), StratifiedSampler(StratifiedSettings(n_bins), BOX), rays_inwards(), march, WHITE, generator
    )


def test_more_bins_approach_the_integral():
    exact = render(4096).opacities
    errors = [float((render(n).opacities - exact).abs().mean()) for n in (8, 32, 128, 512)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.02 * errors[0]


def test_jittered_bins_are_adjacent_and_equal_on_average():
    generator = torch.Generator().manual_seed(0)
    shares = equal_shares(20_000, 16, generator, torch.device("cpu"))
    assert bool((shares.diff(dim=1) >= 0.0).all())
    assert bool((shares[:, 0] == 0.0).all()) and bool((shares[:, -1] == 1.0).all())
    torch.testing.assert_close(shares.mean(0), torch.linspace(0.0, 1.0, 17), rtol=0.0, atol=2e-3)


def test_rays_that_miss_have_no_samples():
    edges = torch.tensor([[0.0, 1.0, 3.0], [torch.nan] * 3, [2.0, 3.0, 4.0]])
    samples = samples_between(edges)
    assert samples.packed_info.tolist() == [[0, 2], [2, 0], [2, 2]]
    assert samples.ray_indices.tolist() == [0, 0, 2, 2]
    assert samples.t_starts.tolist() == [0.0, 1.0, 2.0, 3.0] and samples.t_ends.tolist() == [1.0, 3.0, 3.0, 4.0]


@pytest.mark.parametrize("change", [{"near_plane": 4.0}, {"far_plane": 4.0}, {"crop": (-1, -1, -1, 1, 1, 0.0)}])
def test_planes_and_crop_bound_the_samples(change):
    assert float(render(64, replace(MARCH, **change)).opacities.mean()) < float(render(64).opacities.mean())


def test_thresholds_skip_invisible_samples():
    off, on = render(256), render(256, replace(MARCH, alpha_thre=1e-3, early_stop_eps=0.05))
    assert int(on.n_kept.sum()) < 0.5 * int(off.n_kept.sum())
    torch.testing.assert_close(on.colors, off.colors, rtol=0.0, atol=0.06)
    assert bool(on.stopped.any()) and not bool(off.stopped.any())
