"""Films the flight in the background."""

from collections.abc import Iterator
from contextlib import contextmanager

import dearpygui.dearpygui as dpg
import numpy as np

from core.errors import FirstlightError
from core.films import FILMS
from core.flights.curve import frame_times
from viewer.picture.export.film import FPS, FilmOrder, check_order
from viewer.presentation.export_text import export_text, film_seconds, time_text
from viewer.protocol.frames import Frame
from viewer.protocol.optics import CameraModel, Optics
from viewer.protocol.status import State, Status
from viewer.protocol.view_settings import Mode
from viewer.tools.base import IN_BACKGROUND
from viewer.tools.export import EXPORT
from viewer.tools.film import FilmJob
from viewer.tools.focus import FOCUS, FocusQuestion
from viewer.widgets import ui
from viewer.widgets.card import Card
from viewer.widgets.style import DIM, TIMES
from viewer.widgets.widgets import button, label, plain, tooltip

PREVIEW = (240, 150)
"""The newest frame's size on the card, in pixels at scale 1."""

SHOWS = {"as shown": (), "colour + depth": (Mode.COLOR, Mode.DEPTH)}
LARGEST = 8192


class VideoCard(Card):
    """Settings of a film, its cost, and its progress."""

    tag, title = "video", "Video"
    tip = "Film the path of the panel Flight: MP4, WebM, WebP, GIF, or a folder of PNGs."

    def build(self) -> None:
        """See `Card.build`."""
        style = self._context.style
        px = style.px
        self._picture: np.ndarray | None = None
        self._focus: FocusQuestion | None = None
        self._status, self._frame = Status(), None
        with self._row("File"):
            dpg.add_input_text(tag="video.file", default_value="flight.mp4", width=px(256))
            self._context.inputs.append("video.file")
            known = ", ".join(suffix for suffix in FILMS if suffix)
            tooltip("video.file", f"A new file ({known}), or a folder for PNGs, a name without suffix.", style)
        with self._row("Size"):
            self._integer("video.width", 1280, 2, LARGEST)
            dpg.add_text(TIMES, color=DIM)
            self._integer("video.height", 720, 2, LARGEST)
            dpg.add_text("px at", color=DIM)
            self._number("video.fps", FPS, "Frames per second.")
            dpg.add_text("/s", color=DIM)
        with self._row("Shows"):
            dpg.add_combo(list(SHOWS), tag="video.shows", default_value="as shown", width=px(130))
            models = [model.value for model in CameraModel]
            dpg.add_combo(models, tag="video.model", default_value=models[0], width=px(120))
        with self._row("Rays per pixel"):
            self._integer("video.rays", 1, 1, 256)
            tooltip("video.rays", "A pixel is the mean of so many rays: smooth edges, blur of motion and lens.", style)
            dpg.add_text("motion blur", color=DIM)
            self._number("video.blur", 0.0, "The share of a frame's time for which the shutter is open, 0 to 1.")
        with self._row("Aperture"):
            self._number("video.aperture", 0.0, "The lens' radius in scene units; 0: everything is sharp.")
            dpg.add_text("focus", color=DIM)
            self._number("video.focus", 0.0, "The distance that is sharp; 0: that of the scene's middle.")
            button("Pick", style, self._pick, "Click what is to be sharp.", tag="video.pick")
        dpg.add_text("", tag="video.cost", color=DIM, wrap=px(self.width - 24))
        with ui.texture_registry():
            self._pixels = np.zeros((px(PREVIEW[1]), px(PREVIEW[0]), 4), np.float32)
            self._texture = ui.raw_texture(self._pixels)
        dpg.add_image(self._texture, tag="video.preview", show=False)
        with ui.group(horizontal=True):
            item = button("Film it", style, self._start, "Film in the background; training and the view go on.",
                          tag="video.start", width=px(100))  # fmt: skip
            dpg.bind_item_theme(item, style.chosen)
            button("Cancel", style, self._cancel, "End the film; nothing is kept but a folder's frames.",
                   tag="video.cancel", width=px(80), show=False)  # fmt: skip

    @contextmanager
    def _row(self, text: str) -> Iterator[None]:
        with ui.group(horizontal=True, horizontal_spacing=self._context.style.px(6)):
            label(text, self._context.style, width=96)
            yield

    def _integer(self, tag: str, value: int, low: int, high: int) -> None:
        dpg.add_input_int(
            tag=tag, default_value=value, width=self._context.style.px(58), step=0, min_value=low, max_value=high,
            min_clamped=True, max_clamped=True,
        )  # fmt: skip
        self._context.inputs.append(tag)

    def _number(self, tag: str, value: float, tip: str) -> None:
        dpg.add_input_float(tag=tag, default_value=value, width=self._context.style.px(58), step=0, format="%.4g")
        tooltip(tag, tip, self._context.style)
        self._context.inputs.append(tag)

    def update(self, status: Status, frame: Frame | None) -> None:
        """See `Card.update`."""
        self._status, self._frame = status, frame
        answer = self._context.session.result(FOCUS)
        if self._focus is not None and answer is not None and answer.question == self._focus:
            self._focus = None
            if answer.distance is None:
                self._context.say("There is nothing at that pixel: pick something that is seen.")
            else:
                dpg.set_value("video.focus", plain(answer.distance))
        if not self.shown:
            return
        state = self._context.session.result(EXPORT)
        running = state is not None and state.running
        dpg.configure_item("video.start", enabled=not running)
        dpg.configure_item("video.cancel", show=running)
        dpg.set_value("video.cost", export_text(state) if running else self._cost())
        picture = state.picture if state is not None else None
        if picture is not None and picture is not self._picture:
            self._picture = picture
            self._show(picture)

    def _cost(self) -> str:
        """The film's frames and expected time, or why there can't be one."""
        flight, frame = self._context.state.flight.flight, self._frame
        if flight is None:
            return self._context.state.flight.problem or "No flight."
        fps = dpg.get_value("video.fps")
        if not 0.0 < fps <= 1000.0:
            return "Frames per second must lie above 0 and at most at 1000."
        n = len(frame_times(flight, fps))
        text = f"{n} frames, {flight.seconds:.1f} s"
        if frame is None or frame.stats.milliseconds <= 0.0:
            return text
        share = IN_BACKGROUND if self._status.state is State.TRAINING else 1.0
        stats, pixels = frame.stats, dpg.get_value("video.width") * dpg.get_value("video.height")
        drawn = stats.rendered_width * stats.rendered_height
        rays = dpg.get_value("video.rays")
        return f"{text}; about {time_text(film_seconds(stats.milliseconds, drawn, pixels, n, rays, share))}"

    def _show(self, picture: np.ndarray) -> None:
        """Draw a frame into the preview, as large as it fits."""
        rows, columns = self._pixels.shape[:2]
        scale = min(columns / picture.shape[1], rows / picture.shape[0])
        height, width = (max(1, min(limit, round(scale * side))) for limit, side in
                         zip((rows, columns), picture.shape[:2], strict=True))  # fmt: skip
        ys = (np.arange(height) * picture.shape[0]) // height
        xs = (np.arange(width) * picture.shape[1]) // width
        pixels = np.zeros_like(self._pixels)
        pixels[:height, :width, :3] = picture[ys[:, None], xs].astype(np.float32) / 255.0
        pixels[:height, :width, 3] = 1.0
        self._pixels = pixels
        dpg.set_value(self._texture, pixels)
        dpg.configure_item("video.preview", show=True)

    def _start(self) -> None:
        state, status = self._context.state, self._status
        request = state.current(dpg.get_value("video.width"), dpg.get_value("video.height"))
        if request is None or status.scene is None:
            self._context.say("There is nothing to film yet: open a dataset first.")
            return
        try:
            optics = Optics(
                CameraModel(dpg.get_value("video.model")), dpg.get_value("video.rays"),
                plain(dpg.get_value("video.aperture")), plain(dpg.get_value("video.focus")),
            )  # fmt: skip
            order = FilmOrder.of_view(
                dpg.get_value("video.file").strip(), request, optics, state.flight.path,
                SHOWS[dpg.get_value("video.shows")], plain(dpg.get_value("video.fps")),
                plain(dpg.get_value("video.blur")), status.scene,
            )  # fmt: skip
            check_order(order, status.scene, status.step)
        except (FirstlightError, ValueError) as error:
            self._context.say(str(error), error=True)
            return
        self._context.session.ask(EXPORT, FilmJob(order))

    def _cancel(self) -> None:
        self._context.session.ask(EXPORT, None)
        self._context.say("The film was cancelled.")

    def _pick(self) -> None:
        self._context.picker = self._picked
        self._context.say("Click what is to be sharp.")

    def _picked(self, x: float, y: float) -> None:
        """Focus on a pixel of the window."""
        rect = self._canvas.rect
        request = self._context.state.current(*rect.size)
        if request is not None:
            column, row = int(x - rect.x), int(y - rect.y)
            self._focus = FocusQuestion(
                request, min(max(column, 0), rect.width - 1), min(max(row, 0), rect.height - 1)
            )  # fmt: skip
            self._context.session.ask(FOCUS, self._focus)


CARD = VideoCard
