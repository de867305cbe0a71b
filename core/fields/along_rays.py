"""Densities and colours of samples on rays, from a `Field`, or from functions as nerfacc takes them."""

from collections.abc import Callable

import torch
from torch import Tensor

from core.fields.base import Field, in_pieces
from core.fields.checked import checked_columns, checked_densities
from core.geometry.rays import Rays, Samples
from core.kernels.marching import midpoints


class AlongRays:
    """A field defined by nerfacc's two functions, which know the rays themselves; `render_rays` takes it as a field.

    Both are called with `t_starts` and `t_ends`, (n_samples,) float32, and `ray_indices`, (n_samples,) int64, indices
    of the rays that are rendered together. They aren't called without samples.

    Args:
        sigma_fn: returns densities (n_samples,) or (n_samples, 1), at least 0, which decide which samples are kept.
        rgb_sigma_fn: returns colours (n_samples, 3) and such densities, which make the pixels and get gradients.
    """

    def __init__(self, sigma_fn: Callable[..., Tensor], rgb_sigma_fn: Callable[..., tuple[Tensor, Tensor]]):
        self._sigma_fn, self._rgb_sigma_fn = sigma_fn, rgb_sigma_fn

    def densities(self, samples: Samples) -> tuple[Tensor, Tensor]:
        """Densities (n_samples,) of `sigma_fn`, and no features, (n_samples, 0)."""
        n = samples.n_samples
        none = samples.t_starts.new_empty(n, 0)
        if not n:
            return samples.t_starts, none

        def ask(*columns: Tensor) -> Tensor:
            return checked_densities(self._sigma_fn(*columns), len(columns[0]), "sigma_fn")

        return in_pieces(ask, *_columns(samples)), none

    def colors(self, samples: Samples) -> tuple[Tensor, Tensor]:
        """Colours (n_samples, 3) and densities (n_samples,) of `rgb_sigma_fn`."""
        if not samples.n_samples:
            return samples.t_starts.new_empty(0, 3), samples.t_starts

        def ask(*columns: Tensor) -> tuple[Tensor, Tensor]:
            rgbs, sigmas = self._rgb_sigma_fn(*columns)
            n, who = len(columns[0]), "rgb_sigma_fn"
            return checked_columns(rgbs, n, 3, "colours", who), checked_densities(sigmas, n, who)

        return in_pieces(ask, *_columns(samples))


AnyField = Field | AlongRays
"""The fields that samplers and `core.rendering.render.render_rays` accept."""


def densities_at(field: AnyField, rays: Rays, samples: Samples) -> tuple[Tensor, Tensor]:
    """Densities (n_samples,) of samples, and features (n_samples, n_features) for `colors_at`."""
    if isinstance(field, AlongRays):
        return field.densities(samples)
    return in_pieces(field.density, midpoints(rays, samples, directed=False)[0])


def colors_at(
    field: AnyField, rays: Rays, samples: Samples, known: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Colours (n_samples, 3) and densities (n_samples,) of samples, differentiable.

    Args:
        known: what `densities_at` returned for them; None: it is evaluated again.
    """
    if isinstance(field, AlongRays):
        return field.colors(samples)
    positions, directions = midpoints(rays, samples)
    if known is None and torch.is_grad_enabled():
        return field.radiance(positions, directions)
    sigmas, features = in_pieces(field.density, positions) if known is None else known
    return in_pieces(field.color, features, directions), sigmas


def _columns(samples: Samples) -> tuple[Tensor, Tensor, Tensor]:
    return samples.t_starts, samples.t_ends, samples.ray_indices.long()
