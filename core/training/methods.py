"""A method is a field, a sampler and a contraction, each chosen by name, with the settings that suit the device and the
scene."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from core.config.contractions import CONTRACTIONS, contraction_named
from core.config.registry import Kind
from core.config.setting import settings_of
from core.config.training import TrainSettings
from core.fields import FIELDS, is_own
from core.fields.base import Conditions, FieldSettings
from core.fields.own_class import OwnSettings
from core.samplers import SAMPLERS
from core.samplers.base import SamplerSettings

CHOICES: dict[str, tuple[str, Mapping[str, Kind]]] = {
    "field": ("Field", FIELDS),
    "sampler": ("Sampler", SAMPLERS),
    "contraction": ("Contraction", CONTRACTIONS),
}
"""All that makes a method: what each choice is called in the window, and what there is to choose from."""

DEFAULT_FIELD, DEFAULT_SAMPLER = "ngp", "occupancy"

DEFAULT_DYNAMIC_FIELD = "ngp-t"
"""For scenes in which something moves."""


class MethodSettings(NamedTuple):
    """A method with all its settings: of its field, of its sampler and of its training."""

    field: FieldSettings
    sampler: SamplerSettings
    train: TrainSettings


def default_method(moves: bool) -> dict[str, str]:
    """The method of a scene in which nothing else is asked for, by the names of `CHOICES`.

    Args:
        moves: something moves in it.
    """
    return {"field": DEFAULT_DYNAMIC_FIELD if moves else DEFAULT_FIELD, "sampler": DEFAULT_SAMPLER}


def words_of(choice: str, name: str) -> Kind:
    """What there is to say about a name of one of `CHOICES`, or about a field of the user's own."""
    return FIELDS.named(name) if choice == "field" else CHOICES[choice][1][name]


def method_settings(
    field: str,
    sampler: str,
    conditions: Conditions,
    train: TrainSettings,
    changes: Mapping[str, Any] | None = None,
) -> MethodSettings:
    """The usual settings of a method.

    Args:
        field, sampler: names in `FIELDS` and `SAMPLERS`, or path.py:Class for a field of the user's own.
        conditions: of the field.
        train: what suits the device and the scene, for a hash grid.
        changes: values of the field's settings that aren't to be the usual ones; a network's rate follows its width.

    Raises:
        ValueError: there is no such field or sampler, or a change is out of range or belongs to another field.
    """
    kind, sampler_kind = FIELDS.named(field), SAMPLERS.named(sampler)
    usual = OwnSettings(field) if is_own(field) else kind.settings.usual(conditions)
    field_settings: FieldSettings = FIELDS.with_overrides(usual, changes or {})
    adapted = field_settings.training(train)
    sampler_settings = sampler_kind.settings.usual(train.learning_rate / adapted.learning_rate)
    if not sampler_settings.marches_grid:  # there, fog takes no more samples than a surface
        adapted = replace(adapted, weight_entropy=0.0)
    return MethodSettings(field_settings, sampler_settings, for_times(adapted) if kind.dynamic else adapted)


def for_times(train: TrainSettings) -> TrainSettings:
    """Training of a field that looks at times: a cell stays occupied that holds something at any time, and an update of
    the grid looks at one time only."""
    return replace(train, grid_decay=0.5 + 0.5 * train.grid_decay)


def refuse(field: FieldSettings, sampler: SamplerSettings) -> None:
    """Raise ValueError, with the reason, where the method of a field's and a sampler's settings can't learn."""
    name = FIELDS.name_of(field)
    sampler.check_field(name, FIELDS.named(name))


def check_method(names: Mapping[str, str], field: Mapping[str, Any], sampler: Mapping[str, Any]) -> None:
    """Raise ValueError for what can't learn in any scene, before one is opened.

    Without a name the field is the one of still scenes, unless only the one of scenes that move has all the settings.

    Args:
        names: by `CHOICES`; field, sampler: values of their settings that aren't to be the usual ones.
    """
    still, moving = (settings_of(FIELDS[name].settings) for name in (DEFAULT_FIELD, DEFAULT_DYNAMIC_FIELD))
    moves = not field.keys() <= still.keys() and field.keys() <= moving.keys()
    chosen = default_method(moves) | dict(names)
    if "contraction" in chosen:
        contraction_named(chosen.pop("contraction"))
    found = method_settings(**chosen, conditions=Conditions("cuda"), train=TrainSettings(), changes=field)
    refuse(found.field, SAMPLERS.with_overrides(found.sampler, sampler))
