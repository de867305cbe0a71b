"""Grid cells drawn into a picture: occupied ones as solids, and those that a slice plane cuts.

Only pixels that see a cell are stored, so that the cost of drawing is proportional to them.
"""

from typing import NamedTuple

import numpy as np

from viewer.picture.colors import apply_colormap, blend, log_share
from viewer.picture.overlays.lines import Occluder
from viewer.picture.projection import focal_length
from viewer.protocol.frames import Legend
from viewer.protocol.requests import Pose
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import CellsColor, SliceAxis, ViewSettings

LEVEL_COLORS = np.array(
    [
        [0.98, 0.74, 0.26],
        [0.36, 0.80, 0.62],
        [0.42, 0.66, 0.98],
        [0.82, 0.52, 0.94],
        [0.97, 0.48, 0.48],
        [0.62, 0.84, 0.34],
        [0.40, 0.86, 0.90],
        [0.94, 0.62, 0.76],
    ],
    np.float32,
)
"""One colour per grid level, (8, 3); finest first."""

VALUE_RANGE = (1e-3, 100.0)
"""Stored density * step of the colour map's first and last colour, on a log scale."""

LIGHT = np.array([0.72, 0.78, 0.94], np.float32)
"""Brightness of faces across x, y and z, so that cells read as solid."""

EDGE_WIDTH = 0.05
"""Half the width of a cell's drawn edge, as a share of the cell's side."""
SHARPEST = 0.02
"""The least softness of edges, in cell sides."""
SLICE_OPACITY = 0.85
SLICE_SHINES_THROUGH = 0.3
"""The opacity at which the slice shines through surfaces: most of what it cuts lies inside objects."""


class Cells(NamedTuple):
    """The cells that a picture's pixels see; pixels that see none are left out.

    Attributes:
        pixels: (n,) int64, ascending: row * width + column.
        t: (n,) float32, distance to the cell's face.
        axes: (n,) int32, the axis perpendicular to the face, 0 to 2.
        edge: (n,) float32, distance from the hit to the face's nearest edge, 0 to 0.5 of the cell's side.
        levels: (n,) int32.
        values: (n,) float32, what the colour stands for; meaningless where that is the level.
    """

    pixels: np.ndarray
    t: np.ndarray
    axes: np.ndarray
    edge: np.ndarray
    levels: np.ndarray
    values: np.ndarray


class GridLayers(NamedTuple):
    """The cells that a picture shows, as solids and on the slice; None: not shown."""

    cells: Cells | None = None
    slice: Cells | None = None


NO_LAYERS = GridLayers()


def wants_cells(view: ViewSettings) -> bool:
    """Whether the picture shows the grid's cells as solids, so that they must be found."""
    return view.cells_opacity > 0.0


def wants_slice(view: ViewSettings) -> bool:
    """Whether the picture shows a slice plane through the grid."""
    return view.slice_axis != SliceAxis.OFF


def same_layers(a: ViewSettings, b: ViewSettings) -> bool:
    """Whether two view settings need the same cells, however they draw them."""
    return _sought(a) == _sought(b)


def draw(
    rgba: np.ndarray, layers: GridLayers, view: ViewSettings, pose: Pose, surface: Occluder, scene: SceneInfo | None
) -> tuple[np.ndarray, list[Occluder]]:
    """Draw the cells and the slice plane that `view` asks for, covered by what lies in front of them.

    Args:
        rgba: (height, width, 4) float32, straight alpha; not written to.
        surface: the rendered surface.
        scene: for the size of a cell, on which the softness of its edges depends.

    Returns:
        The picture, `rgba` itself where there is nothing to draw; and what was drawn, as occluders of what comes later.
    """
    drawn: list[Occluder] = []
    for cells, color, opacity, shines_through in (
        (layers.cells, view.cells_color, view.cells_opacity if wants_cells(view) else 0.0, 0.0),
        (layers.slice, CellsColor.VALUE, SLICE_OPACITY if wants_slice(view) else 0.0, SLICE_SHINES_THROUGH),
    ):
        if cells is None or opacity == 0.0 or not len(cells.pixels):
            continue
        pixel = 0.0 if scene is None else pixels_on_cells(cells, pose, scene, rgba.shape[0])
        rgb, alpha = shade(cells, cell_colors(cells, color, 1 if scene is None else scene.n_train), opacity, pixel)
        for occluder in (surface, *drawn):
            alpha = alpha * np.maximum(occluder.visible_pixels(cells.pixels, cells.t), shines_through)
        rgba = rgba.copy()
        flat = rgba.reshape(-1, 4)
        flat[cells.pixels] = blend(flat.take(cells.pixels, axis=0), rgb, alpha)
        drawn.append(_occluder_of(cells, alpha, rgba.shape[:2]))
    return rgba, drawn


