"""Figures as PNG files. matplotlib is imported when the first one is drawn, and needs no display."""

import math
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from core.commands.comparison_report import Outcome
from core.files import new_file
from core.rendering.sweep_curve import KNEE_DECIBELS, SweepCurve

_BLUE, _ORANGE, _GREEN, _GREY = "#2f6fb0", "#d9822b", "#2f8f5b", "#8a8f98"
_INCHES, _DOTS_PER_INCH = (7.5, 7.5), 120

_MOST_ACROSS = 5
"""The most pictures in a row."""


def save_sweep(path: Path, curve: SweepCurve, title: str) -> None:
    """Draw a sweep's milliseconds, samples per ray and PSNR, one above the other, into a new PNG.

    Args:
        curve: has at least one point.
        title: says what was rendered.

    Raises:
        FirstlightError: the file exists or can't be written.
    """
    from matplotlib.figure import Figure  # without pyplot there is no window system and no global state

    figure = Figure(_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    time, samples, quality = figure.subplots(3, 1, sharex=True)
    setting, points = curve.scale.setting, curve.points
    xs = [curve.scale.position(point.value) for point in points]
    time.plot(xs, [point.ms for point in points], "o-", color=_BLUE)
    time.set_ylabel("ms per picture")
    per_ray = [point.density_evaluations / curve.n_rays for point in points]
    samples.plot(xs, per_ray, "s--", color=_GREY, label="density evaluated")
    samples.plot(xs, [point.samples_per_ray for point in points], "o-", color=_ORANGE, label="composited")
    samples.set_ylabel("samples per ray")
    _draw_psnr(quality, curve, xs)
    samples.legend(frameon=False)
    for axes in (time, samples):
        axes.margins(y=0.1)
        axes.set_ylim(bottom=0.0)
    for axes in (time, samples, quality):
        _plain(axes)
        _mark(axes, curve)
    positions, texts = zip(*curve.scale.ticks(), strict=True)
    quality.set_xticks(positions, texts)
    quality.set_xlim(-0.02, 1.02)
    quality.set_xlabel(f"{setting.label} ({curve.name}{', ' + setting.unit if setting.unit else ''})")
    figure.legend(*time.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title, fontsize="medium")
    _save(figure, path)


def save_comparison(path: Path, title: str, outcomes: Sequence[Outcome], photo: Tensor) -> None:
    """Draw methods' PSNR over time and over evaluations, and a view by each beside its photo, into a new PNG.

    Args:
        outcomes: at least one.
        photo: (height, width, 3) float32 in [0, 1], of the view that the outcomes' pictures show.

    Raises:
        FirstlightError: the file exists or can't be written.
    """
    from matplotlib.figure import Figure

    pictures = [(outcome.method, outcome.picture) for outcome in outcomes] + [("photo", photo)]
    columns = min(len(pictures), _MOST_ACROSS)
    rows = -(-len(pictures) // columns)
    aspect = photo.shape[0] / photo.shape[1]
    width = max(8.0, 1.8 * columns)
    below = rows * (width / columns * aspect + 0.25)
    figure = Figure((width, 4.2 + below), dpi=_DOTS_PER_INCH, layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=[4.2, below])
    above, under = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    over_time, over_work = above.subplots(1, 2, sharey=True)
    for index, outcome in enumerate(outcomes):
        style = {"marker": "o", "markersize": 3, "color": f"C{index % 10}", "label": outcome.method}
        psnrs = [point["psnr"] for point in outcome.history]
        over_time.plot([point["seconds"] for point in outcome.history], psnrs, **style)
        over_work.plot([point["evaluations"] for point in outcome.history], psnrs, **style)
    over_time.set_ylabel("PSNR of held-out views, dB")
    over_time.set_xlabel("seconds of training")
    over_work.set_xlabel("densities evaluated")
    over_work.set_xscale("log")
    for axes in (over_time, over_work):
        _plain(axes)
    above.legend(*over_time.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    above.suptitle(title, fontsize="medium")
    places = under.subplots(rows, columns, squeeze=False).ravel()
    for axes in places:
        axes.set_axis_off()
    for axes, (name, picture) in zip(places, pictures, strict=False):
        axes.imshow(picture.numpy())
        axes.set_title(name, fontsize="small")
    _save(figure, path)


def _save(figure, path: Path) -> None:
    with new_file(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def _plain(axes) -> None:
    """Draw a light grid behind the curves, and no frame."""
    axes.grid(color="#e4e6ea")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_psnr(axes, curve: SweepCurve, xs: list[float]) -> None:
    """Draw PSNRs; pictures equal to the reference are triangles above all others."""
    heights, low, high = curve.drawn_decibels()
    axes.plot(xs, heights, "-", color=_GREEN)
    drawn = list(zip(xs, heights, curve.points, strict=True))
    finite = [(x, height) for x, height, point in drawn if math.isfinite(point.psnr_vs_off)]
    equal = [(x, height) for x, height, point in drawn if math.isinf(point.psnr_vs_off)]
    if finite:
        axes.plot(*zip(*finite, strict=True), "o", color=_GREEN)
    if equal:
        triangles = dict(color=_GREEN, markerfacecolor="white", label="equal pictures")
        axes.plot(*zip(*equal, strict=True), "^", **triangles)
        axes.legend(frameon=False)
    axes.axhline(KNEE_DECIBELS, color=_GREY, linewidth=1.0, linestyle=":")
    axes.set_ylabel("PSNR against\nthresholds off, dB")
    axes.set_ylim(low, high)


def _mark(axes, curve: SweepCurve) -> None:
    """Draw vertical lines at the knee and at the view's own value."""
    scale, knee = curve.scale, curve.knee
    if knee is not None:
        text = f"knee {scale.text(knee.value)}: fewest evaluations that keep {KNEE_DECIBELS:g} dB"
        axes.axvline(scale.position(knee.value), color="#c0392b", linewidth=1.2, linestyle="--", label=text)
    if scale.setting.low <= curve.present <= scale.setting.high:
        axes.axvline(
            scale.position(curve.present), color="black", linewidth=0.8, label=f"present {scale.text(curve.present)}"
        )
