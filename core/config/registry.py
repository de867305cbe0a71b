"""What others can add to: fields, samplers, dataset formats, panels and tools, each in a module of its own.

A registry has a line for each, its name and its module. The module is imported when it is first asked for.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

from core.config.setting import settings_of


class Kind(Protocol):
    """One field, sampler or contraction to choose, in words for the window and the command line's help."""

    @property
    def settings(self) -> type | None:
        """The dataclass of its settings; None: it has none."""

    @property
    def sentence(self) -> str:
        """What it is."""
        ...

    @property
    def cost(self) -> str:
        """What it takes."""
        ...


T = TypeVar("T")
K = TypeVar("K", bound=Kind)


class Registry(Mapping[str, T], Generic[T]):
    """Entries by name, in the order in which they were registered.

    Names are known at once. A module is imported when its entry is asked for: those of fields take seconds to import.

    Args:
        attribute: the name that the entry has in each module.
    """

    def __init__(self, attribute: str):
        self._attribute, self._modules = attribute, dict[str, str]()

    def register(self, name: str, module: str) -> None:
        """Add an entry.

        Args:
            module: the full name of the module that has it.

        Raises:
            ValueError: another one has this name.
        """
        if name in self._modules:
            raise ValueError(f"{name} is registered already, as {self._modules[name]}: choose another name")
        self._modules[name] = module

    def remove(self, name: str) -> None:
        """Take an entry away again."""
        del self._modules[name]

    def load(self) -> None:
        """Import the modules of all entries."""
        for module in self._modules.values():
            import_module(module)

    def loaded(self) -> dict[str, T]:
        """The entries whose modules are imported."""
        return {name: self[name] for name, module in self._modules.items() if module in sys.modules}

    def __getitem__(self, name: str) -> T:
        return getattr(import_module(self._modules[name]), self._attribute)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


class MethodRegistry(Registry[K]):
    """Fields or samplers by name."""

    def named(self, name: str) -> K:
        """A kind; raises ValueError that lists all names for one that none has."""
        if name not in self:
            raise ValueError(f"there is no method {name!r}: choose one of {', '.join(self)}")
        return self[name]

    def name_of(self, settings: Any) -> str:
        """The name of the kind that settings belong to."""
        return next(name for name, kind in self.items() if type(settings) is kind.settings)

    def with_overrides(self, settings: Any, overrides: Mapping[str, Any]) -> Any:
        """Settings of one of the kinds with other values.

        Raises:
            ValueError: a value is out of range, or belongs to another kind.
        """
        alien = [name for name in overrides if name not in settings_of(type(settings))]
        if alien:
            kind = self.name_of(settings)
            raise ValueError(f"{alien[0]} is no setting of {kind}: leave it out, or choose another method")
        return replace(settings, **overrides)