def occluders(layers: GridLayers, view: ViewSettings, size: tuple[int, int]) -> list[Occluder]:
    """The drawn layers as occluders in a picture (height, width), with the opacity of their faces."""
    strengths = (view.cells_opacity, SLICE_OPACITY if wants_slice(view) else 0.0)
    pairs = [
        (cells, alpha) for cells, alpha in zip(layers, strengths, strict=True) if cells is not None and alpha > 0.0
    ]
    return [_occluder_of(cells, np.full(len(cells.t), alpha, np.float32), size) for cells, alpha in pairs]


def legends(view: ViewSettings, scene: SceneInfo) -> tuple[Legend, ...]:
    """What the drawn cells' colours mean. The colours of levels are shown in the panel."""
    value = Legend("Stored density * step (log)", "heat", "", *VALUE_RANGE, log=True)
    found: list[Legend] = []
    if wants_cells(view):
        match view.cells_color:
            case CellsColor.VALUE:
                found.append(value)
            case CellsColor.CHANGED:
                ends = ("became empty", "became occupied")
                found.append(Legend("Cells at the last update", "changed", "", -1.0, 1.0, ends=ends))
            case CellsColor.CAMERAS:
                found.append(Legend("Seen by", "depth", "cameras", 0.0, float(scene.n_train)))
    if wants_slice(view) and value not in found:
        found.append(value)
    return tuple(found)


def pixels_on_cells(cells: Cells, pose: Pose, scene: SceneInfo, height: int) -> np.ndarray:
    """The size (n,) of a pixel on the cell that it sees, in cell sides, in a picture of a height."""
    side = max(np.subtract(scene.box[3:], scene.box[:3])) / scene.train.grid_resolution
    angle = 1.0 / focal_length(pose.fov_y, height)
    return np.float32(angle / side) * cells.t * np.exp2(-cells.levels.astype(np.float32))


def shade(
    cells: Cells, base: np.ndarray, opacity: float, pixel: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (n, 3) and alphas (n,) of cells' faces.

    A face's brightness depends on its direction; its edges are darker and more opaque. Where cells are hardly larger
    than a pixel, edges fade into faces.

    Args:
        base: (n, 3), the cells' colours.
        pixel: from `pixels_on_cells`.
    """
    soft = np.maximum(pixel, np.float32(SHARPEST))
    on_edge = np.clip((EDGE_WIDTH - cells.edge) / soft + 0.5, 0.0, np.minimum(1.0, 2.0 * EDGE_WIDTH / soft))
    rgb = base * (LIGHT.take(cells.axes) * (1.0 - 0.55 * on_edge))[:, None]
    return rgb, opacity + (min(1.0, 1.8 * opacity) - opacity) * on_edge


def cell_colors(cells: Cells, color: CellsColor, n_cameras: int) -> np.ndarray:
    """The colours (n, 3) that stand for the cells' values."""
    match color:
        case CellsColor.LEVEL:
            return LEVEL_COLORS.take(cells.levels % len(LEVEL_COLORS), axis=0)
        case CellsColor.VALUE:
            return apply_colormap(log_share(cells.values, *VALUE_RANGE), "heat")
        case CellsColor.CHANGED:
            return apply_colormap(cells.values, "changed")
        case CellsColor.CAMERAS:
            return apply_colormap(cells.values / max(1, n_cameras), "depth")


def _occluder_of(cells: Cells, alpha: np.ndarray, size: tuple[int, int]) -> Occluder:
    """Cells with opacities (n,) as an occluder."""
    t, opacity = np.full(size, np.inf, np.float32), np.zeros(size, np.float32)
    t.reshape(-1)[cells.pixels], opacity.reshape(-1)[cells.pixels] = cells.t, alpha
    return Occluder(t, opacity)


def _sought(view: ViewSettings) -> tuple:
    return (
        (view.cells_level, view.cells_color) if wants_cells(view) else None,
        (view.cells_level, view.slice_axis, view.slice_position) if wants_slice(view) else None,
    )
