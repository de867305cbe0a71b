"""The dialog that opens a dataset or a snapshot: a path, file dialogs and the recent scenes."""

from collections.abc import Callable
from pathlib import Path

import dearpygui.dearpygui as dpg

from core.training.build import FILE_SUFFIXES, SNAPSHOT_SUFFIX
from viewer.state import recent
from viewer.widgets import floating, ui
from viewer.widgets.canvas import Rect
from viewer.widgets.context import Context
from viewer.widgets.style import DIM
from viewer.widgets.widgets import button, tooltip

WIDTH = 560


class OpenDialog:
    """A small window over the picture.

    Args:
        open_path: called with the chosen path.
        recent_file: keeps the list of recent scenes.
    """

    window = "open.window"

    def __init__(self, context: Context, open_path: Callable[[str], None], recent_file: Path):
        self._context, self._open, self._recent_file = context, open_path, recent_file
        style = context.style
        with floating.window(self.window, (style.px(WIDTH), 40)):
            dpg.bind_item_font(dpg.add_text("Open a scene"), style.title)
            hint = dpg.add_text("A dataset's folder or .npz, a folder of photos, a video, or a snapshot.", color=DIM)
            dpg.bind_item_font(hint, style.small)
            dpg.add_spacer(height=style.px(4))
            with ui.group(horizontal=True):
                dpg.add_input_text(
                    tag="open.path", width=style.px(WIDTH - 116), on_enter=True, hint="/path/to/dataset",
                    callback=lambda: self._accept(),
                )  # fmt: skip
                item = button("Open", style, self._accept, width=style.px(76), tag="open.accept")
                dpg.bind_item_theme(item, style.chosen)
            with ui.group(horizontal=True):
                button("Choose a folder…", style, lambda: self._browse("open.folders"))
                button("Choose a file…", style, lambda: self._browse("open.files"))
                button("Cancel", style, self.hide, tag="open.cancel")
            dpg.add_spacer(height=style.px(6))
            title = dpg.add_text("Recent", color=DIM)
            dpg.bind_item_font(title, style.small)
            dpg.add_group(tag="open.recent")
        dpg.bind_item_theme(self.window, style.card)
        context.inputs.append("open.path")
        self._dialogs = ("open.folders", "open.files")
        width, height = style.px(720), style.px(460)
        dpg.add_file_dialog(
            tag="open.folders", label="Choose a dataset's folder", directory_selector=True, show=False, modal=True,
            callback=lambda _, chosen: self._chosen(chosen["file_path_name"]), width=width, height=height,
        )  # fmt: skip
        with ui.file_dialog(
            tag="open.files", label="Choose a snapshot, a video or an .npz", show=False, modal=True,
            callback=lambda _, chosen: self._chosen(next(iter(chosen["selections"].values()), "")), width=width,
            height=height,
        ):  # fmt: skip
            dpg.add_file_extension(f"Scenes{{{','.join(FILE_SUFFIXES)}}}")
            dpg.add_file_extension(SNAPSHOT_SUFFIX, color=(232, 168, 68, 255))
            dpg.add_file_extension(".*")

    @property
    def busy(self) -> bool:
        """Whether a dialog is open, so that keys are for it."""
        return bool(dpg.is_item_shown(self.window)) or any(dpg.is_item_shown(dialog) for dialog in self._dialogs)

    def show(self) -> None:
        dpg.configure_item(self.window, show=True)
        self._list(recent.load(self._recent_file))
        dpg.focus_item("open.path")

    def hide(self) -> None:
        dpg.configure_item(self.window, show=False)

    def place(self, rect: Rect) -> None:
        """Stay in the middle of the picture."""
        floating.center(self.window, rect)

    def remember(self, path: str) -> None:
        """Put a scene that was opened at the head of the recent list."""
        self._list(recent.add(self._recent_file, path))

    def _list(self, paths: list[str]) -> None:
        dpg.delete_item("open.recent", children_only=True)
        style = self._context.style
        if not paths:
            dpg.add_text("Nothing yet.", parent="open.recent", color=DIM)
        for path in paths:
            text = path if len(path) <= 72 else f"…{path[-71:]}"
            item = dpg.add_button(
                label=text, parent="open.recent", user_data=path, width=style.px(WIDTH - 32),
                callback=lambda _, __, chosen: self._chosen(chosen),
            )  # fmt: skip
            dpg.bind_item_theme(item, style.entry)
            tooltip(item, path, style)

    def _browse(self, dialog: str) -> None:
        typed = Path(dpg.get_value("open.path") or ".").expanduser()
        start = typed if typed.is_dir() else Path.cwd()
        dpg.configure_item(dialog, default_path=str(start), show=True)

    def _accept(self) -> None:
        self._chosen(dpg.get_value("open.path").strip())

    def _chosen(self, path: str) -> None:
        if not path:
            self._context.say("Type or choose a path first.")
            return
        dpg.set_value("open.path", path)
        self.hide()
        self._open(path)
