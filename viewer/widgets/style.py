"""The window's look: colours, fonts and sizes in one place. Sizes are for scale 1; `Style.px` scales them."""

from pathlib import Path

import dearpygui.dearpygui as dpg

from viewer.widgets import ui

FONTS = Path(__file__).resolve().parents[2] / "assets" / "fonts"

Color = tuple[int, int, int, int]

DASH, TIMES, PLUS_MINUS = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}", "\N{PLUS-MINUS SIGN}"

BACKDROP: Color = (17, 19, 22, 255)
PANEL: Color = (27, 30, 35, 255)
RAISED: Color = (35, 39, 46, 255)
FRAME: Color = (43, 48, 56, 255)
FRAME_HOVERED: Color = (53, 59, 69, 255)
FRAME_ACTIVE: Color = (63, 70, 82, 255)
LINE: Color = (52, 57, 66, 255)
TEXT: Color = (222, 225, 230, 255)
DIM: Color = (146, 153, 165, 255)
FADED: Color = (96, 102, 112, 255)
ACCENT: Color = (232, 168, 68, 255)
ACCENT_HOVERED: Color = (244, 187, 96, 255)
ON_ACCENT: Color = (28, 22, 12, 255)
SECOND: Color = (108, 178, 214, 255)
GOOD: Color = (120, 190, 130, 255)
ALARM: Color = (222, 96, 86, 255)
CLEAR: Color = (0, 0, 0, 0)
GRIP: Color = (128, 92, 37, 255)
"""The grip of a slider with text on it. It contrasts with `BACKDROP` behind it and with the text on it."""

PADDING = 12


