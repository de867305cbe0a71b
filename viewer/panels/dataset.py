"""The check of the open dataset: its verdict, its warnings with a remedy each, and the facts."""

from dataclasses import replace
from functools import partial

import dearpygui.dearpygui as dpg
import numpy as np

from core.config.read_options import ReadOptions
from core.datasets.checks.dataset_check import Grade
from core.datasets.checks.poses import Finding, Remedy
from core.training.build import Overrides, is_snapshot
from viewer.protocol.frames import Frame
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.status import Status
from viewer.state.command import place_overrides
from viewer.tools.check import CHECK, DatasetCheck
from viewer.tools.image_list import labels
from viewer.widgets import ui
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel
from viewer.widgets.style import ACCENT, ALARM, DIM, GOOD
from viewer.widgets.widgets import button

COLORS = {Grade.SOUND: GOOD, Grade.DOUBTFUL: ACCENT, Grade.UNFIT: ALARM}

DRAWN, RANKED, TEXT_WIDTH = (400, 220), 138, 300
"""Sizes at scale 1: the drawing's, the width of the column of ranked images, and the least width of the text."""

MOST_RANKED = 40
"""Rows for the least sharp images; the others need no attention."""

AXES = {"opengl": "OpenGL's", "opencv": "OpenCV's"}
ANEW = "Opens the dataset again with the same box and levels, and trains from the start."
TURNED = "Opens the dataset again and trains from the start. The scene's place is searched for again."
LEAVE_OUT = "Training goes on without these views, or with them again. The panel Images has a tick box for each view."


