"""What a threshold costs and saves: one view rendered over the range of one setting.

A sweep is rendered chunk by chunk, so that a window can run it in slices and stop it; `sweep_snapshot` runs one
without a window and writes its folder.
"""

import statistics
from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

from core.cameras import Camera, generate_rays
from core.datasets.base import Dataset
from core.device import choose_device
from core.evaluation import psnr
from core.fields.base import Field
from core.flags import parse_size
from core.folders import new_folder
from core.plots import save_sweep
from core.rendering import render_rays
from core.samplers.base import Sampler
from core.scale import Scale
from core.settings import MARCH_NUMBERS, THRESHOLDS_OFF, MarchSettings, Setting
from core.snapshot import load_snapshot
from core.sweep_curve import KNEE_DECIBELS, SweepCurve, SweepPoint, swept_setting, write_csv

LARGEST_SIDE = 400
"""Pixels of the picture's longer side where no size is asked for: a sweep renders dozens of pictures."""

REPEATS = 3
"""Each picture is rendered so often, and the median of its times counts."""


class _Picture(NamedTuple):
    """A finished picture: its colours (n_rays, 3) in [0, 1], evaluations and time."""

    colors: Tensor
    n_marched: int
    n_kept: int
    seconds: float


class Sweep:
    """Renders a view at values of one threshold, and first with thresholds off, the reference of all.

    Args:
        camera: one camera, on the field's device.
        march: the view's settings; all but the swept one stay as they are.
        background: (3,) float32 on the field's device.
        name: the swept field of `MarchSettings`.
        setting: its range, see `swept_setting`.
        n_values: values over this range.
        repeats: pictures per value, for the median of their times.
        chunk: rays of one call of `advance`.

    Attributes:
        curve: what is done so far; replaced as a whole after each value.
    """

    def __init__(
        self,
        field: Field,
        sampler: Sampler,
        camera: Camera,
        march: MarchSettings,
        background: Tensor,
        name: str,
        setting: Setting,
        n_values: int = 12,
        repeats: int = 1,
        chunk: int = 1 << 15,
    ):
        self._field, self._sampler, self._camera, self._background = field, sampler, camera, background
        self._march, self._repeats, self._chunk = march, repeats, chunk
        scale = Scale(setting)
        self.curve = SweepCurve(name, scale, getattr(march, name), camera.width * camera.height)
        self._values = scale.spread(n_values)
        self._work = self._run()
        self._n_done = 0

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        n_pictures = 1 + len(self._values) * self._repeats
        return self._n_done / (n_pictures * -(-self.curve.n_rays // self._chunk))

    @torch.no_grad()
    def advance(self) -> bool:
        """Render the next chunk of rays; False if all was done."""
        return next(self._work, False)

    def _run(self) -> Generator[bool, None, None]:
        reference = yield from self._render(replace(self._march, **THRESHOLDS_OFF))
        for value in self._values:
            march = replace(self._march, **{self.curve.name: value})
            pictures = []
            for _ in range(self._repeats):
                pictures.append((yield from self._render(march)))
            self.curve = replace(self.curve, points=(*self.curve.points, self._point(value, pictures, reference)))

    def _render(self, march: MarchSettings) -> Generator[bool, None, _Picture]:
        colors, n_marched, n_kept, seconds = [], 0, 0, 0.0
        for first in range(0, self.curve.n_rays, self._chunk):
            began = perf_counter()
            rays = generate_rays(self._camera, first, first + self._chunk)
            out = render_rays(self._field, self._sampler, rays, march, self._background)
            # before the clock is read: taking the counts waits until the device has finished
            n_marched, n_kept = n_marched + int(out.n_marched.sum()), n_kept + int(out.n_kept.sum())
            seconds += perf_counter() - began
            colors.append(out.colors.clamp(0.0, 1.0))
            self._n_done += 1
            yield True
        return _Picture(torch.cat(colors), n_marched, n_kept, seconds)

    def _point(self, value: float, pictures: list[_Picture], reference: _Picture) -> SweepPoint:
        picture = pictures[0]
        return SweepPoint(
            value=value,
            ms=1e3 * statistics.median(p.seconds for p in pictures),
            samples_per_ray=picture.n_kept / self.curve.n_rays,
            density_evaluations=picture.n_marched,
            color_evaluations=picture.n_kept,
            psnr_vs_off=psnr(picture.colors, reference.colors),
        )


def sweep_snapshot(
    snapshot: str,
    over: str,
    output: str | Path,
    n_values: int = 12,
    camera: int = 0,
    size: str | None = None,
    device: str | None = None,
    thresholds: Mapping[str, Any] | None = None,
    console: Console | None = None,
) -> SweepCurve:
    """Sweep a threshold on a training view of a snapshot; write sweep.csv and sweep.png, print a table.

    Args:
        over: a name of `MARCH_NUMBERS`; hyphens serve as well.
        output: a folder that is absent or empty.
        camera: a training view, counted from 0.
        size: "WIDTHxHEIGHT"; else the dataset's, reduced to `LARGEST_SIDE` pixels.
        thresholds: values that differ from training's.

    Raises:
        FirstlightError: the folder is in use, or the snapshot or device can't be used.
        ValueError: a name, number or size that can't be.
    """
    name = over.replace("-", "_")
    if name not in MARCH_NUMBERS:
        raise ValueError(f"--over takes one of {', '.join(MARCH_NUMBERS)}; got {over!r}")
    if n_values < 2:
        raise ValueError(f"a sweep needs at least 2 values, got {n_values}")
    width_height = parse_size(size) if size else None
    device, folder, console = choose_device(device), new_folder(Path(output)), console or Console()
    trainer = load_snapshot(snapshot, device)
    march = replace(trainer.settings.march, **(thresholds or {}))
    view = _camera(trainer.dataset, camera, width_height).to(device)
    setting = swept_setting(name, march, trainer.dataset.box, view.c2w[:3, 3].tolist())
    background = torch.ones(3, device=device)
    sweep = Sweep(trainer.field, trainer.sampler, view, march, background, name, setting, n_values, REPEATS)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("sweeping", total=1.0)
        while sweep.advance():
            bars.update(bar, completed=sweep.share)
    title = f"{trainer.dataset.name}, {view.width}x{view.height}, training view {camera}, step {trainer.step_count}"
    write_csv(folder / "sweep.csv", sweep.curve.points)
    save_sweep(folder / "sweep.png", sweep.curve, title)
    console.print(f"{name}: {title}", highlight=False)
    console.print(_table(sweep.curve))
    console.print(_knee_text(sweep.curve), highlight=False, soft_wrap=True)
    return sweep.curve


def _camera(dataset: Dataset, index: int, size: tuple[int, int] | None) -> Camera:
    cameras = dataset.train.cameras
    if not 0 <= index < len(cameras):
        raise ValueError(f"--camera must be a training view from 0 to {len(cameras) - 1}, got {index}")
    camera = cameras[index]
    shrink = min(1.0, LARGEST_SIDE / max(camera.width, camera.height))
    return camera.resized(*(size or (max(1, round(shrink * side)) for side in (camera.width, camera.height))))


def _table(curve: SweepCurve) -> Table:
    table = Table("value", "ms", "samples/ray", "density evals", "colour evals", "PSNR against off")
    for column in table.columns:
        column.justify = "right"
    for point in curve.points:
        table.add_row(
            curve.scale.text(point.value),
            f"{point.ms:.1f}",
            f"{point.samples_per_ray:.2f}",
            f"{point.density_evaluations:,}",
            f"{point.color_evaluations:,}",
            f"{point.psnr_vs_off:.2f} dB",
            style="bold" if point is curve.knee else None,
        )
    return table


def _knee_text(curve: SweepCurve) -> str:
    knee = curve.knee
    if knee is None:
        return f"no knee: no value keeps {KNEE_DECIBELS:g} dB against the picture with thresholds off"
    return (
        f"knee at {curve.scale.text(knee.value)}: the fewest evaluations ({knee.evaluations:,}) of the pictures that "
        f"keep {KNEE_DECIBELS:g} dB against thresholds off"
    )
