"""What the path asks of a radiance field."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from core.kernels.fused_march import EncodedDensity

PIECE = 1 << 20
"""Samples that a field evaluates at once where no gradient is recorded."""


class Field(Protocol):
    """A radiance field: density from a position, colour from what the density knew and a direction.

    On a CPU several threads may ask at once. One that looks at times has a class attribute `dynamic = True`. One that
    finds a density sooner than all that the colour needs may have a method `density_alone(positions)` besides, which
    gives `density`'s sigmas (n,), up to rounding: `densities_alone` asks it, and no gradient is recorded there. One
    that makes densities and colours sooner together may have a method `radiance(positions, directions)` besides, which
    gives `color`'s rgbs (n, 3) and `density`'s sigmas (n,), up to rounding: `radiance_of` asks it where gradients are
    recorded. One whose densities a march may evaluate itself may have a method `march_density(keeps_features)`, see
    `march_density_of`. One that reads parameters in bfloat16 may have a method `rounded_readers()`, see
    `core.training.optimizer.Adam`. In a class that derives from such a field and has a `density` or `color` of its own,
    these hold, and not the short cuts past them that it inherits; nothing else that it changes is looked at.
    """

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Densities and what the colour needs of them.

        Args:
            positions: (n, 3) float32 in scene units; or (n, 4) where the scene's views carry times, with the time
                last, 0 to 1. A static field looks at the first three only; without times a dynamic one is at time 0.

        Returns:
            sigmas: (n,) float32, at least 0, per scene unit.
            features: (n, n_features) float32.
        """
        ...

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        """Colours (n, 3) float32 in [0, 1] of features (n, n_features) seen along unit directions (n, 3)."""
        ...


@torch.no_grad()
def densities_alone(field: Field, positions: Tensor) -> Tensor:
    """Densities (n,) of positions (n, 3 or 4), without gradient, where nobody is going to ask for the colours there."""
    alone = _short_cut(field, "density_alone", "density")
    return field.density(positions)[0] if alone is None else alone(positions)


def march_density_of(field: Field, keeps_features: bool) -> EncodedDensity | None:
    """A field's density as a march evaluates it itself; None: it asks the field, between its rounds.

    Args:
        keeps_features: whether what `color` needs is asked for too.
    """
    offered = _short_cut(field, "march_density", "density")
    return None if offered is None else offered(keeps_features)


def radiance_of(field: Field, positions: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Colours (n, 3) and densities (n,) of positions (n, 3 or 4) seen along directions (n, 3), with gradient, where
    nothing is known of them yet."""
    together = _short_cut(field, "radiance", "density", "color")
    if together is not None:
        return together(positions, directions)
    sigmas, features = field.density(positions)
    return field.color(features, directions), sigmas


def in_pieces(evaluate: Callable[..., Tensor | tuple[Tensor, ...]], *columns: Tensor) -> Tensor | tuple[Tensor, ...]:
    """What a field's `density` or `color` gives for columns of n rows, in pieces where no gradient is recorded.

    A network's activations take many times the memory of what goes in and comes out: `PIECE` bounds them however many
    samples the rays have. Where gradients are recorded all activations are kept anyway, so it is one call.
    """
    if torch.is_grad_enabled() or columns[0].shape[0] <= PIECE:
        return evaluate(*columns)
    parts = [evaluate(*piece) for piece in zip(*(x.split(PIECE) for x in columns), strict=True)]
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return tuple(torch.cat(x) for x in zip(*parts, strict=True))


def _short_cut(field: Field, name: str, *past: str) -> Callable | None:
    """A method of a field that stands for others; None if there is none, or if a class that derives from the one that
    has it has one of those others of its own."""
    for kind in type(field).__mro__:
        if name in vars(kind):
            break
        if any(other in vars(kind) for other in past):
            return None
    return getattr(field, name, None)
