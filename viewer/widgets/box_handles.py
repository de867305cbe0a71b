"""The box that is edited, drawn on the picture with its handles. It follows the mouse at once, however long the next
picture takes."""

import dearpygui.dearpygui as dpg
import numpy as np

from core.geometry.placement import Place
from viewer.input.handles import edges, handles
from viewer.picture.projection import Projection
from viewer.widgets import ui
from viewer.widgets.style import ACCENT, TEXT, Style

AXIS_COLORS = ((226, 94, 88, 255), (122, 192, 92, 255), (92, 146, 236, 255))
"""The colours of the handles that move along x, y and z."""

SHADOW = (17, 19, 22, 190)
BEHIND, TRAINED = 0.35, 0.45
"""Opacity of the edges on the far side of the box, and of the box that is trained in while another one is edited."""


class BoxHandles:
    """A layer of its own over the picture.

    Args:
        layer: the draw layer, in the picture's pixels.
    """

    def __init__(self, layer: ui.Item, style: Style):
        self._layer, self._style = layer, style
        self._drawn: tuple = ()

    def draw(self, sight: Projection | None, trained: Place | None, edited: Place | None, marked: int | None) -> None:
        """Draw the boxes anew if anything has changed.

        Args:
            sight: how the shown picture is seen; None draws nothing.
            trained, edited: the place that is trained in, and the one that is edited.
            marked: the face whose handle is held, or that a press would grab.
        """
        wanted = (sight, trained, edited, marked)
        if wanted == self._drawn:
            return
        self._drawn = wanted
        dpg.delete_item(self._layer, children_only=True)
        if sight is None or trained is None or edited is None:
            return
        if trained.box != edited.box:
            self._draw_edges(trained, sight, TEXT, TRAINED)
        self._draw_edges(edited, sight, ACCENT, 1.0)
        px = self._style.px
        for handle in handles(edited.box, sight):
            radius, at = px(8 if handle.face == marked else 6), (handle.x, handle.y)
            dpg.draw_circle(at, radius + px(2), color=(0, 0, 0, 0), fill=SHADOW, parent=self._layer)
            color = ACCENT if handle.face == marked else TEXT
            fill = AXIS_COLORS[handle.face % 3]
            dpg.draw_circle(at, radius, color=color, fill=fill, thickness=px(2), parent=self._layer)

    def _draw_edges(self, place: Place, sight: Projection, color: tuple[int, int, int, int], strength: float) -> None:
        """A place's box, with a shadow that keeps it visible over bright and dark."""
        front, behind = edges(place.box, sight)
        for segments, share in ((behind, BEHIND), (front, 1.0)):
            alpha = int(255 * strength * share)
            for line in ((*SHADOW[:3], alpha // 2), (*color[:3], alpha)):
                thickness = self._style.px(3 if line[:3] == SHADOW[:3] else 1.5)
                for a, b in np.round(segments, 1).tolist():
                    dpg.draw_line(a, b, color=line, thickness=thickness, parent=self._layer)
