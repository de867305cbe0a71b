"""The picture: its textures, legends and captions, and whether the mouse is over it."""

import math
from dataclasses import dataclass

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.picture.colors import COLORMAPS
from viewer.protocol.frames import Frame, Legend
from viewer.widgets import ui
from viewer.widgets.bar import SETTLING_FRAMES, bar
from viewer.widgets.sides import Sides
from viewer.widgets.style import BACKDROP, TEXT, Style

GRANULE = 128
"""Textures come in multiples of this size, so that few are made: each is uploaded again in every frame."""


@dataclass(frozen=True)
class Rect:
    """A rectangle in the window, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


class Canvas:
    """A window behind all others."""

    window = "canvas"

    def __init__(self, style: Style):
        self._style = style
        self._textures: list[_Texture] = []
        self._frame: Frame | None = None
        self._legends: tuple[Legend, ...] = ()
        self.rect = Rect(0, 0, 1, 1)
        with bar(self.window, background=False), ui.drawlist(1, 1, tag="picture"):
            self._backdrop = dpg.draw_rectangle((0, 0), (1, 1), color=BACKDROP, fill=BACKDROP)
            self._picture = dpg.add_draw_layer()
            self._sides = Sides(dpg.add_draw_layer(), style)
            self._legend_layer = dpg.add_draw_layer()
        with ui.texture_registry() as self._registry:
            pass
        self._image: ui.Item | None = None
        self._filled: tuple[_Texture, tuple[float, float], tuple[float, float]] | None = None
        dpg.bind_item_theme(self.window, style.flush)

    def follow(self) -> None:
        """Take the size and place that the dock gives; the picture stretches until a frame of the new size comes."""
        rect = Rect(*dpg.get_item_pos(self.window), *dpg.get_item_rect_size(self.window))
        if rect == self.rect or rect.width < 1 or rect.height < 1 or dpg.get_frame_count() < SETTLING_FRAMES:
            return
        self.rect = rect
        # A texture shows nothing in the frame that creates it: make it before a picture needs it.
        self._texture_for(rect.height, rect.width)
        size = (rect.width, rect.height)
        dpg.configure_item("picture", width=rect.width, height=rect.height)
        dpg.configure_item(self._backdrop, pmax=size)
        if self._image is not None:
            dpg.configure_item(self._image, pmax=size)
        self._draw_legends(self._legends)
        self._sides.draw(self._frame, *size)

    @property
    def hovered(self) -> bool:
        """Whether the cursor is over the picture itself and not over a window on it."""
        # While a button is down the drawing counts as active, and its window no longer as hovered.
        return bool(dpg.is_item_hovered(self.window) or dpg.is_item_hovered("picture"))

    def mark_divider(self, marked: bool) -> None:
        """Highlight the divider while a press would grab it, or while it is held."""
        self._sides.mark(marked)

    @property
    def frame(self) -> Frame | None:
        """The frame that is shown."""
        return self._frame

    @property
    def changing(self) -> bool:
        """Whether the next frame of the window shows another picture than this one."""
        return self._filled is not None

    def show(self, frame: Frame | None) -> None:
        """Show a frame if it is new. None clears the picture."""
        self._place_image()
        if frame is self._frame:
            return
        self._frame = frame
        self._sides.draw(frame, self.rect.width, self.rect.height)
        dpg.configure_item(self._backdrop, show=frame is None)  # the picture covers it
        if frame is None:
            self._filled = None
            dpg.configure_item(self._picture, show=False)
            self._draw_legends(())
            return
        texture = self._texture_for(*frame.rgba.shape[:2])
        self._filled = (texture, *texture.fill(frame.rgba))
        if frame.legends != self._legends:
            self._draw_legends(frame.legends)

    def _place_image(self) -> None:
        """Show the part of the texture that was filled in the last frame of the window. A texture's contents reach the
        screen one frame late: shown at once, that part would still show the old picture."""
        if self._filled is None:
            return
        (texture, uv_min, uv_max), self._filled = self._filled, None
        if self._image is not None and dpg.get_item_configuration(self._image)["texture_tag"] != texture.tag:
            dpg.delete_item(self._image)
            self._image = None
        if self._image is None:
            self._image = dpg.draw_image(texture.tag, (0, 0), (1, 1), parent=self._picture)
        dpg.configure_item(self._image, pmax=(self.rect.width, self.rect.height), uv_min=uv_min, uv_max=uv_max)
        dpg.configure_item(self._picture, show=True)

    def _texture_for(self, height: int, width: int) -> "_Texture":
        """The first texture that is large enough, or a new one. A side that must grow grows by at least a half, so that
        few are ever made."""
        for texture in self._textures:
            if texture.height >= height + 2 and texture.width >= width + 2:
                return texture
        width, height = width + 2, height + 2
        if self._textures:
            last = self._textures[-1]
            width = last.width if width <= last.width else max(width, last.width * 3 // 2)
            height = last.height if height <= last.height else max(height, last.height * 3 // 2)
        self._textures.append(_Texture(_granules(width), _granules(height), self._registry))
        return self._textures[-1]

    def _draw_legends(self, legends: tuple[Legend, ...]) -> None:
        """One above the other in the lower right corner."""
        self._legends = legends
        dpg.delete_item(self._legend_layer, children_only=True)
        for i, legend in enumerate(reversed(legends)):
            self._draw_legend(legend, self.rect.height - self._style.px(74 + 76 * i))

    def _draw_legend(self, legend: Legend, top: int) -> None:
        """The colour map as a bar with its title and the values at its ends, and in its middle on a log scale."""
        px, parent = self._style.px, self._legend_layer
        width, bar, text = px(220), px(10), px(13)
        left = self.rect.width - width - px(28)
        dpg.draw_rectangle(
            (left - px(12), top - px(10)), (left + width + px(12), top + px(56)), parent=parent,
            color=(0, 0, 0, 0), fill=(17, 19, 22, 215), rounding=px(6),
        )  # fmt: skip
        dpg.draw_text((left, top - px(2)), legend.title, size=text, color=TEXT, parent=parent)
        colors = COLORMAPS[legend.colormap]
        y0, steps = top + px(20), 64
        for i in range(steps):
            x0, x1 = left + width * i / steps, left + width * (i + 1) / steps
            color = (*(int(255 * c) for c in colors[i * len(colors) // steps]), 255)
            dpg.draw_rectangle((x0, y0), (x1 + 1, y0 + bar), color=color, fill=color, parent=parent)
        unit = f" {legend.unit}" if legend.unit else ""
        low, high = legend.ends or (f"{legend.low:.4g}{unit}", f"{legend.high:.4g}{unit}")
        marks = [(0.0, low), (1.0, high)]
        if legend.log:
            marks.append((0.5, f"{math.sqrt(legend.low * legend.high):.2g}{unit}"))
        for share, words in marks:
            x = left + share * (width - self._text_width(words, text))
            dpg.draw_text((x, y0 + bar + px(4)), words, size=text, color=TEXT, parent=parent)

    def _text_width(self, text: str, size: int) -> float:
        measured = dpg.get_text_size(text, font=self._style.small)
        return measured[0] if measured else 0.52 * size * len(text)


class _Texture:
    """One raw texture, never resized or deleted. Two arrays take turns, so that the one on screen is not written to."""

    def __init__(self, width: int, height: int, registry: ui.Item):
        self.width, self.height = width, height
        self._arrays = [np.zeros((height, width, 4), np.float32) for _ in range(2)]
        self.tag = ui.raw_texture(self._arrays[0], registry)

    def fill(self, rgba: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
        """Put a picture near the upper left corner; returns its corners as shares of the texture.

        When a picture is enlarged, the filter reads half a pixel beyond its border, and at the texture's own border
        it wraps around: so a margin of one pixel repeats the border's colours.
        """
        height, width = rgba.shape[:2]
        self._arrays.reverse()
        part = self._arrays[0][: height + 2, : width + 2]
        part[1:-1, 1:-1] = rgba
        part[0, 1:-1], part[-1, 1:-1] = rgba[0], rgba[-1]
        part[:, 0], part[:, -1] = part[:, 1], part[:, -2]
        dpg.set_value(self.tag, self._arrays[0])
        return (1 / self.width, 1 / self.height), ((width + 1) / self.width, (height + 1) / self.height)


def _granules(size: int) -> int:
    return -(-size // GRANULE) * GRANULE
