"""Density splines and their inverses: properties of reparameterised sampling, in float64 where possible."""

import math

import pytest
import torch

from core.samplers.spline import density_spline, depths, inverse, opacities, thickness_at

SHAPES = ["linear", "constant"]
N_BINS = 12


def make(shape, n_rays=5, scale=1.0, dtype=torch.float64, seed=0):
    """Knots and densities; some densities are zero, also adjacent ones."""
    generator = torch.Generator().manual_seed(seed)
    knots = torch.rand(n_rays, N_BINS + 1, generator=generator, dtype=dtype).cumsum(1) + 0.5
    sigmas = torch.rand(n_rays, N_BINS + (shape == "linear"), generator=generator, dtype=dtype)
    sigmas = scale * torch.where(sigmas < 0.4, 0.0, sigmas)
    return knots, sigmas


def integral_to(knots, sigmas, ts):
    """I(t) by the trapezoid rule between all knots before t, one ray and t at a time; exact for both splines."""
    found = torch.zeros_like(ts)
    for ray, row in enumerate(ts.tolist()):
        for i, t in enumerate(row):
            for j in range(knots.shape[1] - 1):
                left, right = float(knots[ray, j]), float(knots[ray, j + 1])
                a, b = (sigmas[ray, j], sigmas[ray, j + (sigmas.shape[1] > N_BINS)])
                end = min(max(t, left), right)
                at_end = a + (b - a) * (end - left) / (right - left)
                found[ray, i] += 0.5 * float(a + at_end) * (end - left)
    return found


def shares(n_rays, n, seed=1):
    return torch.rand(n_rays, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 10.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_integral_up_to_the_inverse_is_the_optical_thickness(shape, scale):
    knots, sigmas = make(shape, scale=scale)
    spline = density_spline(knots, sigmas)
    u = shares(5, 20)
    ts = depths(spline, u)
    y_f = 1.0 - torch.exp(-integral_to(knots, sigmas, knots[:, -1:]))
    torch.testing.assert_close(opacities(spline)[:, None], y_f, rtol=1e-8, atol=0.0)
    torch.testing.assert_close(integral_to(knots, sigmas, ts), -torch.log(1.0 - y_f * u), rtol=1e-5, atol=1e-5 * scale)
    assert bool((ts.gather(1, u.argsort(1)).diff(dim=1) >= 0.0).all())


@pytest.mark.parametrize("shape", SHAPES)
def test_in_float32_it_is_accurate_to_float32(shape):
    knots, sigmas = make(shape, scale=3.0)
    u = shares(5, 200)
    exact = depths(density_spline(knots, sigmas), u)
    torch.testing.assert_close(
        depths(density_spline(knots.float(), sigmas.float()), u.float()), exact.float(), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_equal_finite_differences(shape):
    knots, sigmas = make(shape, n_rays=3)
    sigmas = (sigmas + 0.1).requires_grad_()
    u = shares(3, 6)
    assert torch.autograd.gradcheck(lambda s: depths(density_spline(knots, s), u), (sigmas,))
    assert torch.autograd.gradcheck(lambda s: opacities(density_spline(knots, s)), (sigmas,))

    def color(s):
        spline = density_spline(knots, s)
        return opacities(spline) * torch.sin(3.0 * depths(spline, u)).mean(1)

    assert torch.autograd.gradcheck(color, (sigmas,))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("density", [0.0, 1e-30, 1e-8, 50.0, 1e6])
def test_empty_and_opaque_rays_and_their_gradients_are_finite(density, dtype, shape):
    knots = torch.linspace(2.0, 6.0, N_BINS + 1, dtype=dtype).expand(3, -1)
    sigmas = torch.full((3, N_BINS + (shape == "linear")), density, dtype=dtype)
    sigmas[1, : N_BINS // 2] = 0.0  # empty in front
    sigmas[2, N_BINS // 2 :] = 0.0  # empty behind
    sigmas.requires_grad_()
    u = torch.tensor([[0.0, 1e-7, 0.3, 0.999999, 1.0]], dtype=dtype).expand(3, -1)
    spline = density_spline(knots, sigmas)
    ts, y_f = depths(spline, u), opacities(spline)
    light, places = y_f.detach(), ts.detach()
    assert bool(((ts >= 2.0) & (ts <= 6.0)).all()) and bool(((y_f >= 0.0) & (y_f <= 1.0)).all())
    (y_f * (ts**2).mean(1)).sum().backward()
    assert bool(sigmas.grad.isfinite().all())
    if density == 50.0:
        assert float(light.min()) > 0.999999 and float(places[0, 2]) < 2.1 and float(places[1, 2]) > 3.5
    if density == 1e-8:
        torch.testing.assert_close(places[0], 2.0 + 4.0 * u[0], rtol=1e-4, atol=1e-4)  # thin fog scatters evenly


def exact_color(knots, sigmas, shape):
    """The integral of sin(3 t) density(t) T(t), by 20,000 small steps per bin."""
    total, passed = 0.0, 0.0
    for j in range(N_BINS):
        x = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
        width = knots[0, j + 1] - knots[0, j]
        a, b = (sigmas[0, j], sigmas[0, j + (shape == "linear")])
        inside = width * x * (a + 0.5 * x * (b - a))
        density = a + x * (b - a)
        trans = torch.exp(-(passed + inside))
        total += float((torch.sin(3.0 * (knots[0, j] + width * x)) * density * trans).mean() * width)
        passed += float(0.5 * (a + b) * width)
    return total


@pytest.mark.parametrize("shape", SHAPES)
def test_the_estimate_is_unbiased_and_stratification_lowers_its_variance(shape):
    knots, sigmas = make(shape, n_rays=1, scale=0.7, seed=4)
    spline = density_spline(knots, sigmas)
    generator = torch.Generator().manual_seed(7)
    n, k = 100_000, 8
    evenly = torch.rand(n, k, generator=generator, dtype=torch.float64)
    spreads = {}
    for name, u in (("random", evenly), ("stratified", (torch.arange(k) + evenly) / k)):
        estimates = opacities(spline) * torch.sin(3.0 * depths(spline, u.view(1, -1))).view(n, k).mean(1)
        spreads[name] = float(estimates.std())
        standard_error = spreads[name] / math.sqrt(n)
        assert abs(float(estimates.mean()) - exact_color(knots, sigmas, shape)) < 3.0 * standard_error
    assert spreads["stratified"] < 0.7 * spreads["random"]


def test_a_thickness_beyond_the_total_maps_to_where_density_ends():
    knots = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    spline = density_spline(knots, torch.tensor([[0.0, 2.0, 0.0]]))
    assert inverse(spline, torch.tensor([[0.0, 1.0, 2.0, 9.0]])).tolist() == [[1.0, 1.5, 2.0, 2.0]]
    assert float(thickness_at(spline, torch.ones(1, 1))) == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize("shape", ["linear", "constant"])
def test_infinite_density_blocks_all_light_and_nan_propagates(shape):
    knots, n = torch.linspace(0.0, 1.0, 5)[None], 5 if shape == "linear" else 4
    for value, is_finite in ((math.inf, True), (math.nan, False)):
        sigmas = torch.ones(1, n)
        sigmas[0, 2] = value
        spline = density_spline(knots, sigmas.requires_grad_())
        ts = depths(spline, torch.tensor([[0.1, 0.5, 0.99]]))
        (ts.sum() + opacities(spline).sum()).backward()
        assert bool(ts.isfinite().all() and sigmas.grad.isfinite().all()) == is_finite
        assert not is_finite or bool((opacities(spline) == 1.0).all() and (ts <= 0.75).all())
