"""The divider and the captions on the picture, while two pictures are compared."""

import dearpygui.dearpygui as dpg

from viewer.presentation.captions import Caption, captions
from viewer.protocol.frames import Frame
from viewer.protocol.view_settings import CompareAs
from viewer.widgets import ui
from viewer.widgets.style import ACCENT, CLEAR, SECOND, TEXT, Style

LINE, SHADOW, FACE = (255, 255, 255, 235), (17, 19, 22, 150), (17, 19, 22, 215)


class Sides:
    """A layer of its own over the picture.

    Args:
        layer: the draw layer, in the picture's pixels.
    """

    def __init__(self, layer: ui.Item, style: Style):
        self._layer, self._style = layer, style
        self._drawn: tuple = ()
        self._line: tuple[ui.Item, ...] = ()
        self._marked = False

    def draw(self, frame: Frame | None, width: int, height: int) -> None:
        """Draw what belongs to a frame, on a picture of some size in pixels."""
        shown = () if frame is None else captions(frame.request, frame.comparison is not None)
        line = None
        if frame is not None and shown and frame.request.view.compare_as is CompareAs.DIVIDER:
            line = round(frame.request.view.divider * width)
        drawing = (shown, line, width, height)
        if drawing == self._drawn:
            return
        self._drawn, self._line = drawing, ()
        dpg.delete_item(self._layer, children_only=True)
        px = self._style.px
        if line is not None:
            self._draw_line(line, height)
        for caption, color, first in zip(shown, (ACCENT, SECOND), (True, False), strict=False):
            text_width = self._width(caption)
            if line is None:
                x = px(10) if first else width - px(10) - text_width
            else:
                x = line - px(10) - text_width if first else line + px(10)
            self._draw_caption(caption, x, px(10), text_width, color)

    def mark(self, marked: bool) -> None:
        """Highlight the divider, or no longer."""
        if marked != self._marked:
            self._marked = marked
            for item in self._line:
                dpg.configure_item(item, color=ACCENT if marked else LINE)

    def _draw_line(self, x: int, height: int) -> None:
        px, layer, color = self._style.px, self._layer, ACCENT if self._marked else LINE
        dpg.draw_line((x, 0), (x, height), color=SHADOW, thickness=px(5), parent=layer)
        middle, grip = height // 2, px(12)
        dpg.draw_circle((x, middle), grip + px(1), color=CLEAR, fill=SHADOW, parent=layer)
        line = dpg.draw_line((x, 0), (x, height), color=color, thickness=px(2), parent=layer)
        dpg.draw_circle((x, middle), grip, color=CLEAR, fill=FACE, parent=layer)
        ring = dpg.draw_circle((x, middle), grip, color=color, thickness=px(2), parent=layer)
        arrows: list[ui.Item] = []
        for sign in (-1, 1):
            tip, back, half = x + sign * px(8), x + sign * px(4), px(4)
            for end in (middle - half, middle + half):
                arrows.append(dpg.draw_line((tip, middle), (back, end), color=color, thickness=px(2), parent=layer))
        self._line = (line, ring, *arrows)

    def _draw_caption(self, caption: Caption, x: float, y: float, width: float, color: tuple) -> None:
        """The name, and beside it the settings, one to a line."""
        px, layer, size = self._style.px, self._layer, self._style.px(13)
        height = px(17) * max(1, len(caption.lines)) + px(7)
        dpg.draw_rectangle((x, y), (x + width, y + height), color=CLEAR, fill=FACE, rounding=px(5), parent=layer)
        dpg.draw_text((x + px(8), y + px(4)), caption.name, size=size, color=color, parent=layer)
        indent = x + px(8) + self._text_width(caption.name) + px(8)
        for index, line in enumerate(caption.lines):
            dpg.draw_text((indent, y + px(4) + index * px(17)), line, size=size, color=TEXT, parent=layer)

    def _width(self, caption: Caption) -> float:
        px = self._style.px
        lines = max((self._text_width(line) + px(8) for line in caption.lines), default=0)
        return self._text_width(caption.name) + lines + px(16)

    def _text_width(self, text: str) -> float:
        measured = dpg.get_text_size(text, font=self._style.small)
        return measured[0] if measured else 0.52 * self._style.px(13) * len(text)
