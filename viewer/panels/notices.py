"""Messages over the picture: loading, errors that stay until they are closed, toasts that go by themselves."""

from collections.abc import Callable
from functools import partial

import dearpygui.dearpygui as dpg

from core.errors import CollapseKind
from viewer.protocol.rescues import TIPS, Rescue, label, ways_out
from viewer.protocol.status import Notice, State, Status
from viewer.widgets import floating, ui
from viewer.widgets.canvas import Rect
from viewer.widgets.context import Context
from viewer.widgets.widgets import button

TOAST_SECONDS = 6.0
MOST_TOASTS = 4


class Messages:
    """Three kinds of small windows over the picture.

    Args:
        open_scene: offered while no scene is open, or after one could not be opened.
    """

    def __init__(self, context: Context, open_scene: Callable[[], None]):
        self._session, style = context.session, context.style
        self._style = style
        self._errors: list[str] = []
        self._toasts: list[tuple[ui.Item, float, str]] = []
        self._failure = ""
        least = (style.px(360), 40)
        with floating.window("loading.window", least, takes_focus=False):
            dpg.bind_item_font(dpg.add_text("Loading", tag="loading.title"), style.title)
            dpg.add_text("", tag="loading.text", wrap=style.px(330))
            dpg.add_spacer(height=style.px(2))
            dpg.add_progress_bar(tag="loading.bar", width=style.px(328), height=style.px(8))
            item = button("Open a scene…", style, open_scene, tag="loading.open", show=False)
            dpg.bind_item_theme(item, style.chosen)
        dpg.bind_item_theme("loading.window", style.card)
        with floating.window("error.window", (style.px(420), 40)):
            dpg.bind_item_font(dpg.add_text("That did not work", tag="error.title"), style.title)
            dpg.add_text("", tag="error.text", wrap=style.px(480))
            dpg.add_spacer(height=style.px(4))
            with ui.group(horizontal=True, tag="error.ways"):
                for way in Rescue:
                    tag = f"error.{way.name.lower()}"
                    button("", style, partial(self._rescue, way), TIPS[way], tag=tag, show=False)
            with ui.group(horizontal=True):
                button("Reset training", style, self._reset, "Train again from the first step.", tag="error.reset",
                       show=False)  # fmt: skip
                button("Open another…", style, lambda: (self.close_error(), open_scene()), tag="error.open")
                button("Close", style, self.close_error, tag="error.close")
        dpg.bind_item_theme("error.window", style.alarm)

    @property
    def errors(self) -> list[str]:
        """The errors that aren't closed yet; the first one is shown."""
        return list(self._errors)

    @property
    def toasts(self) -> list[str]:
        """The toasts that are shown, the oldest first."""
        return [text for _, _, text in self._toasts]

    def add(self, notice: Notice, now: float) -> None:
        """Add a message; one that is shown already only stays longer."""
        if notice.error:
            if notice.text not in self._errors:
                self._errors.append(notice.text)
            return
        for toast in [t for t in self._toasts if t[2] == notice.text]:
            self._drop(toast[0])
        while len(self._toasts) >= MOST_TOASTS:
            self._drop(self._toasts[0][0])
        with floating.window(show=True, takes_focus=False) as window:
            dpg.add_text(notice.text, wrap=self._style.px(520))
        dpg.bind_item_theme(window, self._style.card)
        self._toasts.append((window, now + TOAST_SECONDS, notice.text))

    def close_error(self) -> None:
        """Close the shown error; the next one, if any, appears."""
        if self._errors:
            self._errors.pop(0)

    def update(self, status: Status, now: float) -> None:
        """Show the present messages."""
        failed = status.message if status.state == State.FAILED else ""
        if failed and failed != self._failure and failed not in self._errors:
            self._errors.append(failed)
        self._failure = failed
        self._show_loading(status)
        dpg.configure_item("error.window", show=bool(self._errors))
        if self._errors:
            self._show_error(self._errors[0], status)
        for window, until, _ in list(self._toasts):
            if now > until:
                self._drop(window)

    def place(self, rect: Rect, lift: float) -> None:
        """Put loading in the middle, errors near the upper edge, and toasts upwards from the lower left corner, `lift`
        pixels above it."""
        gap = self._style.px(12)
        for window, share in (("loading.window", 0.5), ("error.window", 0.12)):
            width, height = dpg.get_item_rect_size(window)
            top = rect.y + share * (rect.height - height)
            dpg.set_item_pos(window, [max(0, rect.x + (rect.width - width) / 2), max(rect.y, top)])
        bottom = rect.y + rect.height - lift - gap
        for window, _, _ in reversed(self._toasts):
            bottom -= dpg.get_item_rect_size(window)[1]
            dpg.set_item_pos(window, [rect.x + gap, max(rect.y, bottom)])
            bottom -= gap

    def _show_error(self, text: str, status: Status) -> None:
        failed = text == status.message and status.state == State.FAILED
        collapse = status.collapse if failed else None
        what = "" if collapse is None else f": {collapse.kind.value} since step {collapse.since}"
        dpg.set_value("error.title", f"Training stopped{what}" if failed else "That did not work")
        dpg.set_value("error.text", text[:1].upper() + text[1:])
        dpg.configure_item("error.ways", show=collapse is not None)
        ways = ways_out(collapse, status.scene is not None and status.march != status.scene.train.march)
        for way in Rescue:
            item = f"error.{way.name.lower()}"
            dpg.configure_item(item, show=way in ways)
            if collapse is not None and way in ways:
                dpg.configure_item(item, label=label(way, collapse))
                dpg.bind_item_theme(item, self._style.chosen if way is ways[0] else self._style.plain)
        lost = collapse is not None and collapse.kind is CollapseKind.GPU_LOST
        dpg.configure_item("error.reset", show=failed and status.scene is not None and not lost)
        dpg.configure_item("error.open", show=collapse is None)

    def _rescue(self, way: Rescue) -> None:
        self.close_error()
        self._session.rescue(way)

    def _reset(self) -> None:
        self.close_error()
        self._session.reset()

    def _show_loading(self, status: Status) -> None:
        loading, empty = status.state == State.LOADING, status.state == State.EMPTY and not self._errors
        dpg.configure_item("loading.window", show=loading or empty)
        dpg.set_value("loading.title", "Loading" if loading else "No scene is open")
        dpg.set_value("loading.text", status.message or ("" if loading else "Open a folder of posed images to begin."))
        dpg.configure_item("loading.text", show=bool(dpg.get_value("loading.text")))
        dpg.configure_item("loading.bar", show=loading and status.progress is not None)
        dpg.set_value("loading.bar", status.progress or 0.0)
        dpg.configure_item("loading.open", show=empty)

    def _drop(self, window: ui.Item) -> None:
        self._toasts = [t for t in self._toasts if t[0] != window]
        dpg.delete_item(window)
