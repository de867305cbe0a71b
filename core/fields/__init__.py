"""Radiance fields, one file each: settings, usual settings, words and network. A new one is a new file and a line here.

Imports what stands above it: config, geometry, kernels and datasets. The files are imported when a field is asked for.
"""

from typing import TYPE_CHECKING, Any

from core.config.registry import MethodRegistry

if TYPE_CHECKING:
    import torch

    from core.fields.base import FieldKind, FieldSettings, LearntField
    from core.kernels.contraction import Space


class FieldRegistry(MethodRegistry["FieldKind"]):
    """Fields by name. A field of the user's own has no entry; its name is path.py:Class."""

    def named(self, name: str) -> "FieldKind":
        if is_own(name):
            from core.fields.own import FIELD

            return FIELD
        if name not in self:
            raise ValueError(
                f"there is no method {name!r}: choose one of {', '.join(self)}, or path.py:Class for a field of your "
                "own"
            )
        return self[name]

    def name_of(self, settings: Any) -> str:
        return settings.own_name or super().name_of(settings)


FIELDS = FieldRegistry("FIELD")
FIELDS.register("ngp", "core.fields.ngp")
FIELDS.register("mlp", "core.fields.nerf")
FIELDS.register("dense", "core.fields.dense")
FIELDS.register("ngp-t", "core.fields.ngp_t")
FIELDS.register("tnerf", "core.fields.t_nerf")


def is_own(name: str) -> bool:
    """Whether a field's name stands for a class of the user's own."""
    return ":" in name


def make_field(settings: "FieldSettings", space: "Space", generator: "torch.Generator | None" = None) -> "LearntField":
    """A fresh field.

    Args:
        settings: their type says which field.
        space: what the field covers.
        generator: draws the initial weights, on the CPU.

    Raises:
        FieldError: see `core.fields.own.OwnField`.
    """
    return FIELDS.named(FIELDS.name_of(settings)).field(settings, space, generator)
