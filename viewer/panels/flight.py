"""Bookmarks, and a camera path through key frames: placed, moved in time, played."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import dearpygui.dearpygui as dpg

from core.errors import FirstlightError
from core.flights.album import Bookmark
from core.flights.files import load_album, save_album
from core.flights.formats import PATH_FORMATS
from core.flights.ready import READY
from viewer.input.orbit import pose_view, surroundings_of
from viewer.picture.export.thumbnail import thumbnail_of
from viewer.protocol.frames import Frame
from viewer.protocol.requests import Pose
from viewer.protocol.status import Status
from viewer.state.flight_draft import FlightDraft
from viewer.widgets import ui
from viewer.widgets.bookmark_list import BookmarkList
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.key_editor import KeyEditor
from viewer.widgets.panel import Panel
from viewer.widgets.style import DIM
from viewer.widgets.timeline_bar import TimelineBar
from viewer.widgets.widgets import button, plain, tooltip

LIST_WIDTH = 236
LONGEST_FRAME = 0.1
"""Seconds by which the flight goes on at most in one frame of the window."""

FILE = "flight.json"


class FlightPanel(Panel):
    """The user's flight."""

    tag, title = "flight", "Flight"

    def __init__(self, context: Context):
        super().__init__(context)
        self._frame: Frame | None = None
        self._now = time.perf_counter()
        self._placed: Any = None
        style = context.style
        with ui.group(horizontal=True):
            with ui.child_window(width=-style.px(LIST_WIDTH + 12), border=False, horizontal_scrollbar=True):
                self._build_player()
                self._timeline = TimelineBar("flight.timeline", style, self._scrub)
                context.handles.append("flight.timeline")
                self._build_ticks()
                self._keys = KeyEditor(context, lambda: self._draft, self._edit)
                self._build_files()
            with ui.child_window(width=-1, border=False):
                with ui.group(horizontal=True):
                    button("Keep this view", style, self._bookmark, "Bookmark the picture's view.", tag="flight.keep")
                    dpg.add_checkbox(label="with thresholds", tag="flight.with_march")
                self._bookmarks = BookmarkList(context, lambda: self._draft, self._go_to)

    def _build_player(self) -> None:
        style = self._context.style
        px = style.px
        with ui.group(horizontal=True, horizontal_spacing=px(6)):
            button("Play", style, self._toggle, "Fly along the path, while training goes on.", tag="flight.play",
                   width=px(58))  # fmt: skip
            self._tick("loop", "Loop", "Start again at the end.", lambda on: setattr(self._draft, "loop", on))
            button("Add key", style, self.add_key, "Place a key frame at the picture's view (K).", tag="flight.add")
            button("Undo", style, lambda: self._edit(self._draft.undo), "Ctrl+Z", tag="flight.undo")
            button("Redo", style, lambda: self._edit(self._draft.redo), "Ctrl+Shift+Z", tag="flight.redo")
            dpg.add_input_float(
                tag="flight.seconds", width=px(62), step=0, format="%.1f s", on_enter=True,
                callback=lambda _, value: self._edit(lambda: self._draft.set_seconds(plain(value))),
            )  # fmt: skip
            tooltip("flight.seconds", "Duration of the whole flight.", style)
            self._context.inputs.append("flight.seconds")

    def _build_ticks(self) -> None:
        with ui.group(horizontal=True, horizontal_spacing=self._context.style.px(6)):
            self._tick("closed", "Closed", "Return to the first key.", self._setter("closed"))
            self._tick("even", "Even speed", "The same speed everywhere; else each key has its time.", self._set_even)
            self._tick("ease", "Ease", "Speed up at the start and slow down at the end.",
                       lambda on: self._edit(lambda: self._draft.change_path(ease=0.25 if on else 0.0)))  # fmt: skip
            self._tick("drawn", "Draw", "Draw the path in the scene.", lambda on: setattr(self._draft, "drawn", on))

    def _build_files(self) -> None:
        style = self._context.style
        px = style.px
        with ui.group(horizontal=True, horizontal_spacing=px(6)):
            labels = [ready.label for ready in READY.values()]
            dpg.add_combo(labels, tag="flight.ready", width=px(96), default_value="Ready path",
                          callback=lambda _, label: self._make_ready(label))  # fmt: skip
            tips = "\n".join(f"{ready.label}: {ready.sentence}" for ready in READY.values())
            tooltip("flight.ready", tips, style)
            dpg.add_input_text(tag="flight.file", default_value=FILE, width=px(96))
            tooltip("flight.file", "A camera path of ours, of nerfstudio or of instant-ngp (.json).", style)
            self._context.inputs.append("flight.file")
            button("Open", style, self._open, "Read a path from this file, of any of these programs.",
                   tag="flight.open")  # fmt: skip
            button("Save", style, self._save, "Write the path, ours with the bookmarks, to this new file.",
                   tag="flight.save")  # fmt: skip
            formats = {kind.label: name for name, kind in PATH_FORMATS.items()}
            self._formats = formats
            dpg.add_combo(list(formats), tag="flight.format", width=px(96), default_value=next(iter(formats)))
            tooltip("flight.format", "The program whose format Save writes.", style)
        dpg.add_text("", tag="flight.problem", color=DIM)

    def _tick(self, name: str, text: str, tip: str, change: Callable[[bool], object]) -> None:
        item = dpg.add_checkbox(label=text, tag=f"flight.{name}", callback=lambda _, on: change(on))
        tooltip(item, tip, self._context.style)

    @property
    def _draft(self) -> FlightDraft:
        return self._context.state.flight

    def shortcuts(self) -> Mapping[str, Callable[[], object]]:
        """See `Panel.shortcuts`."""
        return {
            "K": self.add_key,
            "Ctrl+Z": lambda: self._edit(self._draft.undo),
            "Ctrl+Shift+Z": lambda: self._edit(self._draft.redo),
        }

    def tick(self, status: Status, frame: Frame | None, canvas: Canvas) -> None:
        """Fly on, and draw the path into the picture unless the camera is on it."""
        self._frame = frame
        now = time.perf_counter()
        elapsed, self._now = min(now - self._now, LONGEST_FRAME), now
        state, draft = self._context.state, self._draft
        if draft.playing and self._placed is not None and state.camera is not self._placed:
            draft.playing = False  # somebody has taken the camera
        if draft.playing:
            draft.advance(elapsed)
            self._place(draft.pose())
        on_path = draft.playing or (state.camera is not None and state.camera is self._placed)
        state.trail = None if on_path or not dpg.is_item_shown("panel.flight") else draft.trail()

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the draft."""
        draft = self._draft
        width = max(120, dpg.get_item_rect_size("panel.flight")[0] - self._context.style.px(LIST_WIDTH + 56))
        self._timeline.update(draft, width)
        dpg.configure_item("flight.play", label="Stop" if draft.playing else "Play")
        for name in ("closed", "even"):
            dpg.set_value(f"flight.{name}", getattr(draft.path, name))
        dpg.set_value("flight.ease", draft.path.ease > 0.0)
        dpg.set_value("flight.loop", draft.loop)
        dpg.set_value("flight.drawn", draft.drawn)
        if not dpg.is_item_active("flight.seconds"):
            dpg.set_value("flight.seconds", draft.path.seconds)
        problem = draft.problem if draft.path.keys else "Place keys with K, or choose a ready path."
        dpg.set_value("flight.problem", problem)
        self._keys.update()
        self._bookmarks.update()

    def log(self, canvas: Canvas) -> Mapping[str, Any]:
        """See `Panel.log`."""
        draft = self._draft
        flight = draft.flight
        return {
            "flight": {
                "keys": len(draft.path.keys),
                "arrivals": [] if flight is None else [round(float(arrival), 4) for arrival in flight.arrivals],
                "seconds": draft.path.seconds,
                "position": round(draft.position, 3),
                "playing": draft.playing,
                "selected": draft.selected,
                "bookmarks": len(draft.album.bookmarks),
            }
        }

    def add_key(self) -> None:
        """Place a key at the picture's view; opens the panel."""
        pose = self._context.state.pose
        if pose is None:
            self._context.say("There is no view to place a key at yet: open a dataset first.")
            return
        self._edit(lambda: self._draft.add_key(pose))
        self._context.open_panel("flight")

    def _edit(self, change: Callable[[], object]) -> None:
        """Make a change; one that is out of range is explained in a toast."""
        try:
            change()
        except ValueError as error:
            self._context.say(str(error))

    def _setter(self, name: str) -> Callable[[bool], object]:
        return lambda on: self._edit(lambda: self._draft.change_path(**{name: on}))

    def _set_even(self, on: bool) -> None:
        draft, flight = self._draft, self._draft.flight
        if on or flight is None:
            self._edit(lambda: draft.change_path(even=on or flight is None))
        elif len(flight.arrivals) > 1:  # the keys keep the times that they have now
            self._edit(lambda: (draft.drag_key(1, float(flight.arrivals[1])), draft.settle()))

    def _toggle(self) -> None:
        draft = self._draft
        if draft.problem:
            self._context.say(draft.problem)
            return
        draft.toggle()
        self._placed = self._context.state.camera

    def _scrub(self, seconds: float) -> None:
        self._draft.playing = False
        self._draft.position = seconds
        self._place(self._draft.pose())

    def _place(self, pose: Pose | None) -> None:
        """Put the camera on a pose."""
        state, scene = self._context.state, self._context.session.status.scene
        if pose is None or scene is None:
            return
        camera = pose_view(scene, pose)
        state.place(camera, time=pose.time)
        self._placed = camera

    def _go_to(self, bookmark: Bookmark) -> None:
        key = bookmark.key
        self._place(Pose(key.c2w, key.fov_y, key.time))
        self._placed = None
        if bookmark.march is not None:
            with suppress(ValueError):  # thresholds of another scene
                self._context.state.set_march(**vars(bookmark.march))

    def _bookmark(self) -> None:
        state, frame = self._context.state, self._frame
        if state.pose is not None:
            march = state.march if dpg.get_value("flight.with_march") else None
            self._draft.add_bookmark(state.pose, march, "" if frame is None else thumbnail_of(frame.rgba))

    def _make_ready(self, label: str) -> None:
        dpg.set_value("flight.ready", "Ready path")
        scene, pose = self._context.session.status.scene, self._context.state.pose
        if scene is None or pose is None:
            return
        ready = next(ready for ready in READY.values() if ready.label == label)
        self._draft.set_path(ready.make(surroundings_of(scene, pose)))
        self._draft.selected, self._draft.position = None, 0.0

    def _open(self) -> None:
        try:
            self._draft.take(load_album(dpg.get_value("flight.file").strip()))
        except FirstlightError as error:
            self._context.say(str(error), error=True)

    def _save(self) -> None:
        path, format = dpg.get_value("flight.file").strip(), self._formats[dpg.get_value("flight.format")]
        try:
            self._context.say(f"Saved {save_album(path, self._draft.album, format)}")
        except (FirstlightError, ValueError) as error:
            self._context.say(str(error), error=True)


PANEL = FlightPanel
