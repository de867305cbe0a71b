"""The window: Dear PyGui's context, the layout, the main loop, mouse and keys.

Dear PyGui is called from the main thread only. The loop never waits for the session: it shows the newest finished
frame, sends the newest wish, and sleeps for the rest of its period so that training keeps the cores.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import dearpygui.dearpygui as dpg

from core.config.march import MarchSettings
from core.config.read_options import AS_STORED, ReadOptions
from core.errors import FirstlightError
from core.files import user_folder
from core.training.build import Overrides
from viewer.input import navigation
from viewer.panels.compare import ComparePanel
from viewer.panels.dataset import DatasetPanel
from viewer.panels.help import HelpPanel
from viewer.panels.hint import Hint
from viewer.panels.images import ImagesPanel
from viewer.panels.inspector import InspectorPanel
from viewer.panels.method import MethodPanel
from viewer.panels.notices import Messages
from viewer.panels.occupancy import GridPanel
from viewer.panels.open_dialog import OpenDialog
from viewer.panels.panels_menu import PanelsMenu
from viewer.panels.pilot import Pilot
from viewer.panels.scene import PlacePanel
from viewer.panels.screenshot import ScreenshotPanel
from viewer.panels.status_line import StatusLine
from viewer.panels.sweep import SweepPanel
from viewer.panels.thresholds import ThresholdsPanel
from viewer.panels.time_bar import TimeBar
from viewer.panels.toolbar import Toolbar
from viewer.panels.training import TrainingPanel
from viewer.panels.view import ViewPanel
from viewer.protocol.frames import Frame
from viewer.protocol.status import Status
from viewer.protocol.view_settings import Mode, ViewSettings
from viewer.state import recent
from viewer.state.following import SceneFollower
from viewer.state.status_log import StatusLog
from viewer.state.view_state import ViewState
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context, Session
from viewer.widgets.dock import Dock
from viewer.widgets.keys import Keyboard
from viewer.widgets.style import BACKDROP, Style
from viewer.widgets.widgets import visible_widgets

FASTEST, SLOWEST = 1 / 60, 1 / 36
"""Seconds per frame of the window. It sleeps twice as long as it works, within these: without a GPU, drawing the window
takes the cores that training needs."""

IDLE, IDLE_AFTER = 1 / 10, 1.0
"""Seconds per frame when no hand has moved for so many seconds and no new picture comes: there is little to see, and
without a GPU a window of this size takes half a core at full rate."""

FIGURES_PERIOD = 0.2
"""Seconds between updates of the numbers; faster can't be read."""

CLOSE_SECONDS = 0.7
"""The session may take this long to stop; the window promises to be gone within a second."""

PANELS = (ThresholdsPanel, ViewPanel, ComparePanel, GridPanel, SweepPanel, ImagesPanel, MethodPanel)
"""Besides training's, which has keys of its own."""

STATUS_LOG_VARIABLE = "FIRSTLIGHT_STATUS_LOG"


def run_window(
    session: Session,
    dataset_path: str | None,
    reading: ReadOptions = AS_STORED,
    thresholds: Mapping[str, Any] | None = None,
    picture: Mapping[str, Any] | None = None,
    ui_scale: float = 1.0,
    width: int = 1280,
    height: int = 800,
    status_log: Path | None = None,
    wished: Overrides | None = None,
) -> int:
    """Show the window until it is closed; starts the session and closes it.

    Args:
        dataset_path: opened at once; None shows how to open one.
        reading: how it is opened.
        thresholds: values of `MarchSettings` by name, instead of those the first scene trains with.
        picture: values of `ViewSettings` by name, instead of the defaults and the first scene's field of view.
        ui_scale: enlarges everything but the picture; 1.5 to 2 suits a dense display.
        width, height: the window's first size in pixels.
        status_log: a file for `StatusLog`; the environment variable FIRSTLIGHT_STATUS_LOG names one as well.
        wished: the first scene's method and place, where these aren't to be the usual ones.

    Returns:
        The exit code, 0.

    Raises:
        FirstlightError: there is no display, or the log can't be written.
    """
    require_display()
    if status_log is None and os.environ.get(STATUS_LOG_VARIABLE):
        status_log = Path(os.environ[STATUS_LOG_VARIABLE])
    log = StatusLog(status_log)
    dpg.create_context()
    try:
        dpg.configure_app(manual_callback_management=True, docking=True, docking_space=True)
        window = Window(session, thresholds or {}, picture or {}, ui_scale, log, (width, height))
        dpg.create_viewport(
            title="Firstlight", width=width, height=height, x_pos=0, y_pos=0, min_width=640, min_height=480,
            vsync=False, clear_color=BACKDROP,
        )  # fmt: skip
        dpg.setup_dearpygui()
        dpg.show_viewport()
        session.start()
        if dataset_path is not None:
            session.open(dataset_path, reading, wished)
        with suppress(KeyboardInterrupt):
            window.run()
        window.dock.save()
    finally:
        session.close(CLOSE_SECONDS)
        dpg.destroy_context()
        log.close()
    return 0


