"""A radiance field of the user's own: a class in a Python file of theirs, named as path.py:Class."""

from typing import Any

import torch
from torch import Tensor

from core.errors import FieldError
from core.fields.base import Field, FieldKind, LearntField
from core.fields.blocks import in_blocks
from core.fields.checked import checked_columns, checked_densities, shape_text
from core.fields.own_class import OwnSettings, load_class, made, raised
from core.kernels.contraction import Space

_TRIED = 8
"""Positions at which a fresh field is evaluated, so that its errors are reported before anything else happens."""


class OwnField(LearntField):
    """A `Field` that calls a user's `nn.Module`.

    The module has `density(positions)`, which returns densities (n,) or (n, 1), and `forward(positions, directions)`,
    which returns colours (n, 3), or these and the densities, as nerfacc's fields do. Or it has the two methods of
    `Field`, so that colours can reuse what `density` computed. Positions are (n, 3), or, if its class has
    `dynamic = True`, (n, 4) with the time last. Its result for a position must not depend on others, nor on noise.

    It is constructed with the scene's box as `aabb`, (6,) float32 on the CPU, if its constructor has an argument of
    that name, and with nothing else.

    Args:
        settings: name the class, whose file is run.
        space: its box is passed to the module, which must also cover space around it if that is contracted.
        generator: seeds torch while the module is constructed.

    Raises:
        FieldError: the class can't be loaded or isn't such a module, or its methods raise or return other shapes.
    """

    smooth = True
    averaged = False  # it may have state that averaging would miss

    def __init__(self, settings: OwnSettings, space: Space, generator: torch.Generator | None = None):
        super().__init__()
        self.settings, self.space = settings, space
        own_class = load_class(settings)
        self._has_color = hasattr(own_class, "color")
        self.dynamic = bool(getattr(own_class, "dynamic", False))
        self.own = made(own_class, settings, space.box, generator)
        self._learnt = [parameter for parameter in self.own.parameters() if parameter.requires_grad]
        self._try(space)

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        places = self._places(positions)
        given = self._shared_out(self._densities, places)
        return given[:, 0], given[:, 1:] if self._has_color else places

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        return self._shared_out(self._colors, features, directions)

    def _places(self, positions: Tensor) -> Tensor:
        """Positions as the module gets them, with or without their times."""
        if not self.dynamic:
            return positions[:, :3]
        return positions if positions.shape[1] == 4 else torch.nn.functional.pad(positions, (0, 1))

    def _densities(self, positions: Tensor) -> Tensor:
        """Densities, and features if the module has any: (n, 1 + n_features)."""
        n, who = positions.shape[0], f"{self.settings.source}: density"
        given = self._asked("density", positions)
        if not self._has_color:
            return checked_densities(given, n, who)[:, None]
        if not (isinstance(given, tuple | list) and len(given) == 2):
            raise FieldError(
                f"{who}: expected densities and features, for it has color, found {shape_text(given)}: give both"
            )
        sigmas, features = checked_densities(given[0], n, who), checked_columns(given[1], n, None, "features", who)
        return torch.cat([sigmas[:, None], features], dim=1)

    def _colors(self, features: Tensor, directions: Tensor) -> Tensor:
        method = "color" if self._has_color else "forward"
        given = self._asked(method, features, directions)
        if isinstance(given, tuple | list) and len(given) == 2:
            given = given[0]
        return checked_columns(given, features.shape[0], 3, "colours", f"{self.settings.source}: {method}")

    def _asked(self, method: str, *columns: Tensor) -> Any:
        """What a method of the module returns; its exceptions become FieldErrors that name the line."""
        try:
            return getattr(self.own, method)(*columns)
        except Exception as error:
            raise raised(self.settings, method, error) from error

    def _shared_out(self, network, *columns: Tensor) -> Tensor:
        """Run a network on columns; when learning on a CPU on all threads, as `core.fields.nerf` does."""
        if not columns[0].shape[0]:  # a module may fail on no rows, and the result must have a gradient all the same
            return network(*(x.new_ones(1, x.shape[1]) for x in columns))[:0]
        if columns[0].device.type == "cpu" and torch.is_grad_enabled():
            return in_blocks(network, columns, self._learnt)
        return network(*columns)

    def _try(self, space: Space) -> None:
        """Evaluate a few positions in the box; raise FieldError unless the results are finite and have gradients."""
        low, high = torch.tensor(space.box[:3]), torch.tensor(space.box[3:])
        places = self._places(torch.lerp(low, high, torch.linspace(0.1, 0.9, _TRIED)[:, None]))
        directions = torch.nn.functional.normalize(high - low, dim=0).expand(_TRIED, 3)
        with torch.enable_grad():
            given = self._densities(places)
            rgbs = self._colors(given[:, 1:] if self._has_color else places, directions)
        for what, values in (("densities", given[:, 0]), ("colours", rgbs)):
            if not bool(values.isfinite().all()):
                raise FieldError(f"{self.settings.source}: expected finite {what}, found {values.tolist()}: mend it")
            if not values.requires_grad:
                raise FieldError(
                    f"{self.settings.source}: expected {what} that depend on its parameters, found some that don't: "
                    "make what is learnt an nn.Parameter, and give it back without detach or no_grad"
                )


class PlainField(Field):
    """A `Field` that calls any object which has `density` and `color`."""

    def __init__(self, asked: Any):
        self._asked = asked
        self.dynamic = bool(getattr(asked, "dynamic", False))

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        return self._asked.density(positions)

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        return self._asked.color(features, directions)


def as_field(field: Any) -> Field:
    """A `Field` as it is; any other object with `density` and `color` wrapped in one."""
    return field if isinstance(field, Field) else PlainField(field)


FIELD = FieldKind(
    OwnSettings, OwnField, "A class of your own in a Python file, named as path.py:Class.", "Whatever its methods cost."
)
"""It isn't registered under a name; the class, once loaded, has its properties."""
