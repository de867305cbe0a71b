"""The methods there are: radiance fields and ways to place samples, each with its own settings.

A method is a field and a sampler, chosen by name; the type of the settings says which one they belong to. A new one is
one new file in `core/fields` or `core/samplers`, its settings and one line in `FIELDS` or `SAMPLERS` here, and one line
beside that file that says how it is made.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, NamedTuple

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


class Kind(NamedTuple):
    """One field or sampler to choose.

    Attributes:
        settings: the class of its settings.
        sentence: what it is; cost: what it takes. For the window and the README.
    """

    settings: type
    sentence: str
    cost: str


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
    field_class, sampler_class = _kind(FIELDS, field).settings, _kind(SAMPLERS, sampler).settings
    if field in DYNAMIC:
        train = replace(train, grid_decay=0.5 + 0.5 * train.grid_decay)
    if field_class is FieldSettings:
        return MethodSettings(ngp, sampler_class(), train)
    if field_class is NGPTimeSettings:
        return MethodSettings(NGPTimeSettings(**asdict(ngp)), sampler_class(), train)
    train = replace(train, learning_rate=_NETWORK_RATE, grid_samples=min(train.grid_samples, 1 << 12))
    return MethodSettings(field_class(precision=ngp.precision), sampler_class(), train)


def settings_named(kinds: dict[str, Kind], name: str, values: Mapping[str, Any]) -> Any:
    """The settings of a kind with these values; raises ValueError or TypeError for what is no kind or none of its."""
    return _kind(kinds, name).settings(**values)


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


def _kind(kinds: dict[str, Kind], name: str) -> Kind:
    if name not in kinds:
        raise ValueError(f"there is no method {name!r}: choose one of {', '.join(kinds)}")
    return kinds[name]
