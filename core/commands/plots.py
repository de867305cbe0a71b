"""Figures as PNG files. matplotlib is loaded when the first one is drawn, and draws without a display."""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from core.commands.comparison_report import Outcome
from core.datasets.dataset import Dataset
from core.files import new_file
from core.geometry.orthographic import two_sides
from core.geometry.placement import up_text
from core.rendering.sweep_curve import KNEE_DECIBELS, SweepCurve

_BLUE, _ORANGE, _GREEN, _GREY = "#2f6fb0", "#d9822b", "#2f8f5b", "#8a8f98"
_INCHES, _DOTS_PER_INCH = (7.5, 7.5), 120

_MOST_ACROSS = 5
"""Pictures in a row."""

_MOST_POINTS = 20_000
"""More of a scene's points would make a blot of them."""


def save_sweep(path: Path, curve: SweepCurve, title: str) -> None:
    """Draw milliseconds, samples per ray and PSNR of a sweep, one above the other, into a new PNG.

    Args:
        curve: at least one point.
        title: what was rendered.

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


def save_scene(path: Path, dataset: Dataset) -> None:
    """Draw a dataset's cameras, its points, its up and its box from above and from the side into a new PNG.

    Raises:
        FirstlightError: the file exists or can't be written.
    """
    from matplotlib.figure import Figure

    figure = Figure((11.0, 6.0), dpi=_DOTS_PER_INCH, layout="constrained")
    splits = [("training cameras", dataset.train, _BLUE), ("test cameras", dataset.test, _ORANGE)]
    for axes, (name, plane) in zip(figure.subplots(1, 2), two_sides(dataset.up), strict=True):
        for label, views, color in splits:
            c2w = views.cameras.c2w.double().numpy()
            if len(c2w):
                at, towards = c2w[:, :3, 3] @ plane, -c2w[:, :3, 2] @ plane
                axes.plot(*at.T, "o", markersize=3, color=color, label=f"{label}, {len(c2w)}")
                axes.quiver(*at.T, *towards.T, color=color, width=0.002, scale=18.0)
        corners = np.array(list(itertools.product(*np.reshape(dataset.box, (2, 3)).T)))
        for i, j in itertools.combinations(range(8), 2):
            if (i ^ j).bit_count() == 1:
                axes.plot(*(corners[[i, j]] @ plane).T, color=_GREEN, linewidth=1.0)
        if dataset.points is not None:
            _draw_points(axes, dataset, plane)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_title(name)
        axes.set_xlabel("units")
        _plain(axes)
    _draw_up(axes, up_text(dataset.up))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(f"{dataset.name} ({dataset.format}), its first box in green", fontsize="medium")
    _save(figure, path)


def save_comparison(path: Path, title: str, outcomes: Sequence[Outcome], photo: Tensor) -> None:
    """Draw methods' PSNR over time and over evaluations, and a view of each beside its photo, into a new PNG.

    Args:
        outcomes: at least one.
        photo: (height, width, 3) float32 in [0, 1], of the view that the outcomes show.

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
    above, under = figure.subfigures(2, 1, height_ratios=[4.2, below])
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
    """A light grid behind the curves, and no frame."""
    axes.grid(color="#e4e6ea")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_up(axes, name: str) -> None:
    """An arrow in the upper left corner that points upwards, and the name of what it stands for."""
    arrow = {"arrowstyle": "->", "color": "black"}
    axes.annotate("", (0.04, 0.98), (0.04, 0.88), "axes fraction", "axes fraction", arrow)
    axes.text(0.055, 0.93, f"up, {name}", transform=axes.transAxes, verticalalignment="center")


def _draw_points(axes, dataset: Dataset, plane: np.ndarray) -> None:
    """Points behind everything else, in their own colours; far ones don't widen the axes, which are as wide as the rest
    of the scene and half as much again."""
    step = max(1, len(dataset.points) // _MOST_POINTS)
    limits = []
    for low, high in (axes.get_xlim(), axes.get_ylim()):
        limits.append((low - 0.25 * (high - low), high + 0.25 * (high - low)))
    at = dataset.points[::step].double().numpy() @ plane
    inside = np.all([(low < x) & (x < high) for x, (low, high) in zip(at.T, limits, strict=True)], axis=0)
    colors = _GREY if dataset.point_colors is None else dataset.point_colors[::step].numpy()[inside] / 255.0
    axes.scatter(*at[inside].T, s=1.5, c=colors, linewidths=0.0, zorder=0.5, label=f"points, {len(dataset.points):,}")


def _draw_psnr(axes, curve: SweepCurve, xs: list[float]) -> None:
    """PSNRs; pictures that equal the reference are triangles above all the others."""
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
    """Vertical lines at the knee and at the view's own value."""
    scale, knee = curve.scale, curve.knee
    if knee is not None:
        text = f"knee {scale.text(knee.value)}: fewest evaluations that keep {KNEE_DECIBELS:g} dB"
        axes.axvline(scale.position(knee.value), color="#c0392b", linewidth=1.2, linestyle="--", label=text)
    if scale.setting.low <= curve.present <= scale.setting.high:
        axes.axvline(
            scale.position(curve.present), color="black", linewidth=0.8, label=f"present {scale.text(curve.present)}"
        )
