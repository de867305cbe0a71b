"""A field with time: a network maps each position and time into a canonical space, in which another one is a static
radiance field (Pumarola et al. 2021, "D-NeRF", section 4; the T-NeRF of nerfacc's examples)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn

from core.config.setting import Setting
from core.fields.base import FieldKind, LearntField
from core.fields.blocks import in_blocks
from core.fields.domain import in_unit_cube
from core.fields.nerf import MLPField, MLPSettings, linear, positional_encoding
from core.kernels.contraction import Space


@dataclass(frozen=True)
class TNeRFSettings(MLPSettings):
    """A static network of the NeRF paper, and a small one that moves each position at each time to where it is read."""

    warp_depth: Annotated[int, Setting("Layers of the warp network.", low=1, high=16)] = 4
    warp_width: Annotated[int, Setting("Units in each layer of the warp network.", low=8, high=1024)] = 64
    warp_frequencies: Annotated[
        int, Setting("Octaves of the encoding of the warp network's position and time.", low=0, high=16)
    ] = 4


class TNeRFField(LearntField):
    """A `Field` over a box, or over all space around it too, and times from 0 to 1.

    The warp's last layer is initialised to zero: a fresh field is the same at all times.

    Args:
        space: what it covers.
        generator: draws the initial weights, on the CPU.
    """

    dynamic, smooth = True, True

    def __init__(self, settings: TNeRFSettings, space: Space, generator: torch.Generator | None = None):
        super().__init__()
        self.settings, self.space = settings, space
        self.canonical = MLPField(settings, space, generator)
        sizes = [4 * (1 + 2 * settings.warp_frequencies)] + [settings.warp_width] * settings.warp_depth
        self.warp_layers = nn.ModuleList(linear(*ends, generator) for ends in pairwise(sizes))
        self.offset_layer = linear(settings.warp_width, 3, generator)
        nn.init.zeros_(self.offset_layer.weight)

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        warp = [*self.warp_layers.parameters(), *self.offset_layer.parameters()]
        outputs = in_blocks(self._trunk, (positions,), [*warp, *self.canonical.trunk_parameters])
        return self.canonical.densities(outputs)

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        return self.canonical.color(features, directions)

    def _trunk(self, positions: Tensor) -> Tensor:
        """The canonical network's outputs at positions (n, 3) at time 0, or (n, 4), after they are moved."""
        places = 2.0 * in_unit_cube(positions[:, :3], self.space) - 1.0
        times = positions[:, 3:] if positions.shape[1] == 4 else torch.zeros_like(positions[:, :1])
        x = positional_encoding(torch.cat([places, 2.0 * times - 1.0], dim=1), self.settings.warp_frequencies)
        for layer in self.warp_layers:  # always in float32: an error here shifts what is seen
            x = torch.relu(layer(x))
        return self.canonical.trunk(places + self.offset_layer(x))


FIELD = FieldKind(
    TNeRFSettings,
    TNeRFField,
    "A small network warps each position and time to where the NeRF paper's network looks it up (T-NeRF).",
    "About 620,000 multiply-adds per sample at full size, which takes hours to train; 39,000 at a CPU's size.",
)
