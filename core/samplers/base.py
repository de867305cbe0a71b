"""The interface of samplers: what the path calls, and what the registry knows."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from core.config.march import MarchSettings
from core.config.setting import validate
from core.config.types import Box
from core.fields.along_rays import AnyField
from core.fields.base import FieldKind, FieldSettings
from core.geometry.rays import Rays, Samples
from core.kernels.contraction import Space
from core.samplers.occupancy_grid import OccupancyGrid


class Pass(NamedTuple):
    """An earlier pass of a sampler over rays, with gradients if they are recorded: it decides where samples are placed.

    Attributes:
        samples: packed over all rays; weights: (n_samples,) float32, of these samples.
        colors: (n_rays, 3) float32, before any background, where the pass rendered colours; else None.
    """

    samples: Samples
    weights: Tensor
    colors: Tensor | None = None


class SamplerInputs(NamedTuple):
    """What a sampler is constructed from.

    Attributes:
        grid: the occupancy grid, which is kept up to date with every sampler.
        box: the scene's outermost bounds.
        space: what fields of the sampler's own cover.
        field_settings: of the field that is sampled.
        generator: draws initial weights, on the CPU.
    """

    grid: OccupancyGrid
    box: Box
    space: Space
    field_settings: FieldSettings
    generator: torch.Generator | None = None


class GuideKind(StrEnum):
    """What the heights of a guide mean."""

    WEIGHTS = "weights"
    """Shares of the light, one per bin."""
    DENSITY = "density"
    """Per scene unit: one at each edge, linear in between, or one per bin, constant inside."""
    PLACES = "places"
    """There are none: the guide is a set of chosen places."""


class Guide(NamedTuple):
    """What guided a sampler on one ray; for display only.

    Attributes:
        name: what it is, in a few words.
        ts: (n,) float32, ascending: edges of bins, or places; empty for a ray that misses the scene.
        heights: (n - 1,) or (n,) float32, see `GuideKind`; (0,) for places.
    """

    name: str
    kind: GuideKind
    ts: Tensor
    heights: Tensor


def weights_guide(name: str, known: Pass) -> Guide:
    """The weights of a pass over one ray, as a guide."""
    samples = known.samples
    return Guide(name, GuideKind.WEIGHTS, torch.cat([samples.t_starts, samples.t_ends[-1:]]), known.weights)


class Sampled(NamedTuple):
    """The samples that a sampler kept, and what it evaluated for them without gradient.

    Attributes:
        samples: packed over all rays.
        sigmas: (n_samples,) float32; None if the sampler didn't evaluate densities.
        features: (n_samples, n_features) float32; None likewise.
        trans: (n_rays,) float32, transmittance where the march ended; None: 1 - opacity of the samples.
        n_dense, n_marched: (n_rays,) int32, see `core.geometry.rays.RenderOutput`.
        stopped: (n_rays,) bool, rays that ended because their transmittance fell below the threshold.
        weights: (n_samples,) float32, the samples' shares in the pixels, if the sampler determines them; None: they
            follow from the densities.
        medians: (n_rays,) float32, t where transmittance falls to 0.5, inf where it never does, if the sampler
            determines it; None: they follow from the densities.
        n_learnt: densities, besides the samples', that the weights depend on and whose gradients the field gets.
        passes: earlier passes, for the sampler's own loss.
    """

    samples: Samples
    sigmas: Tensor | None
    features: Tensor | None
    trans: Tensor | None
    n_dense: Tensor
    n_marched: Tensor
    stopped: Tensor
    weights: Tensor | None = None
    medians: Tensor | None = None
    n_learnt: int = 0
    passes: tuple[Pass, ...] = ()

    @property
    def known(self) -> tuple[Tensor, Tensor] | None:
        """The densities and features that the sampler evaluated; None if it didn't."""
        return None if self.sigmas is None or self.features is None else (self.sigmas, self.features)


class Sampler(ABC):
    """Places samples on rays. On a CPU several threads may call it at the same time."""

    @abstractmethod
    def sample(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """Place samples on rays through a field. It is evaluated without gradient, unless `weights` depend on it.

        Args:
            march: `near_plane`, `far_plane` and `crop` bound the samples; if gradients aren't recorded, `alpha_thre`
                and `early_stop_eps` drop those that aren't visible.
            generator: jitters the samples; None places them deterministically.
            round_size: samples a ray takes in the first round; the picture doesn't depend on it.
        """

    def guides(self, field: AnyField, rays: Rays, march: MarchSettings) -> tuple[Guide, ...]:
        """What guides `sample` on one ray without a generator, besides a grid's cells; by default nothing."""
        return ()


class LearningSampler(Sampler, nn.Module):
    """A sampler that learns where to place samples: `Trainer` optimises its parameters together with the field's.

    Attributes:
        rate_factor: its learning rate as a multiple of the field's.
    """

    rate_factor: float = 1.0

    def at_step(self, step: int) -> None:
        """Called before each step with the number of steps done; views use the last call's. Does nothing by default."""

    def loss(self, sampled: Sampled, weights: Tensor, rays: Rays, target: Tensor, background: Tensor) -> Tensor:
        """The sampler's own loss, a scalar that is added to that of the colours; by default 0, for a sampler that
        learns from the colours alone.

        Args:
            sampled: what `sample` returned for the rays; weights: (n_samples,) float32, the field's, of these samples.
            target: (n_rays, 3) float32, the photos' colours over the background.
            background: (n_rays, 3) float32.
        """
        return weights.new_zeros(())


BOUNDS = ("near_plane", "far_plane", "crop")
BOUNDS_AND_SEEN = ("alpha_thre", "early_stop_eps", *BOUNDS)
"""The `MarchSettings` that bound samples, and these with those that drop samples which aren't visible."""


@dataclass(frozen=True)
class SamplerSettings:
    """The base class of a sampler's settings, see `core.config.setting`. Each sampler has a class of its own, which
    identifies the sampler."""

    def __post_init__(self) -> None:
        validate(self)

    @classmethod
    def usual(cls, rate_factor: float) -> Self:
        """The settings that are used unless the user chooses others; by default the class's own defaults.

        Args:
            rate_factor: the learning rate that suits a hash grid, as a multiple of the field's.
        """
        return cls()

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the `MarchSettings` that its pictures depend on."""
        return BOUNDS_AND_SEEN

    @property
    def marches_grid(self) -> bool:
        """Whether samples lie only in occupied cells of the grid: without an occupied cell there are none."""
        return "occ_thre" in self.reads

    @property
    def skips_faint_rays(self) -> bool:
        """Whether `alpha_thre` is a threshold on the opacity of whole rays instead of samples."""
        return False

    def check_field(self, name: str, field: FieldKind) -> None:
        """Raise ValueError, with the reason, if a sampler of these settings can't learn with a field.

        Args:
            name: the field's.
        """


class SamplerKind(NamedTuple):
    """A sampler to choose, as `core.samplers` registers it.

    Attributes:
        settings: the class of its settings.
        make: makes a fresh one.
        sentence: what it is; cost: what it takes. For the window and the command line's help.
    """

    settings: type[SamplerSettings]
    make: Callable[[Any, SamplerInputs], Sampler]
    sentence: str
    cost: str
