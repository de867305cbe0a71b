"""The results of methods that trained for the same time on the same views."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from core.files import replace_file

COLUMNS = ("method", "psnr", "ssim", "evaluations_per_ray", "rays_per_second", "steps")


@dataclass(frozen=True)
class Outcome:
    """A method's result.

    Attributes:
        method: "field+sampler" or "field+sampler+contraction".
        psnr, ssim: means over the held-out views.
        evaluations_per_ray: densities evaluated per ray of a held-out view.
        rays_per_second: rays learnt from per second of training.
        history: seconds, step, evaluations and psnr, see `core.commands.timed_run.TimedRun`.
        picture: (height, width, 3) float32, the rendering of a held-out view.
        collapse: why training ended early, or "".
    """

    method: str
    psnr: float
    ssim: float
    evaluations_per_ray: float
    rays_per_second: float
    steps: int
    history: tuple[dict[str, float], ...]
    picture: Tensor
    collapse: str


def write_csv(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write one row per method, with `COLUMNS`; an earlier, shorter file of the same comparison is replaced."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for outcome in outcomes:
        writer.writerow([getattr(outcome, name) for name in COLUMNS])
    replace_file(path, text.getvalue())
