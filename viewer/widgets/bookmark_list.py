"""The bookmarks as a list: thumbnails to click, names to edit."""

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from core.flights.album import Bookmark
from viewer.picture.export.thumbnail import HEIGHT, WIDTH, thumbnail_pixels
from viewer.state.flight_draft import FlightDraft
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.widgets import tooltip

SLOTS = 24
"""Bookmarks that are listed; later ones come into the list when others are removed."""


class BookmarkList:
    """Built inside a panel.

    Args:
        go: called with the bookmark whose thumbnail was clicked.
        draft: returns the draft with the bookmarks.
    """

    def __init__(self, context: Context, draft: Callable[[], FlightDraft], go: Callable[[Bookmark], None]):
        self._draft, self._go, self._style = draft, go, context.style
        self._shown: tuple[Bookmark, ...] = ()
        self._textures: dict[str, ui.Item] = {}
        with ui.texture_registry() as self._registry:
            self._blank = ui.blank_texture()
        px = context.style.px
        self._rows = []
        for i in range(SLOTS):
            with ui.group(horizontal=True, show=False) as row:
                dpg.add_image_button(
                    self._blank, tag=f"bookmark.{i}", width=px(WIDTH // 2), height=px(HEIGHT // 2), user_data=i,
                    callback=lambda _, __, i: self._go(self._shown[i]),
                )  # fmt: skip
                tooltip(f"bookmark.{i}", "Go there.", context.style)
                dpg.add_input_text(
                    tag=f"bookmark.name.{i}", width=px(110), user_data=i, on_enter=True,
                    callback=lambda _, text, i: self._draft().rename_bookmark(i, text),
                )  # fmt: skip
                context.inputs.append(f"bookmark.name.{i}")
                dpg.add_button(
                    label="x", tag=f"bookmark.remove.{i}", user_data=i,
                    callback=lambda _, __, i: self._draft().remove_bookmark(i),
                )  # fmt: skip
                tooltip(f"bookmark.remove.{i}", "Forget this place. Ctrl+Z brings it back.", context.style)
            self._rows.append(row)

    def update(self) -> None:
        """Show the draft's bookmarks."""
        bookmarks = self._draft().album.bookmarks[:SLOTS]
        if bookmarks == self._shown:
            return
        self._shown = bookmarks
        for i, row in enumerate(self._rows):
            dpg.configure_item(row, show=i < len(bookmarks))
            if i < len(bookmarks):
                dpg.configure_item(f"bookmark.{i}", texture_tag=self._texture(bookmarks[i].thumbnail))
                dpg.set_value(f"bookmark.name.{i}", bookmarks[i].key.name)

    def _texture(self, thumbnail: str) -> ui.Item:
        """A texture, which is kept: deleting one crashes some drivers."""
        if thumbnail not in self._textures:
            pixels = thumbnail_pixels(thumbnail)
            self._textures[thumbnail] = self._blank if pixels is None else ui.static_texture(pixels, self._registry)
        return self._textures[thumbnail]
