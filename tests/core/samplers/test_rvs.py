"""Reparameterised sampling on the one path: unbiased estimates of the integral, and learnt sample positions."""

import math
from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.geometry.rays import Rays
from core.kernels.contraction import Space
from core.rendering.render import render_rays, trace_rays
from core.samplers.rvs import RVSColorSampler, RVSHierarchicalSampler, RVSSettings, proposal_field
from core.samplers.stratified import StratifiedSampler, StratifiedSettings
from core.training.trainer import Trainer
from tests.scenes import BALL_RADIUS, BOX, SMALL_FIELD, SMALL_TRAINING, Ball, Fog, ball_dataset, rays_inwards

MARCH = MarchSettings(early_stop_eps=0.0)
WHITE = torch.ones(3)


class Thicker(Fog):
    """Fog whose density has a learnt factor, which also makes it fall off along x."""

    def __init__(self, factor=1.0):
        self.factor = torch.tensor(factor, requires_grad=True)

    def density(self, positions):
        sigmas, features = super().density(positions)
        return self.factor * sigmas * torch.exp(-self.factor * positions[:, 0]), features


def colour(n_bins=64, n_samples=16, spline="linear"):
    return RVSColorSampler(RVSSettings("color", spline, n_bins, n_samples), BOX)


def hierarchical(proposal, n_samples=16, spline="linear"):
    return RVSHierarchicalSampler(RVSSettings("hierarchical", spline, 64, n_samples), BOX, proposal)


@torch.no_grad()
def render(sampler, field, rays=None, march=MARCH, generator=None):
    return render_rays(field, sampler, rays or rays_inwards(), march, WHITE, generator)


