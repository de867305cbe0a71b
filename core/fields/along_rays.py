"""Densities and colours of samples on rays, from a `Field`, or from functions as nerfacc takes them."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from core.fields.base import Field, in_pieces
from core.fields.checked import checked_alphas, checked_columns, checked_densities
from core.geometry.rays import Rays, Samples
from core.kernels.alpha_weights import render_weights_from_alphas
from core.kernels.marching import midpoints

_OPAQUE = 80.0
"""The optical thickness that stands for an alpha of 1 in a march: it lets exp(-80) pass, 2e-35 of the light."""


class Shaded(NamedTuple):
    """What makes pixels of samples.

    Attributes:
        rgbs: (n_samples, 3) float32.
        sigmas: (n_samples,) float32.
        weights: (n_samples,) float32, where the field gave alphas, which determine them; else None.
    """

    rgbs: Tensor
    sigmas: Tensor
    weights: Tensor | None = None


class AlongRays:
    """A field defined by nerfacc's two functions, which know the rays themselves; `render_rays` takes it as a field.

    It gives either densities or alphas. Both functions are called with `t_starts` and `t_ends`, (n_samples,) float32,
    and `ray_indices`, (n_samples,) int64, indices of the rays that are rendered together. They aren't called without
    samples.

    Args:
        sigma_fn: returns densities (n_samples,) or (n_samples, 1), at least 0, which decide which samples are kept.
        rgb_sigma_fn: returns colours (n_samples, 3) and such densities, which make the pixels and get gradients.
        alpha_fn, rgb_alpha_fn: the same with alphas, from 0 to 1, in place of densities.

    Raises:
        ValueError: neither two functions of densities nor two of alphas.
    """

    def __init__(
        self,
        sigma_fn: Callable[..., Tensor] | None = None,
        rgb_sigma_fn: Callable[..., tuple[Tensor, Tensor]] | None = None,
        *,
        alpha_fn: Callable[..., Tensor] | None = None,
        rgb_alpha_fn: Callable[..., tuple[Tensor, Tensor]] | None = None,
    ):
        by_density, by_alpha = (sigma_fn, rgb_sigma_fn), (alpha_fn, rgb_alpha_fn)
        self._of_alphas = sigma_fn is None
        one, both = by_alpha if self._of_alphas else by_density
        others = by_density if self._of_alphas else by_alpha
        if one is None or both is None or others != (None, None):
            raise ValueError("expected sigma_fn and rgb_sigma_fn, or alpha_fn and rgb_alpha_fn: give one of the pairs")
        self._one, self._both = one, both
        self._names = ("alpha_fn", "rgb_alpha_fn") if self._of_alphas else ("sigma_fn", "rgb_sigma_fn")
        self._checked = checked_alphas if self._of_alphas else checked_densities

    def densities(self, samples: Samples) -> tuple[Tensor, Tensor]:
        """Densities (n_samples,), and no features, (n_samples, 0)."""
        n = samples.n_samples
        none = samples.t_starts.new_empty(n, 0)
        if not n:
            return samples.t_starts, none

        def ask(*columns: Tensor) -> Tensor:
            return self._checked(self._one(*columns), len(columns[0]), self._names[0])

        found = in_pieces(ask, *_columns(samples))
        return _densities_of(found, samples) if self._of_alphas else found, none

    def shaded(self, samples: Samples) -> Shaded:
        """Colours of samples, and their densities or alphas."""
        if not samples.n_samples:
            return Shaded(samples.t_starts.new_empty(0, 3), samples.t_starts)

        def ask(*columns: Tensor) -> tuple[Tensor, Tensor]:
            rgbs, others = self._both(*columns)
            n, who = len(columns[0]), self._names[1]
            return checked_columns(rgbs, n, 3, "colours", who), self._checked(others, n, who)

        rgbs, others = in_pieces(ask, *_columns(samples))
        if not self._of_alphas:
            return Shaded(rgbs, others)
        weights, _ = render_weights_from_alphas(others, samples.packed_info)
        return Shaded(rgbs, _densities_of(others.detach(), samples), weights)


AnyField = Field | AlongRays
"""The fields that samplers and `core.rendering.render.render_rays` accept."""


def densities_at(field: AnyField, rays: Rays, samples: Samples) -> tuple[Tensor, Tensor]:
    """Densities (n_samples,) of samples, and features (n_samples, n_features) for `shade`."""
    if isinstance(field, AlongRays):
        return field.densities(samples)
    return in_pieces(field.density, midpoints(rays, samples, directed=False)[0])


def shade(field: AnyField, rays: Rays, samples: Samples, known: tuple[Tensor, Tensor] | None = None) -> Shaded:
    """What makes the pixels of samples, differentiable.

    Args:
        known: what `densities_at` returned for them; None: it is evaluated again.
    """
    if isinstance(field, AlongRays):
        return field.shaded(samples)
    positions, directions = midpoints(rays, samples)
    if known is None and torch.is_grad_enabled():
        return Shaded(*field.radiance(positions, directions))
    sigmas, features = in_pieces(field.density, positions) if known is None else known
    return Shaded(in_pieces(field.color, features, directions), sigmas)


def _densities_of(alphas: Tensor, samples: Samples) -> Tensor:
    """The constant densities within samples that absorb as much."""
    return -torch.log1p(-alphas).clamp_min(-_OPAQUE) / (samples.t_ends - samples.t_starts)


def _columns(samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    return samples.t_starts, samples.t_ends, samples.ray_indices.long()
