"""The Instant-NGP radiance field (Müller et al. 2022, section 5.4): a hash grid, a density and a colour network."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Self

import torch
from torch import Tensor, nn

from core.config.presets import gpu_sizes
from core.config.setting import Setting
from core.fields.base import Conditions, FieldKind, FieldSettings, LearntField
from core.fields.mlp import ProductPrecision, mlp, multiplies_in_tiles
from core.fields.shading import colors_seen, densities_of, loss_seen, radiance
from core.geometry.rays import Samples
from core.kernels.contraction import Space
from core.kernels.encoded_network import encoded_network, packed_table
from core.kernels.fused_march import EncodedDensity
from core.kernels.hash_grid import Levels, hash_encode, level_layout
from core.kernels.packed import Composited
from core.kernels.spherical_harmonics import N_HARMONICS

STEEPNESS = 3.0
"""How much faster than colours the logarithm of the density changes: solid matter is hundreds of times as dense as
fog, and Adam moves all parameters at one rate."""

_LEAST_FINEST = 64
"""Cells per side of the finest level, at least: even small pictures show where edges are."""


@dataclass(frozen=True)
class NGPSettings(FieldSettings):
    """The Instant-NGP field: a multiresolution hash grid and two small networks (Müller et al. 2022, section 3)."""

    n_levels: Annotated[int, Setting("Resolutions in the hash grid.", low=1, high=24)] = 16
    n_features: Annotated[int, Setting("Features per table entry (2 or 4).", low=2, high=4)] = 2
    log2_hashmap_size: Annotated[int, Setting("Entries per level, as a power of two.", low=8, high=24)] = 19
    hashing: Annotated[
        Literal["vertices", "rows"],
        Setting("What the hash places: single vertices, or rows of them, whose neighbours a CPU reads together."),
    ] = "vertices"
    base_resolution: Annotated[int, Setting("Cells per side of the coarsest level.", low=2, high=512)] = 16
    max_resolution: Annotated[int, Setting("Cells per side of the finest level.", low=2, high=65536)] = 2048
    hidden_dim: Annotated[int, Setting("Width of the networks' hidden layers.", low=8, high=256)] = 64
    color_hidden_layers: Annotated[int, Setting("Hidden layers of the colour network.", low=1, high=4)] = 2
    geo_feature_dim: Annotated[
        int, Setting("Values the density network gives the colour network; one is the density.", low=1, high=64)
    ] = 16
    precision: ProductPrecision = "float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_features not in (2, 4):
            raise ValueError(f"n_features must be 2 or 4, got {self.n_features}")
        if self.max_resolution < self.base_resolution:
            raise ValueError(f"max_resolution {self.max_resolution} is below base_resolution {self.base_resolution}")

    @classmethod
    def usual(cls, conditions: Conditions) -> Self:
        """A CPU gets tables in rows that fit its cache, a finest level as fine as the views, and a colour network with
        one hidden layer, which learns as well in fewer operations; a GPU gets instant-ngp's sizes, for which these
        haven't been measured, or smaller tables if it has little memory."""
        if conditions.device == "cuda":
            table_size = gpu_sizes(conditions.memory).log2_hashmap_size
            return cls(log2_hashmap_size=table_size, precision=conditions.precision)
        return cls(
            n_levels=8,
            log2_hashmap_size=17,
            hashing="rows",
            color_hidden_layers=1,
            max_resolution=finest_resolution(conditions.pixels, 1024 if conditions.nested else 512),
            precision=conditions.precision,
        )


def finest_resolution(pixels: float, most: int) -> int:
    """Cells per side of a hash grid's finest level: one for each pixel across the space that the grid covers.

    No view resolves finer cells: they overfit single rays, which other views show as noise. Without them, the levels
    are spaced more closely at the resolutions that matter.

    Args:
        pixels: of a training view; see `core.datasets.bounds.footprint`.
        most: the largest result, which the table's size allows.
    """
    return round(min(max(pixels, _LEAST_FINEST), most))


