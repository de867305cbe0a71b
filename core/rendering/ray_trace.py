"""One ray in detail: all its samples and their fates, the cells it crosses, what guided the sampler, and where and why
it stopped.

The pixel's values come from the one path, `core.rendering.render.trace_rays`, with the same thresholds. A second
march with the alpha threshold and early stop off shows what they left out.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.fields.along_rays import shade
from core.fields.base import Field
from core.geometry.rays import Rays, Samples
from core.kernels.grid import GridState
from core.kernels.marching import March
from core.kernels.visibility import Fate, sample_fates
from core.rendering.render import first_round_size, trace_rays
from core.samplers.base import GuideKind, Sampled, Sampler
from core.samplers.occupancy_grid import OccupancyGrid


class Stop(StrEnum):
    """Why a ray ended. The marcher has no limit on steps, so none ends because of one."""

    OPAQUE = "opaque"
    LEFT_BOX = "left the box"
    FAR_PLANE = "far plane"
    NOTHING = "nothing there"
    MISSED = "missed the box"


class CellSpans(NamedTuple):
    """The grid cells that a ray crosses, in order and without gaps.

    Attributes:
        t_starts, t_ends: (n_cells,) float64, where the ray enters and leaves the cell.
        levels: (n_cells,) int64.
        occupied: (n_cells,) bool; a sampler that marches the grid samples these cells and skips the others.
    """

    t_starts: np.ndarray
    t_ends: np.ndarray
    levels: np.ndarray
    occupied: np.ndarray


class RaySamples(NamedTuple):
    """All samples on one ray, including those behind the stop.

    Attributes:
        t_starts, t_ends: (n_samples,) float32.
        sigmas, alphas: (n_samples,) float32, density per scene unit, and 1 - exp(-sigma * (t_end - t_start)).
        trans: (n_samples,) float32, the transmittance before the sample as early stop sees it: all earlier samples
            count, including those below the alpha threshold.
        weights: (n_samples,) float32, the sample's share in the pixel; 0 unless it was composited.
        rgbs: (n_samples, 3) float32.
        fates: (n_samples,) int8, values of `Fate`.
    """

    t_starts: np.ndarray
    t_ends: np.ndarray
    sigmas: np.ndarray
    alphas: np.ndarray
    trans: np.ndarray
    weights: np.ndarray
    rgbs: np.ndarray
    fates: np.ndarray


class RayGuide(NamedTuple):
    """What guided the sampler, as numpy arrays; see `core.samplers.base.Guide`."""

    name: str
    kind: GuideKind
    ts: np.ndarray
    heights: np.ndarray


@dataclass(frozen=True)
class RayReport:
    """One ray, its samples and its pixel. t is the distance from the origin in scene units.

    Attributes:
        origin, direction: of the ray; the direction is a unit vector.
        march: the thresholds it was marched with.
        cells: between `t_min` and `t_max`.
        t_min, t_max: where the ray is inside the box and between the planes. If it never is: the first and last t of
            its samples, if the sampler continues behind the box; else both inf.
        stop, t_stop: why and where the ray ended, possibly behind the box; inf if it missed everything.
        color, opacity, depth, median_depth, trans: the pixel, as in `RenderOutput`.
        n_dense, n_marched, n_kept: counts of samples, as in `RenderOutput`.
        guides: what guided the sampler, in order; empty if that is the grid or nothing, or if the ray misses the scene.
    """

    origin: tuple[float, float, float]
    direction: tuple[float, float, float]
    march: MarchSettings
    samples: RaySamples
    cells: CellSpans
    t_min: float
    t_max: float
    stop: Stop
    t_stop: float
    color: tuple[float, float, float]
    opacity: float
    depth: float
    median_depth: float
    trans: float
    n_dense: int
    n_marched: int
    n_kept: int
    guides: tuple[RayGuide, ...] = ()


@torch.no_grad()
def inspect_ray(
    field: Field,
    sampler: Sampler,
    rays: Rays,
    march: MarchSettings,
    background: Tensor,
    cells: OccupancyGrid,
    together: int = 1,
) -> RayReport:
    """March one ray and record what happens on the way.

    Args:
        rays: one ray.
        background: (3,) float32, the colour behind the scene.
        cells: the grid whose cells along the ray are reported.
        together: rays that the picture renders at a time. It determines how many samples a round takes, and so how many
            behind the stop are evaluated in vain; nothing else depends on it.

    Raises:
        ValueError: there isn't exactly one ray.
    """
    if rays.rays_o.shape[0] != 1:
        raise ValueError(f"one ray is inspected at a time, got {rays.rays_o.shape[0]}: pass rays of shape (1, 3)")
    round_size = first_round_size(together, background.device)
    traced = trace_rays(field, sampler, rays, march, background, round_size=round_size)
    out, sampled = traced.output, traced.sampled
    everything = replace(march, alpha_thre=0.0, early_stop_eps=0.0)
    whole = sampler.sample(field, rays, everything, None, round_size)
    rgbs, sigmas, _ = shade(field, rays, whole.samples, whole.known)

    stopped = bool(out.stopped[0])
    samples = _with_fates(
        whole, sigmas, rgbs, sampled.samples, march if stopped else replace(march, early_stop_eps=0.0)
    )
    grid = cells.grid_state(march.occ_thre)
    progress = March(grid, rays, march)
    t_min, t_max = float(progress.t_mins), float(progress.t_maxs)
    if t_min >= t_max:
        t_min = t_max = math.inf
    origin, direction = (tuple(x[0].tolist()) for x in rays[:2])
    crossed = cells_along(grid, origin, direction, t_min, t_max)
    stop, t_stop = _end(samples, stopped, t_max, march.far_plane)
    if t_max == math.inf and len(samples.t_starts):
        t_min, t_max = float(samples.t_starts[0]), float(samples.t_ends[-1])
    return RayReport(
        origin=origin,
        direction=direction,
        march=march,
        samples=samples,
        cells=crossed,
        t_min=t_min,
        t_max=t_max,
        stop=stop,
        t_stop=t_stop,
        color=tuple(out.colors[0].tolist()),
        opacity=float(out.opacities),
        depth=float(out.depths),
        median_depth=float(out.median_depths),
        trans=float(out.trans),
        n_dense=int(out.n_dense),
        n_marched=int(out.n_marched),
        n_kept=int(out.n_kept),
        guides=tuple(
            RayGuide(guide.name, guide.kind, _numpy(guide.ts), _numpy(guide.heights))
            for guide in sampler.guides(field, rays, march)
            if len(guide.ts)
        ),
    )


def _with_fates(whole: Sampled, densities: Tensor, rgbs: Tensor, kept: Samples, march: MarchSettings) -> RaySamples:
    """What became of each sample of a whole march, of which `kept` were composited: the kernel's own verdicts."""
    t_starts, t_ends, sigmas = (_numpy(x) for x in (whole.samples.t_starts, whole.samples.t_ends, densities))
    taus = sigmas * (t_ends - t_starts)
    verdicts = sample_fates(whole.samples, densities, march)
    if whole.weights is not None:  # the sampler's: what would weigh as much
        weights = _numpy(whole.weights)
        left = 1.0 - np.cumsum(weights) + weights
        taus = -np.log(np.clip(1.0 - weights / np.maximum(left, 1e-10), 1e-10, 1.0))
        unit = whole.samples._replace(t_starts=torch.zeros_like(densities), t_ends=torch.ones_like(densities))
        verdicts = sample_fates(unit, torch.from_numpy(taus).to(densities), march)
    composited = np.isin(t_starts, _numpy(kept.t_starts))
    trans, seen = (np.exp(-_before(x)) for x in (taus, np.where(composited, taus, np.float32(0.0))))
    alphas = -np.expm1(-taus)
    weights = np.where(composited, seen * alphas, np.float32(0.0))
    # a sampler with weights of its own drops samples by its own rule
    fates = np.maximum(_numpy(verdicts), np.int8(Fate.BELOW_ALPHA))
    fates[composited] = Fate.COMPOSITED
    return RaySamples(t_starts, t_ends, sigmas, alphas, trans, weights, _numpy(rgbs), fates)


