"""The march's thresholds as live sliders, and figures of what they cost and save."""

import math

import dearpygui.dearpygui as dpg

from core.config.march import MARCH_NUMBERS, MarchSettings
from core.config.setting import settings_of
from viewer.presentation.effective import Effect, effects
from viewer.protocol.frames import Frame, FrameStats
from viewer.protocol.status import Status
from viewer.state.command import command
from viewer.state.dock_layout import Area
from viewer.tools.reference import REFERENCE
from viewer.tools.scattered import Difference
from viewer.widgets import ui
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel
from viewer.widgets.setting_slider import SettingSlider
from viewer.widgets.style import DASH, DIM
from viewer.widgets.widgets import Figures, button, short, tooltip

SHORT_LABEL = 100
"""Width of the sliders' labels at scale 1; it leaves room for the text on the sliders."""

COPY_HELP = (
    "Copy the command that opens this scene with these thresholds and view settings. It doesn't include the camera; a "
    "screenshot does."
)

FIGURES = {
    "ms": ("Frame", "Time to render this picture, including what is drawn over it."),
    "march": ("March", "Placing samples, with the sampler's own fields if it has any, and finding the visible ones."),
    "field": ("Field", "Encodings and networks, for densities and colours."),
    "composite": ("Composite", "Making rays and weights, and summing over the samples."),
    "samples": ("Samples/ray", "Mean number of composited samples per ray."),
    "median": ("Median", "Median number of composited samples per ray."),
    "p95": ("95 %", "95 % of the rays have fewer composited samples than this."),
    "marched": ("Tried/ray", "Mean number of samples per ray whose density was evaluated."),
    "density": ("Densities", "Evaluations of density for this picture."),
    "color": ("Colours", "Evaluations of colour for this picture."),
    "occupied": ("Occupied", "Share of the grid's cells that the view marches, if the sampler marches the grid. The "
                 "panel Occupancy has it for each level."),
    "skipped": ("Skipped", "Share of the samples of a march through the whole box that was never evaluated, if the "
                "sampler marches the grid."),
    "missed": ("Missed", "Share of the rays that met no occupied cell; without a grid to march, no box."),
    "stopped": ("Stopped", "Share of the rays that ended early because almost no light was left."),
    "far": ("Far side", "Share of the rays that reached the far side of the scene."),
    "psnr": ("Against off", "PSNR of this view against the same view with alpha threshold, early stop and occupancy "
             "threshold off, as far as the sampler uses them. Measured pixel by pixel while the camera rests."),
}  # fmt: skip
"""Caption and explanation of each figure, in reading order, four to a row."""


