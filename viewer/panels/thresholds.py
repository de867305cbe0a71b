"""The marcher's thresholds as live sliders, and beside them what they cost and save."""

import dearpygui.dearpygui as dpg

from core.settings import MarchSettings, settings_of
from viewer.messages import Frame
from viewer.panels.context import Context
from viewer.panels.style import DASH
from viewer.panels.widgets import Figures, SettingSlider, button, section, tooltip

NAMES = ("alpha_thre", "early_stop_eps", "render_step_size", "cone_angle", "occ_thre", "near_plane", "far_plane")


class ThresholdsPanel:
    """Built inside the side panel's current container."""

    def __init__(self, context: Context):
        self._context = context
        self._trained_with: MarchSettings | None = None
        style = context.style
        settings = settings_of(MarchSettings)
        with section("Thresholds of the view", "thresholds", style):
            self._figures = Figures(
                {"ms": "Frame", "samples": "Samples/ray", "occupied": "Occupied", "stopped": "Stopped"},
                style, 4, "cost",
                {
                    "ms": "Marching and drawing this picture.",
                    "samples": "Samples that were composited per ray, and those whose density was evaluated.",
                    "occupied": "Share of the grid's cells that the view marches.",
                    "stopped": "Share of the rays that ended early because almost no light passed any more.",
                },
            )  # fmt: skip
            self._sliders = {
                name: SettingSlider(context, f"march.{name}", settings[name], self._setter(name)) for name in NAMES
            }
            with dpg.group(horizontal=True):
                self._shared = dpg.add_checkbox(
                    label="Use in training too", tag="march.in_training", callback=lambda: self._share()
                )
                tooltip(self._shared, "Training marches with these thresholds as well, while this is ticked.", style)
                button("Back to training's", style, self._back, "Give the view the thresholds that training uses.",
                       width=-1, tag="march.back")  # fmt: skip

    @property
    def held(self) -> bool:
        """Whether a slider is being dragged."""
        return any(slider.held for slider in self._sliders.values())

    def update(self, frame: Frame | None) -> None:
        """Follow the settings; show what the newest frame cost."""
        march = self._context.state.march
        for name, slider in self._sliders.items():
            slider.show(getattr(march, name))
        # Training gets a value once the hand has left the slider: each change makes it find its batch size anew.
        if dpg.get_value(self._shared) and not self.held and march != self._trained_with:
            self._trained_with = march
            self._context.session.set_training_march(march)
        if frame is None:
            self._figures.show(ms=DASH, samples=DASH, occupied=DASH, stopped=DASH)
            return
        s = frame.stats
        marched = s.n_marched / max(1, s.n_rays)
        self._figures.show(
            ms=f"{s.milliseconds:.0f} ms",
            samples=f"{s.samples_per_ray:.1f} of {marched:.0f}",
            occupied=f"{100.0 * s.occupied:.1f} %",
            stopped=f"{100.0 * s.stopped_early:.0f} %",
        )

    def new_scene(self, anew: bool) -> None:
        """A scene took over. It trains with its own thresholds, but one that starts anew keeps what the user ticked."""
        self._trained_with = None
        if not anew:
            dpg.set_value(self._shared, False)

    def _setter(self, name: str):
        return lambda value: self._context.state.set_march(**{name: value})

    def _share(self) -> None:
        if not dpg.get_value(self._shared):
            self._trained_with = None
            self._context.session.set_training_march(None)

    def _back(self) -> None:
        self._context.state.march = self._context.session.status.march