class Style:
    """Fonts, themes and scaled sizes; made once, after Dear PyGui's context.

    Args:
        scale: 1 for an ordinary display, 1.5 to 2 for a dense one; fonts are rasterised at the real size.
    """

    def __init__(self, scale: float):
        self.scale = scale
        with ui.font_registry():
            self.body = dpg.add_font(str(FONTS / "Roboto-Regular.ttf"), self.px(15))
            self.small = dpg.add_font(str(FONTS / "Roboto-Regular.ttf"), self.px(13))
            self.strong = dpg.add_font(str(FONTS / "Roboto-Medium.ttf"), self.px(15))
            self.title = dpg.add_font(str(FONTS / "Roboto-Medium.ttf"), self.px(18))
        dpg.bind_font(self.body)
        dpg.bind_theme(self._everything())
        self.flush = _theme({}, {dpg.mvStyleVar_WindowPadding: (0, 0), dpg.mvStyleVar_WindowBorderSize: (0, 0)})
        self.bar = _theme(
            {dpg.mvThemeCol_WindowBg: RAISED},
            {dpg.mvStyleVar_WindowPadding: (self.px(PADDING), self.px(8)), dpg.mvStyleVar_WindowBorderSize: (0, 0)},
        )
        self.status = _theme(
            {dpg.mvThemeCol_WindowBg: RAISED, dpg.mvThemeCol_Text: DIM},
            {dpg.mvStyleVar_WindowPadding: (self.px(PADDING), self.px(5)), dpg.mvStyleVar_WindowBorderSize: (0, 0)},
        )
        self.card = _theme(
            {dpg.mvThemeCol_WindowBg: RAISED, dpg.mvThemeCol_Border: LINE},
            {dpg.mvStyleVar_WindowPadding: (self.px(16), self.px(14)), dpg.mvStyleVar_WindowBorderSize: (1, 1)},
        )
        self.alarm = _theme(
            {dpg.mvThemeCol_WindowBg: (50, 31, 31, 255), dpg.mvThemeCol_Border: ALARM},
            {dpg.mvStyleVar_WindowPadding: (self.px(16), self.px(14)), dpg.mvStyleVar_WindowBorderSize: (1, 1)},
        )
        # A label drawn as a button without a face has the same baseline as the frames beside it.
        self.label = _theme(
            {c: CLEAR for c in (dpg.mvThemeCol_Button, dpg.mvThemeCol_ButtonHovered, dpg.mvThemeCol_ButtonActive)},
            {dpg.mvStyleVar_ButtonTextAlign: (0.0, 0.5), dpg.mvStyleVar_FramePadding: (0, self.px(3))},
        )
        self.chosen = _button(ACCENT, ACCENT_HOVERED, ON_ACCENT)
        self.plain = _button(FRAME, FRAME_HOVERED, TEXT)
        self.entry = _theme(
            {dpg.mvThemeCol_Button: RAISED, dpg.mvThemeCol_ButtonHovered: FRAME},
            {dpg.mvStyleVar_ButtonTextAlign: (0.0, 0.5)},
        )
        self.tight = _theme({}, {dpg.mvStyleVar_ItemSpacing: (self.px(4), 0)})
        self.dense = _theme({}, {dpg.mvStyleVar_CellPadding: (self.px(4), 0)})
        # A slider with text on it is a dark groove, so that grip and text both stand out; it is as high as the frames
        # beside it.
        groove = {
            dpg.mvStyleVar_FramePadding: (self.px(6), self.px(4)),
            dpg.mvStyleVar_GrabMinSize: (self.px(9), self.px(9)),
            dpg.mvStyleVar_GrabRounding: (self.px(2), self.px(2)),
        }
        self.written = _theme(
            {
                dpg.mvThemeCol_FrameBg: BACKDROP,
                dpg.mvThemeCol_FrameBgHovered: BACKDROP,
                dpg.mvThemeCol_FrameBgActive: BACKDROP,
                dpg.mvThemeCol_SliderGrab: GRIP,
                dpg.mvThemeCol_SliderGrabActive: GRIP,
            },
            groove,
        )
        self.dim = _theme({dpg.mvThemeCol_Text: DIM}, {})
        self.disabled = _disabled(groove)
        middle = {dpg.mvStyleVar_SelectableTextAlign: (0.0, 0.5)}
        self.row = _theme({dpg.mvThemeCol_Header: FRAME}, middle)
        self.dim_row = _theme({dpg.mvThemeCol_Header: FRAME, dpg.mvThemeCol_Text: DIM}, middle)
        self.loss = _line(ACCENT)
        self.psnr = _line(SECOND)
        self.sweep_time, self.sweep_samples, self.sweep_psnr = (
            _line(color, dpg.mvPlotMarker_Circle, 3.0 * scale) for color in (SECOND, ACCENT, GOOD)
        )
        self.sweep_knee, self.sweep_present = _upright(ALARM), _upright(TEXT)
        self.run_former, self.run_present = (
            _line(color, dpg.mvPlotMarker_Circle, 2.5 * scale) for color in (ACCENT, SECOND)
        )
        self.threshold = _upright(ACCENT, 2.0)
        self.bars_off, self.bars_on = _bars(FRAME_ACTIVE), _bars(SECOND)
        self.ray_first, self.ray_second, self.ray_behind = (_line(color) for color in (ACCENT, SECOND, (*DIM[:3], 140)))
        self.ray_guide, self.ray_knots = _line(GOOD), _line(GOOD, dpg.mvPlotMarker_Circle, 1.6 * scale)
        self.ray_ticks, self.ray_guide_ticks = _line((*TEXT[:3], 150)), _line(ACCENT)
        self.ray_stop, self.ray_level, self.ray_expected, self.ray_median = (
            _upright(color) for color in (ALARM, DIM, TEXT, SECOND)
        )

    def px(self, size: float) -> int:
        """A length at this scale, in pixels."""
        return round(size * self.scale)

    def _everything(self) -> ui.Item:
        colors = {
            dpg.mvThemeCol_WindowBg: PANEL,
            dpg.mvThemeCol_ChildBg: PANEL,
            dpg.mvThemeCol_PopupBg: RAISED,
            dpg.mvThemeCol_Text: TEXT,
            dpg.mvThemeCol_TextDisabled: DIM,
            dpg.mvThemeCol_TextSelectedBg: (232, 168, 68, 90),
            dpg.mvThemeCol_Border: LINE,
            dpg.mvThemeCol_FrameBg: FRAME,
            dpg.mvThemeCol_FrameBgHovered: FRAME_HOVERED,
            dpg.mvThemeCol_FrameBgActive: FRAME_ACTIVE,
            dpg.mvThemeCol_Button: FRAME,
            dpg.mvThemeCol_ButtonHovered: FRAME_HOVERED,
            dpg.mvThemeCol_ButtonActive: FRAME_ACTIVE,
            dpg.mvThemeCol_Header: PANEL,
            dpg.mvThemeCol_HeaderHovered: FRAME,
            dpg.mvThemeCol_HeaderActive: FRAME,
            dpg.mvThemeCol_SliderGrab: ACCENT,
            dpg.mvThemeCol_SliderGrabActive: ACCENT_HOVERED,
            dpg.mvThemeCol_CheckMark: ACCENT,
            dpg.mvThemeCol_PlotHistogram: ACCENT,
            dpg.mvThemeCol_Separator: LINE,
            dpg.mvThemeCol_ScrollbarBg: PANEL,
            dpg.mvThemeCol_ScrollbarGrab: FRAME,
            dpg.mvThemeCol_ScrollbarGrabHovered: FRAME_HOVERED,
            dpg.mvThemeCol_ScrollbarGrabActive: FRAME_ACTIVE,
            dpg.mvThemeCol_TitleBg: RAISED,
            dpg.mvThemeCol_TitleBgActive: RAISED,
            dpg.mvThemeCol_TitleBgCollapsed: RAISED,
            dpg.mvThemeCol_Tab: PANEL,
            dpg.mvThemeCol_TabHovered: FRAME,
            dpg.mvThemeCol_TabActive: FRAME,
            dpg.mvThemeCol_TabUnfocused: PANEL,
            dpg.mvThemeCol_TabUnfocusedActive: FRAME,
            dpg.mvThemeCol_DockingPreview: (232, 168, 68, 110),
            dpg.mvThemeCol_DockingEmptyBg: BACKDROP,
            dpg.mvThemeCol_TableHeaderBg: RAISED,
            dpg.mvThemeCol_TableBorderLight: LINE,
            dpg.mvThemeCol_TableBorderStrong: LINE,
            dpg.mvThemeCol_NavCursor: CLEAR,
            dpg.mvThemeCol_ResizeGrip: CLEAR,
            dpg.mvThemeCol_ModalWindowDimBg: (0, 0, 0, 110),
        }
        px = self.px
        sizes = {
            dpg.mvStyleVar_WindowPadding: (px(PADDING), px(6)),
            dpg.mvStyleVar_FramePadding: (px(8), px(3)),
            dpg.mvStyleVar_ItemSpacing: (px(8), px(3)),
            dpg.mvStyleVar_ItemInnerSpacing: (px(6), px(4)),
            dpg.mvStyleVar_CellPadding: (px(4), px(2)),
            dpg.mvStyleVar_WindowRounding: (0, 0),
            dpg.mvStyleVar_FrameRounding: (px(4), px(4)),
            dpg.mvStyleVar_GrabRounding: (px(4), px(4)),
            dpg.mvStyleVar_PopupRounding: (px(4), px(4)),
            dpg.mvStyleVar_ScrollbarRounding: (px(4), px(4)),
            dpg.mvStyleVar_ScrollbarSize: (px(10), px(10)),
            dpg.mvStyleVar_GrabMinSize: (px(10), px(10)),
            dpg.mvStyleVar_WindowBorderSize: (0, 0),
            dpg.mvStyleVar_FrameBorderSize: (0, 0),
        }
        plot_colors = {
            dpg.mvPlotCol_FrameBg: CLEAR,
            dpg.mvPlotCol_PlotBg: (22, 24, 28, 255),
            dpg.mvPlotCol_PlotBorder: CLEAR,
            dpg.mvPlotCol_LegendBg: CLEAR,
            dpg.mvPlotCol_LegendBorder: CLEAR,
            dpg.mvPlotCol_AxisText: DIM,
            dpg.mvPlotCol_AxisGrid: (255, 255, 255, 28),
            dpg.mvPlotCol_AxisBgHovered: CLEAR,
            dpg.mvPlotCol_AxisBgActive: CLEAR,
        }
        plot_sizes = {
            dpg.mvPlotStyleVar_PlotPadding: (px(2), px(7)),
            dpg.mvPlotStyleVar_LabelPadding: (px(3), px(2)),
            dpg.mvPlotStyleVar_LineWeight: (1.6 * self.scale, 0.0),
            dpg.mvPlotStyleVar_PlotMinSize: (px(60), px(40)),
        }
        return _theme(colors, sizes, plot_colors, plot_sizes)