@pytest.mark.parametrize("spline", ["linear", "constant"])
@pytest.mark.parametrize(("field", "near"), [(Fog(), 6e-3), (Ball(3.0), 2e-2)], ids=["fog", "ball"])
def test_many_samples_agree_with_quadrature(field, near, spline):
    exact = render(StratifiedSampler(StratifiedSettings(1024), BOX), field)
    found = render(colour(512, 512, spline), field)
    torch.testing.assert_close(found.colors, exact.colors, rtol=0.0, atol=near)
    torch.testing.assert_close(found.opacities, exact.opacities, rtol=0.0, atol=near)
    torch.testing.assert_close(found.trans, 1.0 - found.opacities, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(found.depths, exact.depths, rtol=0.0, atol=near)
    half = exact.opacities > 0.52
    assert bool(half.any()) and bool((found.median_depths[exact.opacities < 0.48] == torch.inf).all())
    torch.testing.assert_close(found.median_depths[half], exact.median_depths[half], rtol=0.0, atol=near)


def test_one_sample_is_unbiased():
    rays = rays_inwards(1)
    exact = render(StratifiedSampler(StratifiedSettings(2048), BOX), Fog(), rays)
    many = Rays(*(x.expand(20_000, 3).contiguous() for x in rays[:2]))
    found = render(colour(128, 1), Fog(), many, generator=torch.Generator().manual_seed(0)).colors
    assert bool(((found.mean(0) - exact.colors[0]).abs() < 3.0 * found.std(0) / math.sqrt(20_000) + 1e-3).all())
    assert float(found.std(0).max()) > 0.02, "single estimates must vary"


def test_rays_that_miss_and_empty_rays_show_the_background():
    rays = rays_inwards()
    away = Rays(rays.rays_o, -rays.rays_d)
    for field, bundle in ((Fog(), away), (Ball(0.0), rays)):
        out = render(colour(), field, bundle)
        assert bool((out.colors == 1.0).all()) and bool((out.opacities == 0.0).all())
        assert bool((out.depths == torch.inf).all()) and bool((out.median_depths == torch.inf).all())
    assert int(render(colour(), Fog(), away).n_marched.sum()) == 0


def test_rays_below_the_alpha_threshold_get_no_samples_except_in_training():
    field, march = Ball(0.2), replace(MARCH, alpha_thre=0.1)
    off, on = render(colour(), field), render(colour(), field, march=march)
    thin = off.opacities < 0.1
    assert bool(thin.any()) and not bool(thin.all())
    assert bool((on.n_kept[thin] == 0).all()) and bool((on.n_kept[~thin] == 16).all())
    assert int(render_rays(field, colour(), rays_inwards(), march, WHITE).n_kept.min()) == 16


@pytest.mark.parametrize("spline", ["linear", "constant"])
@pytest.mark.parametrize("use", ["color", "hierarchical"])
def test_gradients_equal_finite_differences(use, spline):
    """Gradients of colours of few samples, through opacities and sample positions, in the field that places them."""

    def loss(factor):
        learnt = Thicker(factor)
        sampler, field = (colour(32, 4, spline), learnt) if use == "color" else (hierarchical(learnt, 4, spline), Fog())
        colors = render_rays(field, sampler, rays_inwards(), MARCH, torch.zeros(3)).colors
        return (colors * torch.tensor([1.0, -2.0, 1.5])).double().sum(), learnt.factor

    value, factor = loss(0.7)
    value.backward()
    assert factor.grad is not None
    step = 2e-3
    expected = float((loss(0.7 + step)[0] - loss(0.7 - step)[0]).detach()) / (2.0 * step)
    assert float(factor.grad) == pytest.approx(expected, rel=5e-2) and abs(expected) > 1e-2


def test_the_small_field_places_samples_over_the_whole_ray_and_most_where_it_is_dense():
    rays, n = rays_inwards(), 16
    samples = hierarchical(Ball(20.0), n).sample(Fog(), rays, MARCH, None, 8).samples
    t_starts, t_ends = samples.t_starts.view(-1, n), samples.t_ends.view(-1, n)
    assert torch.equal(t_starts[:, 1:], t_ends[:, :-1]) and bool((t_ends >= t_starts).all())
    whole = StratifiedSampler(StratifiedSettings(1), BOX).sample(Fog(), rays, MARCH, None, 8).samples
    assert torch.equal(t_starts[:, 0], whole.t_starts) and torch.equal(t_ends[:, -1], whole.t_ends)
    middles = rays.rays_o[:, None] + 0.5 * (t_starts + t_ends)[..., None] * rays.rays_d[:, None]
    inside = (torch.linalg.vector_norm(middles, dim=-1) < BALL_RADIUS).sum(1)
    nearest = torch.linalg.vector_norm(torch.linalg.cross(rays.rays_o, rays.rays_d), dim=1)
    through = inside[nearest < 0.8 * BALL_RADIUS]
    assert int(through.min()) > n / 2 and float(through.float().mean()) > 0.75 * n, (
        "although the ball is a quarter of the ray"
    )


def test_the_small_field_learns_from_the_colour_error_alone():
    proposal = proposal_field(Space(BOX), torch.Generator().manual_seed(0))
    sampler, rays = hierarchical(proposal), rays_inwards()
    traced = trace_rays(Fog(), sampler, rays, MARCH, WHITE, torch.Generator().manual_seed(0))
    assert float(sampler.loss(traced.sampled, traced.weights, rays, WHITE, WHITE)) == 0.0
    traced.output.colors.sum().backward()
    for parameter in proposal.parameters():
        assert bool(parameter.grad.isfinite().all())
    assert all(float(p.grad.abs().sum()) > 0.0 for p in proposal.parameters() if p.ndim == 2)


def test_densities_with_gradient_count_towards_the_batch_size():
    settings = replace(SMALL_TRAINING, target_samples=4096)
    trainer = Trainer(ball_dataset(), SMALL_FIELD, settings, sampler_settings=RVSSettings(n_bins=99, n_samples=4))
    for _ in range(30):
        stats = trainer.step()
    assert 0.7 * 4096 < stats.n_rays * (100 + 4) < 2.5 * 4096, "some rays miss the box"
