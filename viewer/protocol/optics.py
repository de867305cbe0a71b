"""What is between the scene and a picture in a file: the camera's model, its lens, and how many rays a pixel gets."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple

from core.config.setting import Setting, validate


class CameraModel(StrEnum):
    """How a camera projects."""

    PERSPECTIVE = "perspective"
    PANORAMA = "panorama"
    STEREO_PANORAMA = "stereo-panorama"


@dataclass(frozen=True)
class Optics:
    """Of pictures and films for files. The live view has the defaults."""

    camera_model: Annotated[
        CameraModel,
        Setting(
            "A perspective camera, an equirectangular panorama of 360 degrees, or one for each eye, the left above.",
            label="Camera",
        ),
    ] = CameraModel.PERSPECTIVE
    samples_per_pixel: Annotated[
        int,
        Setting("Rays through each pixel, whose mean is its colour.", label="Rays per pixel", low=1, high=1024),
    ] = 1
    aperture: Annotated[
        float,
        Setting(
            "The lens' radius; what lies nearer or farther than the focus is blurred.", label="Aperture", unit="units",
            low=0.0,
        ),
    ] = 0.0  # fmt: skip
    focus: Annotated[
        float,
        Setting(
            "Distance along the view axis at which all is sharp; 0: that of the scene's middle.", label="Focus",
            unit="units", low=0.0,
        ),
    ] = 0.0  # fmt: skip
    eye_distance: Annotated[
        float,
        Setting(
            "Between the eyes, in stereo; 0: a hundredth of the scene's diagonal.", label="Eyes", unit="units", low=0.0
        ),
    ] = 0.0

    def __post_init__(self) -> None:
        validate(self)
        if self.aperture > 0.0 and self.samples_per_pixel < 2:
            raise ValueError("an aperture blurs by many rays, got one per pixel: set samples_per_pixel to 16 or more")
        if self.aperture > 0.0 and self.camera_model is not CameraModel.PERSPECTIVE:
            raise ValueError(f"a {self.camera_model.value} has no lens: leave the aperture at 0")


PINHOLE = Optics()


class RayOffset(NamedTuple):
    """Where one of a pixel's rays passes.

    Attributes:
        right, down: from the pixel's centre, in pixels.
        lens_right, lens_up: where it passes the lens, in radii.
        moment: when it is taken while the shutter is open, 0 to 1.
    """

    right: float = 0.0
    down: float = 0.0
    lens_right: float = 0.0
    lens_up: float = 0.0
    moment: float = 0.5


_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_PLASTIC = 1.32471795724474602596
"""The plastic number, from which the R2 sequence is made (Roberts 2018): its points fill a square evenly."""


def ray_offsets(n: int) -> tuple[RayOffset, ...]:
    """The offsets of n rays: the same ones for all pixels, evenly spread over the pixel, the lens and the time."""
    if n == 1:
        return (RayOffset(),)
    order = sorted(range(n), key=lambda i: i * _GOLDEN % 1.0)
    offsets = []
    for i in range(n):
        right, down = ((0.5 + (i + 1) / _PLASTIC**power) % 1.0 - 0.5 for power in (1, 2))
        radius, angle = math.sqrt((i + 0.5) / n), 2.0 * math.pi * _GOLDEN * i  # Vogel's spiral
        offsets.append(
            RayOffset(right, down, radius * math.cos(angle), radius * math.sin(angle), (order.index(i) + 0.5) / n)
        )
    return tuple(offsets)