def _theme(colors: dict, sizes: dict, plot_colors: dict | None = None, plot_sizes: dict | None = None) -> ui.Item:
    with ui.theme() as theme, ui.theme_component(dpg.mvAll):
        for target, color in colors.items():
            dpg.add_theme_color(target, color)
        for target, (x, y) in sizes.items():
            dpg.add_theme_style(target, x, y)
        for target, color in (plot_colors or {}).items():
            dpg.add_theme_color(target, color, category=dpg.mvThemeCat_Plots)
        for target, (x, y) in (plot_sizes or {}).items():
            dpg.add_theme_style(target, x, y, category=dpg.mvThemeCat_Plots)
    return theme


def _button(face: Color, hovered: Color, text: Color) -> ui.Item:
    return _theme(
        {
            dpg.mvThemeCol_Button: face,
            dpg.mvThemeCol_ButtonHovered: hovered,
            dpg.mvThemeCol_ButtonActive: face,
            dpg.mvThemeCol_Text: text,
        },
        {},
    )


def _disabled(groove: dict) -> ui.Item:
    """Widgets that can't be used now. Dear PyGui wants a component for each kind of them. The text on a slider stays
    readable, because it says why.

    Args:
        groove: a slider's sizes.
    """
    with ui.theme() as theme:
        for kind, text in ((dpg.mvSliderFloat, DIM), (dpg.mvInputText, FADED), (dpg.mvButton, FADED)):
            colors = {dpg.mvThemeCol_Text: text, dpg.mvThemeCol_SliderGrab: FRAME}
            colors |= dict.fromkeys(
                (dpg.mvThemeCol_FrameBg, dpg.mvThemeCol_FrameBgHovered, dpg.mvThemeCol_Button), PANEL
            )
            with ui.theme_component(kind, enabled_state=False):
                for target, color in colors.items():
                    dpg.add_theme_color(target, color)
                for target, (x, y) in groove.items() if kind == dpg.mvSliderFloat else ():
                    dpg.add_theme_style(target, x, y)
    return theme


