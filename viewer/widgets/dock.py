"""Panels as windows that can be docked, moved and closed, and the file that remembers where they are."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import dearpygui.dearpygui as dpg

from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.state import dock_layout
from viewer.widgets.context import Context

SETTLING_FRAMES = 3
"""Frames of the window until its docks have taken their places."""


class Panel(Protocol):
    """One window of widgets, built inside it by the class's call with the context.

    Attributes:
        tag: names it here and in `viewer.state.dock_layout.PANELS`.
        title: in its tab.
        tools: the session's tools that it asks; they are told to stop when it goes out of sight.
    """

    tag: str
    title: str
    tools: tuple[str, ...]

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show what is new; called for each frame of the window while the panel is seen."""
        ...


@contextmanager
def bar(tag: str, background: bool = True) -> Iterator[None]:
    """A docked window that is always there and has no tab.

    Args:
        background: without one its contents must cover it; without a GPU each layer that is painted costs.
    """
    number = dock_layout.BARS[tag].number
    with dpg.window(
        tag=number, no_title_bar=True, no_move=True, no_resize=True, no_scrollbar=True, no_scroll_with_mouse=True,
        no_close=True, no_bring_to_front_on_focus=True, min_size=(1, 1), no_background=not background,
    ):  # fmt: skip
        dpg.add_alias(tag, number)
        yield


class Dock:
    """All panels.

    Args:
        width, height: of the viewport at first, in pixels.
        file: where the layout is kept between runs.
    """

    def __init__(self, context: Context, width: int, height: int, file: Path):
        self._context, self._file, self._scale = context, file, context.style.scale
        saved = dock_layout.load(file, self._scale)
        start = saved or dock_layout.default_layout(width, height, self._scale)
        self._settle_at = SETTLING_FRAMES
        self._docked = False  # a window finds its dock only in the first frame, so closed ones are there for that one
        self._fresh = saved is None
        self._forgotten = False
        self._shown = start.shown
        self._write(start)
        self._panels: list[Panel] = []
        self._seen: set[str] = set()
        context.open_panel = self.open

    def add(self, kind: type) -> Panel:
        """Build a panel inside its own window."""
        number = dock_layout.PANELS[kind.tag].number
        with dpg.window(tag=number, label=kind.title, min_size=(1, 1)):
            dpg.add_alias(f"panel.{kind.tag}", number)
            panel = kind(self._context)
        self._panels.append(panel)
        return panel

    @property
    def panels(self) -> Iterable[Panel]:
        return tuple(self._panels)

    def is_open(self, tag: str) -> bool:
        return dpg.is_item_shown(f"panel.{tag}")

    def open(self, tag: str) -> None:
        """Bring a panel to the front."""
        dpg.configure_item(f"panel.{tag}", show=True)
        dpg.focus_item(f"panel.{tag}")

    def close(self, tag: str) -> None:
        dpg.configure_item(f"panel.{tag}", show=False)

    def update(self, status: Status, frame: Frame | None) -> None:
        """Let the panels in sight show what is new, and tell the tools of the others to stop."""
        if not self._docked and dpg.get_frame_count() > 0:
            self._docked = True
            for panel in self._panels:
                if panel.tag not in self._shown:
                    self.close(panel.tag)
        if self._fresh and dpg.get_frame_count() == self._settle_at:
            for tag in dock_layout.on_top(self._shown):
                dpg.focus_item(f"panel.{tag}")
            dpg.focus_item("canvas")
        for panel in self._panels:
            if dpg.is_item_visible(f"panel.{panel.tag}"):
                self._context.returned = panel.tag not in self._seen
                self._seen.add(panel.tag)
                panel.update(status, frame)
            elif panel.tag in self._seen:
                self._seen.remove(panel.tag)
                for tool in panel.tools:
                    self._context.session.ask(tool, None)

    def forget(self) -> None:
        """Start with the default layout next time."""
        self._forgotten = True
        self._context.say("The panels will stand in their first places when Firstlight starts again.")

    def save(self) -> None:
        """Remember where everything is. A file that can't be written is no reason to keep the window open."""
        shown = frozenset(panel.tag for panel in self._panels if self.is_open(panel.tag))
        try:
            if self._forgotten:
                self._file.unlink(missing_ok=True)
            elif self._file.parent.is_dir():
                dpg.save_init_file(str(self._file))
                dock_layout.stamp(self._file, self._scale, shown)
        except OSError:
            pass

    def _write(self, start: dock_layout.DockLayout) -> None:
        """Hand the layout to Dear ImGui, which reads it from a file when the viewport is set up."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(start.text, encoding="utf-8")
        except OSError:  # nothing is remembered then, and all panels float
            self._context.say(f"The panels can't be arranged: {self._file} can't be written.")
            return
        dpg.configure_app(init_file=str(self._file), load_init_file=True)
