"""Training without a window: `train_and_report` trains, measures and writes a folder that says how it went.

The folder gets report.json, snapshot.safetensors and views/*.png, each test view's rendering beside its photograph.
"""

import contextlib
import json
import math
import signal
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

from core.bars import Bar, progress_bars
from core.datasets.base import Views
from core.device import choose_device, describe_backend, peak_memory_mb
from core.errors import FirstlightError, TrainingCollapsed
from core.evaluation import Evaluation, decibels, evaluate
from core.folders import new_folder
from core.opening import Overrides, is_snapshot, open_trainer
from core.reading import AS_STORED, Reading
from core.snapshot import save_snapshot
from core.trainer import Trainer

HISTORY_SECONDS = (5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0)
"""Training times at which the history is measured."""

HISTORY_VIEWS = 4
"""Test views, spread over all of them, that the history is measured on."""


class _Run:
    """A run under way: the trainer, its counts and the history.

    Args:
        goal: (seconds, steps), one of them None.
    """

    def __init__(self, trainer: Trainer, goal: tuple[float | None, int | None]):
        self.trainer, self._goal = trainer, goal
        self.n_rays = self.n_samples = 0
        self.loss = math.nan
        self.history: list[dict[str, float]] = []
        self.collapse: TrainingCollapsed | None = None

    @property
    def share(self) -> float:
        """How much of the goal is reached; 1 or more: all of it."""
        seconds, steps = self._goal
        return self.trainer.step_count / steps if steps is not None else self.trainer.seconds / seconds

    def step(self) -> None:
        stats = self.trainer.step()
        self.n_rays, self.n_samples = self.n_rays + stats.n_rays, self.n_samples + stats.n_samples
        self.loss = stats.loss if math.isnan(self.loss) else 0.95 * self.loss + 0.05 * stats.loss

    def measure(self, marks: list[float]) -> None:
        """Add to the history once for all the times in `marks` that have passed; they are taken out."""
        trainer = self.trainer
        passed = [mark for mark in marks if trainer.seconds >= mark]
        if not passed or not len(trainer.dataset.test):
            return
        del marks[: len(passed)]
        psnr = _evaluate(trainer, trainer.dataset.test.spread(HISTORY_VIEWS)).psnr
        self.history.append({"seconds": trainer.seconds, "step": trainer.step_count, "psnr": psnr})

    def progress_text(self) -> str:
        train = f"step {self.trainer.step_count}, training {decibels(self.loss):.1f} dB"
        return train + (f", test {self.history[-1]['psnr']:.1f} dB" if self.history else "")


def train_and_report(
    dataset: str,
    output: str | Path,
    seconds: float | None = None,
    steps: int | None = None,
    reading: Reading = AS_STORED,
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
    _check_goal(seconds, steps)
    if is_snapshot(dataset):
        raise FirstlightError(
            f"{dataset} is a snapshot, and train takes a dataset: run_viewer.py {dataset} goes on training it"
        )
    device = choose_device(device)
    output = new_folder(Path(output))
    overrides = overrides or Overrides()
    training = {"horizon_seconds": seconds, "horizon_steps": steps, **overrides.training}
    console = console or Console(stderr=True)
    with progress_bars(console) as bars:
        opening = Bar(bars, "opening")
        trainer = open_trainer(dataset, reading, device, seed, opening.update, replace(overrides, training=training))
        for note in trainer.dataset.notes:
            console.print(f"note: {note}", highlight=False)
        run = _train(trainer, (seconds, steps), Bar(bars, "training"))
        save_snapshot(output / "snapshot.safetensors", trainer)
        try:
            test = _write_views(trainer, output / "views", Bar(bars, "measuring"))
        except KeyboardInterrupt:  # the report is worth having without the test views' figures
            test = None
    report = _report(run, test)
    (output / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    if run.collapse is not None:
        collapse = run.collapse
        raise TrainingCollapsed(f"{collapse}; what was learnt is in {output}", collapse.kind, collapse.since)
    return report


def _train(trainer: Trainer, goal: tuple[float | None, int | None], bar: Bar) -> _Run:
    run, marks = _Run(trainer, goal), list(HISTORY_SECONDS)
    with _until_interrupted() as interrupted:
        while run.share < 1.0 and not interrupted:
            try:
                run.step()
            except TrainingCollapsed as error:  # what was learnt until then is still written
                run.collapse = error
                break
            run.measure(marks)
            bar.update(run.share, run.progress_text())
    return run


@contextlib.contextmanager
def _until_interrupted() -> Iterator[list[bool]]:
    """Gives a list that Ctrl-C makes non-empty, so that a step is never cut in two. A second Ctrl-C acts as usual."""
    interrupted: list[bool] = []
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number, frame) -> None:
        interrupted.append(True)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _write_views(trainer: Trainer, folder: Path, bar: Bar) -> Evaluation | None:
    """Measure all test views, and save each rendering beside its photograph."""
    views = trainer.dataset.test
    if not len(views):
        return None
    folder.mkdir()

    def save(index: int, rendered: Tensor, photo: Tensor) -> None:
        pixels = (torch.cat([rendered, photo], dim=1) * 255.0).round().byte().cpu().numpy()
        Image.fromarray(pixels).save(folder / f"{index:03d}-{Path(views.names[index]).stem}.png")
        bar.update((index + 1) / len(views), f"view {index + 1} of {len(views)}")

    return _evaluate(trainer, views, save)


def _evaluate(trainer: Trainer, views: Views, on_view=None) -> Evaluation:
    background = torch.ones(3, device=trainer.device)
    return evaluate(trainer.field, trainer.sampler, views, trainer.settings.march, background, on_view)


def _report(run: _Run, test: Evaluation | None) -> dict[str, Any]:
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


def _check_goal(seconds: float | None, steps: int | None) -> None:
    if (seconds is None) == (steps is None):
        raise ValueError("give either seconds or steps, to say how long to train")
    goal = steps if seconds is None else seconds
    if not (math.isfinite(goal) and goal > 0):
        raise ValueError(f"the time or number of steps to train must be positive and finite, got {goal}")
