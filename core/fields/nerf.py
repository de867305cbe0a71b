"""The radiance field of the NeRF paper (Mildenhall et al. 2020, section 5.1 and appendix A): one deep network."""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Self

import torch
from torch import Tensor, nn

from core.config.setting import Setting
from core.config.training import TrainSettings
from core.config.types import Precision
from core.fields.base import Conditions, FieldKind, FieldSettings, LearntField
from core.fields.blocks import in_blocks
from core.fields.domain import in_unit_cube
from core.fields.mlp import DTYPES
from core.kernels.contraction import Space

_DENSITY_SCALE, _FIRST_DENSITY = 25.0, 0.1
"""The optical thickness of the box's diagonal per unit of the network's output, and a fresh network's output: it begins
as a thin fog that can become solid."""

_RATE, _RATE_WIDTH, _HIGHEST_RATE = 5e-4, 256, 1e-2
"""The paper's learning rate and width, and the highest rate for any width: rates that suit a hash grid make a deep
network diverge."""


@dataclass(frozen=True)
class MLPSettings(FieldSettings):
    """The field of the NeRF paper: one large network of encoded positions (Mildenhall et al. 2020, appendix A)."""

    depth: Annotated[int, Setting("Layers before the density.", low=1, high=16)] = 8
    width: Annotated[int, Setting("Units of each of these layers.", low=8, high=1024)] = 256
    skip: Annotated[
        int,
        Setting(
            "The layer, counted from 1, that sees the encoded position again; 0, or behind the last: none.",
            low=0,
            high=16,
        ),
    ] = 5
    color_width: Annotated[int, Setting("Units of the colour network's layer.", low=8, high=1024)] = 128
    position_frequencies: Annotated[int, Setting("Octaves of the positional encoding.", low=0, high=16)] = 10
    direction_frequencies: Annotated[int, Setting("Octaves of the direction's encoding.", low=0, high=8)] = 4
    precision: Annotated[
        Precision, Setting("Number format of the networks' matrix products; weights stay float32.")
    ] = "float32"

    @classmethod
    def usual(cls, conditions: Conditions) -> Self:
        """The paper's size, and on a CPU a network small enough to learn while one watches: on Lego it reached 22.6 dB
        where the paper's size reached 19.9."""
        small = {"depth": 4, "width": 64, "color_width": 32} if conditions.device == "cpu" else {}
        return cls(precision=conditions.precision, **small)

    def training(self, usual: TrainSettings) -> TrainSettings:
        """See `network_training`."""
        return network_training(usual, self.width)


def network_training(usual: TrainSettings, width: int) -> TrainSettings:
    """How a deep network is trained: slower than a hash grid, and with fewer evaluations for the occupancy grid.

    The NeRF paper's rate is for 256 units; narrower networks allow higher rates.

    Args:
        usual: a hash grid's.
        width: of its layers.
    """
    rate = min(_HIGHEST_RATE, _RATE * (_RATE_WIDTH / width) ** 1.5)
    return replace(usual, learning_rate=rate, grid_samples=min(usual.grid_samples, 1 << 12))


def positional_encoding(x: Tensor, n_frequencies: int) -> Tensor:
    """x, followed by the sines and cosines of pi 2^k x (the paper's equation 4).

    Args:
        x: (n, n_axes) in [-1, 1].

    Returns:
        (n, n_axes * (1 + 2 * n_frequencies)).
    """
    scales = math.pi * 2.0 ** torch.arange(n_frequencies, device=x.device)
    angles = (x[:, None, :] * scales[:, None]).flatten(1)
    return torch.cat([x, torch.sin(angles), torch.cos(angles)], dim=1)


class MLPField(LearntField):
    """A `Field` over a box, or over a box and all space around it.

    Args:
        space: what it covers.
        generator: draws the initial weights, on the CPU.
    """

    smooth = True

    def __init__(self, settings: MLPSettings, space: Space, generator: torch.Generator | None = None):
        super().__init__()
        self.settings, self.space = settings, space
        self._scale = _DENSITY_SCALE / space.diagonal
        n_encoded = 3 * (1 + 2 * settings.position_frequencies)
        widths = [settings.width + n_encoded * (layer == settings.skip) for layer in range(1, settings.depth + 1)]
        widths[0] = n_encoded
        self.layers = nn.ModuleList(linear(n_in, settings.width, generator) for n_in in widths)
        self.density_layer = linear(settings.width, 1, generator)
        nn.init.constant_(self.density_layer.bias, _FIRST_DENSITY)
        self.feature_layer = linear(settings.width, settings.width, generator)
        n_directions = 3 * (1 + 2 * settings.direction_frequencies)
        self.color_layer = linear(settings.width + n_directions, settings.color_width, generator)
        self.rgb_layer = linear(settings.color_width, 3, generator)

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        return self.densities(in_blocks(self._trunk, (positions,), self.trunk_parameters))

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        layers = self.feature_layer, self.color_layer, self.rgb_layer
        return in_blocks(self._head, (features, directions), [p for layer in layers for p in layer.parameters()])

    @property
    def trunk_parameters(self) -> list[Tensor]:
        """What `trunk` learns."""
        return [*self.layers.parameters(), *self.density_layer.parameters()]

    def densities(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Densities and features, as `density` returns them, from the outputs of `trunk`."""
        return self._scale * torch.relu(outputs[:, 0]), outputs[:, 1:]

    def trunk(self, places: Tensor) -> Tensor:
        """Evaluate the network at places (n, 3), -1 to 1 in the unit cube; returns (n, 1 + width), differentiable."""
        encoded = positional_encoding(places, self.settings.position_frequencies)
        with self._rounding(places):
            x = encoded
            for number, layer in enumerate(self.layers, 1):
                if number == self.settings.skip and number > 1:
                    x = torch.cat([x, encoded.to(x.dtype)], dim=1)
                x = torch.relu(layer(x))
            return torch.cat([self.density_layer(x), x], dim=1).float()

    def _trunk(self, positions: Tensor) -> Tensor:
        return self.trunk(2.0 * in_unit_cube(positions[:, :3], self.space) - 1.0)

    def _head(self, features: Tensor, directions: Tensor) -> Tensor:
        encoded = positional_encoding(directions, self.settings.direction_frequencies)
        with self._rounding(features):
            x = self.feature_layer(features)
            x = torch.relu(self.color_layer(torch.cat([x, encoded.to(x.dtype)], dim=1)))
            return torch.sigmoid(self.rgb_layer(x).float())

    def _rounding(self, x: Tensor) -> torch.autocast:
        """Runs products in the settings' number format."""
        dtype = DTYPES[self.settings.precision]
        return torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32)


def linear(n_in: int, n_out: int, generator: torch.Generator | None) -> nn.Linear:
    """A layer with initial weights as in Glorot and Bengio 2010, like the paper's own code."""
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


FIELD = FieldKind(
    MLPSettings,
    MLPField,
    "One large network of the position's sines and cosines (the NeRF paper).",
    "About 600,000 multiply-adds per sample at full size, which takes hours to train; 24,000 at a CPU's size.",
)
