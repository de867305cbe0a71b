"""A dataset's cameras, points and box, drawn from above and from the side on one scale."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.datasets.bounds.scene_bounds import OUTLIER_DISTANCE
from core.datasets.dataset import Dataset
from core.files import new_file
from core.geometry.boxes import box_edges
from core.geometry.orthographic import Side, two_sides
from core.geometry.placement import axis_name

WIDTH, HEIGHT = 800, 440
"""Pixels of a drawing at scale 1. All lengths below are in these."""

MOST_POINTS = 20_000
"""More of a scene's points would only make a blot of them."""

Color = tuple[int, int, int]


class Theme(NamedTuple):
    """Colours of a drawing. `background` is None where the drawing is transparent."""

    training: Color
    test: Color
    box: Color
    point: Color
    words: Color
    background: Color | None = None


ON_DARK = Theme((232, 168, 68), (108, 178, 214), (120, 190, 130), (146, 153, 165), (190, 196, 205))
ON_WHITE = Theme((47, 111, 176), (217, 130, 43), (47, 143, 91), (138, 143, 152), (40, 44, 52), (255, 255, 255))

_PAGE_SCALE = 2.0
"""The scale of a drawing that is saved as a file."""

_FONT = Path(__file__).resolve().parents[3] / "assets" / "fonts" / "Roboto-Regular.ttf"
_TEXT, _TITLE, _LEGEND, _MARGIN = 26, 36, 44, 20
"""Heights of letters, of the title line and of the legend, and the least margin around the scene."""

_DOT, _AIM = 5, 30
"""A camera's radius, and the length of the line that shows where it looks."""

_LONGEST_BAR = 0.12
"""The scale bar's greatest length, as a share of the width."""


def draw_dataset(dataset: Dataset, theme: Theme = ON_DARK, scale: float = 1.0) -> np.ndarray:
    """Draw both sides next to each other on one scale.

    Cameras that stand far off are drawn at the border, so that they don't make everything else small.

    Returns:
        (HEIGHT * scale, WIDTH * scale, 4) uint8, transparent where nothing is drawn, unless the theme has a background.
    """
    return _Drawing(dataset, theme, scale).pixels()


def save_drawing(path: Path, dataset: Dataset) -> None:
    """Draw a dataset on white into a new PNG.

    Raises:
        FirstlightError: the file exists or can't be written.
    """
    picture = Image.fromarray(draw_dataset(dataset, ON_WHITE, _PAGE_SCALE)).convert("RGB")
    with new_file(path) as file:
        picture.save(file, "PNG")


