"""Training without a window: trains, measures, and writes a report.

The report's folder gets report.json, snapshot.safetensors and views/*.png, each test view beside its photograph.
"""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

from core.commands.progress import Bar, progress_bars
from core.commands.timed_run import Goal, TimedRun, evaluate_views, train_run
from core.config.read_options import AS_STORED, ReadOptions
from core.datasets.bounds.scene_bounds import place_of
from core.errors import FirstlightError, TrainingCollapsed
from core.files import new_file, new_folder
from core.kernels.runtime.device import choose_device, gpu_is_lost, peak_memory_mb
from core.rendering.backends import describe_backend
from core.rendering.metrics import Evaluation
from core.training.build import Overrides, is_snapshot, open_trainer, trainer_on_cpu
from core.training.collapse import with_flags
from core.training.snapshot import save_snapshot
from core.training.trainer import Trainer

HISTORY_SECONDS = (5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""Training times at which the history is measured."""


def train_and_report(
    dataset: str,
    output: str | Path,
    seconds: float | None = None,
    steps: int | None = None,
    reading: ReadOptions = AS_STORED,
    device: str | None = None,
    seed: int = 0,
    overrides: Overrides | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Train for a time or a number of steps, measure all test views, and write the report's folder.

    Ctrl-C ends the training early, and everything is still written.

    Args:
        output: a folder that is absent or empty.
        seconds, steps: one of them; seconds count training only, not opening, measuring and writing.

    Returns:
        What report.json holds.

    Raises:
        FirstlightError: the folder is in use or can't be made; the dataset or the device is wrong; training collapsed.
        ValueError: not exactly one of seconds and steps, or it isn't positive.
    """
    goal = Goal(seconds, steps)
    if is_snapshot(dataset):
        raise FirstlightError(
            f"{dataset} is a snapshot, and train takes a dataset: run_viewer.py {dataset} goes on training it"
        )
    device = choose_device(device)
    output = new_folder(output)
    overrides = overrides or Overrides()
    training = {"horizon_seconds": seconds, "horizon_steps": steps, **overrides.training}
    console = console or Console(stderr=True)
    with progress_bars(console) as bars:
        opening = Bar(bars, "opening")
        trainer = open_trainer(dataset, reading, device, seed, opening.update, replace(overrides, training=training))
        _print_notes(console, list(trainer.dataset.notes))
        try:
            run = train_run(trainer, goal, Bar(bars, "training"), HISTORY_SECONDS)
        except RuntimeError as error:
            if device == "cuda" and gpu_is_lost(error):
                raise _saved_from_lost_gpu(trainer, output, error) from error
            raise
        _print_notes(console, trainer.notes)
        save_snapshot(output / "snapshot.safetensors", trainer)
        try:
            test = _write_views(trainer, output / "views", Bar(bars, "measuring"))
        except KeyboardInterrupt:  # the report is useful without the test views' figures
            test = None
    report = _report(run, test)
    with new_file(output / "report.json") as file:
        file.write((json.dumps(report, indent=2) + "\n").encode())
    if run.collapse is not None:
        collapse = run.collapse
        text = f"{with_flags(collapse)}; what was learnt is in {output}"
        raise TrainingCollapsed(text, collapse.kind, collapse.since, collapse.settings)
    return report


def _saved_from_lost_gpu(trainer: Trainer, output: Path, error: RuntimeError) -> FirstlightError:
    """Save the last good state of a trainer whose GPU is lost; returns the error that says so."""
    on_cpu, path = trainer_on_cpu(trainer), output / "snapshot.safetensors"
    save_snapshot(path, on_cpu)
    reason = " ".join(str(error).split())
    return FirstlightError(
        f"the GPU no longer answers ({reason:.200}); what was learnt up to step {on_cpu.step_count} is in {path}: open "
        "it to go on, with --device cpu if this happens again"
    )


def _print_notes(console: Console, notes: list[str]) -> None:
    """Print notes for the user, and remove them."""
    while notes:
        console.print(f"note: {notes.pop(0)}", highlight=False)


def _write_views(trainer: Trainer, folder: Path, bar: Bar) -> Evaluation | None:
    """Measure all test views, and save each beside its photograph."""
    views = trainer.dataset.test
    if not len(views):
        return None
    folder.mkdir()

    def save(index: int, rendered: Tensor, photo: Tensor) -> None:
        pixels = (torch.cat([rendered, photo], dim=1) * 255.0).round().byte().cpu().numpy()
        Image.fromarray(pixels).save(folder / f"{index:03d}-{Path(views.names[index]).stem}.png")
        bar.update((index + 1) / len(views), f"view {index + 1} of {len(views)}")

    return evaluate_views(trainer, views, save)


def _report(run: TimedRun, test: Evaluation | None) -> dict[str, Any]:
    trainer = run.trainer
    seconds = max(trainer.seconds, 1e-9)
    report = {
        "dataset": str(trainer.dataset.path),
        "device": trainer.device,
        "backend": describe_backend(trainer.device),
        "steps": trainer.step_count,
        "seconds": trainer.seconds,
        "rays_per_second": run.n_rays / seconds,
        "samples_per_second": run.n_samples / seconds,
        **peak_memory_mb(trainer.device),
        "settings": {
            "reading": asdict(trainer.dataset.reading),
            "place": _place(trainer),
            "seed": trainer.seed,
            "field": asdict(trainer.field_settings),
            "train": asdict(trainer.settings),
        },
        "test": {"psnr": None, "ssim": None, "n_views": 0},
        "history": run.history,
    }
    if test is not None:
        # JSON has no NaN: images smaller than SSIM's window have no SSIM
        ssim = test.ssim if math.isfinite(test.ssim) else None
        report["test"] = {"psnr": test.psnr, "ssim": ssim, "n_views": test.n_views}
    return report


def _place(trainer: Trainer) -> dict[str, Any]:
    """The scene's place as JSON, with lists for tuples."""
    place = place_of(trainer.dataset)._asdict()
    return {name: list(value) if isinstance(value, tuple) else value for name, value in place.items()}
