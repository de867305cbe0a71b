"""Radiance fields, and which of them belongs to which settings."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from core.config.field_settings import (
    DenseSettings,
    FieldSettings,
    MLPSettings,
    NGPTimeSettings,
    OwnSettings,
    TNeRFSettings,
)
from core.fields.dense import DenseField
from core.fields.nerf import MLPField
from core.fields.ngp import NGPField
from core.fields.ngp_t import NGPTimeField
from core.fields.own import OwnField
from core.fields.t_nerf import TNeRFField
from core.kernels.contraction import Space

_MADE_BY: dict[type, Callable[[Any, Space, torch.Generator | None], nn.Module]] = {
    FieldSettings: NGPField,
    DenseSettings: DenseField,
    MLPSettings: MLPField,
    NGPTimeSettings: NGPTimeField,
    TNeRFSettings: TNeRFField,
    OwnSettings: OwnField,
}


def make_field(settings: Any, space: Space, generator: torch.Generator | None = None) -> nn.Module:
    """A fresh `Field`.

    Args:
        settings: of one of `core.config.methods.FIELDS`, or of a field of the user's own; their type says which.
        space: what the field covers.
        generator: draws the initial weights, on the CPU.

    Raises:
        FieldError: see `OwnField`.
    """
    return _MADE_BY[type(settings)](settings, space, generator)
