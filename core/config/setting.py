"""What makes a frozen dataclass one of settings.

A field's type carries a `Setting`: its explanation, label, unit and range. The command line makes the flag from it
and the window the slider, so one line makes both. A live setting changes by `dataclasses.replace`, which validates.
"""

import dataclasses
import math
from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from typing_extensions import Doc


class Setting(Doc):
    """What a setting means and how it is shown.

    Args:
        documentation: one or two sentences; the flag's help and the slider's tooltip.
        label: the name in the window.
        unit: the unit after the value, "" for a pure number.
        formula: the setting's part in the mathematics, as the marcher computes it.
        low, high: the inclusive range; values outside raise ValueError. A slider covers it, unless a range is
            `shown`, or there is a `span`.
        shown: the slider's range, if it is narrower.
        log: the slider's scale is logarithmic; where `low` is 0 the slider's left end stands for 0.
        span: for a length, the slider's range in diagonals of the scene's box: a scene may have any unit.
    """

    def __init__(
        self,
        documentation: str,
        /,
        *,
        label: str = "",
        unit: str = "",
        formula: str = "",
        low: float = -math.inf,
        high: float = math.inf,
        shown: tuple[float, float] | None = None,
        log: bool = False,
        span: tuple[float, float] | None = None,
    ):
        super().__init__(documentation)
        self.label, self.unit, self.formula = label, unit, formula
        self.low, self.high, self.shown, self.log, self.span = low, high, shown, log, span


@cache
def settings_of(cls: type) -> dict[str, Setting]:
    """The `Setting` of each annotated field of a settings dataclass, by field name, in order."""
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for f in dataclasses.fields(cls):
        for note in getattr(hints[f.name], "__metadata__", ()):
            if isinstance(note, Setting):
                found[f.name] = note
    return found


def differences(settings: Any, others: Any) -> dict[str, Any]:
    """The values, by name, in which one instance of a settings dataclass differs from another."""
    values = {name: getattr(settings, name) for name in settings_of(type(settings))}
    return {name: value for name, value in values.items() if value != getattr(others, name)}


def without_none(hint: Any) -> Any:
    """The type T of "T | None", annotated or not; of every other type the type itself."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    members = [member for member in get_args(bare) if member is not NoneType]
    return members[0] if NoneType in get_args(bare) and len(members) == 1 else bare


@cache
def _choices_of(cls: type) -> dict[str, tuple]:
    """What the fields of a settings dataclass may be that are one of a few words, by name."""
    kinds = {name: without_none(hint) for name, hint in get_type_hints(cls, include_extras=True).items()}
    return {name: get_args(kind) for name, kind in kinds.items() if get_origin(kind) is Literal}


def validate(instance: Any) -> None:
    """Raise ValueError, naming field, range and value, if a number is not finite or out of its `Setting`'s range, or a
    word is none of those to choose from."""
    cls = type(instance)
    for name, setting in settings_of(cls).items():
        value = getattr(instance, name)
        if isinstance(value, int | float) and not (math.isfinite(value) and setting.low <= value <= setting.high):
            raise ValueError(
                f"{name} must be a finite number from {setting.low:g} to {setting.high:g}, got {value!r}: "
                "choose a value in that range"
            )
    for name, choices in _choices_of(cls).items():
        value = getattr(instance, name)
        if value is not None and value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}: choose one of them")


S = TypeVar("S")


def from_json(cls: type[S], values: Any, renamed: Mapping[str, str] | None = None) -> S:
    """An instance of a dataclass from what JSON keeps of `dataclasses.asdict`: lists stand for tuples, strings for
    enumerations, objects for dataclasses. What is absent has its default.

    Args:
        renamed: present names of fields by their former ones.

    Raises:
        ValueError: an entry is unknown, has another type or is out of range, or one without a default is missing; the
            message names it.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{cls.__name__}: expected an object, found {values!r:.60}")
    hints, names = get_type_hints(cls), renamed or {}
    given: dict[str, Any] = {str(names.get(name, name)): value for name, value in values.items()}
    if unknown := given.keys() - hints.keys():
        raise ValueError(f"{cls.__name__} has no entry {min(unknown)!r}: it has {', '.join(hints)}")
    try:
        return cls(**{name: value_from_json(hints[name], value, name) for name, value in given.items()})
    except TypeError as error:  # an entry without a default is missing
        raise ValueError(f"{cls.__name__}: {error}") from error


def value_from_json(hint: Any, value: Any, name: str) -> Any:
    """A value of a type from what JSON keeps of it; see `from_json`.

    Args:
        name: of the value, for messages.
    """
    if get_origin(hint) in (Union, UnionType):
        if value is None and NoneType in get_args(hint):
            return None
        hint = without_none(hint)
    if get_origin(hint) is Literal:
        fits = value in get_args(hint)
    elif get_origin(hint) is tuple:
        items = get_args(hint)
        if isinstance(value, list | tuple) and (items[-1] is ... or len(items) == len(value)):
            hints = [items[0]] * len(value) if items[-1] is ... else items
            return tuple(value_from_json(item, x, name) for item, x in zip(hints, value, strict=True))
        fits = False
    elif isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return from_json(hint, value)
    elif issubclass(hint, Enum):
        return hint(value)
    elif hint is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = type(value) is hint
    if not fits:
        expected = hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
        raise ValueError(f"{name}: expected {expected}, found {value!r:.60}")
    return value