def require_display() -> None:
    """Raise FirstlightError if this Linux process has no display: Dear PyGui would abort it."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        raise FirstlightError(
            "there is no display: DISPLAY is not set. Start this on a desktop, or train without a window: "
            "run_viewer.py train DATASET --seconds 60 --output DIR"
        )


class Window:
    """Everything on screen; made inside Dear PyGui's context."""

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
        self.dock = Dock(self.context, *size, user_folder() / f"layout-{ui_scale:g}.ini")
        self.canvas = Canvas(self.style)
        self.open_dialog = OpenDialog(self.context, session.open, recent.default_file())
        self.screenshot = ScreenshotPanel(self.context, self.canvas)
        self.help = HelpPanel(self.style)
        self.training = self.dock.add(TrainingPanel)
        for kind in PANELS:
            self.dock.add(kind)
        self.place = self.dock.add(PlacePanel)
        self.inspector = self.dock.add(InspectorPanel)
        self.dataset = self.dock.add(DatasetPanel)
        self.panels_menu = PanelsMenu(self.dock, self.canvas, self.style)
        self.toolbar = Toolbar(
            self.context, self.open_dialog.show, self.screenshot.take, self.screenshot.toggle,
            self.panels_menu.toggle, self.help.toggle,
        )  # fmt: skip
        self.status_line = StatusLine(self.style)
        self.hint = Hint(self.context)
        self.time_bar = TimeBar(self.context)
        self.messages = Messages(self.context, self.open_dialog.show)
        self.pilot = Pilot(self.context, self.canvas, self.inspector, self.place)
        self._keyboard = Keyboard()
        self._fly_keys: set[str] = set()
        self._inspect_key = False
        self._shortcuts = self._make_shortcuts()
        self._follower = SceneFollower(
            self.state, thresholds, picture, self.open_dialog.remember, self.pilot.go_home,
            partial(self.context.say, error=True),
        )  # fmt: skip
        self._failures: set[str] = set()
        self._mouse, self._active_at = (), 0.0
        self._fps, self._next_figures = 0.0, 0.0

    def _make_shortcuts(self) -> dict[str, Callable[[], object]]:
        modes = {str(i + 1): partial(self.state.set_view, mode=mode) for i, mode in enumerate(Mode)}
        return modes | {
            "Space": self.training.toggle,
            "F1": self.help.toggle,
            "F12": self.screenshot.take,
            "R": self.pilot.go_home,
            "T": self.time_bar.toggle,
            "[": partial(self.pilot.step_view, -1),
            "]": partial(self.pilot.step_view, 1),
            "Ctrl+O": self.open_dialog.show,
            "Ctrl+Q": dpg.stop_dearpygui,
        }

    def run(self) -> None:
        """The main loop; returns when the window is closed."""
        work, last = FASTEST / 2, time.perf_counter()
        while dpg.is_dearpygui_running():
            began = time.perf_counter()
            elapsed, last = began - last, began
            self._fps += 0.05 * (1.0 / max(elapsed, 1e-3) - self._fps)
            try:
                dpg.run_callbacks(dpg.get_callback_queue())
                self.tick(began, elapsed)
            except Exception as error:  # a defect of ours in one panel must not take what was learnt with it
                self._tell(error)
            dpg.render_dearpygui_frame()
            work += 0.1 * (time.perf_counter() - began - work)
            ends = began + min(SLOWEST, max(FASTEST, 3.0 * work))
            time.sleep(max(0.0, ends - time.perf_counter()))
            if not self._is_active(began) and not self.canvas.changing:
                shown = self.session.frame
                while self.session.frame is shown and time.perf_counter() < began + IDLE:
                    time.sleep(FASTEST)

    def _is_active(self, now: float) -> bool:
        """Whether a hand is or was lately at work, or the time runs."""
        buttons = (dpg.is_mouse_button_down(b) for b in (navigation.LEFT, navigation.RIGHT, navigation.MIDDLE))
        mouse = tuple(dpg.get_mouse_pos(local=False))
        if self.state.playing or any(buttons) or self._keyboard.any_down or mouse != self._mouse:
            self._mouse, self._active_at = mouse, now
        return now - self._active_at < IDLE_AFTER

    def _tell(self, error: Exception) -> None:
        """Show an error of the window's own, once."""
        text = f"{type(error).__name__}: {error}"
        if text not in self._failures:
            self._failures.add(text)
            traceback.print_exc()
            self.context.say(f"The window stumbled over {text}. Training goes on; save a snapshot to be safe.", True)

    def tick(self, now: float, elapsed: float) -> None:
        """One frame's work: input, the newest from the session, the newest wish to it."""
        status = self.session.status
        self._follower.follow(status)
        self.canvas.follow()
        self.toolbar.place()
        self._keys()
        self.pilot.move(self._fly_keys, self._inspect_key, min(elapsed, 0.1))
        self.time_bar.update(elapsed)
        self.inspector.mark(self.canvas)
        for notice in [*self.session.take_notices(), *self.context.notices]:
            self.messages.add(notice, now)
        self.context.notices.clear()
        frame = self.session.frame
        self.canvas.show(frame)
        self.place.mark(self.canvas, frame)
        dragged = any(dpg.is_item_active(handle) for handle in self.context.handles)
        held = dragged or self.pilot.dragging or bool(self._fly_keys)
        request = self.state.due(self.canvas.rect.width, self.canvas.rect.height, now, held)
        if request is not None:
            self.session.request_view(request)
        self.context.sharing.update(status, self.state.march, dragged)
        self.dataset.announce()
        self.dock.update(status, frame)
        self.hint.update(status, frame)
        self.messages.update(status, now)
        if now >= self._next_figures:
            self._next_figures = now + FIGURES_PERIOD
            self.toolbar.update(status)
            self.status_line.update(status, frame, self._fps)
        self._place_floating()
        if self.log.due(now):
            self._log(now, status, frame)

    def _log(self, now: float, status: Status, frame: Frame | None) -> None:
        said = {"errors": self.messages.errors, "toasts": self.messages.toasts}
        more = {
            "window_fps": round(self._fps, 1),
            "window_frames": dpg.get_frame_count(),
            "serial": self.state.serial,
            "march": asdict(self.state.march),
            "view": asdict(self.state.view),
            "camera": None if self.state.camera is None else asdict(self.state.pose),
            "playback": None if self.state.playback is None else asdict(self.state.playback),
            "photo": None if self.state.photo is None else asdict(self.state.photo),
            "place": self.place.state(self.canvas),
            "reading": None if status.scene is None else asdict(status.scene.reading),
        }
        self.log.write(now, status, frame, visible_widgets(), **more, **said)

    def _place_floating(self) -> None:
        rect = self.canvas.rect
        center = (rect.x + rect.width / 2, rect.y + rect.height / 2)
        self.open_dialog.place(center)
        self.help.place(center)
        self.screenshot.place()
        self.panels_menu.place()
        self.hint.place(rect)
        self.time_bar.place(rect)
        self.messages.place(rect, self.time_bar.height)

    def _keys(self) -> None:
        """Shortcuts act when a key goes down; fly keys while they are held. Neither while text is being typed."""
        keys = self._keyboard.read()
        if "Esc" in keys.pressed:
            for panel in (self.help, self.screenshot, self.panels_menu, self.open_dialog):
                panel.hide()
        typing = self.open_dialog.busy or any(dpg.is_item_active(item) for item in self.context.inputs)
        self._fly_keys = set() if typing else keys.held & navigation.FLY_KEYS.keys()
        self._inspect_key = not typing and "I" in keys.held
        if not typing:
            for name in keys.pressed & self._shortcuts.keys():
                self._shortcuts[name]()
