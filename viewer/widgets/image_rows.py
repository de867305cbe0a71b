"""The parts of the image table: the texture with its thumbnails, and the widgets of a row."""

from dataclasses import dataclass

import dearpygui.dearpygui as dpg
import numpy as np

from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.view_settings import Compare, CompareAs
from viewer.state.view_state import ViewState
from viewer.tools.image_list import Corners, packed
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.style import DIM, PLUS_MINUS, TEXT
from viewer.widgets.widgets import tooltip

ROW, PICTURE_WIDTH, PICTURE_HEIGHT = 46, 62, 42
_WHOLE: Corners = ((0.0, 0.0), (1.0, 1.0))
_PLAIN, _FADED = (255, 255, 255, 255), (255, 255, 255, 60)
_SETTLED = 60
"""Frames after which a clicked tick box shows the truth again, in case the session refused the change."""


class Atlas:
    """All thumbnails of a scene, in one texture that is uploaded once.

    Textures of earlier scenes stay: deleting one, even an unused one, crashes some drivers.
    """

    def __init__(self) -> None:
        with ui.texture_registry() as self._registry:
            self.texture = ui.blank_texture()
        self._thumbnails: np.ndarray | None = None
        self._corners: list[Corners] = []
        self.aspect = 1.0

    def take(self, thumbnails: np.ndarray | None) -> None:
        """Show other thumbnails, (n, height, width, 4) uint8, or with None no thumbnails."""
        if thumbnails is self._thumbnails:
            return
        self._thumbnails, self._corners = thumbnails, []
        if thumbnails is not None:
            sheet, self._corners = packed(thumbnails)
            self.texture = ui.static_texture(sheet, self._registry)
            self.aspect = thumbnails.shape[2] / thumbnails.shape[1]

    def corners(self, number: int) -> Corners | None:
        """Where a view's thumbnail lies in the texture; None if it has no thumbnail."""
        return self._corners[number] if number < len(self._corners) else None


@dataclass(frozen=True)
class Row:
    """What the table shows of one view.

    Attributes:
        psnr: as text.
        old: whether the PSNR was measured too long ago to say much about the present weights.
        about: the tooltip's text.
        included: whether training uses the view.
        chosen: whether the camera stands on it.
        error_map: whether the picture shows how it differs from the view's photo.
        corners: where its thumbnail lies in `texture`; None if it has no thumbnail.
        aspect: the thumbnail's width over its height.
    """

    photo: PhotoId
    name: str
    psnr: str
    old: bool
    about: str
    included: bool
    chosen: bool
    error_map: bool
    texture: ui.Item
    corners: Corners | None
    aspect: float


class Slot:
    """The widgets of a row, which show different views as the table scrolls; built inside the table.

    Widgets with clicks of their own come before the name, which takes the clicks on the rest of the row.

    Args:
        number: ends the widgets' tags: images.view.0, images.tick.0, images.error.0.
    """

    def __init__(self, number: int, context: Context, texture: ui.Item):
        self._context, self._style = context, context.style
        self._row: Row | None = None
        self._check_at: int | None = None
        self.hover, self._tick, self._error = (f"images.{part}.{number}" for part in ("view", "tick", "error"))
        px = context.style.px
        with ui.table_row(height=px(ROW), show=False) as self._item:
            with ui.group():
                dpg.add_spacer(height=px(8))
                dpg.add_checkbox(tag=self._tick, callback=lambda _, on: self._include(on))
                tooltip(self._tick, "Train on this view. Takes effect with the next step.", context.style)
            self._image = dpg.add_image(texture, width=1, height=px(PICTURE_HEIGHT))
            with ui.group():
                dpg.add_spacer(height=px(8))
                dpg.add_button(
                    tag=self._error, label=PLUS_MINUS, width=px(24), callback=lambda: self._toggle_error_map()
                )
                tooltip(self._error, "Error map: how the picture differs from this photo.", context.style)
            dpg.add_selectable(
                tag=self.hover, span_columns=True, height=px(PICTURE_HEIGHT - 4), callback=lambda: self._go()
            )
            with ui.tooltip(self.hover, delay=0.4):
                self._about = dpg.add_text("", wrap=px(320))
            self._split, self._psnr = self._text(), self._text()
        dpg.bind_item_theme(self.hover, context.style.row)

    def _text(self) -> ui.Item:
        with ui.group():
            dpg.add_spacer(height=self._style.px(8))
            return dpg.add_text("")

    def show(self, row: Row | None) -> None:
        """Show a view, or with None nothing. Only widgets whose content changed are touched."""
        check = self._check_at is not None and dpg.get_frame_count() >= self._check_at
        if row == self._row and not check:
            return
        before, self._row = self._row, row
        dpg.configure_item(self._item, show=row is not None)
        if row is None:
            return

        def changed(*names: str) -> bool:
            return before is None or any(getattr(before, name) != getattr(row, name) for name in names)

        if changed("photo", "included") or check:
            self._check_at = None
            dpg.configure_item(self._tick, show=row.photo.split is Split.TRAIN)
            dpg.set_value(self._tick, row.included)
            dpg.bind_item_theme(self.hover, self._style.row if row.included else self._style.dim_row)
        if changed("photo", "included", "texture", "corners"):
            self._show_picture(row)
        if changed("error_map"):
            dpg.bind_item_theme(self._error, self._style.chosen if row.error_map else self._style.plain)
        if changed("photo", "name"):
            dpg.configure_item(self.hover, label=row.name)
            dpg.set_value(self._split, row.photo.split.value)
        dpg.set_value(self.hover, row.chosen)
        dpg.set_value(self._about, row.about)
        dpg.set_value(self._psnr, row.psnr)
        dpg.configure_item(self._psnr, color=DIM if row.old else TEXT)

    def _show_picture(self, row: Row) -> None:
        px = self._style.px
        width = min(px(PICTURE_WIDTH), px(PICTURE_HEIGHT * row.aspect))
        uv_min, uv_max = row.corners or _WHOLE
        dpg.configure_item(
            self._image, texture_tag=row.texture, uv_min=uv_min, uv_max=uv_max, width=width,
            height=round(width / row.aspect), tint_color=_PLAIN if row.included else _FADED,
        )  # fmt: skip

    def _include(self, on: bool) -> None:
        if self._row is not None:
            self._check_at = dpg.get_frame_count() + _SETTLED
            self._context.session.include(self._row.photo.index, on, self._context.state.scene_serial)

    def _toggle_error_map(self) -> None:
        if self._row is None:
            return
        state = self._context.state
        if self._row.error_map:
            state.set_view(compare=Compare.OFF)
        else:
            if state.photo != self._row.photo:
                self._context.go_to(self._row.photo)
            state.set_view(compare=Compare.PHOTO, compare_as=CompareAs.DIFFERENCE)

    def _go(self) -> None:
        if self._row is not None:
            dpg.set_value(self.hover, self._row.chosen)
            self._context.go_to(self._row.photo)


def shows_error_map(state: ViewState) -> bool:
    """Whether the picture is an error map: how the view that the camera stands on differs from its photo."""
    return state.comparing is Compare.PHOTO and state.view.compare_as is CompareAs.DIFFERENCE
