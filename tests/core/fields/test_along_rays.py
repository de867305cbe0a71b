"""nerfacc's `sigma_fn` and `rgb_sigma_fn`, functions of intervals on rays, on the one path."""

from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.errors import FieldError
from core.fields.along_rays import AlongRays
from core.fields.ngp import NGPField
from core.kernels.camera_rays import generate_rays
from core.kernels.contraction import Space
from core.rendering.render import render_image, render_rays
from core.samplers import make_sampler
from core.samplers.base import SamplerInputs
from core.samplers.hierarchical import HierarchicalSettings
from core.samplers.occupancy import OccupancySettings
from core.samplers.occupancy_grid import OccupancyGrid
from core.samplers.proposal import ProposalSettings
from core.samplers.rvs import RVSSettings
from core.samplers.stratified import StratifiedSettings
from core.training.trainer import Trainer
from tests.readme import python_block
from tests.scenes import BOX, SMALL_FIELD, SMALL_TRAINING, Fog, ball_dataset, camera

WHITE = torch.ones(3)
MARCH = MarchSettings(render_step_size=0.05, alpha_thre=0.02, early_stop_eps=0.05)
SAMPLERS = {
    "occupancy": OccupancySettings(),
    "stratified": StratifiedSettings(24),
    "hierarchical": HierarchicalSettings(8, 8),
    "proposal": ProposalSettings(n_first=8, n_final=8),
    "rvs": RVSSettings(n_bins=16, n_samples=4),
}


def sampler_of(name):
    grid = OccupancyGrid(BOX, 8)
    grid.start(0.01, 0.95)
    inputs = SamplerInputs(grid, BOX, Space(BOX), SMALL_FIELD, torch.Generator().manual_seed(3))
    return make_sampler(SAMPLERS[name], inputs)


def random_field():
    field = NGPField(SMALL_FIELD, Space(BOX), torch.Generator().manual_seed(0))
    with torch.no_grad():
        field.table.uniform_(-1.0, 1.0, generator=torch.Generator().manual_seed(1))
    return field


def nerfacc_functions(field, rays_o, rays_d):
    """As in nerfacc's examples: functions that close over the rays of the batch."""

    def positions_of(t_starts, t_ends, ray_indices):
        assert ray_indices.dtype == torch.int64
        return rays_o[ray_indices] + rays_d[ray_indices] * (t_starts + t_ends)[:, None] / 2.0

    def sigma_fn(t_starts, t_ends, ray_indices):
        return field.density(positions_of(t_starts, t_ends, ray_indices))[0]

    def rgb_sigma_fn(t_starts, t_ends, ray_indices):
        sigmas, features = field.density(positions_of(t_starts, t_ends, ray_indices))
        return field.color(features, rays_d[ray_indices]), sigmas

    return sigma_fn, rgb_sigma_fn


@pytest.mark.parametrize("name", SAMPLERS)
def test_they_give_the_image_and_the_gradients_of_the_equivalent_field(name):
    field, sampler, rays = random_field(), sampler_of(name), generate_rays(camera(size=16))
    functions = AlongRays(*nerfacc_functions(field, rays.rays_o, rays.rays_d))
    with torch.no_grad():
        found, expected = (render_rays(f, sampler, rays, MARCH, WHITE) for f in (functions, field))
    assert int(expected.n_kept.sum()) > 0
    for ours, theirs in zip(expected, found, strict=True):
        # without gradient a march reads a rounded table, and the image uses the functions' densities
        torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)
    gradients = []
    for trained in (functions, field):
        field.zero_grad()
        loss = (render_rays(trained, sampler, rays, MARCH, WHITE).colors ** 2).mean()
        loss.backward()
        gradients.append([parameter.grad.clone() for parameter in field.parameters()])
    for theirs, ours in zip(*gradients, strict=True):
        assert float(ours.abs().max()) > 0.0
        torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-6)