class ThresholdsPanel(Panel):
    """A slider for each threshold, and what the newest picture cost."""

    tag, title = "thresholds", "Thresholds"
    area, shown = Area.SIDE, True
    tools = (REFERENCE,)

    def __init__(self, context: Context):
        super().__init__(context)
        self._asked: Frame | None = None
        style = context.style
        settings = settings_of(MarchSettings)
        captions, tips = ({name: pair[i] for name, pair in FIGURES.items()} for i in range(2))
        self._figures = Figures(captions, style, 4, "cost", tips)
        self._error = dpg.add_text("", tag="cost.error", color=DIM)
        dpg.bind_item_font(self._error, style.small)
        self._sliders = {
            name: SettingSlider(
                context, f"march.{name}", settings[name], self._setter(name), self._sweeper(name), SHORT_LABEL
            )
            for name in MARCH_NUMBERS
        }
        self._shared = dpg.add_checkbox(
            label="Use in training too", tag="march.in_training", callback=lambda _, on: context.sharing.set(on)
        )
        tooltip(self._shared, "While this is ticked, training marches with these thresholds too.", style)
        with ui.group(horizontal=True):
            button("Back to training's", style, self._back, "Set the view's thresholds to those that training uses.",
                   width=style.px(156), tag="march.back")  # fmt: skip
            button("Copy as command", style, self._copy, COPY_HELP, width=-1, tag="march.copy")

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the settings, and what the newest frame cost."""
        march = self._context.state.march
        found, diagonal = self._effects(status), None
        if status.scene is not None:
            diagonal = math.dist(status.scene.box[:3], status.scene.box[3:])
        used = MARCH_NUMBERS if status.scene is None else status.scene.sampler.reads
        for name, slider in self._sliders.items():
            values = getattr(march, name), getattr(status.march, name)
            slider.show(*values, found.get(name), diagonal, name in used)
        dpg.set_value(self._shared, self._context.sharing.on)
        if frame is not self._asked or self._context.returned:
            self._asked = frame
            self._context.session.ask(REFERENCE, None if frame is None else frame.request)
        if frame is None:
            self._figures.show(**dict.fromkeys(FIGURES, DASH))
        else:
            psnr, error = difference_texts(self._context.session.result(REFERENCE))
            on_grid = status.scene is None or status.scene.sampler.marches_grid
            self._figures.show(**cost_texts(frame.stats, on_grid), psnr=psnr)
            dpg.set_value(self._error, error)

    def _effects(self, status: Status) -> dict[str, Effect]:
        """What the thresholds amount to, seen from the camera."""
        scene, camera = status.scene, self._context.state.camera
        if scene is None or camera is None:
            return {}
        march, capped = status.march, None
        if scene.train.occ_thre_rule != "fixed":
            capped = march.occ_thre
        view, position = self._context.state.march, camera.position.tolist()
        return effects(view, position, scene.bounds, march.render_step_size, scene.sampler, capped)

    def _sweeper(self, name: str):
        return lambda: self._context.sweep(name)

    def _setter(self, name: str):
        return lambda value: self._context.state.set_march(**{name: value})

    def _back(self) -> None:
        self._context.state.march = self._context.session.status.march

    def _copy(self) -> None:
        scene, state = self._context.session.status.scene, self._context.state
        if scene is None:
            self._context.say("There is nothing to copy yet: open a dataset first.")
            return
        line = command(scene, state.march, state.view)
        dpg.set_clipboard_text(line)
        self._context.say(f"Copied: {line}")


def cost_texts(s: FrameStats, on_grid: bool) -> dict[str, str]:
    """The figures of a frame as text, by their names in `FIGURES`; some exist only where the grid was marched."""
    return {
        "ms": f"{s.milliseconds:.0f} ms",
        "march": f"{s.march_ms:.1f} ms",
        "field": f"{s.field_ms:.1f} ms",
        "composite": f"{s.composite_ms:.1f} ms",
        "samples": f"{s.samples_per_ray:.2f}",
        "median": f"{s.samples_median:.0f}",
        "p95": f"{s.samples_p95:.0f}",
        "marched": f"{s.n_density / (s.rendered_width * s.rendered_height):.1f}",
        "skipped": f"{100.0 * s.skipped:.1f} %" if on_grid else DASH,
        "density": short(s.n_density),
        "color": short(s.n_color),
        "occupied": f"{100.0 * sum(s.occupied) / len(s.occupied):.1f} %" if on_grid else DASH,
        "missed": f"{100.0 * s.missed:.0f} %",
        "stopped": f"{100.0 * s.stopped_early:.0f} %",
        "far": f"{100.0 * s.reached_far:.0f} %",
    }


def difference_texts(found: Difference | None) -> tuple[str, str]:
    """The PSNR, and a line with the largest error and the share of the pixels that was compared."""
    if found is None:
        return DASH, "Against off: measured once the camera rests."
    psnr = "equal" if math.isinf(found.psnr) else f"{found.psnr:.1f} dB"
    share = "all pixels" if found.share >= 1.0 else f"{100.0 * found.share:.2g} % of the pixels"
    return psnr, f"Largest error against off: {255.0 * found.largest:.1f} of 255, {share}"


PANEL = ThresholdsPanel
