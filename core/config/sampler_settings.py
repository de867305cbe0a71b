"""Settings of the samplers: one class for each, whose type says which sampler they belong to."""

from dataclasses import dataclass
from typing import Annotated, Literal

from core.config.setting import Setting, validate


@dataclass(frozen=True)
class OccupancySettings:
    """Samples in the occupied cells of nested grids; what the grid is like, `TrainSettings` says."""


@dataclass(frozen=True)
class StratifiedSettings:
    """One sample in each of equal bins between the planes and inside the box (Mildenhall et al. 2020, equation 2)."""

    n_bins: Annotated[int, Setting("Bins on each ray, one sample in each.", low=1, high=4096)] = 128

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class HierarchicalSettings:
    """A coarse field says where the samples of the fine one belong (Mildenhall et al. 2020, section 5.2)."""

    n_coarse: Annotated[int, Setting("Bins on each ray in which the coarse field is asked.", low=1, high=4096)] = 64
    n_fine: Annotated[
        int, Setting("Samples that are added where the coarse field found something.", low=1, high=4096)
    ] = 128

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class ProposalSettings:
    """Small density fields say, one after the other, where samples belong (Barron et al. 2022, section 3)."""

    n_proposals: Annotated[
        int, Setting("Density fields that propose: one, or two for scenes with far backgrounds.", low=1, high=2)
    ] = 1
    n_first: Annotated[int, Setting("Samples of the first proposal on each ray.", low=1, high=4096)] = 64
    n_second: Annotated[int, Setting("Samples of the second proposal, if there is one.", low=1, high=4096)] = 48
    n_final: Annotated[int, Setting("Samples of the field itself on each ray.", low=1, high=4096)] = 32
    proposal_resolution: Annotated[
        int,
        Setting(
            "Cells per side of the first proposal's finest level; the second's has twice as many.", low=16, high=2048
        ),
    ] = 128
    distortion: Annotated[
        float, Setting("Weight of the loss that draws a ray's weight together.", low=0.0, high=1.0, log=True)
    ] = 1e-3
    anneal_steps: Annotated[
        int, Setting("Steps over which proposals gain their full say; before, samples spread out.", low=0, high=10**6)
    ] = 500
    rate_factor: Annotated[
        float, Setting("The proposals' learning rate as a multiple of the field's.", low=1e-3, high=1e3, log=True)
    ] = 1.0

    def __post_init__(self) -> None:
        validate(self)


RVSUse = Literal["color", "hierarchical"]
SplineShape = Literal["linear", "constant"]


@dataclass(frozen=True)
class RVSSettings:
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

    def __post_init__(self) -> None:
        validate(self)
