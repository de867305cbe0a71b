"""A dataset's cameras, points and box from above and from the side, as one picture. Arrays in and out."""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.geometry.orthographic import Side, two_sides
from core.geometry.placement import axis_name
from viewer.picture.overlays.overlays import box_segments
from viewer.protocol.scene_info import SceneInfo

WIDTH, HEIGHT = 800, 440
"""In pixels: twice as large as it is shown at scale 1, so that lines are smooth."""

TRAINING, TEST, BOX, POINT, WORDS = (232, 168, 68), (108, 178, 214), (120, 190, 130), (146, 153, 165), (190, 196, 205)

_FONT = Path(__file__).resolve().parents[2] / "assets" / "fonts" / "Roboto-Regular.ttf"
_TEXT, _TITLE, _LEGEND, _MARGIN = 26, 36, 44, 20
"""Heights of letters, of the line of names and of the legend, and the least room around what is drawn, in pixels."""

_DOT, _AIM = 5, 30
"""A camera's radius, and the length of the line that shows where it looks, in pixels."""

_REACH = np.array([0.25 * WIDTH - 2 * _DOT, 0.5 * (HEIGHT - _TITLE - _LEGEND) - _DOT])
"""From the middle of a drawing to its borders, in pixels."""

_FAR_OFF = 6.0
"""Cameras so many times as far from the middle as they are in the median don't make all others small."""

_BAR = 0.12
"""The scale's bar is at most this share of the width."""


def draw_dataset(scene: SceneInfo) -> np.ndarray:
    """Draw both sides next to each other on one scale, (HEIGHT, WIDTH, 4) uint8, transparent where there is nothing."""
    picture = Image.new("RGBA", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(_FONT), _TEXT)
    sides = two_sides(scene.up)
    extents = [_extent(scene, side) for side in sides]
    room = np.array([WIDTH // 2, HEIGHT - _TITLE - _LEGEND])
    across = np.max([high - low for low, high in extents], axis=0)
    scale = float(((room - 2 * _MARGIN) / np.maximum(across, 1e-9)).min())
    for index, (side, (low, high)) in enumerate(zip(sides, extents, strict=True)):
        middle = np.array([(index + 0.5) * room[0], _TITLE + 0.5 * room[1]])
        _draw_side(draw, scene, side, middle, 0.5 * (low + high), scale)
        draw.text((index * room[0] + 10, 2), side.name, WORDS, font)
    _draw_up(draw, font, room[0] + 40 + draw.textlength(sides[1].name, font), axis_name(scene.up))
    _draw_legend(draw, font, scene)
    _draw_scale(draw, font, scale)
    return np.asarray(picture)


def _extent(scene: SceneInfo, side: Side) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper corner of what the box and all but far-off cameras take up, (2,) each."""
    origins = np.concatenate([cameras[:, :3, 3] for cameras in (scene.cameras, scene.test_cameras)])
    distances = np.linalg.norm(origins - np.median(origins, axis=0), axis=1)
    near = origins[distances <= _FAR_OFF * max(1e-9, float(np.median(distances)))]
    flat = np.concatenate([near, box_segments(scene.box).reshape(-1, 3)]) @ side.plane
    return flat.min(0), flat.max(0)


def _draw_side(
    draw: ImageDraw.ImageDraw, scene: SceneInfo, side: Side, middle: np.ndarray, centre: np.ndarray, scale: float
) -> None:
    """Draw a side with its point `centre` at the pixel `middle`, `scale` pixels to a unit. What is far off is drawn at
    the border."""

    def pixels(points: np.ndarray) -> np.ndarray:
        return middle + (points @ side.plane - centre) * scale * np.array([1.0, -1.0])

    if scene.points is not None:
        _draw_points(draw, pixels(scene.points), scene.point_colors, middle)
    for edge in pixels(box_segments(scene.box)):
        draw.line([tuple(end) for end in edge], BOX, 3)
    for cameras, color in ((scene.cameras, TRAINING), (scene.test_cameras, TEST)):
        at = np.clip(pixels(cameras[:, :3, 3]), middle - _REACH, middle + _REACH)
        ahead = -cameras[:, :3, 2] @ side.plane * np.array([1.0, -1.0])
        for (x, y), (dx, dy) in zip(at, ahead, strict=True):
            draw.line([(x, y), (x + _AIM * dx, y + _AIM * dy)], color, 2)
            draw.ellipse((x - _DOT, y - _DOT, x + _DOT, y + _DOT), color)


def _draw_points(draw: ImageDraw.ImageDraw, at: np.ndarray, colors: np.ndarray | None, middle: np.ndarray) -> None:
    """Points in their own colours; those that lie outside of this side's half are left out."""
    inside = (np.abs(at - middle) < _REACH).all(-1)
    shown = np.broadcast_to(np.array(POINT), (len(at), 3)) if colors is None else (255.0 * colors).astype(int)
    for (x, y), color in zip(at[inside], shown[inside], strict=True):
        draw.rectangle((x, y, x + 1, y + 1), tuple(color.tolist()))


def _draw_up(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, x: float, name: str) -> None:
    """An arrow in the line of the second side's name, and the name of the axis that it stands for, if it is one."""
    top, bottom = 5, _TEXT + 4
    draw.line([(x, bottom), (x, top)], WORDS, 3)
    draw.line([(x - 7, top + 9), (x, top), (x + 7, top + 9)], WORDS, 3)
    draw.text((x + 16, 2), f"up, {name}" if name else "up", WORDS, font)


def _draw_legend(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, scene: SceneInfo) -> None:
    entries = [(TRAINING, f"{scene.n_train} training"), (TEST, f"{scene.n_test} test"), (BOX, "first box")]
    if scene.points is not None:
        entries.append((POINT, "points"))
    x, y = 10, HEIGHT - _LEGEND + 8
    for color, text in entries:
        draw.rectangle((x, y + 8, x + 16, y + 24), color)
        draw.text((x + 24, y), text, WORDS, font)
        x += 24 + draw.textlength(text, font) + 24


def _draw_scale(draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, scale: float) -> None:
    """A bar of a round length in the line of the legend, which holds for both sides."""
    length = round_below(_BAR * WIDTH / scale)
    right, y, text = WIDTH - 8, HEIGHT - _LEGEND // 2 + 2, f"{length:g} units"
    draw.line([(right - length * scale, y), (right, y)], WORDS, 3)
    draw.text((right - length * scale - 12 - draw.textlength(text, font), HEIGHT - _LEGEND + 8), text, WORDS, font)


def round_below(length: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is no longer."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step for step in (power, 2.0 * power, 5.0 * power) if step <= length * (1.0 + 1e-9))
