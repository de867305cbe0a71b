"""How the picture is shown: the settings that are not the marcher's."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any

from core.config.setting import Setting, from_json, validate


class Mode(StrEnum):
    """What a pixel's colour stands for. Each member is defined by the file of `viewer.picture.modes` of its name."""

    COLOR = "color"
    OPACITY = "opacity"
    TRANSMITTANCE = "transmittance"
    DEPTH = "depth"
    HALF_DEPTH = "half-depth"
    SAMPLES = "samples"


class Tint(StrEnum):
    """What tints the picture, in the colours of the mode of that name."""

    OPACITY = "opacity"
    TRANSMITTANCE = "transmittance"
    HALF_DEPTH = "half-depth"


class Compare(StrEnum):
    """What the present picture is compared with."""

    OFF = "off"
    SETTINGS = "settings"
    RUN = "run"
    PHOTO = "photo"


class CompareAs(StrEnum):
    """How two pictures share the window."""

    DIVIDER = "divider"
    DIFFERENCE = "difference"
    BLEND = "blend"
    FIRST = "first"


class CellsColor(StrEnum):
    """What the colour of a drawn grid cell stands for."""

    LEVEL = "level"
    VALUE = "value"
    CHANGED = "changed"
    CAMERAS = "cameras"


class SliceAxis(StrEnum):
    """The axis across which the grid is sliced."""

    OFF = "off"
    X = "x"
    Y = "y"
    Z = "z"


@dataclass(frozen=True)
class ViewSettings:
    """Live settings of the picture."""

    mode: Annotated[
        Mode,
        Setting(
            "What is shown: colour, accumulated opacity, transmittance left where the ray ended, mean depth, depth "
            "where transmittance passes 0.5, or samples per ray.",
            label="Show",
        ),
    ] = Mode.COLOR
    background: Annotated[
        tuple[float, float, float], Setting("Colour behind the scene: red green blue, 0 to 1.", label="Background")
    ] = (1.0, 1.0, 1.0)
    fov: Annotated[
        float, Setting("Vertical field of view.", label="Field of view", unit="deg", low=5.0, high=120.0)
    ] = 40.0
    cells_opacity: Annotated[
        float, Setting("How strongly occupied grid cells cover the picture.", label="Occupied cells", low=0.0, high=1.0)
    ] = 0.0
    cells_level: Annotated[
        int, Setting("Grid level whose cells are drawn; -1 draws all levels.", label="Level", low=-1, high=7)
    ] = -1
    cells_color: Annotated[
        CellsColor,
        Setting(
            "What a drawn cell's colour stands for: its level, the stored density * step, what the last update of the "
            "grid changed (drawn instead of the occupied cells), or how many training cameras have it in view.",
            label="Cells' colour",
        ),
    ] = CellsColor.LEVEL
    slice_axis: Annotated[
        SliceAxis,
        Setting("Draw a plane across this axis with the stored values of the cells it cuts.", label="Slice across"),
    ] = SliceAxis.OFF
    slice_position: Annotated[
        float,
        Setting(
            "Where the slice lies, from 0 at the grid's low side to 1 at its high side.",
            label="Slice at",
            low=0.0,
            high=1.0,
        ),
    ] = 0.5
    tint: Annotated[
        Tint,
        Setting(
            "What tints the picture: accumulated opacity, transmittance left where the ray ended, or the depth where "
            "transmittance passes 0.5.",
            label="Tint",
        ),
    ] = Tint.OPACITY
    tint_strength: Annotated[
        float, Setting("How strongly it tints the picture.", label="Tint strength", low=0.0, high=1.0)
    ] = 0.0
    show_box: Annotated[bool, Setting("Draw the scene's box.", label="Scene box")] = False
    show_cameras: Annotated[bool, Setting("Draw the training cameras.", label="Training cameras")] = False
    show_points: Annotated[
        bool,
        Setting("Draw the points that the dataset knows of its surfaces, such as a COLMAP model's.", label="Points"),
    ] = False
    compare: Annotated[
        Compare,
        Setting(
            "Compare the picture with the one of the settings kept as A, with the former run's, or with the photo.",
            label="Compare",
        ),
    ] = Compare.OFF
    compare_as: Annotated[
        CompareAs,
        Setting(
            "How both are shown: left and right of a divider, as their difference, blended, or A or the photo alone.",
            label="Show as",
        ),
    ] = CompareAs.DIVIDER
    divider: Annotated[
        float,
        Setting("Share of the picture, from the left, that shows A or the photo.", label="Divider", low=0.0, high=1.0),
    ] = 0.5
    blend: Annotated[
        float,
        Setting(
            "Share of the present picture in the blend; the rest is A or the photo.", label="Blend", low=0.0, high=1.0
        ),
    ] = 0.5

    def __post_init__(self) -> None:
        validate(self)
        if len(self.background) != 3 or not all(0.0 <= c <= 1.0 for c in self.background):
            raise ValueError(f"background must be three numbers from 0 to 1, got {self.background!r}")


DEFAULTS = ViewSettings()

OVERLAYS = tuple(field.name for field in fields(ViewSettings) if field.name.startswith("show_"))
"""The settings that show an overlay each, see `viewer.picture.overlays`."""

_RENAMED = {"opacity_tint": "tint_strength"}
"""Former names of fields, as in older screenshots."""


def view_from(values: Mapping[str, Any]) -> ViewSettings:
    """Settings from JSON, in which enumerations are strings and tuples are lists.

    Fields may have their former names.

    Raises:
        ValueError: an entry is unknown or out of range.
    """
    return from_json(ViewSettings, values, _RENAMED)
