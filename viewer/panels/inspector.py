"""The ray inspector: pick a pixel and see what happens along its ray."""

import dearpygui.dearpygui as dpg
import numpy as np

from core.errors import FirstlightError
from core.files import write_numbered
from viewer.input.navigation import Pick
from viewer.presentation.ray_report import ray_text, scene_ray, to_csv
from viewer.protocol.frames import Frame
from viewer.protocol.requests import SceneRay
from viewer.protocol.status import Status
from viewer.protocol.view_settings import Compare
from viewer.tools.inspector import INSPECTOR, Inspection, RayQuestion
from viewer.widgets import ui
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel, Pointer
from viewer.widgets.ray_plots import LEGEND, OFF_GRID, RayPlots
from viewer.widgets.style import DASH, DIM, Style
from viewer.widgets.widgets import Figures, button, tooltip

Vector = tuple[float, float, float]

FOLDER = "rays"

HINT = "Hold I and click a pixel of the picture, or press Inspect and click. Without either, a drag orbits as usual."

KEY = "I"
"""While it is held, a click picks a pixel."""

WIDTH = 300
"""The width of the figures beside the plots, at scale 1."""

FIGURES = {
    "opacity": ("Opacity", "1 - transmittance after the composited samples."),
    "depth": ("Expected depth", "Mean distance of the composited samples, weighted by their weights."),
    "median": ("Median depth", "Distance at which the composited samples have absorbed half of the light."),
    "kept": ("Composited", "Samples that contribute to the pixel's colour."),
    "marched": ("Evaluated", "Samples whose density was evaluated. Samples are taken in rounds, so some behind "
                "the stop are evaluated in vain."),
    "skipped": ("Skipped", "Samples that a march through the whole box would take, but that were never evaluated: in "
                "empty cells, or behind the stop. For a sampler that doesn't march the grid: samples that were left "
                "out."),
}  # fmt: skip

ARM, GAP = 9.0, 3.0
"""The cross at the picked pixel: how far from it its arms end, and where they begin, at scale 1."""


