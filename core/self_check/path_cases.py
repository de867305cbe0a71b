"""What the self-check computes with marches and with the whole path; see `core.self_check.cases`."""

from dataclasses import replace

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.fields.base import Field
from core.geometry.rays import Samples
from core.kernels.grid import FAR_AWAY, GridState
from core.kernels.marching import March
from core.kernels.runtime.device import fastest_precision
from core.kernels.visibility import sample_fates
from core.rendering.render import trace_rays
from core.samplers.base import Sampled
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import ObservedField
from core.self_check.inputs import (
    BOX,
    Fog,
    grid_sampler,
    lively_field,
    numbers,
    on,
    packed,
    random_cells,
    rays_around,
)
from core.training.optimizer import Adam


def rounds_of_marches_case(device: str) -> list[Tensor]:
    """Numbers of samples and the sums of their starts, by ray."""
    found, rays = [], rays_around(200).to(device)
    plain, crop = MarchSettings(render_step_size=0.03), (-0.5, -0.2, -0.3, 0.4, 0.5, 0.2)
    for settings in (plain, replace(plain, cone_angle=0.02), replace(plain, crop=crop)):
        march = March(GridState(BOX, random_cells(3, 0.3).to(device)), rays, settings)
        active = torch.arange(200, dtype=torch.int32, device=device)
        counts, sums = torch.zeros(2, 200, device=device)
        while active.shape[0] > 0:
            samples = march.round(active, 16)
            counts.index_add_(0, samples.ray_indices, torch.ones_like(samples.t_starts))
            sums.index_add_(0, samples.ray_indices, samples.t_starts)
            active = active[march.t_nexts[active] < FAR_AWAY]
        found += [counts, sums, march.n_dense.float()]
    return found


def visible_samples_case(device: str) -> list[Tensor]:
    """A march whose field is called between rounds, and the fates of samples of rays that pass all of them."""
    march = MarchSettings(render_step_size=0.03, early_stop_eps=0.1, alpha_thre=0.02)
    rays = rays_around(300).to(device)
    sampled = grid_sampler(device, 2).sample(Fog(), rays, march, None, 4)
    info, sigmas, t_starts, lengths = on(
        device, packed(3, 0, 40, 200), 30.0 * numbers(243, seed=1), numbers(243), 0.1 * numbers(243, seed=2)
    )
    fates = sample_fates(Samples(t_starts, t_starts + lengths, info[:, 0], info), sigmas, march)
    return [*_summed_by_ray(sampled, 300), sampled.stopped.float(), fates.float()]


def march_of_view_case(device: str) -> list[Tensor]:
    return _march_in_one_launch(lively_field(device), grid_sampler(device, 2), device)


def march_of_training_case(device: str) -> list[Tensor]:
    """A march that teaches the grid."""
    sampler = grid_sampler(device, 2)
    found = _march_in_one_launch(ObservedField(lively_field(device), sampler.grid, 0.03), sampler, device)
    return [*found, sampler.grid.seen]


@torch.no_grad()
def _march_in_one_launch(field: Field, sampler: OccupancySampler, device: str) -> list[Tensor]:
    # rounds differ in how far they march past an early stop
    n_rays, march = 1 << 13, MarchSettings(render_step_size=0.03, early_stop_eps=0.0)
    return _summed_by_ray(sampler.sample(field, rays_around(n_rays).to(device), march, None, 8), n_rays)


def _summed_by_ray(sampled: Sampled, n_rays: int) -> list[Tensor]:
    samples, sigmas, trans = sampled.samples, sampled.sigmas, sampled.trans
    assert sigmas is not None and trans is not None  # a march knows both
    zeros, values = torch.zeros(3, n_rays, device=trans.device), (samples.t_starts, samples.t_ends, sigmas)
    sums = [zero.index_add(0, samples.ray_indices, value) for zero, value in zip(zeros, values, strict=True)]
    return [*sums, samples.packed_info[:, 1].float(), sampled.n_marched.float(), trans]


def whole_path_case(device: str) -> list[Tensor]:
    """Pixels, the gradients of a loss, and the weights after a step."""
    field, sampler = lively_field(device), grid_sampler(device, 1)
    march = MarchSettings(render_step_size=0.03, early_stop_eps=0.0)
    parameters = list(field.parameters())
    optimizer = Adam([{"params": parameters, "factor": 1.0}], 1e-2)
    wanted, background = on(device, numbers(400, 3, seed=5), torch.ones(3))
    traced = trace_rays(field, sampler, rays_around(400).to(device), march, background)
    (traced.output.colors - wanted).square().mean().backward()
    grads = [100.0 * x.grad for x in parameters if x.grad is not None]
    optimizer.step()
    out = traced.output
    return [x.detach() for x in (out.colors, out.opacities, out.trans, *grads, *parameters)]


def whole_path_as_usual_case(device: str) -> list[Tensor]:
    """A picture in the number format that scenes are trained in."""
    precision = "float32" if device == "cpu" else fastest_precision(device)
    field = lively_field(device, precision)
    march, background = MarchSettings(render_step_size=0.03), torch.ones(3, device=device)
    with torch.no_grad():
        out = trace_rays(field, grid_sampler(device, 1), rays_around(400).to(device), march, background).output
    return [out.colors, out.opacities]
