"""The thresholds of the march, which a view and training each have a copy of.

Lengths are in scene units, the units of the dataset's camera positions.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from core.config.setting import Setting, settings_of, validate
from core.config.types import Box


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
            high=1.0,
            shown=(0.0, 0.5),
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
            high=1.0,
            shown=(0.0, 0.9),
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
            high=1e10,
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
