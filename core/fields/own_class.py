"""Loads and constructs a class of the user's own. An error in their code is reported in one line with its location."""

import importlib.util
import inspect
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from core.config.training import TrainSettings
from core.config.types import Box
from core.errors import FieldError
from core.fields.base import FieldSettings
from core.fields.nerf import network_training

_WIDTH = 256
"""The width of layers for which a user's own field's learning rate is chosen."""


@dataclass(frozen=True)
class OwnSettings(FieldSettings):
    """A field of the user's own, which has no settings but its class.

    Attributes:
        source: "path.py:Class", with the path relative to the current folder.
    """

    source: str

    def __post_init__(self) -> None:
        if self.path.suffix != ".py" or not self.class_name.isidentifier():
            raise ValueError(f"a field of your own is named as path.py:Class, got {self.source!r}: name its class so")

    @property
    def path(self) -> Path:
        return Path(self.source.rpartition(":")[0]).expanduser()

    @property
    def class_name(self) -> str:
        return self.source.rpartition(":")[2]

    @property
    def own_name(self) -> str:
        return self.source

    def training(self, usual: TrainSettings) -> TrainSettings:
        """As for the paper's network: it may be as deep."""
        return network_training(usual, _WIDTH)


def load_class(settings: OwnSettings) -> type[nn.Module]:
    """Run the file, which can import modules from its folder, and return the class.

    Raises:
        FieldError: there is no such file or class, the file raises, or the class isn't a module with the methods of a
            field.
    """
    source, module = settings.source, _run(settings)
    found = getattr(module, settings.class_name, None)
    if not isinstance(found, type):
        others = [x.__name__ for x in vars(module).values() if _is_module(x) and x.__module__ == module.__name__]
        raise FieldError(f"{source}: expected a class of that name, found {', '.join(others) or 'none'}: correct it")
    if not issubclass(found, nn.Module):
        raise FieldError(f"{source}: expected a torch.nn.Module, which can learn, found another class: derive it so")
    if not hasattr(found, "density"):
        raise FieldError(f"{source}: expected a method density(positions), found none: a field needs it")
    if not hasattr(found, "color") and found.forward is nn.Module.forward:
        raise FieldError(
            f"{source}: expected a method forward(positions, directions), or color(features, directions), found none: "
            "a field needs one of them"
        )
    return found


def made(own_class: type[nn.Module], settings: OwnSettings, box: Box, generator: torch.Generator | None) -> nn.Module:
    """Construct an instance. Meanwhile torch's global generator is seeded from `generator`; it is restored afterwards.

    Raises:
        FieldError: the constructor raises, or needs arguments besides `aabb`.
    """
    parameters = inspect.signature(own_class).parameters
    arguments = {"aabb": torch.tensor(box)} if "aabb" in parameters else {}
    with torch.random.fork_rng(devices=[]):
        if generator is not None:
            torch.default_generator.manual_seed(int(torch.randint(1 << 31, (), generator=generator)))
        try:
            own = own_class(**arguments)
        except (Exception, SystemExit) as error:
            raise raised(settings, "its constructor, which gets aabb or nothing,", error) from error
    if "_parameters" not in vars(own):
        raise FieldError(f"{settings.source}: expected super().__init__() in its constructor, found none: add it")
    return own


def raised(settings: OwnSettings, what: str, error: BaseException) -> FieldError:
    """The FieldError for an exception in the user's code: says what raised it, and the last line in their file."""
    path = str(settings.path.resolve())
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    where = f" in line {lines[-1]}" if lines else ""
    said = " ".join(str(error).split())
    return FieldError(f"{settings.source}: {what} raised {type(error).__name__}{where} ({said}): mend it")


def _run(settings: OwnSettings) -> ModuleType:
    path = settings.path.resolve()
    if not path.is_file():
        raise FieldError(f"{settings.source}: expected a Python file {path}, found none: correct the path")
    spec = importlib.util.spec_from_file_location(f"own_field_{path.stem}", path)
    assert spec is not None and spec.loader is not None, "the path ends in .py"
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look up their module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise raised(settings, "its file", error) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _is_module(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, nn.Module)
