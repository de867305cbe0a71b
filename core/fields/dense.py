"""A plain voxel grid, the voxel-based family (Sun et al. 2022, "Direct Voxel Grid Optimization"; Fridovich-Keil et al.
2022, "Plenoxels"): the density is interpolated in the grid, and a small network computes colours from its features.

A level of a hash grid whose vertices don't share entries is such a grid. Features beyond the number that the kernel
reads at once are in further levels of the same resolution.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Self

import torch
from torch import Tensor

from core.config.setting import Setting
from core.fields.base import Conditions, FieldKind, FieldSettings, LearntField
from core.fields.mlp import ProductPrecision
from core.fields.ngp import NGPSettings, make_table, network_layers, thin_fog
from core.fields.shading import colors_seen, densities_of
from core.kernels.contraction import Space
from core.kernels.hash_grid import hash_encode, level_layout
from core.kernels.spherical_harmonics import N_HARMONICS

_PER_LEVEL = 4
"""Features that the kernel reads at once, per level."""

_STEEPNESS = 6.0
"""How much faster than other features the logarithm of the density changes: Adam moves all features at one rate, but
solid matter is hundreds of times as dense as fog. Single objects look better with more, photos of a place with less."""

_SHARE = 4
"""How many times as many values as a hash grid's it stores: most voxels are empty, so it needs more for the same
detail."""


@dataclass(frozen=True)
class DenseSettings(FieldSettings):
    """A voxel grid of features and a small network for colour."""

    resolution: Annotated[int, Setting("Voxels per side.", low=2, high=512)] = 128
    voxel_features: Annotated[int, Setting("Features at each corner of a voxel, a multiple of 4.", low=4, high=32)] = 8
    hidden_dim: Annotated[int, Setting("Width of the colour network's hidden layers.", low=8, high=256)] = 64
    precision: ProductPrecision = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.voxel_features % 4:
            raise ValueError(f"voxel_features must be a multiple of 4, got {self.voxel_features}: choose 4, 8 .. 32")

    @classmethod
    def usual(cls, conditions: Conditions) -> Self:
        """A grid that stores `_SHARE` times as many values as the tables of the usual hash grid."""
        hashed = NGPSettings.usual(conditions)
        n_values = _SHARE * hashed.n_levels * hashed.n_features << hashed.log2_hashmap_size
        resolution = round((n_values / cls().voxel_features) ** (1.0 / 3.0)) - 1
        return cls(resolution=resolution, precision=hashed.precision)


class DenseField(LearntField):
    """A `Field` over a box, or over a box and all space around it.

    Args:
        space: what the grid covers, in scene units.
        generator: draws the initial values and weights, on the CPU.
    """

    levels: Tensor

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


FIELD = FieldKind(
    DenseSettings,
    DenseField,
    "A voxel grid of features, one of which is the density, and a small network for colour (as in DVGO).",
    "About 6,000 multiply-adds per colour, none per density; memory grows with the cube of the resolution.",
)
