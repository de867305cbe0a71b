"""A training run without a window: counts steps and measures held-out views along the way."""

import contextlib
import math
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from core.commands.progress import Bar
from core.datasets.dataset import Views
from core.errors import TrainingCollapsed
from core.rendering.metrics import Evaluation, decibels, evaluate
from core.training.held_out import HeldOut
from core.training.trainer import Trainer


@dataclass(frozen=True)
class Goal:
    """How long to train: for a time or for a number of steps, one of which is None.

    Raises:
        ValueError: neither or both are given, or the one that is isn't positive and finite.
    """

    seconds: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.steps is None):
            raise ValueError("give either seconds or steps, to say how long to train")
        amount = self._amount
        if not (math.isfinite(amount) and amount > 0):
            raise ValueError(f"the time or number of steps to train must be positive and finite, got {amount}")

    @property
    def _amount(self) -> float:
        amount = self.steps if self.seconds is None else self.seconds
        assert amount is not None  # one of them is given
        return amount

    def share(self, trainer: Trainer) -> float:
        """How much of it a trainer has reached; 1 or more: all."""
        return (trainer.step_count if self.seconds is None else trainer.seconds) / self._amount


class TimedRun:
    """A running training: the trainer, its counts and the history.

    Attributes:
        n_rays, n_samples: totals of all steps, see `TrainStats`.
        history: seconds, step, evaluations and psnr of each measurement, see `HeldOut`.
        collapse: the error that ended training early, or None.
        interrupted: whether Ctrl-C ended it.
    """

    def __init__(self, trainer: Trainer, goal: Goal):
        self.trainer, self._goal = trainer, goal
        test = trainer.dataset.test
        self._held_out = HeldOut(test, trainer.device) if len(test) else None
        self.n_rays = self.n_samples = 0
        self.loss = math.nan
        self.history: list[dict[str, float]] = []
        self.collapse: TrainingCollapsed | None = None
        self.interrupted = False

    @property
    def share(self) -> float:
        """How much of the goal is reached; 1 or more: all."""
        return self._goal.share(self.trainer)

    def step(self) -> None:
        stats = self.trainer.step()
        self.n_rays, self.n_samples = self.n_rays + stats.n_rays, self.n_samples + stats.n_samples
        self.loss = stats.loss if math.isnan(self.loss) else 0.95 * self.loss + 0.05 * stats.loss

    def measure(self, marks: list[float]) -> None:
        """Add one measurement to the history if some times in `marks` have passed; those are removed."""
        trainer = self.trainer
        passed = [mark for mark in marks if trainer.seconds >= mark]
        if not passed or self._held_out is None:
            return
        del marks[: len(passed)]
        now = {"seconds": trainer.seconds, "step": trainer.step_count, "evaluations": trainer.n_evaluations}
        self.history.append({**now, "psnr": self._held_out.psnr(trainer)})

    def progress_text(self) -> str:
        train = f"step {self.trainer.step_count}, training {decibels(self.loss):.1f} dB"
        return train + (f", test {self.history[-1]['psnr']:.1f} dB" if self.history else "")


def train_run(trainer: Trainer, goal: Goal, bar: Bar, marks: Sequence[float]) -> TimedRun:
    """Train until the goal is reached, training collapses or Ctrl-C is pressed.

    Args:
        marks: training times, ascending, at which the history is measured.
    """
    run, marks = TimedRun(trainer, goal), list(marks)
    with until_interrupted() as interrupted:
        while run.share < 1.0 and not interrupted:
            try:
                run.step()
            except TrainingCollapsed as error:  # what was learnt so far is still written
                run.collapse = error
                break
            run.measure(marks)
            bar.update(run.share, run.progress_text())
        run.interrupted = bool(interrupted)
    return run


@contextlib.contextmanager
def until_interrupted() -> Iterator[list[bool]]:
    """Yields a list that Ctrl-C makes non-empty, so that no step is interrupted midway. A second Ctrl-C acts as
    usual."""
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


def evaluate_views(trainer: Trainer, views: Views, on_view=None) -> Evaluation:
    """Evaluate views as the trainer renders them now, over white; see `core.rendering.metrics.evaluate`."""
    background = torch.ones(3, device=trainer.device)
    return evaluate(trainer.field, trainer.sampler, views, trainer.effective_march, background, on_view)
