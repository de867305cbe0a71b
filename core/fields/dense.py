"""A plain voxel grid, the voxel-based family (Sun et al. 2022, "Direct Voxel Grid Optimization"; Fridovich-Keil et al.
2022, "Plenoxels"): the density is read from the grid, the colour is what a small network makes of the features there.

A level of a hash grid whose vertices all have entries of their own is such a grid. More features than the kernel reads
at once lie in further levels of the same resolution.
"""

import math

import torch
from torch import Tensor, nn

from core.config.field_settings import DenseSettings
from core.fields.ngp import make_table, network_layers, thin_fog
from core.fields.shading import colors_seen, densities_of
from core.kernels.contraction import Space
from core.kernels.hash_grid import hash_encode, level_layout
from core.kernels.spherical_harmonics import N_HARMONICS

_PER_LEVEL = 4
"""Features that the kernel reads at once."""

_STEEPNESS = 6.0
"""How many times as fast as the others the feature learns that is the logarithm of the density: Adam moves all by the
same, and what is solid is some hundred times as dense as fog. More suits a single object, less photos of a place."""


class DenseField(nn.Module):
    """A `Field` over a box, or over a box and all space around it.

    Args:
        space: what the grid covers, in scene units.
        generator: draws the initial values and weights, on the CPU.
    """

    def __init__(self, settings: DenseSettings, space: Space, generator: torch.Generator | None = None):
        super().__init__()
        self.settings, self.space = settings, space
        resolution, n_levels = settings.resolution, settings.voxel_features // _PER_LEVEL
        levels = level_layout(n_levels, resolution, resolution, math.ceil(3 * math.log2(resolution + 1)))
        self.register_buffer("levels", levels.info, persistent=False)
        self._density_scale = thin_fog(space)
        self.table = make_table(levels, _PER_LEVEL, generator)
        hidden = settings.hidden_dim
        self.color_layers = network_layers([settings.voxel_features + N_HARMONICS, hidden, hidden, 3], generator)

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        features = hash_encode(positions[:, :3], self.table, self.levels, self.space)
        return densities_of(features, _STEEPNESS, self._density_scale), features

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        return colors_seen(features, directions, self.color_layers, self.settings.precision)
