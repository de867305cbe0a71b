"""Density splines along rays, and their inverses (Morozov et al. 2023, sections 3 and 4: reparameterised sampling).

A spline has n bins between n + 1 knots, ascending t; density is linear or constant in each bin. I(t) is the integral of
density from the first knot to t, the optical thickness; 1 - exp(-I(t)) is the opacity up to t. Where a share u of a
ray's whole opacity is reached, t(u), follows u's distribution: drawn evenly from 0 to 1 it is where light that comes
along the ray was last scattered. Everything here is differentiable, t(u) too.
"""

from typing import NamedTuple

import torch
from torch import Tensor

_THINNEST = 1e-6
"""The lowest density, as a share of a ray's mean, that gradients of t are divided by. Samples are hardly ever where
density is that low; without a bound one of them would spoil the gradients of all others."""

_DENSEST = 1e15
"""Densities are clamped to this: light ends there all the same, and the difference of two infinite ones, which an
exponential can return, is NaN."""


class Spline(NamedTuple):
    """Density along rays.

    Attributes:
        knots: (n_rays, n + 1), ascending t.
        lefts, rights: (n_rays, n), density at the beginning and the end of each bin, at least 0.
        integrals: (n_rays, n + 1), optical thickness from the first knot to each.
    """

    knots: Tensor
    lefts: Tensor
    rights: Tensor
    integrals: Tensor


class _Bins(NamedTuple):
    """The bin of each of some points. Attributes: start, width, densities at both ends, and the thickness before it."""

    starts: Tensor
    widths: Tensor
    lefts: Tensor
    rights: Tensor
    before: Tensor


def density_spline(knots: Tensor, sigmas: Tensor) -> Spline:
    """The spline of densities at its knots (n_rays, n + 1), linear between them, or of its bins' (n_rays, n)."""
    at_knots, sigmas = sigmas.shape[1] == knots.shape[1], sigmas.clamp(max=_DENSEST)
    lefts, rights = (sigmas[:, :-1], sigmas[:, 1:]) if at_knots else (sigmas, sigmas)
    thickness = 0.5 * (lefts + rights) * knots.diff(dim=1)
    return Spline(knots, lefts, rights, torch.nn.functional.pad(thickness.cumsum(1), (1, 0)))


def opacities(spline: Spline) -> Tensor:
    """Of whole rays, y_f = 1 - exp(-I(last knot)), (n_rays,)."""
    return -torch.expm1(-spline.integrals[:, -1])


def depths(spline: Spline, shares: Tensor) -> Tensor:
    """t(u): where rays have reached shares u (n_rays, k), 0 to 1, of their opacities, (n_rays, k)."""
    return inverse(spline, thickness_at(spline, shares))


def thickness_at(spline: Spline, shares: Tensor) -> Tensor:
    """I(t(u)) = -log(1 - y_f u) of shares u (n_rays, k): finite and exact for rays that are opaque or empty."""
    # on an opaque ray a share of 1 is at infinity: clamp it to the largest number below 1
    shares = shares.clamp(max=1.0 - 0.5 * torch.finfo(shares.dtype).eps)
    return -torch.log1p(shares * torch.expm1(-spline.integrals[:, -1:]))


def inverse(spline: Spline, thickness: Tensor) -> Tensor:
    """Where rays have passed an optical thickness y (n_rays, k): t with I(t) = y, (n_rays, k). A y beyond the whole
    thickness gives the end of the last bin with density.

    The root's closed form gives t, and differentiating I(t) = y gives its gradients, because the closed form has none
    where a bin's density begins or ends at 0.
    """
    bins = _bins_at(spline, thickness)
    rest = (thickness - bins.before).detach()
    a, b = (bins.lefts * bins.widths).detach(), (bins.rights * bins.widths).detach()
    # the root of (b - a) x^2 / 2 + a x = rest, in the form without cancellation
    root = a + torch.sqrt((a * a + 2.0 * (b - a) * rest).clamp_min(0.0))
    x = (2.0 * rest / root.clamp_min(torch.finfo(root.dtype).tiny)).clamp(0.0, 1.0)
    ts = bins.starts + x * bins.widths
    if not torch.is_grad_enabled():
        return ts
    reached = bins.before + bins.widths * x * (bins.lefts + 0.5 * x * (bins.rights - bins.lefts))
    slopes = torch.lerp(bins.lefts, bins.rights, x).detach()
    lengths = spline.knots[:, -1:] - spline.knots[:, :1]
    least = (_THINNEST * spline.integrals[:, -1:] / lengths).detach().clamp_min(_THINNEST**2)
    missing = thickness - reached
    return ts + (missing - missing.detach()) / torch.maximum(slopes, least)


def _bins_at(spline: Spline, thickness: Tensor) -> _Bins:
    """The bins in which rays pass an optical thickness (n_rays, k), each (n_rays, k)."""
    inner = spline.integrals[:, 1:-1].detach().contiguous()
    # the whole thickness belongs to the last bin that adds some: behind it there is no density
    most = spline.integrals[:, -1:].detach()
    last = (inner < most).sum(1, keepdim=True)
    index = torch.minimum(torch.searchsorted(inner, thickness.detach().contiguous(), right=True), last)
    starts, ends = (spline.knots[:, part].gather(1, index) for part in (slice(None, -1), slice(1, None)))
    lefts, rights, before = (x.gather(1, index) for x in (spline.lefts, spline.rights, spline.integrals[:, :-1]))
    return _Bins(starts, ends - starts, lefts, rights, before)
