"""What the path asks of a radiance field."""

from typing import Protocol

from torch import Tensor


class Field(Protocol):
    """A radiance field: density from a position, colour from what the density knew and a direction."""

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Densities and what the colour needs of them.

        Args:
            positions: (n, 3) float32 in scene units.

        Returns:
            sigmas: (n,) float32, at least 0, per scene unit.
            features: (n, n_features) float32.
        """
        ...

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        """Colours (n, 3) float32 in [0, 1] of features (n, n_features) seen along unit directions (n, 3)."""
        ...