def test_training_works_as_in_nerfaccs_loop():
    """`sigma_fn` only decides visibility: nerfacc's loop calls it without gradient."""
    field, rays = random_field(), generate_rays(camera(size=16))
    sigma_fn, rgb_sigma_fn = nerfacc_functions(field, rays.rays_o, rays.rays_d)
    functions = AlongRays(torch.no_grad()(sigma_fn), rgb_sigma_fn)
    optimizer, losses = torch.optim.Adam(field.parameters(), lr=1e-2), []
    for _ in range(30):
        loss = torch.mean(render_rays(functions, sampler_of("occupancy"), rays, MARCH, WHITE).colors ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_densities_may_be_a_column_and_other_shapes_are_reported():
    rays, fog = generate_rays(camera(size=8)), Fog()
    sigma_fn, rgb_sigma_fn = nerfacc_functions(fog, rays.rays_o, rays.rays_d)

    def column(*columns):
        rgbs, sigmas = rgb_sigma_fn(*columns)
        return rgbs, sigmas[:, None]

    expected = render_rays(fog, sampler_of("occupancy"), rays, MARCH, WHITE).colors
    functions = AlongRays(lambda *columns: sigma_fn(*columns)[:, None], column)
    torch.testing.assert_close(render_rays(functions, sampler_of("occupancy"), rays, MARCH, WHITE).colors, expected)
    with pytest.raises(FieldError, match=r"sigma_fn: expected densities of shape \(\d+,\) or .* found \(\d+, 3\)"):
        wrong = AlongRays(lambda *columns: rgb_sigma_fn(*columns)[0], rgb_sigma_fn)
        render_rays(wrong, sampler_of("occupancy"), rays, MARCH, WHITE)
    with pytest.raises(FieldError, match=r"rgb_sigma_fn: expected colours of shape \(\d+, 3\), found \(\d+,\)"):
        swapped = AlongRays(sigma_fn, lambda *columns: rgb_sigma_fn(*columns)[::-1])
        render_rays(swapped, sampler_of("occupancy"), rays, MARCH, WHITE)


def alpha_functions(field, rays):
    sigma_fn, rgb_sigma_fn = nerfacc_functions(field, rays.rays_o, rays.rays_d)

    def alphas(sigmas, t_starts, t_ends):
        return 1.0 - torch.exp(-sigmas * (t_ends - t_starts))

    def rgb_alpha_fn(t_starts, t_ends, ray_indices):
        rgbs, sigmas = rgb_sigma_fn(t_starts, t_ends, ray_indices)
        return rgbs, alphas(sigmas, t_starts, t_ends)

    return {
        "alpha_fn": lambda t_starts, t_ends, rays: alphas(sigma_fn(t_starts, t_ends, rays), t_starts, t_ends),
        "rgb_alpha_fn": rgb_alpha_fn,
    }


def test_alphas_give_the_pixels_and_gradients_of_the_densities_they_stand_for():
    field, rays = random_field(), generate_rays(camera(size=16))
    results = []
    for functions in (
        AlongRays(*nerfacc_functions(field, *rays[:2])),
        AlongRays(**alpha_functions(field, rays)),
    ):
        field.zero_grad()
        out = render_rays(functions, sampler_of("occupancy"), rays, MARCH, WHITE)
        (out.colors**2).mean().backward()
        results.append((out, [parameter.grad.clone() for parameter in field.parameters()]))
    for ours, theirs in zip(*(out for out, _ in results), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(*(grads for _, grads in results), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


def test_an_alpha_of_one_hides_what_is_behind_and_has_a_gradient():
    rays = generate_rays(camera(size=4))
    alpha = torch.ones((), requires_grad=True)

    def rgb_alpha_fn(t_starts, t_ends, ray_indices):
        return torch.zeros(len(t_starts), 3), alpha.expand(len(t_starts))

    functions = AlongRays(alpha_fn=lambda *columns: rgb_alpha_fn(*columns)[1].detach(), rgb_alpha_fn=rgb_alpha_fn)
    out = render_rays(functions, sampler_of("occupancy"), rays, replace(MARCH, early_stop_eps=1.0), WHITE)
    hit = out.n_kept > 0
    assert hit.any() and bool((out.n_kept[hit] == 1).all()) and float(out.colors.detach()[hit].max()) == 0.0
    out.colors.sum().backward()
    assert float(alpha.grad) == pytest.approx(-3.0 * int(hit.sum()))


def test_one_pair_of_functions_is_given_and_alphas_and_formats_are_checked():
    rays, fog = generate_rays(camera(size=8)), Fog()
    with pytest.raises(ValueError, match="give one of the pairs"):
        AlongRays(max, max, alpha_fn=max)
    with pytest.raises(ValueError, match="give one of the pairs"):
        AlongRays(sigma_fn=max)
    functions = alpha_functions(fog, rays)
    beyond = AlongRays(alpha_fn=lambda *x: functions["alpha_fn"](*x) + 1.0, rgb_alpha_fn=functions["rgb_alpha_fn"])
    with pytest.raises(FieldError, match="alpha_fn: expected alphas from 0 to 1, found 1"):
        render_rays(beyond, sampler_of("occupancy"), rays, MARCH, WHITE)
    sigma_fn, rgb_sigma_fn = nerfacc_functions(fog, *rays[:2])
    exact = AlongRays(lambda *x: sigma_fn(*x).double(), rgb_sigma_fn)
    with pytest.raises(FieldError, match=r"sigma_fn: expected densities in float32, found float64: end in"):
        render_rays(exact, sampler_of("occupancy"), rays, MARCH, WHITE)


def test_they_are_not_called_without_samples():
    def never(*columns):
        raise AssertionError("must not be called without samples")

    rays = generate_rays(camera(size=4))
    march = replace(MARCH, crop=(5.0, 5.0, 5.0, 6.0, 6.0, 6.0))
    for name in SAMPLERS:
        with torch.no_grad():
            out = render_rays(AlongRays(never, never), sampler_of(name), rays, march, WHITE)
        assert torch.equal(out.colors, WHITE.expand(16, 3))


def test_render_image_is_refused_as_it_renders_in_slices():
    with pytest.raises(ValueError, match="give all its rays to render_rays"):
        render_image(AlongRays(max, max), sampler_of("occupancy"), camera(), MARCH, WHITE)


def test_the_readmes_functions_give_the_trainers_image():
    trainer = Trainer(ball_dataset(), SMALL_FIELD, SMALL_TRAINING)
    for _ in range(5):
        trainer.step()
    view = camera(size=16)
    names = {"trainer": trainer, "camera": view, "torch": torch, "white": torch.ones(3)}
    exec(python_block("rgb_sigma_fn"), names)
    expected = render_image(trainer.field, trainer.sampler, view, trainer.settings.march, WHITE).colors
    torch.testing.assert_close(names["pixels"].colors.detach(), expected.view(-1, 3), rtol=0.0, atol=2e-3)
