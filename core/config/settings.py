"""Every setting of the engine, as frozen dataclasses.

A field's type carries a `Setting`: its explanation, label, unit and range. The command line makes the flag from it
and the window the slider, so one line makes both. A live setting changes by `dataclasses.replace`, which validates.

Lengths are in scene units, the units of the dataset's camera positions.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from typing_extensions import Doc

Box = tuple[float, float, float, float, float, float]
Precision = Literal["float32", "bfloat16"]
Contraction = Literal["none", "max", "sphere", "ndc"]


class Setting(Doc):
    """What a setting means and how it is shown.

    Args:
        documentation: one or two sentences; the flag's help and the slider's tooltip.
        label: the name in the window.
        unit: the unit after the value, "" for a pure number.
        formula: the setting's part in the mathematics, as the marcher computes it.
        low, high: the inclusive range; values outside raise ValueError. A slider covers it, unless there is a `span`.
        log: the slider's scale is logarithmic; where `low` is 0 the slider's left end stands for 0.
        span: for a length, the slider's range in diagonals of the scene's box: a scene may have any unit.
    """

    def __init__(
        self,
        documentation: str,
        /,
        *,
        label: str = "",
        unit: str = "",
        formula: str = "",
        low: float = -math.inf,
        high: float = math.inf,
        log: bool = False,
        span: tuple[float, float] | None = None,
    ):
        super().__init__(documentation)
        self.label, self.unit, self.formula = label, unit, formula
        self.low, self.high, self.log, self.span = low, high, log, span


@cache
def settings_of(cls: type) -> dict[str, Setting]:
    """The `Setting` of each annotated field of a settings dataclass, by field name, in order."""
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for f in dataclasses.fields(cls):
        for note in getattr(hints[f.name], "__metadata__", ()):
            if isinstance(note, Setting):
                found[f.name] = note
    return found


def differences(settings: Any, others: Any) -> dict[str, Any]:
    """The values, by name, in which one instance of a settings dataclass differs from another."""
    values = {name: getattr(settings, name) for name in settings_of(type(settings))}
    return {name: value for name, value in values.items() if value != getattr(others, name)}


def without_none(hint: Any) -> Any:
    """The type T of "T | None", annotated or not; of every other type the type itself."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    members = [member for member in get_args(bare) if member is not NoneType]
    return members[0] if NoneType in get_args(bare) and len(members) == 1 else bare


@cache
def _choices_of(cls: type) -> dict[str, tuple]:
    """What the fields of a settings dataclass may be that are one of a few words, by name."""
    kinds = {name: without_none(hint) for name, hint in get_type_hints(cls, include_extras=True).items()}
    return {name: get_args(kind) for name, kind in kinds.items() if get_origin(kind) is Literal}


def validate(instance: Any) -> None:
    """Raise ValueError, naming field, range and value, if a number is not finite or out of its `Setting`'s range, or a
    word is none of those to choose from."""
    cls = type(instance)
    for name, setting in settings_of(cls).items():
        value = getattr(instance, name)
        if isinstance(value, int | float) and not (math.isfinite(value) and setting.low <= value <= setting.high):
            raise ValueError(
                f"{name} must be a finite number from {setting.low:g} to {setting.high:g}, got {value!r}: "
                "choose a value in that range"
            )
    for name, choices in _choices_of(cls).items():
        value = getattr(instance, name)
        if value is not None and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}: choose one of them")


def _check_crop(crop: Any) -> None:
    """Raise ValueError unless a crop box has six finite numbers and each low one below its high one."""
    fits = len(crop) == 6 and all(math.isfinite(x) for x in crop)
    if not fits or any(low >= high for low, high in zip(crop[:3], crop[3:], strict=True)):
        raise ValueError(f"crop must be six finite numbers x0 y0 z0 x1 y1 z1 with x0 < x1 and so on, got {crop!r}")


@dataclass(frozen=True)
class MarchSettings:
    """How rays are marched. Live: a change acts on the very next frame. Nothing here is clamped behind the caller."""

    alpha_thre: Annotated[
        float,
        Setting(
            "Skip a sample whose alpha is below this; behind it the ray goes on.",
            label="Alpha threshold",
            formula="kept if 1 - exp(-density · step) ≥ threshold",
            low=0.0,
            high=0.5,
            log=True,
        ),
    ] = 0.0
    early_stop_eps: Annotated[
        float,
        Setting(
            "Stop a ray once its transmittance falls below this; samples skipped for their alpha count too.",
            label="Early stop",
            formula="stops where T = exp(-Σ density · step) < threshold",
            low=0.0,
            high=0.9,
            log=True,
        ),
    ] = 1e-3
    render_step_size: Annotated[
        float,
        Setting(
            "Distance between samples along a ray.",
            label="Step size",
            unit="units",
            formula="step = max(step size, cone angle · t)",
            low=1e-9,
            high=1e6,
            log=True,
            span=(1e-4, 0.1),
        ),
    ] = 1e-2
    cone_angle: Annotated[
        float,
        Setting(
            "The step grows with the distance t from the camera; 0 keeps it constant.",
            label="Cone angle",
            formula="step = max(step size, cone angle · t)",
            low=0.0,
            high=0.1,
            log=True,
        ),
    ] = 0.0
    occ_thre: Annotated[
        float,
        Setting(
            "March only cells whose stored value exceeds this; at 0 all that are not known to be empty.",
            label="Occupancy",
            formula="value = max(decay · value, density · training's step)",
            low=0.0,
            high=1.0,
            log=True,
        ),
    ] = 1e-2
    near_plane: Annotated[
        float,
        Setting(
            "Samples start at this distance from the camera.",
            label="Near",
            unit="units",
            formula="samples lie at t ≥ max(near, where the ray enters the box)",
            low=0.0,
            high=1e9,
            span=(0.0, 3.0),
        ),
    ] = 0.0
    far_plane: Annotated[
        float,
        Setting(
            "Samples end at this distance from the camera.",
            label="Far",
            unit="units",
            formula="samples lie at t < min(far, where the ray leaves the box)",
            low=1e-9,
            high=1e9,
            span=(0.0, 3.0),
        ),
    ] = 100.0
    crop: Annotated[Box | None, Setting("March only inside this box: x0 y0 z0 x1 y1 z1. None: the whole scene.")] = None

    def __post_init__(self) -> None:
        validate(self)
        if self.near_plane >= self.far_plane:
            raise ValueError(f"near_plane {self.near_plane:g} must be smaller than far_plane {self.far_plane:g}")
        if self.crop is not None:
            _check_crop(self.crop)


