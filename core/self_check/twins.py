"""What computes an operation on a GPU that gets its kernels wrong: plain torch there, or the CPU's kernels on copies.

They are slower, and the same in values and gradients. `cases` has the operations' names.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.fields.domain import in_unit_cube
from core.geometry.cameras import PIXEL_CENTER, Camera, rays_through
from core.geometry.lenses import Lens
from core.geometry.rays import Rays, Samples
from core.kernels import alpha_weights, cell_hits, march_start, upkeep
from core.kernels.contraction import UNIT_CUBE, Space
from core.kernels.fused_march import march_on
from core.kernels.grid import GridState
from core.kernels.hash_grid import VertexOrder
from core.kernels.packed import Composited

_THICKEST = 1e4
"""Optical thickness beyond which a sample lets no light through in float32."""


def hash_encode(
    positions: Tensor, table: Tensor, levels: Tensor, space: Space = UNIT_CUBE, rounded: Tensor | None = None
) -> Tensor:
    """Trilinear interpolation of hashed or ordered vertices (Müller et al. 2022, equation 4), in any float type."""
    if rounded is not None:  # it is read, and the table gets the gradient
        table = table + (unpacked(rounded) - table).detach()
    places, features = in_unit_cube(positions, space), []
    for resolution, first, mask, order in levels.tolist():
        scaled = places * resolution
        cell = scaled.floor().clamp(0, resolution - 1)
        fraction, (x, y, z) = scaled - cell, cell.long().unbind(-1)
        mixed = torch.zeros((), dtype=table.dtype, device=table.device)
        for corner in range(8):
            ups = [corner >> axis & 1 for axis in range(3)]
            i, j, k = x + ups[0], y + ups[1], z + ups[2]
            row = (j * 2654435761) ^ (k * 805459861)
            if order == VertexOrder.BY_HASH:
                index = (i ^ row) & mask
            elif order == VertexOrder.BY_HASH_OF_ROW:
                index = i + (row & mask)
            else:
                index = i + (resolution + 1) * (j + (resolution + 1) * k)
            shares = [fraction[:, axis] if up else 1.0 - fraction[:, axis] for axis, up in enumerate(ups)]
            mixed = mixed + (shares[0] * shares[1] * shares[2])[:, None] * table[first + index]
        features.append(mixed)
    return torch.cat(features, dim=1)


def unpacked(table: Tensor) -> Tensor:
    """A table (n_entries, n_features) float32 from `core.kernels.encoded_network.packed_table`'s."""
    return table.view(torch.bfloat16).float()


@torch.no_grad()
def encoded_network(
    positions: Tensor, table: Tensor, levels: Tensor, space: Space, weights: list[Tensor], in_tiles: bool = False
) -> Tensor:
    hidden = torch.relu(hash_encode(positions, unpacked(table), levels, space) @ weights[0].T)
    return hidden @ weights[1].T


def beside_harmonics(features: Tensor, directions: Tensor) -> Tensor:
    """Sloan, "Efficient spherical harmonic evaluation", 2013, as in `cpp/harmonics.h`."""
    x, y, z = directions.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    harmonics = [
        torch.full_like(x, 0.28209479177387814),
        -0.48860251190291987 * y,
        0.48860251190291987 * z,
        -0.48860251190291987 * x,
        1.0925484305920792 * x * y,
        -1.0925484305920792 * y * z,
        0.31539156525252005 * (3.0 * zz - 1.0),
        -1.0925484305920792 * x * z,
        0.5462742152960396 * (xx - yy),
        0.5900435899266435 * y * (yy - 3.0 * xx),
        2.890611442640554 * x * y * z,
        0.4570457994644658 * y * (1.0 - 5.0 * zz),
        0.3731763325901154 * z * (5.0 * zz - 3.0),
        0.4570457994644658 * x * (1.0 - 5.0 * zz),
        1.445305721320277 * z * (xx - yy),
        0.5900435899266435 * x * (3.0 * yy - xx),
    ]
    return torch.cat([features, torch.stack(harmonics, dim=1)], dim=1)


def _rays_of(packed_info: Tensor) -> Tensor:
    """The ray of each sample, (n_samples,) int64."""
    counts = packed_info[:, 1].long()
    return torch.arange(len(counts), device=counts.device).repeat_interleave(counts)


def _passed(taus: Tensor, packed_info: Tensor, rays: Tensor) -> Tensor:
    """The optical thickness before each sample, (n_samples,) float64."""
    exact = taus.double().clamp_max(_THICKEST)
    before = torch.cumsum(exact, 0) - exact
    return before - before[packed_info[rays, 0].long()]


def render_weights(sigmas: Tensor, t_starts: Tensor, t_ends: Tensor, packed_info: Tensor) -> tuple[Tensor, Tensor]:
    taus = sigmas * (t_ends - t_starts)
    trans = torch.exp(-_passed(taus, packed_info, _rays_of(packed_info)).float())
    return trans * (1.0 - torch.exp(-taus)), trans


def accumulate_along_rays(weights: Tensor, values: Tensor, packed_info: Tensor) -> Tensor:
    sums = values.new_zeros(packed_info.shape[0], values.shape[1])
    return sums.index_add(0, _rays_of(packed_info), weights[:, None] * values)


