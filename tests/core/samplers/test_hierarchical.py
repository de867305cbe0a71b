"""The coarse field places the samples of the fine one, and learns only from its own colours."""

from types import SimpleNamespace

import pytest
import torch

from core.config.march import MarchSettings
from core.fields import make_field
from core.fields.own import as_field
from core.geometry.rays import Rays
from core.kernels.contraction import Space
from core.rendering.render import render_rays, trace_rays
from core.samplers.hierarchical import HierarchicalSampler, HierarchicalSettings
from core.samplers.resampling import Spacing
from core.samplers.stratified import StratifiedSampler, StratifiedSettings
from tests.scenes import BALL_RADIUS, BOX, SMALL_FIELD, Ball, rays_inwards

MARCH = MarchSettings(early_stop_eps=0.0)
GREY = torch.full((64, 3), 0.3)


def around(coarse, spacing=Spacing()):
    return HierarchicalSampler(HierarchicalSettings(24, 48), BOX, coarse, spacing)


def small_field(seed):
    return make_field(SMALL_FIELD, Space(BOX), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("spacing", [Spacing(), Spacing(3.5)])
def test_samples_are_adjacent_and_concentrate_on_the_coarse_field(spacing, seed):
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    rays = rays_inwards()
    sampled = around(Ball(3.0), spacing).sample(Ball(3.0), rays, MARCH, generator, 8)
    starts, ends = (x.view(64, 72) for x in sampled.samples[:2])
    assert torch.equal(starts[:, 1:], ends[:, :-1]) and bool((starts <= ends).all())
    places = rays.rays_o[:, None] + (0.5 * (starts + ends))[..., None] * rays.rays_d[:, None]
    inside = (torch.linalg.vector_norm(places, dim=-1) < BALL_RADIUS + 0.1).sum(1)
    passed = torch.linalg.vector_norm(torch.linalg.cross(rays.rays_o, rays.rays_d), dim=1)
    assert bool((inside[passed < 0.9 * BALL_RADIUS] > 48).all())


def test_a_surface_is_found_more_accurately_than_with_as_many_equal_bins():
    field, white = Ball(60.0), torch.ones(3)
    equal = [StratifiedSampler(StratifiedSettings(n), BOX) for n in (4096, 72)]
    with torch.no_grad():
        exact, even, placed = (
            render_rays(field, sampler, rays_inwards(), MARCH, white).depths for sampler in (*equal, around(field))
        )
    hit = exact.isfinite() & even.isfinite() & placed.isfinite()
    assert float((placed - exact)[hit].abs().median()) < 0.5 * float((even - exact)[hit].abs().median())


def test_coarse_colours_equal_those_of_equal_bins_over_the_same_background():
    coarse, sampler = small_field(1), StratifiedSampler(StratifiedSettings(24), BOX)
    seen = render_rays(coarse, sampler, rays_inwards(), MARCH, GREY).colors.detach()
    hierarchical = around(coarse)
    traced = trace_rays(small_field(2), hierarchical, rays_inwards(), MARCH, GREY)
    wrong = [
        hierarchical.loss(traced.sampled, traced.weights, rays_inwards(), target, GREY).item()
        for target in (seen, seen + 0.1)
    ]
    assert wrong == [pytest.approx(0.0, abs=1e-10), pytest.approx(0.01, rel=1e-3)]


def test_each_field_learns_from_its_own_colours():
    field, sampler, rays = small_field(1), around(small_field(2)), rays_inwards()
    traced = trace_rays(field, sampler, rays, MARCH, GREY, torch.Generator().manual_seed(0))
    traced.output.colors.square().mean().backward(retain_graph=True)
    assert all(p.grad is None for p in sampler.parameters())
    assert all(bool(p.grad.any()) for p in field.parameters())
    field.zero_grad()
    sampler.loss(traced.sampled, traced.weights, rays, GREY, GREY).backward()
    assert all(bool(p.grad.any()) for p in sampler.parameters())
    assert all(p.grad is None for p in field.parameters())


def test_only_rays_that_hit_the_box_get_samples():
    rays = rays_inwards()
    away = Rays(rays.rays_o, torch.where(torch.arange(64)[:, None] % 2 == 0, rays.rays_d, -rays.rays_d))
    half = trace_rays(Ball(), around(Ball()), away, MARCH, GREY)
    every = trace_rays(Ball(), around(Ball()), rays, MARCH, GREY)
    assert half.output.n_kept.tolist() == [72, 0] * 32 and half.output.n_marched.tolist() == [96, 0] * 32
    torch.testing.assert_close(half.output.colors[::2], every.output.colors[::2])
    assert torch.equal(half.output.colors[1::2], GREY[1::2])
    none = trace_rays(Ball(), around(Ball()), Rays(rays.rays_o, -rays.rays_d), MARCH, GREY)
    assert none.sampled.samples.n_samples == 0 and torch.equal(none.output.colors, GREY)


def test_rendering_evaluates_only_densities_of_the_coarse_field():
    def refuse(*_):
        raise AssertionError("rendering needs no coarse colours")

    coarse = as_field(SimpleNamespace(density=Ball().density, color=refuse))
    with torch.no_grad():
        assert trace_rays(Ball(), around(coarse), rays_inwards(), MARCH, GREY).sampled.passes[0].colors is None
    with pytest.raises(AssertionError):
        trace_rays(Ball(), around(coarse), rays_inwards(), MARCH, GREY)
