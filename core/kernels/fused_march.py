"""All rounds of a march in one launch, with densities of a hash grid and its network.

A march in separate rounds takes a dozen launches for each: they pack samples, evaluate them, update the grid, and
decide which are kept and which rays go on. Their intermediate results go through memory, and on CUDA the host waits
twice a round for counts of samples. Here a thread of the CPU takes a batch of rays at a time through all of this, a
thread on CUDA a single ray, and everything but the kept samples stays in its cache. The result is the same as that of
`March.round`, `encoded_network`, `observe` and `Visibility.mark` one after the other.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import warp as wp
from torch import Tensor

from core.geometry.rays import Samples
from core.kernels.contraction import Space
from core.kernels.encoded_network import RUN, TILES, laid_out
from core.kernels.grid import FAR_AWAY, Grid
from core.kernels.marching import March
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import lanes_on, launch, made_once
from core.kernels.runtime.replaceable import is_replaced
from core.kernels.runtime.types import Float, Floats, Int, Ints, LongInts, Mat33, Vec3, Vec3s, Vec4is
from core.kernels.visibility import Round, Visibility

BATCH = 4096
"""Samples that a thread of the CPU finds before it evaluates their densities; with their features they fit its
cache."""

_BATCH_ON_CUDA = 8
"""The same for a thread on CUDA, which has a single ray; they are in the thread's local memory."""

_FLOATS_OF_A_SAMPLE = 5
"""Floats of scratch per sample besides its features: its start, its position and its density."""

_N_COUNTS = 4
"""Numbers that a part of a launch returns, see `cpp/fused_march.h`."""

_WORTH_A_THREAD = 1 << 8
"""Rays that justify one more thread."""

_KEPT_OF_A_RAY = {"cpu": 4, "cuda": 8}
_LEAST_ROOM = {"cpu": 2 * BATCH, "cuda": 1 << 21}
"""Kept samples that there is room for: so many per ray, or so many in all, whichever is more. Rays through fog keep
hundreds; what doesn't fit is left to another launch, before which the host waits for CUDA."""

_FEWEST_RAYS = {"cpu": 0, "cuda": 1 << 13}
"""Fewer rays than this march in rounds: a ray is one thread, which evaluates its samples one after the other, so few
rays would leave most of a GPU idle. (An estimate, not measured yet.)"""

_BLOCK = 64
"""Threads of a block on CUDA: larger blocks don't divide a multiprocessor's registers evenly."""


class EncodedDensity(NamedTuple):
    """Densities of a network behind a hash grid, scale * exp(steepness * first output), for a march to evaluate.

    Attributes:
        table, levels, space, layers, in_tiles: see `core.kernels.encoded_network.encoded_network`, whose features
            these are.
        keeps_features: whether the outputs are wanted besides the densities.
        seen: the largest density * seen_step in each cell of the marched grid, updated, see
            `core.kernels.upkeep.observe`; None: none is kept.
        on_launch: called before each launch; what it returns is called after it with the number of densities, and their
            share of the launch's time.
    """

    table: Tensor
    levels: Tensor
    space: Space
    layers: list[Tensor]
    in_tiles: bool
    scale: float
    steepness: float
    keeps_features: bool = True
    seen: Tensor | None = None
    seen_step: float = 0.0
    on_launch: Callable[[], Callable[[int, float], None]] | None = None


@made_once
def _kernel(n_in: int, n_hidden: int, n_out: int, n_features: int, in_tiles: bool, keeps_features: bool) -> wp.Kernel:
    sizes = f"{n_in}_{n_hidden}_{n_out}_{n_features}"
    name = f"fused_march_{sizes}_{'tiles' if in_tiles else 'vectors'}{'_kept' if keeps_features else ''}"
    numbers = [BATCH, _BATCH_ON_CUDA, _N_COUNTS, _FLOATS_OF_A_SAMPLE + n_out, RUN, n_in, n_hidden, n_out, n_features]
    sizes = ", ".join([*map(str, numbers), str(in_tiles).lower(), str(keeps_features).lower()])

    headers = (*TILES, "fused_march.h") if in_tiles else "fused_march.h"

    @cpp_kernel(headers, f"fused_march<{sizes}>", name=name, module=f"{__name__}.{name}")
    def kernel(
        part: Int,
        n_parts: Int,
        round_size: Int,
        room: Int,
        grid: Grid,
        rays_o: Vec3s,
        rays_d: Vec3s,
        step_size: Float,
        cone_angle: Float,
        t_maxs: Floats,
        t_nexts: Floats,
        rays: Ints,
        low: Vec3,
        inverse_size: Vec3,
        contraction: Int,
        axes: Mat33,
        levels: Vec4is,
        table: Ints,
        hidden_weights: Floats,
        output_weights: Floats,
        density_scale: Float,
        steepness: Float,
        seen: Floats,
        seen_step: Float,
        thinnest: Float,
        opaque: Float,
        thickness: Floats,
        n_kept: Ints,
        n_marched: Ints,
        scratch_floats: Floats,
        scratch_ints: Ints,
        counts: LongInts,
        t_starts: Floats,
        t_ends: Floats,
        sigmas: Floats,
        ray_indices: Ints,
        ranks: Ints,
        features: Floats,
    ): ...

    return kernel


