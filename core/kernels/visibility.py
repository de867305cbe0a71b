"""Which samples of a march are kept, and in which order; `cpp/visibility.h` decides it."""

import math
from enum import IntEnum
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.geometry.rays import Samples
from core.kernels.runtime.cpp import cpp_kernel
from core.kernels.runtime.launch import launch, launch_runs
from core.kernels.runtime.types import Bools, Float, Floats, Int, Ints, SignedBytes, Vec2is

_RUN = 1024
"""Samples or rays in a run: a thread of the CPU takes them one after the other."""


class Fate(IntEnum):
    """What becomes of a sample; `cpp/visibility.h` numbers it the same."""

    COMPOSITED = 0
    BELOW_ALPHA = 1
    """Its alpha lies below `alpha_thre`: its density dims what is behind it for early stop, its colour isn't seen."""
    BEHIND_STOP = 2
    """The ray has ended before it."""


@cpp_kernel("visibility.h", "mark_round")
def _mark_round(
    i: Int,
    packed_info: Vec2is,
    rays: Ints,
    sigmas: Floats,
    t_starts: Floats,
    t_ends: Floats,
    t_nexts: Floats,
    thinnest: Float,
    opaque: Float,
    thickness: Floats,
    n_kept: Ints,
    n_marched: Ints,
    ranks: Ints,
    goes_on: Bools,
): ...


class Thresholds(NamedTuple):
    """The thresholds of a march as optical thicknesses, with which `cpp/visibility.h` compares without an exponential.

    Attributes:
        thinnest: the least thickness of a sample that is kept, -log(1 - alpha_thre).
        opaque: the thickness behind which a ray ends, -log(early_stop_eps); inf without early stop.
    """

    thinnest: float
    opaque: float


def thresholds_of(march: MarchSettings) -> Thresholds:
    """The thresholds of a march's settings."""
    opaque = -math.log(march.early_stop_eps) if march.early_stop_eps > 0.0 else math.inf
    thinnest = -math.log1p(-march.alpha_thre) if march.alpha_thre < 1.0 else math.inf
    return Thresholds(thinnest, opaque)


class Visibility:
    """What marched rays have passed so far.

    Attributes:
        thickness: (n_rays,) float32, the optical thickness passed.
        n_kept, n_marched: (n_rays,) int32, samples kept, and all whose densities were evaluated.
        thresholds: those of the march.
    """

    def __init__(self, n_rays: int, march: MarchSettings, device: torch.device):
        self.thresholds = thresholds_of(march)
        self.thickness = torch.zeros(n_rays, device=device)
        self.n_kept, self.n_marched = torch.zeros(2, n_rays, dtype=torch.int32, device=device)

    def mark(self, samples: Samples, sigmas: Tensor, rays: Tensor, t_nexts: Tensor) -> tuple[Tensor, Tensor]:
        """Decide which samples of a round are kept: alpha >= alpha_thre, and transmittance before it >= early_stop_eps.

        The transmittance includes dropped samples, so the decision doesn't depend on how samples are split into rounds.

        Args:
            samples: packed over `rays`.
            sigmas: (n_samples,) float32.
            rays: (n_active,) int32, the rays that march in this round.
            t_nexts: (n_rays,) float32, where each ray goes on; FAR_AWAY where it is done.

        Returns:
            ranks: (n_samples,) int32, the sample's place among its ray's kept samples, or -1 if it is dropped.
            goes_on: (n_active,) bool, the rays that haven't left the scene and aren't opaque yet.
        """
        n_active, device = rays.shape[0], rays.device
        ranks = torch.empty(samples.n_samples, dtype=torch.int32, device=device)
        goes_on = torch.empty(n_active, dtype=torch.bool, device=device)
        inputs = [samples.packed_info, rays, sigmas.contiguous(), samples.t_starts, samples.t_ends, t_nexts]
        passed = [self.thickness, self.n_kept, self.n_marched]
        launch(_mark_round, (n_active,), [*inputs, *self.thresholds, *passed, ranks, goes_on])
        return ranks, goes_on

    @property
    def stopped(self) -> Tensor:
        """(n_rays,) bool, rays that early stop ended."""
        stopped = torch.empty_like(self.thickness, dtype=torch.bool)
        inputs = [self.thickness, *self.thresholds, stopped]
        launch_runs(_ended_rays, stopped.shape, _RUN, inputs, grain=8)
        return stopped


