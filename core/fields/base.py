"""The interface of radiance fields: what the path calls, and what the registry knows."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import torch
from torch import Tensor, nn

from core.config.setting import validate
from core.config.training import TrainSettings
from core.config.types import Precision
from core.geometry.rays import Samples
from core.kernels.fused_march import EncodedDensity
from core.kernels.packed import Composited, color_loss, composite

PIECE = {"cpu": 1 << 20, "cuda": 1 << 18}
"""Samples that a field evaluates at once if no gradient is recorded."""


T = TypeVar("T", Tensor, tuple[Tensor, Tensor])

_SHORT_CUTS = {
    "density_alone": ("density",),
    "march_density": ("density",),
    "radiance": ("density", "color"),
    "pixel_loss": ("density", "color"),
}
"""Methods that are faster ways to the results of others, and these others."""


class Field(ABC):
    """A radiance field: density from a position, colour from the density's features and a direction.

    On a CPU several threads may call it at the same time. `density` and `color` define a field; the methods below them
    are short cuts, which return the same up to rounding, and which a field may override with faster code.

    A short cut belongs to the `density` and `color` of the class that defines it. If a derived class overrides one of
    these, the short cuts past it become the defaults again, unless it overrides them too: its own methods are never
    bypassed. This is decided when the class is created; methods assigned to an instance, or to a class later, don't
    count.

    Attributes:
        dynamic: whether it depends on time.
        smooth: whether its densities and colours are differentiable in positions.
    """

    dynamic: bool = False
    smooth: bool = False
    _written_for: ClassVar[Mapping[str, tuple[Callable, ...]]] = {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        present = {name: tuple(getattr(cls, past) for past in others) for name, others in _SHORT_CUTS.items()}
        for name in _SHORT_CUTS:
            if name in vars(cls):
                cls._written_for = {**cls._written_for, name: present[name]}
            elif cls._written_for.get(name, present[name]) != present[name]:
                setattr(cls, name, getattr(Field, name))

    @abstractmethod
    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Densities, and the features from which `color` computes colours.

        Args:
            positions: (n, 3) float32 in scene units; or (n, 4) if the scene's views have times, with the time last,
                0 to 1. A static field uses the first three columns only; without times a dynamic one is at time 0.

        Returns:
            sigmas: (n,) float32, at least 0, per scene unit.
            features: (n, n_features) float32.
        """

    @abstractmethod
    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        """Colours (n, 3) float32 in [0, 1] of features (n, n_features) seen along unit directions (n, 3)."""

    @torch.no_grad()
    def density_alone(self, positions: Tensor) -> Tensor:
        """The sigmas (n,) of `density`, without gradient, if colours aren't needed."""
        return self.density(positions)[0]

    def radiance(self, positions: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        """The rgbs (n, 3) of `color` and the sigmas (n,) of `density`, with gradient.

        Args:
            positions: (n, 3 or 4), see `density`.
            directions: (n, 3) float32, unit.
        """
        sigmas, features = self.density(positions)
        return self.color(features, directions), sigmas

    def pixel_loss(
        self,
        positions: Tensor,
        directions: Tensor,
        samples: Samples,
        background: Tensor,
        targets: Tensor,
        entropy: float = 0.0,
    ) -> tuple[Tensor, Composited]:
        """The loss of rendered pixels, with gradient in the field's parameters, and the pixels.

        Args:
            positions, directions: of the samples, see `radiance`.
            samples: packed by rays.
            background: (3,) or (n_rays, 3) float32.
            targets: (n_rays, 3) float32, the colours that the pixels should have.
            entropy: see `core.kernels.packed.color_loss`.
        """
        rgbs, sigmas = self.radiance(positions, directions)
        pixels = composite(sigmas, rgbs, samples.t_starts, samples.t_ends, samples.packed_info, background)
        return color_loss(pixels.colors, targets, pixels.weights, entropy), pixels

    def march_density(self, keeps_features: bool) -> EncodedDensity | None:
        """The density in a form that a march evaluates itself; None: the march calls `density` between its rounds.

        Args:
            keeps_features: whether the march keeps the features that `color` needs.
        """
        return None


class LearntField(Field, nn.Module):
    """A field whose parameters are trained.

    Attributes:
        averaged: whether the running mean of its weights may be shown instead of it.
    """

    averaged: bool = True

    def rounded_readers(self) -> dict[nn.Parameter, Callable[[Tensor], None]]:
        """The parameters that kernels read in bfloat16, each with a function that receives its rounded values from the
        optimiser, see `core.training.optimizer.Adam`."""
        return {}


class Conditions(NamedTuple):
    """The conditions that a field's usual settings depend on.

    Attributes:
        device: "cpu" or "cuda".
        precision: the fastest number format of the device, see `core.kernels.runtime.device.fastest_precision`.
        nested: whether the scene fills several nested boxes.
        pixels: how many pixels of a training view span the space that the field covers.
        memory: free bytes of a GPU.
    """

    device: str
    precision: Precision = "float32"
    nested: bool = False
    pixels: float = math.inf
    memory: float = math.inf


@dataclass(frozen=True)
class FieldSettings:
    """The base class of a field's settings, see `core.config.setting`. Each field has a class of its own, which
    identifies the field."""

    def __post_init__(self) -> None:
        validate(self)

    @classmethod
    def usual(cls, conditions: Conditions) -> Self:
        """The settings that are used unless the user chooses others; by default the class's own defaults."""
        return cls()

    def training(self, usual: TrainSettings) -> TrainSettings:
        """How a field of these settings is trained.

        Args:
            usual: training that suits the device and the scene for a hash grid.
        """
        return usual

    @property
    def own_name(self) -> str:
        """The name of a field that isn't registered, a user's own; "" for all others."""
        return ""


class FieldKind(NamedTuple):
    """A field to choose, as `core.fields` registers it.

    Attributes:
        settings: the class of its settings.
        field: the class of the field, constructed from (settings, space, generator): `space` is what the field covers,
            and the generator draws the initial weights, on the CPU.
        sentence: what it is; cost: what it takes. For the window and the command line's help.
    """

    settings: type[FieldSettings]
    field: type[LearntField]
    sentence: str
    cost: str

    @property
    def smooth(self) -> bool:
        """See `Field.smooth`."""
        return self.field.smooth

    @property
    def dynamic(self) -> bool:
        """See `Field.dynamic`."""
        return self.field.dynamic


def in_pieces(evaluate: Callable[..., T], *columns: Tensor) -> T:
    """Call a field's `density` or `color` on columns of n rows, piece by piece if no gradient is recorded.

    A network's activations take many times the memory of its inputs and outputs; `PIECE` bounds them for any number of
    samples. If gradients are recorded, all activations are kept anyway, so it is one call.
    """
    most = PIECE[columns[0].device.type]
    if torch.is_grad_enabled() or columns[0].shape[0] <= most:
        return evaluate(*columns)
    parts: list[Any] = [evaluate(*piece) for piece in zip(*(x.split(most) for x in columns), strict=True)]
    joined: Any = torch.cat(parts) if isinstance(parts[0], Tensor) else tuple(map(torch.cat, zip(*parts, strict=True)))
    return joined
