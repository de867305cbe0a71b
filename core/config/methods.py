"""The methods there are: radiance fields and ways to place samples, each with its own settings, and contractions.

A method is a field and a sampler, chosen by name; the type of the settings says which one they belong to. A new one is
one new file in `core/fields` or `core/samplers`, its settings and one line in `FIELDS` or `SAMPLERS` here, and one line
beside that file that says how it is made.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from core.config.contractions import CONTRACTIONS, Words
from core.config.field_settings import (
    DenseSettings,
    FieldSettings,
    MLPSettings,
    NGPTimeSettings,
    OwnSettings,
    TNeRFSettings,
)
from core.config.march import MarchSettings
from core.config.sampler_settings import (
    HierarchicalSettings,
    OccupancySettings,
    ProposalSettings,
    RVSSettings,
    StratifiedSettings,
)
from core.config.setting import settings_of
from core.config.training import TrainSettings

_BOUNDS = ("near_plane", "far_plane", "crop")
_BOUNDS_AND_SEEN = ("alpha_thre", "early_stop_eps", *_BOUNDS)


class Kind(NamedTuple):
    """One field, sampler or contraction to choose.

    Attributes:
        settings: the class of its settings; None: it has none.
        sentence: what it is; cost: what it takes. For the window and the README.
        smooth: of a field, whether its densities and colours have gradients along positions.
        dynamic: of a field, whether it looks at times.
        reads: of a sampler, the names of the `MarchSettings` that its pictures depend on; see `read_by`.
    """

    settings: type | None
    sentence: str
    cost: str
    smooth: bool = False
    dynamic: bool = False
    reads: tuple[str, ...] = ()


FIELDS: dict[str, Kind] = {
    "ngp": Kind(
        FieldSettings,
        "A hash grid of features at many resolutions and two small networks (Instant-NGP).",
        "About 6,000 products a sample; learns in seconds.",
    ),
    "mlp": Kind(
        MLPSettings,
        "One large network of sines and cosines of the position (the NeRF paper).",
        "About 600,000 products a sample at its full size, which learns in hours; 24,000 at a CPU's.",
        smooth=True,
    ),
    "dense": Kind(
        DenseSettings,
        "A voxel grid of features, of which one is the density, and a small network for the colour (as DVGO).",
        "About 6,000 products a colour, none a density; memory grows with the cube of the resolution.",
    ),
    "ngp-t": Kind(
        NGPTimeSettings,
        "A hash grid of what stands still, and three more of two axes and time for what moves.",
        "About 9,000 products and four hash grids a sample; learns in a minute or two.",
        dynamic=True,
    ),
    "tnerf": Kind(
        TNeRFSettings,
        "A small network moves each place at each time to where the paper's network looks it up (T-NeRF).",
        "About 620,000 products a sample at its full size, which learns in hours; 39,000 at a CPU's.",
        smooth=True,
        dynamic=True,
    ),
}

SAMPLERS: dict[str, Kind] = {
    "occupancy": Kind(
        OccupancySettings,
        "Equal steps, but only in cells of a grid that hold something, and none behind what is opaque.",
        "Few samples where it matters; needs a box.",
        reads=tuple(settings_of(MarchSettings)),
    ),
    "stratified": Kind(
        StratifiedSettings,
        "One sample in each of equal bins, everywhere on the ray.",
        "Most samples lie in empty space.",
        reads=_BOUNDS_AND_SEEN,
    ),
    "hierarchical": Kind(
        HierarchicalSettings,
        "A coarse field is asked in equal bins, and the fine one where that found something as well (the NeRF paper).",
        "Two fields to learn; the samples of the coarse one are asked for again.",
        reads=_BOUNDS_AND_SEEN,
    ),
    "proposal": Kind(
        ProposalSettings,
        "One or two small density fields say where the few samples belong that get colours (mip-NeRF 360).",
        "Many cheap densities and few colours; unbounded scenes need no boxes.",
        reads=_BOUNDS_AND_SEEN,
    ),
    "rvs": Kind(
        RVSSettings,
        "Samples drawn from a spline of densities on each ray, differentiable in them (reparameterised sampling).",
        "Density in every bin, colour at a few samples only; or a small field of its own and few evaluations.",
        reads=("alpha_thre", *_BOUNDS),
    ),
}

OWN_FIELD = Kind(
    OwnSettings,
    "A class of your own in a Python file, named as path.py:Class.",
    "What its methods take.",
    smooth=True,
)
"""What is to be found under no name of `FIELDS`, but with a colon in it."""

CHOICES: dict[str, tuple[str, Mapping[str, Kind | Words]]] = {
    "field": ("Field", FIELDS),
    "sampler": ("Sampler", SAMPLERS),
    "contraction": ("Contraction", CONTRACTIONS),
}
"""All that makes a method: what each choice is called in the window, and what there is to choose from."""


DEFAULT_FIELD, DEFAULT_SAMPLER = "ngp", "occupancy"

DEFAULT_DYNAMIC_FIELD = "ngp-t"
"""For scenes in which something moves."""

_NETWORK_RATE, _NETWORK_WIDTH = 5e-4, 256
"""The NeRF paper's: what suits a table's entries makes a deep network diverge. A narrower one bears more."""

_HIGHEST_RATE = 1e-2

_SMALL = {"depth": 4, "width": 64, "color_width": 32}
"""Networks that can be watched while they learn on a CPU: on Lego, 22.6 dB where the paper's size came to 19.9."""

_DENSE_SHARE = 4
"""Most voxels hold nothing, and so a grid of them needs more than a hash grid to show as much."""


