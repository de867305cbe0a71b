"""Times a training march with its densities, and a composite, by both backends on a small fixed scene."""

import statistics
import time

import torch

from core.config.march import MarchSettings
from core.fields.ngp import NGPField, NGPSettings
from core.geometry.rays import Rays
from core.kernels.contraction import Space
from core.kernels.nerfacc.kernels import NerfaccKernels
from core.kernels.packed import composite
from core.kernels.runtime.backend import Backend, using
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import ObservedField, OccupancyGrid

COURSE = "a training march"
"""What is timed. It is part of a measurement's key: figures of another course don't compare."""

Milliseconds = dict[str, float]
"""Times of a march and a composite, by the backend's name."""

_BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
_RESOLUTION, _RADIUS, _STEP = 128, 0.6, 0.03
"""A ball in a grid as large as in training on CUDA, and steps that leave each ray a few samples, as surfaces do."""

_N_RAYS, _ROUND, _REPEATS = 1 << 15, 16, 15


@torch.no_grad()
def race(nerfacc: NerfaccKernels) -> Milliseconds:
    """Median times of a training march through a ball and a composite of its samples, on nerfacc's device."""
    device = nerfacc.device_type
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    backends = [Backend("warp", "timed"), Backend("nerfacc", "timed", nerfacc)]
    times: dict[str, list[float]] = {backend.name: [] for backend in backends}
    field, sampler, rays = _field(device), _ball(device), _rays(device)
    for repeat in range(_REPEATS + 2):
        for backend in backends:
            with using(backend):
                wait()
                began = time.perf_counter()
                _march_and_composite(field, sampler, rays)
                wait()
            if repeat >= 2:  # the first two load kernels
                times[backend.name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in times.items()}


def _field(device: str) -> NGPField:
    return NGPField(NGPSettings(), Space(_BOX), torch.Generator().manual_seed(0)).to(device)


def _ball(device: str) -> OccupancySampler:
    grid = OccupancyGrid(_BOX, _RESOLUTION).to(device)
    axis = (torch.arange(_RESOLUTION, device=device) + 0.5) * (2.0 / _RESOLUTION) - 1.0
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    grid.occs.copy_((x * x + y * y + z * z < _RADIUS**2).float().view(-1))
    return OccupancySampler(grid)


def _rays(device: str) -> Rays:
    """Rays from one side, towards all of the box."""
    generator = torch.Generator(device).manual_seed(0)
    targets = 2.0 * torch.rand(_N_RAYS, 3, generator=generator, device=device) - 1.0
    origins = torch.tensor([4.0, 0.5, 0.3], device=device).expand_as(targets).contiguous()
    return Rays(origins, torch.nn.functional.normalize(targets - origins, dim=-1))


def _march_and_composite(field: NGPField, sampler: OccupancySampler, rays: Rays) -> None:
    sampled = sampler.sample(
        ObservedField(field, sampler.grid, _STEP), rays, MarchSettings(render_step_size=_STEP), None, _ROUND
    )
    assert sampled.sigmas is not None  # a march asks for densities
    samples, background = sampled.samples, sampled.sigmas.new_ones(3)
    rgbs = background.expand(samples.n_samples, 3)
    composite(sampled.sigmas, rgbs, samples.t_starts, samples.t_ends, samples.packed_info, background)