def composite(
    sigmas: Tensor,
    rgbs: Tensor,
    t_starts: Tensor,
    t_ends: Tensor,
    packed_info: Tensor,
    background: Tensor,
    weights: Tensor | None = None,
) -> Composited:
    if weights is None:
        weights, _ = render_weights(sigmas, t_starts, t_ends, packed_info)
    middles = 0.5 * (t_starts + t_ends)
    values = torch.cat([rgbs, torch.ones_like(middles)[:, None], middles[:, None]], dim=1)
    colors, opacities, distances = accumulate_along_rays(weights, values, packed_info).split([3, 1, 1], dim=1)
    hit = opacities > 0.0
    depths = torch.where(hit, distances / torch.where(hit, opacities, 1.0), torch.inf)
    medians = _median_depths(sigmas.detach(), t_starts.detach(), t_ends.detach(), packed_info)
    return Composited(weights, colors + background * (1.0 - opacities), opacities[:, 0], depths[:, 0], medians)


def _median_depths(sigmas: Tensor, t_starts: Tensor, t_ends: Tensor, packed_info: Tensor) -> Tensor:
    """Where transmittance falls to 0.5, (n_rays,); inf where it never does."""
    rays, taus = _rays_of(packed_info), sigmas * (t_ends - t_starts)
    missing = math.log(2.0) - _passed(taus, packed_info, rays).float()
    there = (missing > 0.0) & (taus >= missing)
    medians = sigmas.new_full((packed_info.shape[0],), torch.inf)
    medians[rays[there]] = (t_starts + missing / sigmas)[there]
    return medians


def midpoints(rays: Rays, samples: Samples, directed: bool = True) -> tuple[Tensor, Tensor]:
    indices = samples.ray_indices.long()
    directions, middles = rays.rays_d[indices], 0.5 * (samples.t_starts + samples.t_ends)
    positions = rays.rays_o[indices] + middles[:, None] * directions
    if rays.times is not None:
        positions = torch.cat([positions, rays.times[indices][:, None]], dim=1)
    return positions, directions


def look_up(images: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    pixels = images.view(-1, images.shape[-1])[places].float() / 255.0
    return pixels[:, :3], pixels[:, 3:] if pixels.shape[1] == 4 else torch.ones_like(pixels[:, :1])


def lay_over(rgbs: Tensor, alphas: Tensor, background: Tensor) -> Tensor:
    return rgbs * alphas + background * (1.0 - alphas)


def camera_rays_through(
    c2w: Tensor,
    K: Tensor,
    lens: Lens | None,
    size: tuple[int, int] | Tensor,
    pixels: Tensor,
    views: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """What `core.kernels.camera_rays.camera_rays` computes, by `core.geometry`."""
    (width, height), sizes = ((1, 1), size) if isinstance(size, Tensor) else (size, None)
    if views is None:
        views, pixels = pixels // (width * height), pixels % (width * height)
    camera = Camera(c2w, K, width, height, lens, sizes=sizes)[views]
    widths = width if camera.sizes is None else camera.sizes[:, 0]
    rays = rays_through(camera, pixels % widths + PIXEL_CENTER, pixels // widths + PIXEL_CENTER)
    return rays.rays_o.contiguous(), rays.rays_d


def on_the_cpu(operation: Callable, writes: tuple[int, ...] = ()) -> Callable:
    """An operation that the CPU's kernels compute on copies of its arguments.

    Args:
        writes: the positions of the arguments that it updates.
    """
    operation = inspect.unwrap(operation)  # the kernels' one, which this may replace

    def call(*args: Any) -> Any:
        device = next(x for x in map(_device_of, args) if x is not None)
        copies = [_moved(x, "cpu") for x in args]
        result = operation(*copies)
        for i in writes:
            args[i].copy_(copies[i])
        return _moved(result, device)

    return call


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, GridState):
        return GridState(value.box, value.binaries.to(device))
    if isinstance(value, tuple):
        moved = [_moved(x, device) for x in value]
        return type(value)(*moved) if hasattr(value, "_fields") else tuple(moved)
    return value.to(device) if isinstance(value, Tensor) else value


def _device_of(value: Any) -> torch.device | None:
    if isinstance(value, GridState):
        return value.binaries.device
    if isinstance(value, tuple):
        return next((device for x in value if (device := _device_of(x)) is not None), None)
    return value.device if isinstance(value, Tensor) else None


TWINS: dict[str, Callable] = {
    "accumulate_along_rays": accumulate_along_rays,
    "begin_march": on_the_cpu(march_start.begin_march),
    "beside_harmonics": beside_harmonics,
    "camera_rays": camera_rays_through,
    "cells_on_plane": on_the_cpu(cell_hits.cells_on_plane),
    "composite": composite,
    "encoded_network": encoded_network,
    "first_cells": on_the_cpu(cell_hits.first_cells),
    "fold": on_the_cpu(upkeep.fold, writes=(0, 2, 4, 5)),
    "hash_encode": hash_encode,
    "intersect_box": on_the_cpu(march_start.intersect_box),
    "lay_over": lay_over,
    "look_up": look_up,
    "march_on": march_on,  # never called: rounds replace it, see `marches_at_once`
    "midpoints": midpoints,
    "observe": on_the_cpu(upkeep.observe, writes=(1,)),
    "points_in": on_the_cpu(upkeep.points_in),
    "render_weights": render_weights,
    "render_weights_from_alphas": on_the_cpu(alpha_weights.render_weights_from_alphas),
}
"""The twins by the names of the operations."""