MARCH_NUMBERS = tuple(name for name in settings_of(MarchSettings) if isinstance(getattr(MarchSettings(), name), float))
"""The fields of `MarchSettings` that are one number: each has a slider and can be swept."""

THRESHOLDS_OFF = {"alpha_thre": 0.0, "early_stop_eps": 0.0, "occ_thre": 0.0}
"""`replace(march, **THRESHOLDS_OFF)` marches every sample in cells that may hold something, to the end of the ray."""


MOST_STEPS = 100_000
"""Steps through a scene's box, corner to corner, that a march may take."""


def check_step(march: MarchSettings, box: Box) -> None:
    """Raise ValueError if the step is so small that marching through a scene's box would practically never end."""
    smallest = math.dist(box[:3], box[3:]) / MOST_STEPS
    if march.render_step_size < smallest:
        raise ValueError(
            f"render_step_size {march.render_step_size:g} cuts this scene into more than {MOST_STEPS:,} steps: "
            f"choose at least {smallest:.2g}"
        )


@dataclass(frozen=True)
class FieldSettings:
    """The Instant-NGP field: a multiresolution hash grid and two small networks (Müller et al. 2022, section 3)."""

    n_levels: Annotated[int, Setting("Resolutions in the hash grid.", low=1, high=24)] = 16
    n_features: Annotated[int, Setting("Features per table entry (2 or 4).", low=2, high=4)] = 2
    log2_hashmap_size: Annotated[int, Setting("Entries per level, as a power of two.", low=8, high=24)] = 19
    base_resolution: Annotated[int, Setting("Cells per side of the coarsest level.", low=2, high=512)] = 16
    max_resolution: Annotated[int, Setting("Cells per side of the finest level.", low=2, high=65536)] = 2048
    hidden_dim: Annotated[int, Setting("Width of the networks' hidden layers.", low=8, high=256)] = 64
    geo_feature_dim: Annotated[
        int, Setting("Values the density network gives the colour network; one is the density.", low=1, high=64)
    ] = 16
    precision: Annotated[
        Precision,
        Setting(
            "Number format of the networks' matrix products; weights stay float32. A CPU without matrix tiles (AMX) "
            "computes in float32 all the same."
        ),
    ] = "float32"

    def __post_init__(self) -> None:
        validate(self)
        if self.n_features not in (2, 4):
            raise ValueError(f"n_features must be 2 or 4, got {self.n_features}")
        if self.max_resolution < self.base_resolution:
            raise ValueError(f"max_resolution {self.max_resolution} is below base_resolution {self.base_resolution}")


@dataclass(frozen=True)
class TrainSettings:
    """How a field is trained."""

    target_samples: Annotated[
        int, Setting("Samples a step keeps and learns from; the number of rays follows.", low=64, high=1 << 24)
    ] = 1 << 18
    max_rays: Annotated[int, Setting("At most this many rays a step.", low=1, high=1 << 22)] = 1 << 18
    learning_rate: Annotated[float, Setting("Adam's rate after the warm-up.", low=1e-6, high=1.0, log=True)] = 1e-2
    warmup_steps: Annotated[int, Setting("Steps over which the rate grows to its full value.", low=0, high=10000)] = 20
    decay_steps: Annotated[
        int,
        Setting(
            "An open-ended run's rate falls as 1 / (1 + step / decay_steps): it settles, and never stops learning.",
            low=1,
            high=10**9,
        ),
    ] = 5000
    horizon_steps: Annotated[
        int | None, Setting("Steps the run will take; its rate falls to a tenth over the second half.", low=1)
    ] = None
    horizon_seconds: Annotated[
        float | None, Setting("Training time the run will take; as horizon_steps, for a run of known time.", low=0.0)
    ] = None
    grid_resolution: Annotated[int, Setting("Occupancy cells per side.", low=4, high=512)] = 128
    grid_levels: Annotated[int, Setting("Nested occupancy grids, each twice as large.", low=1, high=8)] = 1
    grid_update_every: Annotated[int, Setting("Steps between updates of the occupancy grid.", low=1, high=4096)] = 16
    grid_decay: Annotated[
        float, Setting("A stored occupancy value is multiplied by this before an update.", low=0.0, high=1.0)
    ] = 0.95
    grid_samples: Annotated[
        int,
        Setting("Cells an update evaluates beside what rays met, once the grid is warm.", low=64, high=1 << 24),
    ] = 1 << 20
    grid_warmup_steps: Annotated[
        int, Setting("Until this step an update evaluates every cell.", low=0, high=100_000)
    ] = 256
    march: MarchSettings = field(default_factory=lambda: MarchSettings(early_stop_eps=1e-4))
    """Training's own copy of the thresholds."""
    contraction: Contraction | None = None
    """How space around the box fits into the field, see `CONTRACTIONS`; None: as suits the levels."""

    def __post_init__(self) -> None:
        validate(self)