def marches_at_once(march: March, n_rays: int) -> bool:
    """Whether to march so many rays by `march_on`; otherwise in rounds, which replace it where its kernel is wrong."""
    if is_replaced("march_on") or march.by_nerfacc is not None:
        return False
    return n_rays >= _FEWEST_RAYS[march.t_nexts.device.type]


def march_on(
    march: March, visibility: Visibility, rays: Tensor, round_size: int, density: EncodedDensity
) -> tuple[Round, Tensor, int]:
    """Continue the march of some rays, to their ends if there is room.

    Args:
        march, visibility: of all rays; updated.
        rays: (n_active,) int32, indices of rays.
        round_size: samples that a ray takes before it is asked whether it goes on, on CUDA at most eight.

    Returns:
        The kept samples, as a round with gaps (ranks of -1); the rays that go on, (n,) int32; and how many samples all
        rays have kept so far.

    Raises:
        ValueError: `density.seen` has other cells than the grid that is marched.
    """
    if density.seen is not None and tuple(density.seen.shape) != march.grid_shape:
        raise ValueError(
            f"a march teaches the grid it marches: expected values of its cells {march.grid_shape}, "
            f"found {tuple(density.seen.shape)}"
        )
    (n_hidden, n_in), n_out = density.layers[0].shape, density.layers[1].shape[0]
    n_rays, device = rays.shape[0], rays.device
    # on CUDA each ray is a part with memory of its own, and all share one room
    on_cuda, n_rooms = device.type == "cuda", max(1, min(lanes_on(device), n_rays // _WORTH_A_THREAD))
    parts, n_scratch = (n_rays, 0) if on_cuda else (n_rooms, n_rooms)
    room = max(_LEAST_ROOM[device.type], _KEPT_OF_A_RAY[device.type] * n_rays // n_rooms)
    found = _empty_round(n_rooms * room, n_out if density.keeps_features else 0, device)
    scratch_floats = torch.empty(n_scratch * BATCH * (_FLOATS_OF_A_SAMPLE + n_out), device=device)
    scratch_ints = torch.empty(n_scratch * BATCH, dtype=torch.int32, device=device)
    counts = torch.zeros(n_rooms, _N_COUNTS, dtype=torch.int64, device=device)
    seen = scratch_floats[:0] if density.seen is None else density.seen.view(-1)
    inputs = [
        *(parts, round_size, room),
        *march.arguments(),
        rays if on_cuda else rays.clone(),  # the CPU's threads overwrite it with the rays that go on
        *(*density.space.arguments(), density.levels, density.table.view(-1)),
        *laid_out(density.layers, density.in_tiles),
        *(density.scale, density.steepness, seen, density.seen_step),
        *(*visibility.thresholds, visibility.thickness, visibility.n_kept, visibility.n_marched),
        *(scratch_floats, scratch_ints, counts.view(-1)),
        *(found.samples.t_starts, found.samples.t_ends, found.sigmas, found.samples.ray_indices, found.ranks),
        found.features.view(-1),
    ]
    sizes = n_in, n_hidden, n_out, 2 * density.table.shape[1]
    kernel = _kernel(*sizes, density.in_tiles, density.keeps_features)
    n_before = visibility.n_marched.sum()
    ended = density.on_launch and density.on_launch()
    launch(kernel, (parts,), inputs, grain=1, block=_BLOCK)
    totals = torch.stack([visibility.n_kept.sum(), visibility.n_marched.sum() - n_before])
    # the host waits for CUDA here only, unless room runs out
    n_left, in_densities, in_all, _, n_kept, n_evaluated = torch.cat([counts.sum(0), totals]).tolist()
    if ended:
        ended(n_evaluated, in_densities / max(1, in_all))
    left = rays[:0]
    if n_left:
        left = rays[((march.t_nexts < FAR_AWAY) & ~visibility.stopped)[rays.long()]]
    return found, left, n_kept


def _empty_round(n: int, n_features: int, device: torch.device) -> Round:
    """Room for n samples, all of which are gaps."""
    t_starts, t_ends, sigmas = torch.empty(3, n, device=device)
    ray_indices = torch.empty(n, dtype=torch.int32, device=device)
    samples = Samples(t_starts, t_ends, ray_indices, ray_indices.new_empty(0, 2))
    return Round(samples, sigmas, torch.empty(n, n_features, device=device), torch.full_like(ray_indices, -1))
