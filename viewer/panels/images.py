"""The dataset's views as a table: go to a view, see how well each is learnt, leave views out of training."""

import math

import dearpygui.dearpygui as dpg

from viewer.protocol.frames import Frame
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.status import Status
from viewer.tools.image_list import Order, arranged, is_old, labels, photos_of
from viewer.tools.images import IMAGES, ImageTable
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.image_rows import PICTURE_WIDTH, ROW, Atlas, Row, Slot, shows_error_map
from viewer.widgets.panel import Panel
from viewer.widgets.style import DASH, DIM
from viewer.widgets.widgets import Choice

SLOTS = 48
"""Rows that exist. They move along as the table scrolls and take other views, so that a large dataset costs no more
than a small one."""
MARGIN = 3
"""Rows kept ready beyond each end of the visible part: the scroll position is known one frame late."""
SORT_FRAMES = 60
"""Frames between two sortings while the figures change."""

FILTERS = {
    "all": ("All", "Show all views."),
    Split.TRAIN: ("Training", "Show the views that training draws from."),
    Split.TEST: ("Test", "Show the views that training never sees."),
}


class ImagesPanel(Panel):
    """The table of views."""

    tag, title = "images", "Images"
    tools = (IMAGES,)

    def __init__(self, context: Context):
        super().__init__(context)
        self._scene: SceneInfo | None = None
        self._photos: list[PhotoId] = []
        self._names: list[str] = []
        self._table: ImageTable | None = None
        self._rows: list[int] = []
        self._filter: Split | None = None
        self._order, self._descending = Order.DATASET, False
        self._sorted_at = 0
        self._asked: frozenset[int] | None = None
        self._atlas = Atlas()
        with ui.group(horizontal=True):
            self._choice = Choice("images", FILTERS, context.style, context.style.px(66), self._show_only)
            dpg.add_text("", tag="images.summary", color=DIM)
            dpg.bind_item_font("images.summary", context.style.small)
        self._build_table()
        self._show_only("all")

    def _build_table(self) -> None:
        px = self._context.style.px
        with ui.table(
            tag="images.table", scrollY=True, freeze_rows=1, sortable=True, sort_tristate=True,
            policy=dpg.mvTable_SizingFixedFit, pad_outerX=False, callback=lambda _, specs: self._sort_by(specs),
        ):  # fmt: skip
            for width in (22, PICTURE_WIDTH, 24):
                _add_column("", px(width), sorts=False)
            name = dpg.add_table_column(label="Name", width_stretch=True)
            _add_column("Split", px(36), sorts=False)
            psnr = _add_column("PSNR", px(60))
            self._sortable: dict[ui.Item | None, Order] = {name: Order.NAME, psnr: Order.PSNR}
            self._above = dpg.add_table_row(show=False)
            self._slots = [Slot(i, self._context, self._atlas.texture) for i in range(SLOTS)]
            self._below = dpg.add_table_row(show=False)

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the scene's views, their newest figures, and the part that the table is scrolled to."""
        now = dpg.get_frame_count()
        if status.scene is not self._scene:
            self._new_scene(status.scene)
        table = self._context.session.result(IMAGES)
        if table is not None and table.scene is self._scene:
            self._table = table
            self._atlas.take(table.thumbnails)
        if self._order is Order.PSNR and now > self._sorted_at + SORT_FRAMES and not self._hovered:
            self._arrange()
        first, last = self._place_slots(status)
        seen = frozenset(self._rows[first:last])
        if self._scene is not None and (seen != self._asked or self._context.returned):
            self._asked = seen
            self._context.session.ask(IMAGES, seen)
        dpg.set_value("images.summary", self._summary(status))

    @property
    def _hovered(self) -> bool:
        """Whether the cursor is over a row; rows don't move away under it."""
        return any(dpg.is_item_hovered(slot.hover) for slot in self._slots)

    def _new_scene(self, scene: SceneInfo | None) -> None:
        """Start over for another scene, or for other weights of the same one."""
        self._scene, self._table, self._asked = scene, None, None
        self._photos = [] if scene is None else photos_of(scene)
        self._names = labels([self._full_name(photo) for photo in self._photos])
        self._arrange()

    def _show_only(self, which: Split | str) -> None:
        self._filter = None if which == "all" else Split(which)
        self._choice.show(which)
        self._arrange()
        dpg.set_y_scroll("images.table", 0.0)

    def _sort_by(self, specs: list[list[int]] | None) -> None:
        """Sort as a click on a header asks.

        Args:
            specs: from Dear PyGui, pairs of a column and a direction; None for the dataset's order.
        """
        column, direction = specs[0] if specs else (None, 1)
        self._order, self._descending = self._sortable.get(column, Order.DATASET), direction < 0
        self._arrange()
        dpg.set_y_scroll("images.table", 0.0)

    def _arrange(self) -> None:
        psnrs = [math.nan] * len(self._photos) if self._table is None else self._table.psnrs.tolist()
        self._rows = arranged(self._photos, self._names, psnrs, self._filter, self._order, self._descending)
        self._sorted_at = dpg.get_frame_count()

    def _place_slots(self, status: Status) -> tuple[int, int]:
        """Move the slots to where the table is scrolled to; returns the first visible row and one past the last."""
        pitch, n = self._context.style.px(ROW), len(self._rows)
        in_sight = dpg.get_item_rect_size("panel.images")[1] // pitch + 1
        first = min(int(dpg.get_y_scroll("images.table")) // pitch, max(0, n - 1))
        begin = max(0, first - MARGIN)
        end = min(n, first + in_sight + MARGIN, begin + SLOTS)
        for item, rows in ((self._above, begin), (self._below, n - end)):
            dpg.configure_item(item, height=rows * pitch, show=rows > 0)
        for i, slot in enumerate(self._slots):
            slot.show(self._row(self._rows[begin + i], status) if begin + i < end else None)
        return first, min(n, first + in_sight)

    def _row(self, number: int, status: Status) -> Row:
        photo, atlas = self._photos[number], self._atlas
        psnr, at = (math.nan, -1) if self._table is None else (self._table.psnrs[number], self._table.steps[number])
        included = photo.split is Split.TEST or photo.index not in status.excluded
        lines = [self._full_name(photo), f"PSNR measured at step {at}" if at >= 0 else "Not measured yet"]
        return Row(
            photo=photo,
            name=self._names[number],
            psnr=DASH if at < 0 else "NaN" if math.isnan(psnr) else f"{psnr:.1f} dB",
            old=at < 0 or is_old(int(at), status.step),
            about="\n".join(lines if included else [*lines, "Left out of training"]),
            included=included,
            chosen=photo == self._context.state.photo,
            error_map=photo == self._context.state.photo and shows_error_map(self._context.state),
            texture=atlas.texture,
            corners=atlas.corners(number),
            aspect=atlas.aspect,
        )

    def _full_name(self, photo: PhotoId) -> str:
        return "" if self._scene is None else self._scene.names(photo.split)[photo.index]

    def _summary(self, status: Status) -> str:
        """How many views are listed and left out, or how many thumbnails are done."""
        table = self._table
        if table is not None and table.thumbnails is None:
            return f"thumbnails: {table.n_thumbnails} of {len(self._photos)}"
        left_out = f", {len(status.excluded)} left out" if status.excluded else ""
        return f"{len(self._rows)} views{left_out}"


def _add_column(label: str, width: int, sorts: bool = True) -> ui.Item:
    """A column of a fixed width in pixels; a click on its header sorts the table unless `sorts` is False."""
    return dpg.add_table_column(
        label=label, no_sort=not sorts, init_width_or_weight=width, width_fixed=True, no_resize=True
    )


PANEL = ImagesPanel