def _line(color: Color, marker: int = dpg.mvPlotMarker_None, size: float = 0.0) -> ui.Item:
    """A plot's line, with a marker at each point."""
    with ui.theme() as theme, ui.theme_component(dpg.mvLineSeries):
        for target in (dpg.mvPlotCol_Line, dpg.mvPlotCol_MarkerFill, dpg.mvPlotCol_MarkerOutline):
            dpg.add_theme_color(target, color, category=dpg.mvThemeCat_Plots)
        dpg.add_theme_style(dpg.mvPlotStyleVar_Marker, marker, category=dpg.mvThemeCat_Plots)
        dpg.add_theme_style(dpg.mvPlotStyleVar_MarkerSize, size, category=dpg.mvThemeCat_Plots)
    return theme


def _upright(color: Color, weight: float = 1.0) -> ui.Item:
    """A straight line across a plot that marks one value."""
    with ui.theme() as theme, ui.theme_component(dpg.mvInfLineSeries):
        dpg.add_theme_color(dpg.mvPlotCol_Line, color, category=dpg.mvThemeCat_Plots)
        dpg.add_theme_style(dpg.mvPlotStyleVar_LineWeight, weight, category=dpg.mvThemeCat_Plots)
    return theme


def _bars(color: Color) -> ui.Item:
    with ui.theme() as theme, ui.theme_component(dpg.mvBarSeries):
        for part in (dpg.mvPlotCol_Fill, dpg.mvPlotCol_Line):
            dpg.add_theme_color(part, color, category=dpg.mvThemeCat_Plots)
    return theme
