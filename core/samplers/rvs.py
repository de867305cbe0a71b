"""Reparameterised volume sampling (Morozov et al. 2023): samples drawn where a density spline says light was scattered.

The spline's knots are the edges of equal bins of the part of each ray in the scene. It has two uses:

- colour: the field's own densities make the spline. A ray's colour is the mean of the colours at a few samples, times
  the spline's opacity: an estimate without bias. Its gradient reaches the densities through the opacity, and through
  the places of the samples where the field's colours have gradients along positions.
- hierarchical: a small density field of the sampler's own makes the spline, and the field's samples lie between equal
  shares of its opacity. It has no loss of its own: it learns from the loss of the colours, through the samples' ends.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.config.setting import Setting
from core.config.types import Box
from core.fields import FIELDS
from core.fields.along_rays import AnyField, densities_at
from core.fields.base import FieldKind, LearntField
from core.fields.nerf import MLPField, MLPSettings
from core.geometry.rays import Rays, Samples
from core.kernels.contraction import Space
from core.samplers.base import (
    BOUNDS,
    BOUNDS_AND_SEEN,
    Guide,
    GuideKind,
    LearningSampler,
    Sampled,
    Sampler,
    SamplerInputs,
    SamplerKind,
    SamplerSettings,
)
from core.samplers.intervals import (
    Hits,
    equal_shares,
    hits_of,
    packed_samples,
    ray_ends,
    samples_between,
    seen_samples,
)
from core.samplers.resampling import Spacing, even_edges, one_in_each, spacing_in
from core.samplers.spline import Spline, density_spline, depths, inverse, opacities

_PROPOSAL = MLPSettings(depth=3, width=64, skip=0, position_frequencies=5)
"""The sampler's own field is evaluated in every bin, so it is much smaller than the one it samples for."""

_THINNEST_PROPOSED = 0.1
"""Optical thickness of the box's diagonal that is added to the sampler's own field: every place gets samples."""

_LN2 = math.log(2.0)


RVSUse = Literal["color", "hierarchical"]
SplineShape = Literal["linear", "constant"]


@dataclass(frozen=True)
class RVSSettings(SamplerSettings):
    """Samples where a spline of densities says that light was scattered (Morozov et al. 2023)."""

    use: Annotated[
        RVSUse,
        Setting(
            "color: the field's own densities make the spline, and samples drawn from it estimate the colour; "
            "hierarchical: a small density field of the sampler's makes it, and learns where samples belong."
        ),
    ] = "color"
    spline: Annotated[SplineShape, Setting("Density is linear between the spline's knots, or constant.")] = "linear"
    n_bins: Annotated[int, Setting("Bins of the spline on each ray.", low=1, high=4096)] = 64
    n_samples: Annotated[int, Setting("Samples on each ray whose colours are evaluated.", low=1, high=4096)] = 16

    @property
    def reads(self) -> tuple[str, ...]:
        return BOUNDS_AND_SEEN if self.use == "hierarchical" else ("alpha_thre", *BOUNDS)

    @property
    def skips_faint_rays(self) -> bool:
        return self.use == "color"

    def check_field(self, name: str, field: FieldKind) -> None:
        if self.use == "hierarchical" and not field.smooth:
            smooth = ", ".join(name for name, kind in FIELDS.items() if kind.smooth)
            raise ValueError(
                f"rvs for hierarchical use learns from how the field changes along a ray, and {name} gives no "
                f"gradients along positions: choose another field ({smooth}) or use color"
            )


