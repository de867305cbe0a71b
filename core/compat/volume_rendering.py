"""nerfacc's `rendering` of packed densities by the product's compositor: one pass over each ray, and one back.

nerfacc's own goes through a dozen passes over all samples, which take three times as long on a CPU.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.compat.packing import pack_info
from core.kernels.packed import composite_with_trans

_LONGEST_RAY = 1 << 11
"""Samples of a ray for which the compositor's transmittances, products of float32 factors, are right to 1e-6; nerfacc's
come from sums, which our kernels keep in double."""

Rendered = tuple[Tensor, Tensor, Tensor, dict[str, Any]]


class _Alphas(torch.autograd.Function):
    """1 - exp(-sigma (t_end - t_start)), worked out in place: few programs read it, and it takes half of the time."""

    @staticmethod
    def forward(ctx, sigmas: Tensor, t_starts: Tensor, t_ends: Tensor) -> Tensor:
        alphas = torch.sub(t_starts, t_ends).mul_(sigmas).exp_().neg_().add_(1.0)
        ctx.save_for_backward(alphas, sigmas, t_starts, t_ends)
        return alphas

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor):
        alphas, sigmas, t_starts, t_ends = ctx.saved_tensors
        of_thickness = grad_outputs[0] * (1.0 - alphas)
        of_length = of_thickness * sigmas
        return of_thickness * (t_ends - t_starts), -of_length, of_length


def fused_rendering(original: Callable[..., Rendered]) -> Callable[..., Rendered]:
    """A `rendering` with nerfacc's arguments and results; `original` does what the compositor doesn't."""

    def rendering(
        t_starts: Tensor,
        t_ends: Tensor,
        ray_indices: Tensor | None = None,
        n_rays: int | None = None,
        rgb_sigma_fn: Callable[..., tuple[Tensor, Tensor]] | None = None,
        rgb_alpha_fn: Callable[..., tuple[Tensor, Tensor]] | None = None,
        render_bkgd: Tensor | None = None,
    ) -> Rendered:
        """Colours (n_rays, 3), opacities and depths (n_rays, 1) of packed samples, and what they were made of."""
        others = rgb_alpha_fn, render_bkgd
        if rgb_sigma_fn is None or ray_indices is None or n_rays is None or not t_starts.shape[0]:
            return original(t_starts, t_ends, ray_indices, n_rays, rgb_sigma_fn, *others)
        rgbs, sigmas = rgb_sigma_fn(t_starts, t_ends, ray_indices)
        fits = rgbs.shape == (*t_starts.shape, 3) and sigmas.shape == t_starts.shape
        fits = fits and t_starts.shape == t_ends.shape == ray_indices.shape
        background = rgbs.new_zeros(3) if render_bkgd is None else render_bkgd
        in_float32 = all(x.dtype == torch.float32 for x in (t_starts, t_ends, rgbs, sigmas, background))
        if not fits or not in_float32 or background.shape not in ((3,), (n_rays, 3)):
            return original(t_starts, t_ends, ray_indices, n_rays, lambda *_: (rgbs, sigmas), *others)
        packed_info = pack_info(ray_indices, n_rays).int()
        if int(packed_info[:, 1].max()) > _LONGEST_RAY:
            return original(t_starts, t_ends, ray_indices, n_rays, lambda *_: (rgbs, sigmas), *others)
        pixels, trans = composite_with_trans(sigmas, rgbs, t_starts, t_ends, packed_info, background)
        depths = torch.where(pixels.opacities > 0.0, pixels.depths, 0.0)  # nerfacc's empty rays have depth 0
        alphas = _Alphas.apply(sigmas, t_starts, t_ends)
        extras = {"weights": pixels.weights, "alphas": alphas, "trans": trans, "sigmas": sigmas, "rgbs": rgbs}
        return pixels.colors, pixels.opacities[:, None], depths[:, None], extras

    return rendering
