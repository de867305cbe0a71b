"""What a sampler is: what the path asks it, and what the registry knows about it."""

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
    """What a sampler learnt of rays before it placed the samples it gives, with gradients where they are recorded.

    Attributes:
        samples: packed over all rays; weights: (n_samples,) float32, theirs.
        colors: (n_rays, 3) float32, before any background, where the pass rendered colours; else None.
    """

    samples: Samples
    weights: Tensor
    colors: Tensor | None = None


class SamplerInputs(NamedTuple):
    """What samplers are made for.

    Attributes:
        grid: the occupancy grid; it is kept up whatever the sampler.
        box: the scene's outermost bounds.
        space: what its fields cover.
        field_settings: of the field that is sampled.
        generator: draws initial weights, on the CPU.
    """

    grid: OccupancyGrid
    box: Box
    space: Space
    field_settings: FieldSettings
    generator: torch.Generator | None = None


class GuideKind(StrEnum):
    """What the heights of a guide are."""

    WEIGHTS = "weights"
    """Shares of the light, one a bin."""
    DENSITY = "density"
    """Per scene unit: one at each edge, linear between them, or one a bin, constant in it."""
    PLACES = "places"
    """None: places that were chosen."""


class Guide(NamedTuple):
    """What a sampler went by on one ray, on the way to its samples. To be looked at: nothing is computed with it.

    Attributes:
        name: what it is, in a few words.
        ts: (n,) float32, ascending: edges of bins, or places; none on a ray that misses the scene.
        heights: (n - 1,) or (n,) float32, see `GuideKind`; (0,) for places.
    """

    name: str
    kind: GuideKind
    ts: Tensor
    heights: Tensor


def weights_guide(name: str, known: Pass) -> Guide:
    """The weights of a pass over one ray."""
    samples = known.samples
    return Guide(name, GuideKind.WEIGHTS, torch.cat([samples.t_starts, samples.t_ends[-1:]]), known.weights)


class Sampled(NamedTuple):
    """The samples that a march kept, and what it learnt of them without gradient.

    Attributes:
        samples: packed over all rays.
        sigmas: (n_samples,) float32; None where the sampler didn't ask for densities.
        features: (n_samples, n_features) float32; None likewise.
        trans: (n_rays,) float32, transmittance where the march ended; None: as the samples leave it.
        n_dense, n_marched: (n_rays,) int32, see `core.geometry.rays.RenderOutput`.
        stopped: (n_rays,) bool, rays that ended because their transmittance fell below the threshold.
        weights: (n_samples,) float32, the samples' shares in the pixels, from a sampler that knows them; None: they
            follow from the densities.
        medians: (n_rays,) float32, where transmittance passes 0.5, inf where it never does, from a sampler that knows;
            None: they follow from the densities.
        n_learnt: densities of the field that the weights come of and that are learnt from, besides the samples'.
        passes: what came before, for the sampler's own loss.
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
        """The densities and features that the sampler asked for; None where it didn't."""
        return None if self.sigmas is None or self.features is None else (self.sigmas, self.features)


class Sampler(ABC):
    """Places samples on rays. On a CPU several threads may ask at once."""

    @abstractmethod
    def sample(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """Place samples on rays through a field, which is asked without gradient unless `weights` come of its answers.

        Args:
            march: `near_plane`, `far_plane` and `crop` bound the samples; where gradients aren't recorded
                `alpha_thre` and `early_stop_eps` leave out those that are not seen.
            generator: jitters the samples; None places them deterministically.
            round_size: samples a ray takes in the first round; the picture doesn't depend on it.
        """

    def guides(self, field: AnyField, rays: Rays, march: MarchSettings) -> tuple[Guide, ...]:
        """What it goes by on one ray, besides a grid's cells, where `sample` places samples without a generator; none
        unless a sampler says otherwise."""
        return ()


class LearningSampler(Sampler, nn.Module):
    """A sampler that has to learn where samples belong: `Trainer` optimises its parameters beside the field's.

    Attributes:
        rate_factor: its learning rate as a multiple of the field's.
    """

    rate_factor: float = 1.0

    def at_step(self, step: int) -> None:
        """Called before each step with the number of steps taken; views use the last call's. By default nothing
        depends on it."""

    def loss(self, sampled: Sampled, weights: Tensor, rays: Rays, target: Tensor, background: Tensor) -> Tensor:
        """How wrong the sampler is, a number that is added to the error of the colours; by default 0, for a sampler
        that the error of the colours teaches.

        Args:
            sampled: what it gave for the rays; weights: (n_samples,) float32, the field's, of these samples.
            target: (n_rays, 3) float32, the photos' colours over the background.
            background: (n_rays, 3) float32.
        """
        return weights.new_zeros(())


BOUNDS = ("near_plane", "far_plane", "crop")
BOUNDS_AND_SEEN = ("alpha_thre", "early_stop_eps", *BOUNDS)
"""The `MarchSettings` that bound samples, and these with those that leave out samples which aren't seen."""


@dataclass(frozen=True)
class SamplerSettings:
    """The settings of a sampler, see `core.config.setting`. Each sampler derives a class of its own: the type of
    settings says which sampler they belong to."""

    def __post_init__(self) -> None:
        validate(self)

    @classmethod
    def usual(cls, rate_factor: float) -> Self:
        """The settings where nothing else is asked for: by default those that each value has in the class.

        Args:
            rate_factor: how many times as fast as the field a hash grid learns.
        """
        return cls()

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the `MarchSettings` that its pictures depend on."""
        return BOUNDS_AND_SEEN

    @property
    def marches_grid(self) -> bool:
        """Whether samples lie only in the occupied cells of the grid: where none is occupied, there are none."""
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
