"""Sweeps a threshold on a view of a snapshot, without a window; writes sweep.csv and sweep.png."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from core.commands.plots import save_sweep
from core.commands.progress import Bar, progress_bars
from core.config.flags import parse_size
from core.config.march import MARCH_NUMBERS
from core.datasets.dataset import Dataset
from core.files import new_folder
from core.geometry.cameras import Camera
from core.kernels.runtime.device import choose_device
from core.rendering.sweep import Sweep
from core.rendering.sweep_curve import KNEE_DECIBELS, SweepCurve, swept_setting, write_csv
from core.training.snapshot import load_snapshot

LARGEST_SIDE = 400
"""Pixels of the picture's longer side if no size is asked for: a sweep renders dozens of pictures."""

REPEATS = 3
"""Renderings of each picture; the median of their times counts."""


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
    own_field: str | None = None,
) -> SweepCurve:
    """Sweep a threshold on a training view of a snapshot; write sweep.csv and sweep.png, print a table.

    Args:
        over: a name of `MARCH_NUMBERS`; hyphens serve as well.
        output: a folder that is absent or empty.
        camera: a training view, counted from 0.
        size: "WIDTHxHEIGHT"; else the dataset's, reduced to `LARGEST_SIDE` pixels.
        thresholds: values that differ from training's.
        own_field: see `load_snapshot`.

    Raises:
        FirstlightError: the folder is in use, or the snapshot or device can't be used.
        ValueError: a name, number or size is invalid, or the snapshot's sampler doesn't use the threshold.
    """
    name = over.replace("-", "_")
    if name not in MARCH_NUMBERS:
        raise ValueError(f"--over takes one of {', '.join(MARCH_NUMBERS)}; got {over!r}")
    if n_values < 2:
        raise ValueError(f"a sweep needs at least 2 values, got {n_values}")
    width_height = parse_size(size) if size else None
    device, folder, console = choose_device(device), new_folder(output), console or Console()
    trainer = load_snapshot(snapshot, device, own_field=own_field)
    march = replace(trainer.effective_march, **(thresholds or {}))
    view = _camera(trainer.dataset, camera, width_height).to(device)
    position = view.c2w[:3, 3].tolist()
    setting = swept_setting(name, march, trainer.dataset.box, position, trainer.sampler_settings)
    background = torch.ones(3, device=device)
    sweep = Sweep(trainer.field, trainer.sampler, view, march, background, name, setting, n_values, REPEATS)
    with progress_bars(Console(stderr=True)) as bars:
        bar = Bar(bars, "sweeping")
        while sweep.advance():
            bar.update(sweep.share)
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
