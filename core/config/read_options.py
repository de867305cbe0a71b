"""How to read a dataset's files where they leave it open: the options that a user gives when opening it.

They are remembered with the dataset, so that a snapshot finds the same views again.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from core.config.setting import Setting, validate

Axes = Literal["opengl", "opencv"]
"""A camera's axes in its pose: +x right, +y up, -z forward, or +x right, +y down, +z forward."""


@dataclass(frozen=True)
class ReadOptions:
    """Options for opening a dataset."""

    downscale: Annotated[int, Setting("Reduce the images by this whole factor, with a box filter.")] = 1
    axes: Annotated[
        Axes,
        Setting("The cameras' axes in files that don't say: opengl (y up, z back) or opencv (y down, z forward)."),
    ] = "opengl"
    allow_outside: Annotated[bool, Setting("Let a dataset name pictures outside of its folder.")] = False

    def __post_init__(self) -> None:
        if type(self.downscale) is not int or self.downscale < 1:
            raise ValueError(
                f"downscale must be a whole number of at least 1, got {self.downscale!r}: 1 keeps the size"
            )
        validate(self)
        if type(self.allow_outside) is not bool:
            raise ValueError(f"allow_outside must be true or false, got {self.allow_outside!r}: choose one of them")


AS_STORED = ReadOptions()
"""The defaults: the files as they are."""

DEMOS = {"demo": "demo", "demo-dynamic": "demo_dynamic", "demo-unbounded": "demo_unbounded"}
"""The scenes that come with the project: the names that open them, and their folders in assets."""
