"""The window: Dear PyGui's context, the layout, the main loop, mouse and keys.

Dear PyGui is called from the main thread only. The loop never waits for the session: it shows the newest finished
frame, asks for the newest view, and sleeps for the rest of its period so that training has the processor.
"""

import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import dearpygui.dearpygui as dpg

from core.commands.doctor import require_display
from core.config.march import MarchSettings
from core.config.read_options import AS_STORED, ReadOptions
from core.files import user_folder
from core.training.build import Overrides
from viewer.input import navigation
from viewer.panels import PANELS
from viewer.panels.export_menu import ExportMenu
from viewer.panels.help import HelpPanel
from viewer.panels.hint import Hint
from viewer.panels.notices import Messages
from viewer.panels.open_dialog import OpenDialog
from viewer.panels.panels_menu import PanelsMenu
from viewer.panels.pilot import Pilot
from viewer.panels.screenshot import ScreenshotPanel
from viewer.panels.status_line import StatusLine
from viewer.panels.time_bar import TimeBar
from viewer.panels.toolbar import Toolbar
from viewer.protocol.frames import Frame
from viewer.protocol.session import Session
from viewer.protocol.status import Status
from viewer.protocol.view_settings import Mode, ViewSettings
from viewer.state import recent
from viewer.state.following import SceneFollower
from viewer.state.status_log import StatusLog, asked_for
from viewer.state.view_state import ViewState
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.dock import Dock
from viewer.widgets.keys import Keyboard
from viewer.widgets.pace import Pace
from viewer.widgets.style import BACKDROP, Style
from viewer.widgets.widgets import visible_widgets

FIGURES_PERIOD = 0.2
"""Seconds between updates of the figures in the bars; faster ones can't be read."""

CLOSE_SECONDS = 0.7
"""Seconds that the session may take to stop; the window is to be gone within one."""


def run_window(
    session: Session,
    dataset_path: str | None,
    reading: ReadOptions = AS_STORED,
    thresholds: Mapping[str, Any] | None = None,
    picture: Mapping[str, Any] | None = None,
    ui_scale: float = 1.0,
    size: tuple[int, int] = (1280, 800),
    overrides: Overrides | None = None,
) -> int:
    """Show the window until it is closed; starts the session and closes it.

    Args:
        dataset_path: is opened at once; None shows how to open a scene.
        reading: how it is read.
        thresholds: values of `MarchSettings` by name, instead of those the first scene trains with.
        picture: values of `ViewSettings` by name, instead of the defaults and the first scene's field of view.
        ui_scale: enlarges everything but the picture; 1.5 to 2 suits a dense display.
        size: the window's first width and height in pixels.
        overrides: the first scene's method and place, if they aren't to be the usual ones.

    Returns:
        The exit code, 0.

    Raises:
        FirstlightError: there is no display, or the log that `viewer.state.status_log.VARIABLE` names can't be written.
    """
    require_display()
    log = StatusLog.of_environment()
    dpg.create_context()
    try:
        dpg.configure_app(manual_callback_management=True, docking=True, docking_space=True)
        window = Window(session, thresholds or {}, picture or {}, ui_scale, log, size)
        dpg.create_viewport(
            title="Firstlight", width=size[0], height=size[1], x_pos=0, y_pos=0, min_width=640, min_height=480,
            vsync=False, clear_color=BACKDROP,
        )  # fmt: skip
        dpg.setup_dearpygui()
        dpg.show_viewport()
        session.start()
        if dataset_path is not None:
            session.open(dataset_path, reading, overrides)
        with suppress(KeyboardInterrupt):
            window.run()
        window.dock.save()
    finally:
        session.close(CLOSE_SECONDS)
        dpg.destroy_context()
        log.close()
    return 0