class MethodSettings(NamedTuple):
    """A method with all its settings: of its field, of its sampler and of its training."""

    field: Any
    sampler: Any
    train: TrainSettings


def default_method(moves: bool) -> dict[str, str]:
    """The method of a scene in which nothing else is asked for, by the names of `CHOICES`.

    Args:
        moves: something moves in it.
    """
    return {"field": DEFAULT_DYNAMIC_FIELD if moves else DEFAULT_FIELD, "sampler": DEFAULT_SAMPLER}


def method_settings(
    field: str,
    sampler: str,
    ngp: FieldSettings,
    train: TrainSettings,
    on_cpu: bool = False,
    changes: Mapping[str, Any] | None = None,
) -> MethodSettings:
    """Settings of a method, from those that suit the device and the scene for the default one.

    Args:
        field, sampler: names in `FIELDS` and `SAMPLERS`, or path.py:Class for a field of the user's own.
        on_cpu: deep networks are small ones.
        changes: values of the field's settings that aren't to be the usual ones; a network's rate follows its width.

    Raises:
        ValueError: there is no such field or sampler, or a change is out of range or belongs to another field.
    """
    kind, sampler_class = kind_named(FIELDS, field), kind_named(SAMPLERS, sampler).settings
    field_settings = with_overrides(FIELDS, _usual_field(kind.settings, field, ngp, on_cpu), changes or {})
    if kind.dynamic:
        train = for_times(train)
    if not isinstance(field_settings, MLPSettings | OwnSettings):
        return MethodSettings(field_settings, sampler_class(), train)
    width = field_settings.width if isinstance(field_settings, MLPSettings) else _NETWORK_WIDTH
    rate = min(_HIGHEST_RATE, _NETWORK_RATE * (_NETWORK_WIDTH / width) ** 1.5)
    factor = train.learning_rate / rate  # a proposal is a hash grid before any field
    sampler_settings = ProposalSettings(rate_factor=factor) if sampler_class is ProposalSettings else sampler_class()
    train = replace(train, learning_rate=rate, grid_samples=min(train.grid_samples, 1 << 12))
    return MethodSettings(field_settings, sampler_settings, train)


def for_times(train: TrainSettings) -> TrainSettings:
    """Training of a field that looks at times: a cell stays occupied that holds something at any time, and an update of
    the grid looks at one time only."""
    return replace(train, grid_decay=0.5 + 0.5 * train.grid_decay)


def _usual_field(settings: type, name: str, ngp: FieldSettings, on_cpu: bool) -> Any:
    """A field's settings of one class where nothing else is asked for; arguments as for `method_settings`."""
    if settings is FieldSettings:
        return ngp
    if settings is NGPTimeSettings:
        return NGPTimeSettings(**asdict(ngp))
    if settings is DenseSettings:
        return DenseSettings(resolution=_dense_resolution(ngp), precision=ngp.precision)
    if settings is OwnSettings:
        return OwnSettings(name)
    return settings(precision=ngp.precision, **(_SMALL if on_cpu else {}))


def _dense_resolution(ngp: FieldSettings) -> int:
    """Voxels per side of a dense grid that stores `_DENSE_SHARE` times as many values as a hash grid may."""
    n_values = _DENSE_SHARE * ngp.n_levels * ngp.n_features << ngp.log2_hashmap_size
    return round((n_values / DenseSettings().voxel_features) ** (1.0 / 3.0)) - 1


def refuse(field: Any, sampler: Any) -> None:
    """Raise ValueError, with the reason, where the method of a field's and a sampler's settings can't learn."""
    name = name_of(FIELDS, field)
    if isinstance(sampler, RVSSettings) and sampler.use == "hierarchical" and not kind_named(FIELDS, name).smooth:
        smooth = ", ".join(name for name, kind in FIELDS.items() if kind.smooth)
        raise ValueError(
            f"rvs for hierarchical use learns from how the field changes along a ray, and {name} gives no gradients "
            f"along positions: choose another field ({smooth}) or use color"
        )


def read_by(sampler: Any) -> tuple[str, ...]:
    """The names of the `MarchSettings` that pictures depend on, of a sampler's settings."""
    if isinstance(sampler, RVSSettings) and sampler.use == "hierarchical":
        return _BOUNDS_AND_SEEN
    return SAMPLERS[name_of(SAMPLERS, sampler)].reads


def marches_grid(sampler: Any) -> bool:
    """Whether the sampler of some settings goes by the occupancy grid."""
    return "occ_thre" in read_by(sampler)


def settings_named(kinds: dict[str, Kind], name: str, values: Mapping[str, Any]) -> Any:
    """The settings of a kind with these values; raises ValueError or TypeError for what is no kind or none of its."""
    return kind_named(kinds, name).settings(**values)


def name_of(kinds: dict[str, Kind], settings: Any) -> str:
    """The name of the kind that settings belong to."""
    if isinstance(settings, OwnSettings):
        return settings.source
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


def kind_named(kinds: Mapping[str, Any], name: str) -> Any:
    """A kind by its name; raises ValueError that lists them for a name that none has."""
    if kinds is FIELDS and is_own(name):
        return OWN_FIELD
    if name not in kinds:
        more = ", or path.py:Class for a field of your own" if kinds is FIELDS else ""
        raise ValueError(f"there is no method {name!r}: choose one of {', '.join(kinds)}{more}")
    return kinds[name]


def is_own(field: str) -> bool:
    """Whether a field's name stands for a class of the user's own."""
    return ":" in field
