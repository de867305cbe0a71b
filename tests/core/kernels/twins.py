"""Slow, obvious torch twins of the kernels, written from the formulas: one ray or level at a time, any float type."""

from itertools import pairwise

import torch

from core.geometry.lenses import straighten
from core.self_check.twins import hash_encode  # noqa: F401 - which may replace the kernel, and is as slow and obvious


def packed_info(counts):
    counts = torch.as_tensor(counts, dtype=torch.int32)
    return torch.stack([torch.cumsum(counts, 0, dtype=torch.int32) - counts, counts], dim=1)


def weights(taus, info):
    """Weights and transmittances of packed optical thicknesses, by products of (1 - alpha)."""
    all_weights, all_trans = [taus[:0]], [taus[:0]]
    for first, n in info.tolist():
        alphas = 1 - torch.exp(-taus[first : first + n])
        trans = torch.cumprod(torch.cat([torch.ones_like(alphas[:1]), 1 - alphas]), 0)[:n]
        all_weights.append(trans * alphas)
        all_trans.append(trans)
    return torch.cat(all_weights), torch.cat(all_trans)


def accumulate(ray_weights, values, info):
    return torch.stack([(ray_weights[a : a + n, None] * values[a : a + n]).sum(0) for a, n in info.tolist()])


def composite(sigmas, rgbs, t_starts, t_ends, info, background, ray_weights=None):
    """Weights, colours over the background, opacities, and depths (inf for rays that hit nothing)."""
    if ray_weights is None:
        ray_weights, _ = weights(sigmas * (t_ends - t_starts), info)
    middles = (t_starts + t_ends) / 2
    opacities = accumulate(ray_weights, torch.ones_like(rgbs[:, :1]), info)
    colors = accumulate(ray_weights, rgbs, info) + background * (1 - opacities)
    distances = accumulate(ray_weights, middles[:, None], info)
    hit = opacities > 0
    depths = torch.where(hit, distances / torch.where(hit, opacities, 1), torch.inf)
    return ray_weights, colors, opacities[:, 0], depths[:, 0]


def visible(taus, info, alpha_thre, early_stop_eps):
    _, trans = weights(taus, info)
    return (trans >= early_stop_eps) & (1 - torch.exp(-taus) >= alpha_thre)


def median_depths(sigmas, t_starts, t_ends, info):
    """Where transmittance falls through 0.5, by walking each ray in a thousand small steps per sample."""
    depths = []
    for first, n in info.tolist():
        depth, trans = torch.inf, 1.0
        for i in range(first, first + n):
            ts = torch.linspace(t_starts[i], t_ends[i], 1001, dtype=torch.float64)
            inside = trans * torch.exp(-sigmas[i].double() * (ts - ts[0]))
            if depth == torch.inf and bool((inside <= 0.5).any()):
                depth = float(ts[(inside <= 0.5).nonzero()[0, 0]])
            trans = float(inside[-1])
        depths.append(depth)
    return torch.tensor(depths)


def march(rays_o, rays_d, box, binaries, settings, jitter=None):
    """Every interval of every ray, kept if its midpoint lies in range and in an occupied cell: lists of (t0, t1)."""
    n_levels, *shape = binaries.shape
    low, high = torch.tensor(box[:3]).double(), torch.tensor(box[3:]).double()
    center, half = (low + high) / 2, (high - low) / 2
    outer = half * 2 ** (n_levels - 1)
    kept = []
    for r in range(rays_o.shape[0]):
        origin, direction = rays_o[r].double(), rays_d[r].double()
        t = settings.near_plane + (0.0 if jitter is None else float(jitter[r])) * settings.render_step_size
        ray = []
        while t < min(settings.far_plane, 50.0):
            step = max(settings.render_step_size, settings.cone_angle * t)
            middle = t + step / 2
            position = origin + direction * middle
            inside = bool(((position - center).abs() <= outer).all()) and middle < settings.far_plane
            if settings.crop is not None:
                crop = torch.tensor(settings.crop).double()
                inside = inside and bool((position >= crop[:3]).all() and (position <= crop[3:]).all())
            if inside and binaries[finest_cell(position, center, half, n_levels, shape)]:
                ray.append((t, t + step))
            t += step
        kept.append(ray)
    return kept