def _end(samples: RaySamples, stopped: bool, t_max: float, far_plane: float) -> tuple[Stop, float]:
    """Why and where a ray ended; `t_max` is where it leaves the box, inf for one that misses it."""
    if stopped:
        return Stop.OPAQUE, float(samples.t_ends[samples.fates != Fate.BEHIND_STOP][-1])
    if len(samples.t_starts) == 0:
        return (Stop.MISSED if t_max == math.inf else Stop.NOTHING), t_max
    last = float(samples.t_ends[-1])
    if t_max == math.inf or last > t_max * (1.0 + 1e-4):  # its sampler continues behind the box
        return Stop.FAR_PLANE, last
    return Stop.FAR_PLANE if t_max >= np.float32(far_plane) else Stop.LEFT_BOX, t_max


def cells_along(
    grid: GridState, origin: tuple[float, ...], direction: tuple[float, ...], t_min: float, t_max: float
) -> CellSpans:
    """The cells that a ray crosses between t_min and t_max; a position belongs to the finest level that contains it.

    The ray is cut at every plane of every level, which is simple and, for one ray, fast enough; adjacent pieces of one
    cell are joined.
    """
    o, d = np.asarray(origin, np.float64), np.asarray(direction, np.float64)
    low, high = np.reshape(np.asarray(grid.box, np.float64), (2, 3))
    center, half = 0.5 * (low + high), 0.5 * (high - low)
    n_levels, *shape = grid.binaries.shape
    cuts = [np.array([t_min, t_max])]
    for axis in np.flatnonzero(np.abs(d) > 1e-12):
        planes = np.linspace(-half[axis], half[axis], shape[axis] + 1)
        cuts += [(center[axis] + planes * 2.0**level - o[axis]) / d[axis] for level in range(n_levels)]
    ts = np.unique(np.concatenate(cuts))
    ts = ts[(ts >= t_min) & (ts <= t_max) & np.isfinite(ts)]
    positions = o + 0.5 * (ts[:-1] + ts[1:])[:, None] * d - center
    reach = np.maximum(np.abs(positions / half).max(axis=1), 1.0)
    levels = np.minimum(np.ceil(np.log2(reach)).astype(np.int64), n_levels - 1)
    unit = 0.5 * (positions / (half * np.exp2(levels)[:, None]) + 1.0)
    cells = np.clip(np.floor(unit * shape).astype(np.int64), 0, np.array(shape) - 1)
    keys = np.column_stack([levels, cells])
    first = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=-1) != 0, axis=1))
    ends = np.append(ts[first[1:]], ts[-1:])
    index = torch.from_numpy(keys[first]).to(grid.binaries.device).unbind(1)
    return CellSpans(ts[first], ends, levels[first], grid.binaries[index].cpu().numpy())


def _before(taus: np.ndarray) -> np.ndarray:
    """The sum of the earlier entries, (n,) float32; one after the other, as the kernel adds them."""
    return np.cumsum(np.append(np.float32(0.0), taus)[:-1], dtype=np.float32)


def _numpy(x: Tensor) -> np.ndarray:
    return x.cpu().numpy()
