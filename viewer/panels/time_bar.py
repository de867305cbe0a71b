"""The time of a scene that moves: a slider at the picture's lower edge, which plays it once or in a loop."""

from typing import Any

import dearpygui.dearpygui as dpg

from viewer.state.playback import Playback
from viewer.widgets import floating, ui
from viewer.widgets.canvas import Rect
from viewer.widgets.context import Context
from viewer.widgets.widgets import button, tooltip

SPEEDS = {1.0: "1 s", 2.0: "2 s", 4.0: "4 s", 8.0: "8 s", 16.0: "16 s", 32.0: "32 s"}
"""The durations to choose from: seconds that the whole sequence takes, and their names."""

MARGIN = 10
"""Pixels between the bar and the picture's edge, at scale 1."""


class TimeBar:
    """A small window over the picture, hidden in a scene that doesn't move."""

    window = "time.window"

    def __init__(self, context: Context):
        self._context = context
        self._shown: Playback | None = None
        style = context.style
        with (
            floating.window(self.window, (40, 20), takes_focus=False),
            ui.group(horizontal=True, horizontal_spacing=style.px(6)),
        ):
            button("Play", style, self.toggle, "Play or stop the time (T).", tag="time.play", width=style.px(58))
            slider = dpg.add_slider_float(
                tag="time.slider", width=style.px(220), max_value=1.0, format="time %.3f", no_input=True, clamped=True,
                callback=lambda _, time: self._change(time=min(1.0, max(0.0, time))),
            )  # fmt: skip
            dpg.bind_item_theme(slider, style.written)
            tooltip(slider, "The picture's time: 0 is the first moment of the views, 1 the last.", style)
            speed = dpg.add_combo(
                list(SPEEDS.values()), tag="time.speed", width=style.px(64),
                callback=lambda _, text: self._change(seconds=next(s for s, word in SPEEDS.items() if word == text)),
            )  # fmt: skip
            tooltip(speed, "Duration of the whole sequence.", style)
            loop = dpg.add_checkbox(label="Loop", tag="time.loop", callback=lambda _, on: self._change(loop=on))
            tooltip(loop, "Start again when the end is reached.", style)
        dpg.bind_item_theme(self.window, style.card)
        context.handles.append("time.slider")

    def toggle(self) -> None:
        """Play or stop, in a scene that moves."""
        if self._context.state.playback is not None:
            self._context.state.playback = self._context.state.playback.toggled()

    def update(self, seconds: float) -> None:
        """Advance the time, if it plays, by the seconds since the last frame, and show it."""
        state = self._context.state
        if state.playback is not None:
            state.playback = state.playback.after(seconds)
        playback = state.playback
        if playback == self._shown:
            return
        dpg.configure_item(self.window, show=playback is not None)
        self._shown = playback
        if playback is not None:
            dpg.configure_item("time.play", label="Stop" if playback.playing else "Play")
            dpg.set_value("time.slider", playback.time)
            dpg.set_value("time.speed", SPEEDS[playback.seconds])
            dpg.set_value("time.loop", playback.loop)

    @property
    def height(self) -> int:
        """Its height with the margin below it in pixels, 0 while it is hidden."""
        if self._shown is None:
            return 0
        return dpg.get_item_rect_size(self.window)[1] + self._context.style.px(MARGIN)

    def place(self, rect: Rect) -> None:
        """Stay at the lower edge of the picture, in the middle."""
        width, height = dpg.get_item_rect_size(self.window)
        top = rect.y + rect.height - height - self._context.style.px(MARGIN)
        dpg.set_item_pos(self.window, [rect.x + (rect.width - width) / 2, top])

    def _change(self, **values: Any) -> None:
        self._context.state.set_playback(**values)
