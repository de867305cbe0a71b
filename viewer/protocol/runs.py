"""What the window is told of a training run: its method's name, its curve, and how it collapsed."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core.config.methods import CHOICES
from core.errors import CollapseKind
from core.training.build import Overrides

MOST_TOLD = 3
"""Settings in a title; there may be dozens."""


class Measured(NamedTuple):
    """A held-out PSNR in dB, and what had been spent until then.

    Attributes:
        seconds: training time; evaluations: densities that training asked for, see `core.training.trainer.Trainer`.
    """

    step: int
    psnr: float
    seconds: float
    evaluations: int


@dataclass(frozen=True)
class RunSummary:
    """A run that training was taken away from, and which can still be rendered.

    Attributes:
        title: as `title_of` gives it.
        step, seconds: how far it was trained.
    """

    title: str
    step: int
    seconds: float
    psnrs: tuple[Measured, ...]


@dataclass(frozen=True)
class Collapse:
    """How training collapsed.

    Attributes:
        since: the first step of which it is known.
        last_good: the step that can be gone back to, or None.
    """

    kind: CollapseKind
    since: int
    last_good: int | None


def names_of(method: Overrides) -> str:
    """A method's names, such as "ngp + occupancy"; of a field of the user's own without the folder."""
    return " + ".join(Path(method.method[choice]).name for choice in CHOICES if choice in method.method)


def title_of(method: Overrides) -> str:
    """A method's names and some of the settings that differ from the presets: "mlp + stratified (width 64)"."""
    changed = [
        f"{name} {f'{value:g}' if isinstance(value, float) else value}"
        for name, value in {**method.field, **method.sampler}.items()
    ]
    told = changed[:MOST_TOLD] + ["…"] * (len(changed) > MOST_TOLD)
    return names_of(method) + (f" ({', '.join(told)})" if told else "")