class Window:
    """Everything on screen. Make it inside Dear PyGui's context."""

    def __init__(
        self,
        session: Session,
        thresholds: Mapping[str, Any],
        picture: Mapping[str, Any],
        ui_scale: float,
        log: StatusLog,
        size: tuple[int, int],
    ):
        self.session, self.log = session, log
        self.style = Style(ui_scale)
        self.state = ViewState(replace(MarchSettings(), **thresholds), replace(ViewSettings(), **picture))
        self.context = Context(session, self.state, self.style)
        layout = user_folder() / f"layout-{ui_scale:g}.ini"
        self.dock = Dock(self.context, tuple(PANELS.values()), *size, layout, self._report)
        self.canvas = Canvas(self.style)
        self.open_dialog = OpenDialog(self.context, session.open, recent.default_file())
        self.screenshot = ScreenshotPanel(self.context, self.canvas)
        self.help = HelpPanel(self.style)
        self.dock.build()
        self.panels_menu = PanelsMenu(self.dock, self.canvas, self.style)
        self.exports = ExportMenu(self.context, self.canvas)
        self.toolbar = Toolbar(
            self.context, self.open_dialog.show, self.screenshot.take, self.screenshot.toggle,
            self.exports.toggle, self.panels_menu.toggle, self.help.toggle,
        )  # fmt: skip
        self.status_line = StatusLine(self.style)
        self.hint = Hint(self.context)
        self.time_bar = TimeBar(self.context)
        self.messages = Messages(self.context, self.open_dialog.show)
        self.pilot = Pilot(self.context, self.canvas, self.dock)
        self._keyboard = Keyboard()
        self._held: frozenset[str] = frozenset()
        self._shortcuts = self._make_shortcuts()
        self._follower = SceneFollower(
            self.state, thresholds, picture, self.open_dialog.remember, self.pilot.go_home,
            partial(self.context.say, error=True),
        )  # fmt: skip
        self._failures: set[str] = set()
        self._mouse: tuple[float, ...] = ()
        self._pace, self._next_figures = Pace(), 0.0

    def _make_shortcuts(self) -> dict[str, Callable[[], object]]:
        modes: dict[str, Callable[[], object]] = {
            str(i + 1): partial(self.state.set_view, mode=mode) for i, mode in enumerate(Mode)
        }
        keys = modes | {
            "F1": self.help.toggle,
            "F11": dpg.toggle_viewport_fullscreen,
            "F12": self.screenshot.take,
            "Tab": self.dock.toggle_all,
            "R": self.pilot.go_home,
            "T": self.time_bar.toggle,
            "[": partial(self.pilot.step_view, -1),
            "]": partial(self.pilot.step_view, 1),
            "Ctrl+O": self.open_dialog.show,
            "Ctrl+Q": dpg.stop_dearpygui,
        }
        for panel in self.dock.panels:
            keys |= panel.shortcuts()
        return keys

    def run(self) -> None:
        """The main loop; returns when the window is closed."""
        while dpg.is_dearpygui_running():
            now, elapsed = self._pace.begin()
            try:
                dpg.run_callbacks(dpg.get_callback_queue())
                self.tick(now, elapsed)
            except Exception as error:  # a bug in a panel must not cost the user what was learnt
                self._report(error)
            dpg.render_dearpygui_frame()
            self._pace.rest(self._is_used(), self._has_news)

    def _has_news(self) -> bool:
        """Whether the window's next frame would show another picture."""
        return self.canvas.changing or self.session.frame is not self.canvas.frame

    def _is_used(self) -> bool:
        """Whether somebody has moved the mouse since the last call or holds a key or a button, or the time runs."""
        mouse, before = tuple(dpg.get_mouse_pos(local=False)), self._mouse
        self._mouse = mouse
        buttons = (dpg.is_mouse_button_down(b) for b in (navigation.LEFT, navigation.RIGHT, navigation.MIDDLE))
        return self.state.playing or any(buttons) or self._keyboard.any_down or mouse != before

    def _report(self, error: Exception) -> None:
        """Show an error in the window's own code, once."""
        text = f"{type(error).__name__}: {error}"
        if text not in self._failures:
            self._failures.add(text)
            traceback.print_exc()
            self.context.say(f"The window has a bug: {text}. Training goes on; save a snapshot to be safe.", True)

    def tick(self, now: float, elapsed: float) -> None:
        """One frame's work: input, the newest frame and status of the session, and a request to it."""
        status = self.session.status
        self._follower.follow(status)
        self.canvas.follow()
        self.toolbar.place()
        self._keys()
        self.pilot.move(self._held, min(elapsed, 0.1))
        self.time_bar.update(elapsed)
        for notice in [*self.session.take_notices(), *self.context.notices]:
            self.messages.add(notice, now)
        self.context.notices.clear()
        frame = self.session.frame
        self.canvas.show(frame)
        self.dock.tick(status, frame, self.canvas)
        dragged = any(dpg.is_item_active(handle) for handle in self.context.handles)
        held = dragged or self.pilot.dragging or not self._held.isdisjoint(navigation.FLY_KEYS)
        request = self.state.due(self.canvas.rect.width, self.canvas.rect.height, now, held)
        if request is not None:
            self.session.request_view(request)
        self.context.sharing.update(status, self.state.march, dragged)
        self.dock.update(status, frame)
        self.exports.update(status, frame)
        self.hint.update(status, frame)
        self.messages.update(status, now)
        if now >= self._next_figures:
            self._next_figures = now + FIGURES_PERIOD
            self.toolbar.update(status)
            self.status_line.update(status, frame, self._pace.fps, self.exports.text)
        self._place_floating()
        if self.log.due(now):
            self._log(now, status, frame)

    def _log(self, now: float, status: Status, frame: Frame | None) -> None:
        more = {
            **asked_for(self.state),
            **self.dock.log(self.canvas),
            **self.exports.log(),
            "errors": self.messages.errors,
            "toasts": self.messages.toasts,
            "window_fps": round(self._pace.fps, 1),
            "window_frames": dpg.get_frame_count(),
        }
        self.log.write(now, status, frame, visible_widgets(), **more)

    def _place_floating(self) -> None:
        rect = self.canvas.rect
        self.open_dialog.place(rect)
        self.help.place(rect)
        self.screenshot.place()
        self.panels_menu.place()
        self.exports.place()
        self.hint.place(rect)
        self.time_bar.place(rect)
        self.messages.place(rect, self.time_bar.height)

    def _keys(self) -> None:
        """Shortcuts act when a key goes down, fly keys while they are held; neither does while text is typed."""
        keys = self._keyboard.read()
        if "Esc" in keys.pressed:
            for panel in (self.help, self.screenshot, self.panels_menu, self.exports, self.open_dialog):
                panel.hide()
        typing = self.open_dialog.busy or any(dpg.is_item_active(item) for item in self.context.inputs)
        self._held = frozenset() if typing else frozenset(keys.held)
        if not typing:
            for name in keys.pressed & self._shortcuts.keys():
                self._shortcuts[name]()