@cpp_kernel("visibility.h", "ended_rays", run_over="thickness")
def _ended_rays(first: Int, last: Int, thickness: Floats, thinnest: Float, opaque: Float, ended: Bools): ...


@cpp_kernel("visibility.h", "fates_along")
def _fates_along(
    ray: Int,
    packed_info: Vec2is,
    sigmas: Floats,
    t_starts: Floats,
    t_ends: Floats,
    thinnest: Float,
    opaque: Float,
    fates: SignedBytes,
): ...


@cpp_kernel("visibility.h", "place_kept", run_over="ranks")
def _place_kept(
    first: Int,
    last: Int,
    n_features: Int,
    ray_indices: Ints,
    ranks: Ints,
    packed_info: Vec2is,
    t_starts: Floats,
    t_ends: Floats,
    sigmas: Floats,
    features: Floats,
    kept_t_starts: Floats,
    kept_t_ends: Floats,
    kept_ray_indices: Ints,
    kept_sigmas: Floats,
    kept_features: Floats,
): ...


def sample_fates(samples: Samples, sigmas: Tensor, march: MarchSettings) -> Tensor:
    """What becomes of each sample of rays that pass all of them from their beginnings on.

    Args:
        sigmas: (n_samples,) float32.

    Returns:
        (n_samples,) int8, values of `Fate`.
    """
    fates = torch.empty(samples.n_samples, dtype=torch.int8, device=sigmas.device)
    given = [x.contiguous() for x in (samples.packed_info, sigmas, samples.t_starts, samples.t_ends)]
    launch(_fates_along, (samples.packed_info.shape[0],), [*given, *thresholds_of(march), fates])
    return fates


class Round(NamedTuple):
    """Samples of one round of a march, what the field knows of them, and which are kept: see `Visibility.mark`."""

    samples: Samples
    sigmas: Tensor
    features: Tensor
    ranks: Tensor


def kept_samples(rounds: list[Round], n_kept: Tensor, n_samples: int | None = None) -> tuple[Samples, Tensor, Tensor]:
    """The kept samples of all rounds, packed: a sample's place is its ray's first plus its rank.

    Args:
        rounds: at least one.
        n_kept: (n_rays,) int32.
        n_samples: their sum, where it is known; else CUDA is waited for.

    Returns:
        samples, sigmas (n_samples,) and features (n_samples, n_features).
    """
    ends = torch.cumsum(n_kept, 0, dtype=torch.int32)
    device = n_kept.device
    if n_samples is None:
        n_samples = int(ends[-1]) if ends.shape[0] else 0
    packed_info = torch.stack([ends - n_kept, n_kept], dim=1)
    t_starts, t_ends, sigmas = torch.empty(3, n_samples, device=device)
    ray_indices = torch.empty(n_samples, dtype=torch.int32, device=device)
    n_features = rounds[0].features.shape[1]
    features = torch.empty(n_samples, n_features, device=device)
    for samples, densities, known, ranks in rounds:
        inputs = [n_features, samples.ray_indices, ranks, packed_info, samples.t_starts, samples.t_ends]
        inputs += [densities.contiguous(), known.reshape(-1), t_starts, t_ends, ray_indices, sigmas, features.view(-1)]
        launch_runs(_place_kept, (ranks.shape[0],), _RUN, inputs, grain=8)
    return Samples(t_starts, t_ends, ray_indices, packed_info), sigmas, features
