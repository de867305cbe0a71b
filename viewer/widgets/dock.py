"""All panels as windows that can be docked, moved and closed, and the file that remembers where they are."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import dearpygui.dearpygui as dpg

from core.files import replace_file
from viewer.input.navigation import LEFT
from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.state import dock_layout
from viewer.widgets import ui
from viewer.widgets.bar import SETTLING_FRAMES
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel, Pointer
from viewer.widgets.sight import Sight


class Dock:
    """All panels.

    Args:
        kinds: the panels to build.
        width, height: of the viewport at first, in pixels.
        file: where the layout is kept between runs.
        report: called with what a panel raises, which keeps nothing else from going on.

    Raises:
        ValueError: two panels have the same tag.
    """

    def __init__(
        self,
        context: Context,
        kinds: Sequence[type[Panel]],
        width: int,
        height: int,
        file: Path,
        report: Callable[[Exception], None],
    ):
        self._context, self._kinds, self._file, self._report = context, tuple(kinds), file, report
        self._scale = context.style.scale
        tags = [kind.tag for kind in kinds]
        if twice := {tag for tag in tags if tags.count(tag) > 1}:
            raise ValueError(f"two panels have the tag {', '.join(sorted(twice))}: give one of them another tag")
        slots = [kind.slot() for kind in kinds]
        start = dock_layout.load(file, slots, self._scale)
        if start is None:
            start = dock_layout.default_layout(slots, width, height, self._scale)
        self._shown, self._on_top = start.shown, start.on_top
        self._docked = False  # a window finds its dock only in the first frame, so closed ones are there for that one
        self._forgotten = False
        self._hidden: tuple[str, ...] = ()
        self._write(start)
        self.panels: tuple[Panel, ...] = ()
        self._sight = Sight()
        context.open_panel = self.open

    def build(self) -> None:
        """Build each panel inside a window of its own."""
        for kind in self._kinds:
            number = dock_layout.number_of(kind.tag)
            with ui.window(tag=number, label=kind.title, min_size=(1, 1)):
                dpg.add_alias(f"panel.{kind.tag}", number)
                self.panels += (kind(self._context),)

    def is_open(self, tag: str) -> bool:
        return bool(dpg.is_item_shown(f"panel.{tag}"))

    def open(self, tag: str) -> None:
        """Bring a panel to the front."""
        dpg.configure_item(f"panel.{tag}", show=True)
        dpg.focus_item(f"panel.{tag}")

    def close(self, tag: str) -> None:
        dpg.configure_item(f"panel.{tag}", show=False)

    def toggle_all(self) -> None:
        """Hide all panels, so that the picture has the whole window; or show those again that were hidden."""
        if self._hidden:
            for tag in self._hidden:
                dpg.configure_item(f"panel.{tag}", show=True)
            self._hidden = ()
        else:
            self._hidden = tuple(panel.tag for panel in self.panels if self.is_open(panel.tag))
            for tag in self._hidden:
                self.close(tag)

    def tick(self, status: Status, frame: Frame | None, canvas: Canvas) -> None:
        """Let all panels do the work that goes on out of sight too."""
        for panel in self.panels:
            with self._reported():
                panel.tick(status, frame, canvas)

    def update(self, status: Status, frame: Frame | None) -> None:
        """Let the panels in sight show what is new, and tell the tools of the others to stop."""
        if not self._docked and dpg.get_frame_count() > 0:
            self._docked = True
            for panel in self.panels:
                if panel.tag not in self._shown:
                    self.close(panel.tag)
        if self._on_top and dpg.get_frame_count() == SETTLING_FRAMES:
            for tag in self._on_top:
                dpg.focus_item(f"panel.{tag}")
            dpg.focus_item("canvas")
        for panel in self.panels:
            if dpg.is_item_visible(f"panel.{panel.tag}"):
                self._context.returned = self._sight.draw(panel.tag)
                with self._reported():
                    panel.update(status, frame)
            elif self._sight.miss(panel.tag):
                for tool in panel.tools:
                    self._context.session.ask(tool, None)

    def grabs(self, pointer: Pointer, canvas: Canvas) -> bool:
        """Whether one of the panels takes the left button; the first one that wants it does. See `Panel.grabs`."""
        grabbed = False
        for panel in self.panels:
            with self._reported():
                if panel.grabs(pointer, canvas):
                    pointer, grabbed = replace(pointer, down=pointer.down - {LEFT}), True
        return grabbed

    def log(self, canvas: Canvas) -> dict[str, Any]:
        """All panels' entries for the status log."""
        return {name: entry for panel in self.panels for name, entry in panel.log(canvas).items()}

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._report(error)

    def forget(self) -> None:
        """Start with the default layout next time."""
        self._forgotten = True
        self._context.say("The panels will be back in their first places at the next start.")

    def save(self) -> None:
        """Remember where everything is. A file that can't be written is no reason to keep the window open."""
        shown = frozenset(panel.tag for panel in self.panels if self.is_open(panel.tag) or panel.tag in self._hidden)
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
            replace_file(self._file, start.text)
        except OSError:  # nothing is remembered then, and all panels float
            self._context.say(f"The panels can't be arranged: {self._file} can't be written.")
            return
        dpg.configure_app(init_file=str(self._file), load_init_file=True)
