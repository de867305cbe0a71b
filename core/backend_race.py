"""Times a march and a composite by both backends, on a small scene that is always the same."""

import statistics
import time

import torch

from core.kernels.backend import Backend, using
from core.kernels.grid import GridState
from core.kernels.marching import March
from core.kernels.nerfacc_kernels import NerfaccKernels
from core.kernels.packed import composite
from core.rays import Rays
from core.settings import MarchSettings

Milliseconds = dict[str, float]
"""Of a march and a composite, by the backend's name."""

_BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
_RESOLUTION, _RADIUS, _STEP = 128, 0.6, 0.0034
"""A ball in a grid of the size that training on CUDA has, and its step."""

_N_RAYS, _ROUND, _REPEATS = 1 << 16, 64, 15


@torch.no_grad()
def race(nerfacc: NerfaccKernels) -> Milliseconds:
    """Median times of a march of all rays through a ball and a composite of its samples, on CUDA."""
    backends = [Backend("warp", "timed"), Backend("nerfacc", "timed", nerfacc)]
    times: dict[str, list[float]] = {backend.name: [] for backend in backends}
    grid, rays = _ball(), _rays()
    for repeat in range(_REPEATS + 2):
        for backend in backends:
            with using(backend):
                torch.cuda.synchronize()
                began = time.perf_counter()
                _march_and_composite(grid, rays)
                torch.cuda.synchronize()
            if repeat >= 2:  # the first ones load kernels
                times[backend.name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(values) for name, values in times.items()}


def _ball() -> GridState:
    axis = (torch.arange(_RESOLUTION, device="cuda") + 0.5) * (2.0 / _RESOLUTION) - 1.0
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    return GridState(_BOX, (x * x + y * y + z * z < _RADIUS**2)[None])


def _rays() -> Rays:
    """From one side towards all of the box."""
    generator = torch.Generator("cuda").manual_seed(0)
    targets = 2.0 * torch.rand(_N_RAYS, 3, generator=generator, device="cuda") - 1.0
    origins = torch.tensor([4.0, 0.5, 0.3], device="cuda").expand_as(targets).contiguous()
    return Rays(origins, torch.nn.functional.normalize(targets - origins, dim=-1))


def _march_and_composite(grid: GridState, rays: Rays) -> None:
    every_ray = torch.arange(_N_RAYS, dtype=torch.int32, device="cuda")
    samples = March(grid, rays, MarchSettings(render_step_size=_STEP)).round(every_ray, _ROUND)
    sigmas = torch.ones_like(samples.t_starts)
    rgbs, background = sigmas[:, None].expand(-1, 3), sigmas.new_ones(3)
    composite(sigmas, rgbs, samples.t_starts, samples.t_ends, samples.packed_info, background)
