"""Small inputs of the self-check, the same on every machine."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.config.types import Precision
from core.fields.base import Field
from core.fields.ngp import NGPField, NGPSettings
from core.geometry.rays import Rays
from core.kernels.contraction import Space
from core.samplers.occupancy import OccupancySampler
from core.samplers.occupancy_grid import OccupancyGrid

BOX = (-1.0, -0.5, -0.8, 1.0, 0.9, 0.7)

SMALL_TABLES = NGPSettings(log2_hashmap_size=12, max_resolution=256)
"""The default field's networks and number of levels, with small tables."""


class Fog(Field):
    """Fog that fills space: density and colour vary smoothly with position and direction."""

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        return 2.0 * (1.0 + torch.sin(3.0 * positions).prod(-1)), positions

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        return torch.sigmoid(features + 0.5 * directions)


def numbers(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers in [0, 1), the same on every machine."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def on(device: str, *tensors: Tensor) -> list[Tensor]:
    return [x.to(device) for x in tensors]


def rays_around(n: int) -> Rays:
    """Rays from around the box, and from inside of it."""
    generator = torch.Generator().manual_seed(0)
    origins = 2.0 * normalize(torch.randn(n, 3, generator=generator), dim=-1)
    origins[: n // 4] *= 0.2
    return Rays(origins, normalize(torch.randn(n, 3, generator=generator) - origins, dim=-1))


def random_cells(n_levels: int, share: float) -> Tensor:
    return numbers(n_levels, 8, 8, 8) < share


def packed(*counts: int) -> Tensor:
    """The packed_info of rays with so many samples."""
    n = torch.tensor(counts, dtype=torch.int32)
    return torch.stack([torch.cumsum(n, 0, dtype=torch.int32) - n, n], dim=1)


def lively_field(device: str, precision: Precision = "float32") -> NGPField:
    """A field with densities from almost empty to solid, all over the box."""
    generator = torch.Generator().manual_seed(2)
    field = NGPField(replace(SMALL_TABLES, precision=precision), Space(BOX), generator)
    with torch.no_grad():
        # values that bfloat16 has: a CPU trains on rounded tables
        field.table.copy_(torch.randn(field.table.shape, generator=generator).bfloat16())
        field.density_layers[1].mul_(3.0)
    return field.to(device)


def grid_sampler(device: str, n_levels: int) -> OccupancySampler:
    """A sampler whose grid has a third of its cells occupied."""
    sampler = OccupancySampler(OccupancyGrid(BOX, 16, n_levels))
    sampler.grid.occs.copy_((numbers(sampler.grid.occs.shape[0], seed=1) < 0.3).float())
    sampler.grid.to(device)
    return sampler