def finest_cell(position, center, half, n_levels, shape):
    """Level and cell x, y, z that a position inside the grid belongs to."""
    level = next(k for k in range(n_levels) if ((position - center).abs() <= half * 2**k).all())
    unit = (position - center + half * 2**level) / (2 * half * 2**level)
    return level, *[min(int(u * n), n - 1) for u, n in zip(unit.tolist(), shape, strict=True)]


def crossed_cells(rays_o, rays_d, box, n_levels, shape, settings):
    """The cells that each ray crosses between near and far plane and inside the crop box: lists of (t0, t1, cell).

    A ray is cut at every plane between cells of every level, whether that level applies there or not.
    """
    low, high = torch.tensor(box[:3]).double(), torch.tensor(box[3:]).double()
    center, half = (low + high) / 2, (high - low) / 2
    bounds = torch.stack([center - half * 2 ** (n_levels - 1), center + half * 2 ** (n_levels - 1)])
    if settings.crop is not None:
        crop = torch.tensor(settings.crop).double().view(2, 3)
        bounds = torch.stack([torch.maximum(bounds[0], crop[0]), torch.minimum(bounds[1], crop[1])])
    crossed = []
    for origin, direction in zip(rays_o.double(), rays_d.double(), strict=True):
        cuts = [settings.near_plane, settings.far_plane]
        for axis in (axis for axis in range(3) if direction[axis] != 0.0):
            planes = [bounds[:, axis]]
            for level in range(n_levels):
                planes.append(center[axis] + half[axis] * 2**level * torch.linspace(-1, 1, shape[axis] + 1).double())
            cuts += ((torch.cat(planes) - origin[axis]) / direction[axis]).tolist()
        cuts = sorted(t for t in cuts if settings.near_plane <= t <= settings.far_plane)
        ray = []
        for t0, t1 in pairwise(cuts):
            middle = origin + direction * (t0 + t1) / 2
            if t1 > t0 and (middle >= bounds[0]).all() and (middle <= bounds[1]).all():
                ray.append((t0, t1, finest_cell(middle, center, half, n_levels, shape)))
        crossed.append(ray)
    return crossed


def first_cells(rays_o, rays_d, box, binaries, settings, wanted=-1):
    """Per ray (t, cell) of the first occupied cell, or (inf, None); a ray that starts in one leaves it first."""
    n_levels, *shape = binaries.shape
    found = []
    for ray in crossed_cells(rays_o, rays_d, box, n_levels, shape, settings):
        entered, hit = bool(ray) and ray[0][0] > settings.near_plane, (torch.inf, None)
        for t, _, cell in ray:
            if entered and binaries[cell] and wanted in (-1, cell[0]):
                hit = (t, cell)
                break
            entered = entered or not binaries[cell]
        found.append(hit)
    return found


def cells_on_plane(rays_o, rays_d, box, n_levels, shape, settings, axis, place):
    """Per ray (t, cell) where it crosses a plane, or (inf, None) if that is out of bounds."""
    found = []
    crossed = crossed_cells(rays_o, rays_d, box, n_levels, shape, settings)
    for origin, direction, ray in zip(rays_o.double(), rays_d.double(), crossed, strict=True):
        t = float((place - origin[axis]) / direction[axis])
        found.append(next(((t, cell) for t0, t1, cell in ray if t0 <= t < t1), (torch.inf, None)))
    return found


def look_up(images, views, pixels):
    """Colour and alpha (n, 4) of pixels of images, each (n_pixels, 3 or 4) uint8."""
    found = []
    for view, pixel in zip(views.tolist(), pixels.tolist(), strict=True):
        shares = images[view][pixel].float() / 255.0
        found.append(torch.cat([shares, torch.ones(4 - len(shares))]))
    return torch.stack(found)


def camera_rays(c2w, K, lens, sizes, axes, center, views, pixels):
    """Origins and unit directions (n, 6) of the rays through pixels of images of these sizes (width, height)."""
    found = []
    for view, pixel in zip(views.tolist(), pixels.tolist(), strict=True):
        row, column = divmod(pixel, sizes[view][0])
        ahead = torch.linalg.solve(K[view], torch.tensor([column + center, row + center, 1.0]))
        if lens is not None:
            ahead = straighten(lens[view], ahead[:2])
        direction = c2w[view, :3, :3] @ (ahead * torch.tensor(axes))
        found.append(torch.cat([c2w[view, :3, 3], direction / direction.norm()]))
    return torch.stack(found)
