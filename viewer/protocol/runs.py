"""A training run as the window knows it: its method's name, its curve, and how it collapsed."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.errors import CollapseKind
from core.training.build import Overrides
from core.training.methods import CHOICES

MOST_IN_TITLE = 3
"""The most settings in a title; there may be dozens."""


class Measured(NamedTuple):
    """A held-out PSNR in dB, and what training had spent by then.

    Attributes:
        seconds: training time; evaluations: densities evaluated for training, see `core.training.trainer.Trainer`.
    """

    step: int
    psnr: float
    seconds: float
    evaluations: int


@dataclass(frozen=True)
class RunSummary:
    """A run that is no longer trained but can still be rendered.

    Attributes:
        title: as `title_of` gives it.
        step, seconds: how long it was trained.
    """

    title: str
    step: int
    seconds: float
    psnrs: tuple[Measured, ...]


@dataclass(frozen=True)
class Collapse:
    """How training collapsed.

    Attributes:
        since: the first step known to be affected.
        last_good: the step that training can go back to, or None.
    """

    kind: CollapseKind
    since: int
    last_good: int | None


def names_of(method: Overrides) -> str:
    """A method's names, such as "ngp + occupancy"; the folder of a user's own field is left out."""
    return " + ".join(Path(method.method[choice]).name for choice in CHOICES if choice in method.method)


def title_of(method: Overrides) -> str:
    """A method's names and some of the settings that differ from the presets: "mlp + stratified (width 64)"."""
    changed = [
        f"{name} {f'{value:g}' if isinstance(value, float) else value}"
        for name, value in {**method.field, **method.sampler}.items()
    ]
    listed = changed[:MOST_IN_TITLE] + ["…"] * (len(changed) > MOST_IN_TITLE)
    return names_of(method) + (f" ({', '.join(listed)})" if listed else "")