def round_below(length: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is no longer than a length."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step for step in (power, 2.0 * power, 5.0 * power) if step <= length * (1.0 + 1e-9))


class _Drawing:
    """One drawing: the scene as arrays, the picture, and the scale of each."""

    def __init__(self, dataset: Dataset, theme: Theme, scale: float):
        self._dataset, self._theme, self._scale = dataset, theme, scale
        self._cameras = [views.cameras.c2w.double().cpu().numpy() for views in (dataset.train, dataset.test)]
        size = round(scale * WIDTH), round(scale * HEIGHT)
        background = (0, 0, 0, 0) if theme.background is None else (*theme.background, 255)
        self._picture = Image.new("RGBA", size, background)
        self._draw = ImageDraw.Draw(self._picture)
        self._font = ImageFont.truetype(str(_FONT), round(scale * _TEXT))
        self._room = np.array([0.5 * WIDTH, HEIGHT - _TITLE - _LEGEND])  # of one side

    def pixels(self) -> np.ndarray:
        sides = two_sides(self._dataset.up)
        extents = [self._extent(side) for side in sides]
        across = np.max([high - low for low, high in extents], axis=0)
        per_unit = float(((self._room - 2 * _MARGIN) / np.maximum(across, 1e-9)).min())
        middles = [np.array([(index + 0.5) * self._room[0], _TITLE + 0.5 * self._room[1]]) for index in range(2)]
        for side, middle, (low, high) in zip(sides, middles, extents, strict=True):
            self._draw_side(side, middle, 0.5 * (low + high), per_unit)
        for index, side in enumerate(sides):
            self._write(index * self._room[0] + 10, 2, side.name)
        self._draw_up(self._room[0] + 40 + self._length(sides[1].name), axis_name(self._dataset.up))
        self._draw_legend()
        self._draw_scale_bar(per_unit)
        return np.asarray(self._picture)

    def _extent(self, side: Side) -> tuple[np.ndarray, np.ndarray]:
        """The lower and upper corner, (2,) each, of what the box and all but far-off cameras take up."""
        origins = np.concatenate([c2w[:, :3, 3] for c2w in self._cameras])
        distances = np.linalg.norm(origins - np.median(origins, axis=0), axis=1)
        near = origins[distances <= OUTLIER_DISTANCE * max(1e-9, float(np.median(distances)))]
        flat = np.concatenate([near, box_edges(self._dataset.box).reshape(-1, 3)]) @ side.plane
        return flat.min(0), flat.max(0)

    def _draw_side(self, side: Side, middle: np.ndarray, centre: np.ndarray, per_unit: float) -> None:
        """Draw a side with its point `centre` at `middle`, `per_unit` pixels to a scene unit."""

        def place(points: np.ndarray) -> np.ndarray:
            return middle + (points @ side.plane - centre) * per_unit * np.array([1.0, -1.0])

        theme, reach = self._theme, 0.5 * self._room - (2 * _DOT, _DOT)
        self._draw_points(place, middle, reach)
        for start, end in place(box_edges(self._dataset.box)):
            self._line([start, end], theme.box, 3)
        for c2w, color in zip(self._cameras, (theme.training, theme.test), strict=True):
            positions = np.clip(place(c2w[:, :3, 3]), middle - reach, middle + reach)
            forward = -c2w[:, :3, 2] @ side.plane * np.array([1.0, -1.0])
            for position, aim in zip(positions, forward, strict=True):
                self._line([position, position + _AIM * aim], color, 2)
                corners = np.concatenate([position - _DOT, position + _DOT])
                self._draw.ellipse(tuple(self._scale * corners), color)

    def _draw_points(self, place, middle: np.ndarray, reach: np.ndarray) -> None:
        """Points in their own colours, below everything else; those outside of this side's half are left out."""
        points, colors = self._dataset.points, self._dataset.point_colors
        if points is None:
            return
        step = max(1, -(-len(points) // MOST_POINTS))
        at = place(points[::step].double().cpu().numpy())
        inside = (np.abs(at - middle) < reach).all(-1)
        shown = np.broadcast_to(self._theme.point, (*at.shape[:1], 3))
        if colors is not None:
            shown = colors[::step].cpu().numpy()
        dot = max(1, round(2 * self._scale))
        columns, rows = (self._scale * at[inside]).astype(int).T
        pixels = np.array(self._picture)
        for dx in range(dot):
            for dy in range(dot):
                pixels[rows + dy, columns + dx, :3] = shown[inside]
                pixels[rows + dy, columns + dx, 3] = 255
        self._picture.paste(Image.fromarray(pixels))

    def _draw_up(self, x: float, name: str) -> None:
        """An arrow beside the second side's name, and the name of the axis that it stands for, if it is one."""
        top, bottom, color = 5, _TEXT + 4, self._theme.words
        self._line([(x, bottom), (x, top)], color, 3)
        self._line([(x - 7, top + 9), (x, top), (x + 7, top + 9)], color, 3)
        self._write(x + 16, 2, f"up, {name}" if name else "up")

    def _draw_legend(self) -> None:
        theme, dataset = self._theme, self._dataset
        entries = [
            (theme.training, f"{len(dataset.train)} training"),
            (theme.test, f"{len(dataset.test)} test"),
            (theme.box, "first box"),
        ]
        if dataset.points is not None:
            entries.append((theme.point, "points"))
        x, y = 10.0, HEIGHT - _LEGEND + 8
        for color, text in entries:
            self._draw.rectangle(tuple(self._scale * np.array([x, y + 8, x + 16, y + 24])), color)
            self._write(x + 24, y, text)
            x += 24 + self._length(text) + 24

    def _draw_scale_bar(self, per_unit: float) -> None:
        """A bar of a round length at the right of the legend; it holds for both sides."""
        length = round_below(_LONGEST_BAR * WIDTH / per_unit)
        right, y, text = WIDTH - 8, HEIGHT - _LEGEND // 2 + 2, f"{length:g} units"
        self._line([(right - length * per_unit, y), (right, y)], self._theme.words, 3)
        self._write(right - length * per_unit - 12 - self._length(text), HEIGHT - _LEGEND + 8, text)

    def _line(self, points, color: Color, width: float) -> None:
        ends = [(self._scale * float(x), self._scale * float(y)) for x, y in points]
        self._draw.line(ends, color, round(self._scale * width))

    def _write(self, x: float, y: float, text: str) -> None:
        self._draw.text((self._scale * x, self._scale * y), text, self._theme.words, self._font)

    def _length(self, text: str) -> float:
        return self._draw.textlength(text, self._font) / self._scale