class RVSColorSampler(Sampler):
    """Few samples on each ray, of equal weights, where the field's densities make the ray opaque.

    All samples are visible, so early stop drops none; if gradients aren't recorded, rays less opaque than `alpha_thre`
    have no samples.

    Args:
        box: the scene's outermost bounds.
        spacing: the measure in which the spline's bins are equal.
    """

    def __init__(self, settings: RVSSettings, box: Box, spacing: Spacing = Spacing()):
        self._settings, self._box, self._spacing = settings, spacing.bounds(box), spacing

    def sample(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """See `Sampler.sample`."""
        settings = self._settings
        hits, spline = self._spline(field, rays, march, generator)
        hit, n_hit, n = hits.mask, len(spline.knots), settings.n_samples
        light, ts = opacities(spline), depths(spline, one_in_each(n_hit, n, generator, hit.device))
        if not torch.is_grad_enabled() and march.alpha_thre > 0.0:
            seen = (~(light < march.alpha_thre)).nonzero().view(-1)  # not "at least": NaN must reach the picture
            light, ts, rays_seen = light[seen], ts[seen], hits.rays[seen]
            hits = Hits(torch.zeros_like(hit).index_fill_(0, rays_seen, True), rays_seen)
        samples = packed_samples(ts, ts, hits)
        weights = (light[:, None] / n).expand(-1, n).reshape(-1)
        n_densities = n_hit * _n_densities(settings) if torch.is_grad_enabled() else 0
        n_in_spline = hit.int() * _n_densities(settings)
        return Sampled(
            samples,
            sigmas=None,
            features=None,
            trans=_on_all(hit, torch.exp(-spline.integrals[:, -1].detach()), 1.0),
            n_dense=n_in_spline + hit.int() * n,
            n_marched=n_in_spline + samples.packed_info[:, 1],
            stopped=torch.zeros_like(hit),
            weights=weights,
            medians=_on_all(hit, _medians(spline), math.inf),
            n_learnt=n_densities,
        )

    @torch.no_grad()
    def guides(self, field: AnyField, rays: Rays, march: MarchSettings) -> tuple[Guide, ...]:
        """See `Sampler.guides`: the spline of the field's densities, and its weights."""
        return _guides(self._spline(field, rays, march, None)[1], self._settings)

    def _spline(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None
    ) -> tuple[Hits, Spline]:
        edges = even_edges(*ray_ends(rays, self._box, march), self._settings.n_bins, self._spacing, generator)
        return _spline_on(partial(densities_at, field), rays, self._spacing.stretched(edges), self._settings)


class RVSHierarchicalSampler(LearningSampler):
    """Adjacent samples over the whole of each ray, dense where a small density field is.

    It has no loss of its own, and learns from the loss of the colours alone.

    Args:
        box: the scene's outermost bounds.
        proposal: the small field, whose `density` is evaluated; see `proposal_field`.
        spacing: the measure in which the spline's bins are equal.
    """

    rate_factor = 0.1
    """As in the paper's own code: if it learns faster, the small field gets ahead of the one it samples for."""

    def __init__(self, settings: RVSSettings, box: Box, proposal: LearntField, spacing: Spacing = Spacing()):
        super().__init__()
        self.proposal = proposal
        self._settings, self._box, self._spacing = settings, spacing.bounds(box), spacing
        self._least = _THINNEST_PROPOSED / math.dist(box[:3], box[3:])

    def sample(
        self, field: AnyField, rays: Rays, march: MarchSettings, generator: torch.Generator | None, round_size: int
    ) -> Sampled:
        """See `Sampler.sample`."""
        settings = self._settings
        hits, spline = self._spline(rays, march, generator)
        shares = equal_shares(len(spline.knots), settings.n_samples, generator, hits.mask.device)
        inner = depths(spline, shares[:, 1:-1]).sort(dim=1).values  # rounding may have swapped neighbours
        ends = torch.cat([spline.knots[:, :1], inner, spline.knots[:, -1:]], dim=1)
        samples = packed_samples(ends[:, :-1], ends[:, 1:], hits)
        return seen_samples(field, rays, samples, march, n_before=_n_densities(settings))

    @torch.no_grad()
    def guides(self, field: AnyField, rays: Rays, march: MarchSettings) -> tuple[Guide, ...]:
        """See `Sampler.guides`: the spline of its own field's densities, and its weights."""
        return _guides(self._spline(rays, march, None)[1], self._settings)

    def _spline(self, rays: Rays, march: MarchSettings, generator: torch.Generator | None) -> tuple[Hits, Spline]:
        edges = even_edges(*ray_ends(rays, self._box, march), self._settings.n_bins, self._spacing, generator)
        return _spline_on(self._densities, rays, self._spacing.stretched(edges), self._settings)

    def _densities(self, rays: Rays, samples: Samples) -> tuple[Tensor, Tensor]:
        sigmas, features = densities_at(self.proposal, rays, samples)
        return sigmas + self._least, features


def proposal_field(space: Space, generator: torch.Generator | None) -> MLPField:
    """A fresh small field that has densities only.

    Args:
        space: what it covers.
        generator: draws the initial weights, on the CPU.
    """
    field = MLPField(_PROPOSAL, space, generator)
    del field.feature_layer, field.color_layer, field.rgb_layer  # its colours are never used
    return field


def _spline_on(
    densities: Callable[[Rays, Samples], tuple[Tensor, Tensor]], rays: Rays, edges: Tensor, settings: RVSSettings
) -> tuple[Hits, Spline]:
    """The rays that meet the scene, and the spline of densities on them.

    Args:
        densities: returns densities and features of samples.
        edges: (n_rays, n_bins + 1), the knots; NaN on rays that miss.
    """
    hits = hits_of(edges)
    knots = edges[hits.rays]
    samples = packed_samples(knots, knots, hits) if settings.spline == "linear" else samples_between(edges, hits)
    sigmas, _ = densities(rays, samples)
    return hits, density_spline(knots, sigmas.view(len(knots), _n_densities(settings)))


def _guides(spline: Spline, settings: RVSSettings) -> tuple[Guide, ...]:
    """The spline on one ray, and the share of the light that each of its bins scatters, as guides."""
    knots = spline.knots.view(-1)
    densities = spline.lefts.view(-1)
    if settings.spline == "linear":
        densities = torch.cat([densities, spline.rights.view(-1)[-1:]])
    weights = -torch.exp(-spline.integrals).diff(dim=1).view(-1)
    return Guide("spline", GuideKind.DENSITY, knots, densities), Guide("spline", GuideKind.WEIGHTS, knots, weights)


def _n_densities(settings: RVSSettings) -> int:
    """How many densities define a ray's spline."""
    return settings.n_bins + (settings.spline == "linear")


@torch.no_grad()
def _medians(spline: Spline) -> Tensor:
    """t where transmittance falls to 0.5, (n_rays,); inf where it never does."""
    halfway = inverse(spline, torch.full_like(spline.knots[:, :1], _LN2))[:, 0]
    return torch.where(spline.integrals[:, -1] < _LN2, math.inf, halfway)


def _on_all(hit: Tensor, values: Tensor, otherwise: float) -> Tensor:
    """Values (n_hit,) of the rays that hit, and `otherwise` for the others: (n_rays,)."""
    return values.new_full(hit.shape, otherwise).masked_scatter(hit, values)


def _make(settings: RVSSettings, inputs: SamplerInputs) -> Sampler:
    spacing = spacing_in(inputs.space)
    if settings.use == "color":
        return RVSColorSampler(settings, inputs.box, spacing)
    return RVSHierarchicalSampler(settings, inputs.box, proposal_field(inputs.space, inputs.generator), spacing)


SAMPLER = SamplerKind(
    RVSSettings,
    _make,
    "Samples drawn from a spline of each ray's densities, and differentiable in them (reparameterised sampling).",
    "Density in every bin, colour at a few samples; or few evaluations and a small density field of its own.",
)