class InspectorPanel(Panel):
    """The picked ray, which stays where it is in the world."""

    tag, title = "inspector", "Ray inspector"
    tools = (INSPECTOR,)

    def __init__(self, context: Context):
        super().__init__(context)
        self._ray: tuple[Vector, Vector] | None = None
        self._of = Compare.OFF
        self._asked: RayQuestion | None = None
        self._shown: Inspection | None = None
        self._drawn: SceneRay | None = None
        self._scene: tuple[int, str] = (0, "")
        self._pick, self._mode = Pick(), False
        self._follows = True
        style = context.style
        with ui.group(horizontal=True):
            with ui.child_window(width=style.px(WIDTH), border=False):
                self._build_figures()
            self._plots = RayPlots(style)
        with ui.draw_layer(parent="picture", show=False) as self._cross:
            self._arms = [
                dpg.draw_line((0, 0), (0, 0), color=color, thickness=style.px(thickness))
                for color, thickness in (((0, 0, 0, 170), 4), ((255, 255, 255, 255), 2))
                for _ in range(4)
            ]

    def _build_figures(self) -> None:
        style = self._context.style
        with ui.group(horizontal=True):
            self._toggle = button(
                "Inspect", style, self.toggle, "While this is on, a click on the picture picks a pixel. A click "
                "while I is held does so too.", tag="ray.inspect", width=style.px(90),
            )  # fmt: skip
            button("Export CSV", style, self._export, f"Write the samples, and what guided the sampler, to a new file "
                   f"in the folder {FOLDER}.", tag="ray.export", width=style.px(100))  # fmt: skip
            button("Clear", style, self.clear, "Forget the ray.", tag="ray.clear", width=-1)
        self._text = dpg.add_text(HINT, wrap=style.px(WIDTH - 8), tag="ray.text")
        with ui.table(header_row=False, policy=dpg.mvTable_SizingStretchSame, pad_outerX=False):
            for _ in range(2):
                dpg.add_table_column()
            with ui.table_row():
                self._rendered = _Swatch("Rendered colour", "ray.rendered", style)
                self._photo = _Swatch("Photo colour", "ray.photo", style)
        tooltip(self._photo.group, "The photo's pixel, if the ray begins at a camera of the dataset. Red, green and "
                "blue are 0 to 1.", style)  # fmt: skip
        captions, tips = ({name: pair[i] for name, pair in FIGURES.items()} for i in range(2))
        self._figures = Figures(captions, style, 3, "ray", tips)
        self._bands: list[ui.Item] = []
        with ui.group(horizontal=True, horizontal_spacing=style.px(5)):
            for i, (text, color) in enumerate(LEGEND):
                if i:
                    dpg.add_spacer(width=style.px(6))
                dpg.add_color_button(
                    color, width=style.px(13), height=style.px(13), no_alpha=True, no_border=True, no_drag_drop=True,
                    no_tooltip=True,
                )  # fmt: skip
                self._bands.append(dpg.add_text(text, color=DIM))
                dpg.bind_item_font(self._bands[-1], style.small)

    def toggle(self) -> None:
        """Switch inspect mode on or off."""
        self._mode = not self._mode
        style = self._context.style
        dpg.bind_item_theme(self._toggle, style.chosen if self._mode else style.plain)

    def clear(self) -> None:
        """Forget the ray."""
        self._ray = None

    def grabs(self, pointer: Pointer, canvas: Canvas) -> bool:
        """Whether the left button picks a pixel now; if so, the ray through it is inspected. See `Panel.grabs`."""
        camera, rect = self._context.state.camera, canvas.rect
        wanted = camera is not None and (KEY in pointer.keys or (self._mode and self._visible))
        held = self._pick.active
        if not self._pick.picks(pointer.down, canvas.hovered, wanted) or camera is None:
            return False
        if held and not self._follows:
            return True
        # a panel that opens moves the picture under the cursor: keep the pixel until the button is released
        self._follows = self._visible
        if not self._visible:
            self._context.open_panel(self.tag)
        x, y = pointer.x - rect.x, pointer.y - rect.y
        column, row = (min(max(int(a), 0), n - 1) for a, n in ((x, rect.width), (y, rect.height)))
        u, v = (column + 0.5 - 0.5 * rect.width) / rect.height, (row + 0.5 - 0.5 * rect.height) / rect.height
        self._follow_scene(self._context.session.status)  # a panel out of sight hasn't noticed it
        self._ray = _vector(camera.position), _vector(camera.direction_at(u, v))
        self._of = self._context.state.a_at((column + 0.5) / rect.width)
        return True

    def update(self, status: Status, frame: Frame | None) -> None:
        """Ask for the ray with the present thresholds; show the newest answer."""
        self._follow_scene(status)
        question = self._question()
        if question != self._asked:
            self._asked = question
            self._context.session.ask(INSPECTOR, question)
        result = self._context.session.result(INSPECTOR) if question is not None else None
        if result is not self._shown:
            self._shown = result
            self._show(result)

    def tick(self, status: Status, frame: Frame | None, canvas: Canvas) -> None:
        """Mark the ray's pixel while the camera stands where the ray begins; otherwise let the picture show the ray."""
        state, at = self._context.state, None
        state.ray = None
        if self._of is not state.comparing:
            self._of = Compare.OFF  # A is no longer shown, or is an A of the other kind
        if not self._visible:
            self._asked = None
        elif self._ray is not None and state.camera is not None:
            origin, direction = (np.array(x) for x in self._ray)
            if np.allclose(state.camera.position, origin, rtol=0.0, atol=1e-6 * state.camera.distance):
                at = state.camera.seen_at(direction)
            else:
                state.ray = self._drawn
        dpg.configure_item(self._cross, show=at is not None)
        if at is not None:
            self._place_cross(*(0.5 * n + a * canvas.rect.height for a, n in zip(at, canvas.rect.size, strict=True)))

    def _follow_scene(self, status: Status) -> None:
        """Ask again when a scene begins anew, and forget the ray when another scene opens."""
        scene = (status.scene_serial, status.scene.path if status.scene else "")
        if scene != self._scene:
            if scene[1] != self._scene[1]:
                self._ray = None
            self._scene, self._asked = scene, None

    @property
    def _visible(self) -> bool:
        return bool(dpg.is_item_visible(f"panel.{self.tag}"))

    def _question(self) -> RayQuestion | None:
        if self._ray is None:
            return None
        width, height = dpg.get_item_rect_size("picture")
        state = self._context.state
        march = state.march_of_a if self._of is not Compare.OFF else None
        return RayQuestion(
            *self._ray, march or state.march, state.view.background, int(width * height), state.time, self._of
        )

    def _show(self, found: Inspection | None) -> None:
        self._plots.show(found)
        self._drawn = None if found is None else scene_ray(found)
        if found is None:
            dpg.set_value(self._text, HINT)
            self._figures.show(**dict.fromkeys(FIGURES, DASH))
            self._rendered.show(None)
            self._photo.show(None)
            return
        report = found.report
        for item, (marched, _), other in zip(self._bands, LEGEND, OFF_GRID, strict=True):
            dpg.set_value(item, marched if found.sampler.marches_grid else other)
        dpg.set_value(self._text, ray_text(found))
        self._rendered.show(report.color)
        self._photo.show(found.photo.color if found.photo else None)
        self._figures.show(
            opacity=f"{report.opacity:.4f}",
            depth=_distance(report.depth),
            median=_distance(report.median_depth),
            kept=str(report.n_kept),
            marched=str(report.n_marched),
            skipped=f"{report.n_dense - report.n_marched} of {report.n_dense}",
        )

    def _place_cross(self, x: float, y: float) -> None:
        arm, gap = self._context.style.px(ARM), self._context.style.px(GAP)
        for i, line in enumerate(self._arms):
            dx, dy = ((1, 0), (-1, 0), (0, 1), (0, -1))[i % 4]
            dpg.configure_item(line, p1=(x + gap * dx, y + gap * dy), p2=(x + arm * dx, y + arm * dy))

    def _export(self) -> None:
        scene, found = self._context.session.status.scene, self._shown
        if scene is None or found is None:
            self._context.say("There is no ray to export yet: hold I and click a pixel of the picture.")
            return
        try:
            path = write_numbered(FOLDER, f"{scene.name}-ray", found.step, ".csv", to_csv(found, scene.path).encode())
        except FirstlightError as error:
            self._context.say(str(error), error=True)
        else:
            self._context.say(f"Saved {path}")


class _Swatch:
    """A colour as a patch and as numbers, below a caption."""

    def __init__(self, caption: str, tag: str, style: Style):
        with ui.group() as self.group:
            dpg.bind_item_font(dpg.add_text(caption, color=DIM), style.small)
            with ui.group(horizontal=True):
                self._patch = dpg.add_color_button(
                    tag=f"{tag}.patch", width=style.px(18), height=style.px(18), no_alpha=True, no_border=True,
                    no_drag_drop=True, show=False,
                )  # fmt: skip
                self._text = dpg.add_text(DASH, tag=tag)
        dpg.bind_item_theme(self.group, style.tight)

    def show(self, color: tuple[float, float, float] | None) -> None:
        dpg.configure_item(self._patch, show=color is not None)
        if color is not None:
            dpg.set_value(self._patch, [255.0 * min(1.0, max(0.0, c)) for c in color])
        dpg.set_value(self._text, DASH if color is None else "  ".join(f"{c:.3f}" for c in color))


def _vector(values: np.ndarray) -> Vector:
    x, y, z = map(float, values)
    return x, y, z


def _distance(t: float) -> str:
    return f"{t:.4g} units" if np.isfinite(t) else "none"


PANEL = InspectorPanel
