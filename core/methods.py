"""The methods there are: radiance fields and ways to place samples, each with its own settings.

A method is a field and a sampler, chosen by name; the type of the settings says which one they belong to. A new one is
one new file in `core/fields` or `core/samplers`, its settings and one line in `FIELDS` or `SAMPLERS` here, and one line
beside that file that says how it is made.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal, NamedTuple, get_args

from core.settings import FieldSettings, Precision, Setting, TrainSettings, settings_of, validate


@dataclass(frozen=True)
class MLPSettings:
    """The field of the NeRF paper: one large network of encoded positions (Mildenhall et al. 2020, appendix A)."""

    depth: Annotated[int, Setting("Layers before the density.", low=1, high=16)] = 8
    width: Annotated[int, Setting("Units of each of these layers.", low=8, high=1024)] = 256
    skip: Annotated[
        int, Setting("The layer, counted from 1, that sees the encoded position again; 0: none.", low=0, high=16)
    ] = 5
    color_width: Annotated[int, Setting("Units of the colour network's layer.", low=8, high=1024)] = 128
    position_frequencies: Annotated[int, Setting("Octaves of the positional encoding.", low=0, high=16)] = 10
    direction_frequencies: Annotated[int, Setting("Octaves of the direction's encoding.", low=0, high=8)] = 4
    precision: Annotated[
        Precision, Setting("Number format of the networks' matrix products; weights stay float32.")
    ] = "float32"

    def __post_init__(self) -> None:
        validate(self)
        if self.skip > self.depth:
            raise ValueError(f"skip {self.skip} is behind the last of {self.depth} layers: choose 0 to {self.depth}")


@dataclass(frozen=True)
class NGPTimeSettings(FieldSettings):
    """The hash field with time: all that the static one has, and hash grids of two axes of space and time."""

    time_levels: Annotated[int, Setting("Resolutions in each hash grid with time.", low=1, high=24)] = 5
    time_max_resolution: Annotated[
        int, Setting("Cells per side of the finest level of the hash grids with time.", low=2, high=65536)
    ] = 128
    time_steps: Annotated[
        int, Setting("Cells along time of that level: what changes faster is blurred.", low=1, high=65536)
    ] = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.time_max_resolution < self.base_resolution:
            raise ValueError(
                f"time_max_resolution {self.time_max_resolution} is below base_resolution {self.base_resolution}"
            )


@dataclass(frozen=True)
class TNeRFSettings(MLPSettings):
    """A static network of the NeRF paper, and a small one that moves each place at each time to where it looks."""

    warp_depth: Annotated[int, Setting("Layers of the network that moves places.", low=1, high=16)] = 4
    warp_width: Annotated[int, Setting("Units of each of these layers.", low=8, high=1024)] = 64
    warp_frequencies: Annotated[
        int, Setting("Octaves of the encoding of the place and the time to move.", low=0, high=16)
    ] = 4


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
        for name, value, choices in (("use", self.use, RVSUse), ("spline", self.spline, SplineShape)):
            if value not in get_args(choices):
                raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}, got {value!r}: choose one")


class Kind(NamedTuple):
    """One field or sampler to choose.

    Attributes:
        settings: the class of its settings.
        sentence: what it is; cost: what it takes. For the window and the README.
        smooth: of a field, whether its densities and colours have gradients along positions.
    """

    settings: type
    sentence: str
    cost: str
    smooth: bool = False


FIELDS: dict[str, Kind] = {
    "ngp": Kind(
        FieldSettings,
        "A hash grid of features at many resolutions and two small networks (Instant-NGP).",
        "About 6,000 products a sample; learns in seconds.",
    ),
    "mlp": Kind(
        MLPSettings,
        "One large network of sines and cosines of the position (the NeRF paper).",
        "About 600,000 products a sample at its full size; learns in hours.",
        smooth=True,
    ),
    "ngp-t": Kind(
        NGPTimeSettings,
        "A hash grid of what stands still, and three more of two axes and time for what moves.",
        "About 9,000 products and four hash grids a sample; learns in a minute or two.",
    ),
    "tnerf": Kind(
        TNeRFSettings,
        "A small network moves each place at each time to where the paper's network looks it up (T-NeRF).",
        "About 620,000 products a sample at its full size; learns in hours.",
        smooth=True,
    ),
}

SAMPLERS: dict[str, Kind] = {
    "occupancy": Kind(
        OccupancySettings,
        "Equal steps, but only in cells of a grid that hold something, and none behind what is opaque.",
        "Few samples where it matters; needs a box.",
    ),
    "stratified": Kind(
        StratifiedSettings,
        "One sample in each of equal bins, everywhere on the ray.",
        "Most samples lie in empty space.",
    ),
    "hierarchical": Kind(
        HierarchicalSettings,
        "A coarse field is asked in equal bins, and the fine one where that found something as well (the NeRF paper).",
        "Two fields to learn; the samples of the coarse one are asked for again.",
    ),
    "proposal": Kind(
        ProposalSettings,
        "One or two small density fields say where the few samples belong that get colours (mip-NeRF 360).",
        "Many cheap densities and few colours; unbounded scenes need no boxes.",
    ),
    "rvs": Kind(
        RVSSettings,
        "Samples drawn from a spline of densities on each ray, differentiable in them (reparameterised sampling).",
        "Density in every bin, colour at a few samples only; or a small field of its own and few evaluations.",
    ),
}

DEFAULT_FIELD, DEFAULT_SAMPLER = "ngp", "occupancy"

DEFAULT_DYNAMIC_FIELD = "ngp-t"
"""For scenes in which something moves."""

DYNAMIC = frozenset({"ngp-t", "tnerf"})
"""Fields that look at times. Their grid's values fall half as fast: a cell stays occupied that holds something at any
time, and an update looks into it at one time only."""

_NETWORK_RATE = 5e-4
"""The NeRF paper's rate: what suits a table's entries makes a deep network diverge."""


class MethodSettings(NamedTuple):
    """A method with all its settings: of its field, of its sampler and of its training."""

    field: Any
    sampler: Any
    train: TrainSettings


def method_settings(field: str, sampler: str, ngp: FieldSettings, train: TrainSettings) -> MethodSettings:
    """Settings of a method, from those that suit the device and the scene for the default one.

    Args:
        field, sampler: names in `FIELDS` and `SAMPLERS`.

    Raises:
        ValueError: there is no such field or sampler.
    """
    field_class, sampler_class = kind_named(FIELDS, field).settings, kind_named(SAMPLERS, sampler).settings
    if field in DYNAMIC:
        train = replace(train, grid_decay=0.5 + 0.5 * train.grid_decay)
    if field_class is FieldSettings:
        return MethodSettings(ngp, sampler_class(), train)
    if field_class is NGPTimeSettings:
        return MethodSettings(NGPTimeSettings(**asdict(ngp)), sampler_class(), train)
    factor = train.learning_rate / _NETWORK_RATE  # a proposal is a hash grid before any field
    sampler_settings = ProposalSettings(rate_factor=factor) if sampler_class is ProposalSettings else sampler_class()
    train = replace(train, learning_rate=_NETWORK_RATE, grid_samples=min(train.grid_samples, 1 << 12))
    return MethodSettings(field_class(precision=ngp.precision), sampler_settings, train)


def refuse(field: Any, sampler: Any) -> None:
    """Raise ValueError, with the reason, where the method of a field's and a sampler's settings can't learn."""
    name = name_of(FIELDS, field)
    if isinstance(sampler, RVSSettings) and sampler.use == "hierarchical" and not FIELDS[name].smooth:
        smooth = ", ".join(name for name, kind in FIELDS.items() if kind.smooth)
        raise ValueError(
            f"rvs for hierarchical use learns from how the field changes along a ray, and {name} gives no gradients "
            f"along positions: choose another field ({smooth}) or use color"
        )


def settings_named(kinds: dict[str, Kind], name: str, values: Mapping[str, Any]) -> Any:
    """The settings of a kind with these values; raises ValueError or TypeError for what is no kind or none of its."""
    return kind_named(kinds, name).settings(**values)


def name_of(kinds: dict[str, Kind], settings: Any) -> str:
    """The name of the kind that settings belong to."""
    return next(name for name, kind in kinds.items() if type(settings) is kind.settings)


def with_overrides(kinds: dict[str, Kind], settings: Any, overrides: Mapping[str, Any]) -> Any:
    """Settings of one of some kinds with other values.

    Raises:
        ValueError: a value is out of range, or belongs to another kind.
    """
    alien = [name for name in overrides if name not in settings_of(type(settings))]
    if alien:
        kind = name_of(kinds, settings)
        raise ValueError(f"{alien[0]} is no setting of {kind}: leave it out, or choose another method")
    return replace(settings, **overrides)


def kind_named(kinds: dict[str, Kind], name: str) -> Kind:
    """A kind by its name; raises ValueError that lists them for a name that none has."""
    if name not in kinds:
        raise ValueError(f"there is no method {name!r}: choose one of {', '.join(kinds)}")
    return kinds[name]
