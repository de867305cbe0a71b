"""The line at the lower edge: state, device, backend and method; the rendered size and why it is reduced; rates."""

import dearpygui.dearpygui as dpg

from viewer.protocol.frames import Frame
from viewer.protocol.runs import names_of
from viewer.protocol.status import Status
from viewer.widgets.bar import bar
from viewer.widgets.style import TIMES, Style
from viewer.widgets.widgets import tooltip


class StatusLine:
    """A docked window along the lower edge."""

    window = "status"

    def __init__(self, style: Style):
        self._style = style
        with bar(self.window):
            dpg.add_text("", tag="status.left")
            dpg.add_text("", tag="status.right")
        tooltip("status.right", "The rendered size, new pictures per second, and frames of this window per second.",
                style)  # fmt: skip
        dpg.bind_item_theme(self.window, style.status)
        dpg.bind_item_font(self.window, style.small)

    def update(self, status: Status, frame: Frame | None, window_fps: float, work: str) -> None:
        """Show the newest figures.

        Args:
            work: what is exported in the background; "": nothing.
        """
        parts = [status.state.value]
        if status.device:
            parts.append(status.device.upper())
        if status.backend:
            parts.append(status.backend)
        if status.scene is not None:
            parts.append(names_of(status.scene.method))
        if work:
            parts.append(work)
        dpg.set_value("status.left", "   ·   ".join(parts))
        right = [f"view {status.views_per_second:.1f} /s", f"window {window_fps:.0f} fps"]
        if frame is not None:
            size = f"{frame.stats.rendered_width} {TIMES} {frame.stats.rendered_height} px"
            if frame.reason:
                size += f" of {frame.request.width} {TIMES} {frame.request.height}: {frame.reason}"
            right.insert(0, size)
        dpg.set_value("status.right", "   ·   ".join(right))
        self._align()

    def _align(self) -> None:
        width = dpg.get_item_rect_size(self.window)[0]
        size = dpg.get_text_size(dpg.get_value("status.right") or "", font=self._style.small)
        if size:
            dpg.set_item_pos("status.right", [width - size[0] - self._style.px(12), self._style.px(5)])