class NGPField(LearntField):
    """A `Field` over a box, or over a box and all space around it.

    Args:
        space: what the hash grid covers, in scene units.
        generator: draws the initial weights, on the CPU.
    """

    levels: Tensor

    def __init__(self, settings: NGPSettings, space: Space, generator: torch.Generator | None = None):
        super().__init__()
        self.settings, self.space = settings, space
        levels = level_layout(
            settings.n_levels,
            settings.base_resolution,
            settings.max_resolution,
            settings.log2_hashmap_size,
            settings.hashing == "rows",
        )
        self._packed: tuple[tuple[int, int], Tensor] | None = None
        self._density_scale = thin_fog(space)
        self.register_buffer("levels", levels.info, persistent=False)
        self.table = make_table(levels, settings.n_features, generator)
        hidden, geo = settings.hidden_dim, settings.geo_feature_dim
        encoded = settings.n_levels * settings.n_features
        self.density_layers = network_layers([encoded, hidden, geo], generator)
        self.color_layers = network_layers([geo + N_HARMONICS, *settings.color_hidden_layers * [hidden], 3], generator)

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        if torch.is_grad_enabled():
            features = self.decode(self.encode(positions))
        else:
            features = self._looked_up(positions, list(self.density_layers))
        return self._densities(features), features

    def density_alone(self, positions: Tensor) -> Tensor:
        hidden, last = self.density_layers
        return self._densities(self._looked_up(positions, [hidden, last[:1]]))

    def march_density(self, keeps_features: bool) -> EncodedDensity:
        hidden, last = (layer.detach() for layer in self.density_layers)
        layers = [hidden, last if keeps_features else last[:1]]
        where = self._packed_table(), self.levels, self.space
        in_tiles = multiplies_in_tiles(self.settings.precision, self.table.device)
        return EncodedDensity(*where, layers, in_tiles, self._density_scale, STEEPNESS, keeps_features)

    def _densities(self, features: Tensor) -> Tensor:
        return densities_of(features, STEEPNESS, self._density_scale)

    def _looked_up(self, positions: Tensor, layers: list[Tensor]) -> Tensor:
        """Evaluate layers at positions, without gradient, in one kernel."""
        in_tiles = multiplies_in_tiles(self.settings.precision, positions.device)
        return encoded_network(positions[:, :3], self._packed_table(), self.levels, self.space, layers, in_tiles)

    def _packed_table(self) -> Tensor:
        """The table as marches read it; remade when torch's version counter says that the table changed."""
        version = self.table.data_ptr(), self.table._version
        packed = self._packed
        if packed is None or packed[0] != version:  # two threads may both make it, with the same result
            self._packed = packed = version, packed_table(self.table)
        return packed[1]

    def rounded_readers(self) -> dict[nn.Parameter, Callable[[Tensor], None]]:
        """See `LearntField.rounded_readers`: the table. The rounded tensor has its shape, and the field keeps it."""
        return {self.table: self._take_rounded}

    def _take_rounded(self, table: Tensor) -> None:
        self._packed = (self.table.data_ptr(), self.table._version), packed_table(table)

    def encode(self, positions: Tensor) -> Tensor:
        """Features (n, n_levels * n_features) of positions, with gradient. On the CPU they are read from the rounded
        table, like those of marches: it takes half the memory, and is in the cache."""
        rounded = self._packed_table() if positions.device.type == "cpu" else None
        return hash_encode(positions[:, :3], self.table, self.levels, self.space, rounded)

    def decode(self, encoded: Tensor) -> Tensor:
        """Features (n, geo_feature_dim) of encoded positions (n, n_levels * n_features); the first times `STEEPNESS` is
        the logarithm of the unscaled density."""
        return mlp(encoded, list(self.density_layers), self.settings.precision)

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        return colors_seen(features, directions, self.color_layers, self.settings.precision)

    def radiance(self, positions: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        return self.seen(self.encode(positions), directions)

    def pixel_loss(
        self,
        positions: Tensor,
        directions: Tensor,
        samples: Samples,
        background: Tensor,
        targets: Tensor,
        entropy: float = 0.0,
    ) -> tuple[Tensor, Composited]:
        return self.loss_seen(self.encode(positions), directions, samples, background, targets, entropy)

    def loss_seen(
        self,
        encoded: Tensor,
        directions: Tensor,
        samples: Samples,
        background: Tensor,
        targets: Tensor,
        entropy: float = 0.0,
    ) -> tuple[Tensor, Composited]:
        """`pixel_loss` of encoded positions (n, n_levels * n_features)."""
        given = encoded, directions, samples, background, targets, entropy
        layers = self.density_layers, self.color_layers
        return loss_seen(*given, *layers, STEEPNESS, self._density_scale, self.settings.precision)

    def seen(self, encoded: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """Colours (n, 3) and densities (n,) of encoded positions (n, n_levels * n_features), with gradient."""
        layers = self.density_layers, self.color_layers
        return radiance(encoded, directions, *layers, STEEPNESS, self._density_scale, self.settings.precision)


def thin_fog(space: Space) -> float:
    """The density of a fresh field, whose optical thickness along the box's diagonal is 4 in any scene's units, so that
    all parts of the scene are visible and learn from the start; 1 if space around the box is contracted."""
    return (4.0 if space.contraction == "none" else 1.0) / space.diagonal


def make_table(levels: Levels, n_features: int, generator: torch.Generator | None) -> nn.Parameter:
    """A hash grid's initial entries, nearly zero (the paper's section 4)."""
    table = nn.Parameter(torch.empty(levels.n_entries, n_features))
    nn.init.uniform_(table, -1e-4, 1e-4, generator=generator)
    return table


def network_layers(sizes: list[int], generator: torch.Generator | None) -> nn.ParameterList:
    """Weight matrices without biases, initialised after He et al. 2015 as torch's Linear is."""
    layers = nn.ParameterList()
    for n_in, n_out in pairwise(sizes):
        weight = torch.empty(n_out, n_in)
        nn.init.kaiming_uniform_(weight, a=5**0.5, generator=generator)
        layers.append(nn.Parameter(weight))
    return layers


FIELD = FieldKind(
    NGPSettings,
    NGPField,
    "A hash grid of features at many resolutions and two small networks (Instant-NGP).",
    "About 4,000 multiply-adds per sample on a CPU; trains in seconds.",
)
