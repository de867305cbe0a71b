"""Radiance fields, and which of them belongs to which settings."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from core.field_settings import MLPSettings, NGPTimeSettings, TNeRFSettings
from core.fields.nerf import MLPField
from core.fields.ngp import NGPField
from core.fields.ngp_t import NGPTimeField
from core.fields.t_nerf import TNeRFField
from core.kernels.space import Space
from core.settings import FieldSettings

_MADE_BY: dict[type, Callable[[Any, Space, torch.Generator | None], nn.Module]] = {
    FieldSettings: NGPField,
    MLPSettings: MLPField,
    NGPTimeSettings: NGPTimeField,
    TNeRFSettings: TNeRFField,
}


def make_field(settings: Any, space: Space, generator: torch.Generator | None = None) -> nn.Module:
    """A fresh `Field`.

    Args:
        settings: of one of `core.methods.FIELDS`; their type says which.
        space: what the field covers.
        generator: draws the initial weights, on the CPU.
    """
    return _MADE_BY[type(settings)](settings, space, generator)
