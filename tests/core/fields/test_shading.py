"""Densities and colours at once equal a field's `density` and `color` one after the other."""

from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.fields import make_field
from core.fields.along_rays import shade
from core.fields.nerf import MLPSettings
from core.fields.ngp_t import NGPTimeSettings
from core.kernels.camera_rays import generate_rays
from core.kernels.contraction import Space
from core.kernels.packed import color_loss
from core.rendering.render import trace_rays
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import ObservedField, OccupancyGrid
from tests.scenes import BOX, SMALL_FIELD, Ball, camera

SMALL_TIME = NGPTimeSettings(
    n_levels=4, log2_hashmap_size=12, max_resolution=64, time_levels=3, time_max_resolution=32, time_steps=8
)
SETTINGS = {
    "ngp": replace(SMALL_FIELD, precision="float32"),
    "ngp-t": replace(SMALL_TIME, precision="float32"),
}


def random_field(name):
    field = make_field(SETTINGS[name], Space(BOX), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return field


def places_and_directions(n):
    generator = torch.Generator().manual_seed(2)
    places = torch.rand(n, 4, generator=generator) * 2.0 - 1.0
    return places.abs(), torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("n", [0, 1, 1000])
def test_values_and_gradients_equal_those_of_density_and_colour(name, n):
    field, (places, directions) = random_field(name), places_and_directions(n)
    generator = torch.Generator().manual_seed(3)
    grads = [torch.randn(n, 3, generator=generator), torch.randn(n, generator=generator)]
    found = field.radiance(places, directions)
    sigmas, features = field.density(places)
    expected = field.color(features, directions), sigmas
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    gradients = []
    for outputs in (found, expected):
        gradients.append(torch.autograd.grad(outputs, list(field.parameters()), grads))
    for ours, theirs in zip(*gradients, strict=True):
        assert n == 0 or float(theirs.abs().max()) > 0.0
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5 * (1.0 + float(theirs.abs().max())))


def test_radiance_is_called_with_gradient_if_densities_are_unknown():
    class Together(Ball):
        def radiance(self, positions, directions):
            return torch.zeros(len(positions), 3), self.density(positions)[0]

    sampler = OccupancySampler(OccupancyGrid(BOX, 8))
    march, rays = MarchSettings(render_step_size=0.1), generate_rays(camera(size=4))
    sampler.grid.start(0.01, 0.9)
    sampled = sampler.sample(Ball(), rays, march, None, 8)
    samples, known = sampled.samples, (sampled.sigmas, sampled.features)
    for field in (Together(), ObservedField(Together(), sampler.grid, 0.1)):
        assert float(shade(field, rays, samples)[0].max()) == 0.0
        assert float(shade(field, rays, samples, known)[0].min()) > 0.0
        with torch.no_grad():
            assert float(shade(Together(), rays, samples)[0].min()) > 0.0
    for field in (Ball(), ObservedField(Ball(), sampler.grid, 0.1)):
        assert float(shade(field, rays, samples)[0].min()) > 0.0


@pytest.mark.parametrize("name", [*SETTINGS, "mlp"])
def test_the_loss_of_pixels_is_that_of_the_pixels_rendered_without_targets(name):
    """Values and gradients, also through the wrapper that teaches a grid and in a field without a short cut."""
    field = random_field(name) if name in SETTINGS else make_field(MLPSettings(), Space(BOX), torch.Generator())
    grid = OccupancyGrid(BOX, 8)
    grid.start(0.01, 0.9)
    march, rays = MarchSettings(render_step_size=0.2), generate_rays(camera(size=6))
    background, targets = torch.rand(2, 36, 3, generator=torch.Generator().manual_seed(4))
    given = ObservedField(field, grid, 0.2), OccupancySampler(grid), rays, march, background
    plain, compared = trace_rays(*given), trace_rays(*given, targets=targets, entropy=0.01)
    loss = color_loss(plain.output.colors, targets, plain.weights, 0.01)
    assert plain.loss is None and compared.loss is not None
    torch.testing.assert_close(compared.loss, loss, rtol=1e-4, atol=0.0)
    for ours, theirs in zip(compared.output, plain.output, strict=True):
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-4, atol=1e-5)
    parameters = list(field.parameters())
    for factor in (1.0, 3.0):  # a loss may be scaled
        ours, theirs = (torch.autograd.grad(factor * x, parameters, retain_graph=True) for x in (compared.loss, loss))
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5 * (1.0 + float(b.abs().max())))
