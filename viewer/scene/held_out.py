"""The held-out PSNR curve: when it is measured, and in slices that fit between two pictures."""

from core.datasets.dataset import Views
from core.training.held_out import HeldOut
from core.training.trainer import Trainer

N_PIXELS = 4096
"""Pixels per view. Rendering them takes about as long as a small picture."""
FIRST_TIMES = (1.0, 2.0, 3.0, 5.0)


class HeldOutCurve:
    """PSNR over a fixed sample of pixels of a few held-out views, one view per slice.

    Args:
        views: the held-out views, at least one.
        seed: see `HeldOut`.
    """

    def __init__(self, views: Views, device: str, seed: int = 0):
        self._held_out = HeldOut(views, device, N_PIXELS, seed)
        self._psnrs: list[float] = []
        self._next_at = 0.0

    def due(self, training_seconds: float) -> bool:
        """Whether a slice is due: a measurement is under way, or the next one's time has come."""
        return bool(self._psnrs) or training_seconds >= max(self._next_at, FIRST_TIMES[0])

    def slice(self, trainer: Trainer) -> float | None:
        """Measure the next view; returns the mean of the views' PSNRs in dB after the last one, else None."""
        self._psnrs.append(self._held_out.psnr_of(len(self._psnrs), trainer))
        if len(self._psnrs) < len(self._held_out):
            return None
        psnrs, self._psnrs = self._psnrs, []
        self._next_at = next_time(trainer.seconds)
        return sum(psnrs) / len(psnrs)


def next_time(training_seconds: float) -> float:
    """When to measure next: at 1, 2, 3 and 5 s of training, then every tenth of the time, at least 5 s apart."""
    coming = (t for t in FIRST_TIMES if t > training_seconds)
    return next(coming, training_seconds + max(5.0, 0.1 * training_seconds))