class DatasetPanel(Panel):
    """The verdict, what helps, the facts, a drawing, and the least sharp images."""

    tag, title = "dataset", "Dataset"

    def __init__(self, context: Context):
        super().__init__(context)
        self._shown: DatasetCheck | None = None
        self._announced: set[tuple[str, ReadOptions]] = set()
        self._buttons: dict[ui.Item, Finding] = {}
        self._rows: dict[int, ui.Item] = {}
        self._followed: tuple | None = None
        self._size: tuple | None = None
        self._texture: ui.Item | None = None
        self._pixels: np.ndarray | None = None
        style = context.style
        with ui.texture_registry() as self._registry:
            blank = ui.blank_texture()
        with ui.group(horizontal=True) as self._parts:
            with ui.child_window(border=False) as self._text_column:
                self._verdict = dpg.add_text("", wrap=0, tag="dataset.verdict")
                dpg.bind_item_font(self._verdict, style.strong)
                self._progress = dpg.add_text("", color=DIM, wrap=0, tag="dataset.progress")
                self._findings, self._facts = dpg.add_group(), dpg.add_group()
            self._image = dpg.add_image(blank, width=style.px(DRAWN[0]), height=style.px(DRAWN[1]), show=False,
                                        tag="dataset.drawing")  # fmt: skip
            with ui.child_window(border=False, width=style.px(RANKED), show=False) as self._ranked:
                title = dpg.add_text("Least sharp images, relative to the median", color=DIM, wrap=0)
                dpg.bind_item_font(title, style.small)
                self._ranking = dpg.add_group()

    def tick(self, status: Status, frame: Frame | None, canvas: Canvas) -> None:
        """Draw attention to what may spoil the result, once for each dataset and each way to read it: this panel opens
        if it offers a remedy, else a toast names the problem."""
        check: DatasetCheck | None = self._context.session.result(CHECK)
        if check is None or check.grade is Grade.SOUND or (check.path, check.reading) in self._announced:
            return
        if not (check.finished or check.grade is Grade.UNFIT):
            return
        self._announced.add((check.path, check.reading))
        if check.grade is Grade.UNFIT or any(finding.remedy for finding in check.findings):
            self._context.open_panel(self.tag)
        else:
            self._context.say(f"{check.name}: {check.verdict}. See the panel {self.title}.")

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the newest state of the check and which views are left out; fit the parts into the panel."""
        check: DatasetCheck | None = self._context.session.result(CHECK)
        if check is not self._shown:
            self._show(check, status)
        self._follow(status)
        self._arrange()

    def _show(self, check: DatasetCheck | None, status: Status) -> None:
        before, self._shown = self._shown, check
        self._followed = self._size = None
        if check is None:
            self._clear()
            return
        looking = "" if check.finished else f"Looking at image {check.n_looked_at} of {check.n_pictures}."
        dpg.set_value(self._progress, looking)
        dpg.configure_item(self._progress, show=bool(looking))
        if before is not None and before.facts is check.facts:  # only the progress is new
            return
        known = check.verdict if check.finished or check.findings else "the poses look sound"
        dpg.set_value(self._verdict, known[:1].upper() + known[1:] + ".")
        dpg.configure_item(self._verdict, color=COLORS[check.grade])
        self._show_findings(check)
        self._show_facts(check)
        self._show_ranking(check, status)
        if before is None or before.drawing is not check.drawing:
            self._show_drawing(check.drawing)

    def _clear(self) -> None:
        """Nothing is known of the dataset yet."""
        for text in (self._verdict, self._progress):
            dpg.set_value(text, "")
        for group in (self._findings, self._facts, self._ranking):
            dpg.delete_item(group, children_only=True)
        for item in (self._image, self._ranked):
            dpg.configure_item(item, show=False)
        self._buttons.clear()
        self._rows.clear()

    def _show_findings(self, check: DatasetCheck) -> None:
        dpg.delete_item(self._findings, children_only=True)
        self._buttons.clear()
        for number, finding in enumerate(check.findings):
            dpg.add_text(
                f"{finding.text[:1].upper()}{finding.text[1:]}{'' if finding.text[-1] == '?' else '.'}",
                wrap=0, parent=self._findings,
            )  # fmt: skip
            if finding.remedy is not None:
                self._add_remedy(number, finding, check)

    def _add_remedy(self, number: int, finding: Finding, check: DatasetCheck) -> None:
        if finding.remedy is Remedy.LEAVE_OUT:
            text, tip, act = "", LEAVE_OUT, partial(self._leave_out, finding.views)
        else:
            if finding.remedy is Remedy.OTHER_AXES:
                axes = next(other for other in AXES if other != check.reading.axes)
                text, reading = f"Read the axes as {AXES[axes]}", replace(check.reading, axes=axes)
                tip, act = TURNED, partial(self._context.session.open, check.path, reading)
            else:
                text, reading = f"Open reduced by {check.downscale}", replace(check.reading, downscale=check.downscale)
                tip, act = ANEW, partial(self._open_there, check.path, reading)
        item = button(text, self._context.style, act, tip, tag=f"dataset.remedy.{number}", parent=self._findings)
        dpg.bind_item_theme(item, self._context.style.chosen)
        if finding.remedy is Remedy.LEAVE_OUT:
            self._buttons[item] = finding

    def _show_facts(self, check: DatasetCheck) -> None:
        dpg.delete_item(self._facts, children_only=True)
        with ui.table(header_row=False, policy=dpg.mvTable_SizingFixedFit, pad_outerX=False, parent=self._facts):
            dpg.add_table_column(width_fixed=True, init_width_or_weight=self._context.style.px(72))
            dpg.add_table_column(width_stretch=True)
            for caption, text in (*check.facts, *(("note", note) for note in check.notes)):
                with ui.table_row():
                    dpg.add_text(caption.capitalize(), color=DIM)
                    dpg.add_text(text, wrap=0)

    def _show_ranking(self, check: DatasetCheck, status: Status) -> None:
        """List the least sharp training images; a click goes to their view."""
        dpg.delete_item(self._ranking, children_only=True)
        self._rows.clear()
        dpg.configure_item(self._ranked, show=bool(check.ranking))
        names = labels(status.scene.names(Split.TRAIN)) if status.scene is not None else []
        for number, (index, share) in enumerate(check.ranking[:MOST_RANKED]):
            if index < len(names):
                self._rows[index] = dpg.add_selectable(
                    label=f"{share:.0%}  {names[index]}", tag=f"dataset.rank.{number}", parent=self._ranking,
                    user_data=index, callback=lambda _, __, index: self._go(index),
                )  # fmt: skip

    def _show_drawing(self, drawing: np.ndarray) -> None:
        """All drawings have one size and share one texture, because deleting a texture crashes some drivers. It is made
        for the first drawing only, because a raw texture is uploaded in each frame of the window."""
        pixels = np.ascontiguousarray(drawing / np.float32(255.0), np.float32)
        if self._texture is None:
            self._texture = ui.raw_texture(pixels, self._registry)
        else:
            dpg.set_value(self._texture, pixels)
        self._pixels = pixels  # the texture reads this array
        dpg.configure_item(self._image, texture_tag=self._texture, show=True)

    def _follow(self, status: Status) -> None:
        """Show which views are left out of training, and which one the camera stands on."""
        followed = (status.excluded, self._context.state.photo)
        if followed == self._followed:
            return
        self._followed, style = followed, self._context.style
        for item, finding in self._buttons.items():
            n, out = len(finding.views), status.excluded.issuperset(finding.views)
            which = "it" if n == 1 else f"these {n} views"
            dpg.configure_item(item, label=f"Take {which} back in" if out else f"Leave {which} out of training")
            dpg.bind_item_theme(item, style.plain if out else style.chosen)
        for index, item in self._rows.items():
            dpg.set_value(item, self._context.state.photo == PhotoId(Split.TRAIN, index))
            dpg.bind_item_theme(item, style.dim_row if index in status.excluded else style.row)

    def _arrange(self) -> None:
        """Put text, drawing and ranking beside one another, or below one another in a narrow panel."""
        width, height = dpg.get_item_rect_size(f"panel.{self.tag}")
        ranked = dpg.is_item_shown(self._ranked)
        if (width, height, ranked) == self._size:
            return
        self._size, px = (width, height, ranked), self._context.style.px
        beside = px(DRAWN[0]) + px(8) + (px(RANKED) + px(8) if ranked else 0)
        wide = width >= px(TEXT_WIDTH) + beside
        dpg.configure_item(self._parts, horizontal=wide)
        dpg.configure_item(self._text_column, width=-beside if wide else -1, height=-1 if wide else px(240))
        share = 1.0 if wide else min(1.0, (width - px(32)) / px(DRAWN[0]))
        dpg.configure_item(self._image, width=int(share * px(DRAWN[0])), height=int(share * px(DRAWN[1])))
        dpg.configure_item(self._ranked, width=-1, height=-1 if wide else px(240))

    def _open_there(self, path: str, reading: ReadOptions) -> None:
        """Open the dataset again in the place where it is trained now."""
        scene, there = self._context.session.status.scene, {}
        if scene is not None and scene.path == path:
            there = place_overrides(scene.place, None if is_snapshot(scene.opened) else scene.opened_place)
        self._context.session.open(path, reading, Overrides(place=there))

    def _leave_out(self, views: tuple[int, ...]) -> None:
        """Leave views out of training; if they all are, take them back in."""
        out = self._context.session.status.excluded.issuperset(views)
        for view in views:
            self._context.session.include(view, out, self._context.state.scene_serial)

    def _go(self, index: int) -> None:
        self._followed = None  # the click has selected its row: mark the right one again
        self._context.go_to(PhotoId(Split.TRAIN, index))


PANEL = DatasetPanel
