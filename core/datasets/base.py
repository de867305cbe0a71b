"""What every dataset format becomes: posed images in memory, split into training and test views."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from core.cameras import Camera, rays_through
from core.rays import Rays
from core.reading import AS_STORED, Reading
from core.settings import Box

Progress = Callable[[float, str], None]
"""Told the share of the work done, 0 to 1, and what is being done. What it raises ends the work."""


class PixelBatch(NamedTuple):
    """Pixels of photos.

    Attributes:
        rays: one ray through each pixel's centre.
        rgbs: (n_rays, 3) float32 in [0, 1], straight colour.
        alphas: (n_rays, 1) float32 in [0, 1]; 1 where the image has no alpha.
    """

    rays: Rays
    rgbs: Tensor
    alphas: Tensor

    def over(self, background: Tensor) -> Tensor:
        """The pixels over background colours, (3,) or (n_rays, 3): (n_rays, 3)."""
        return self.rgbs * self.alphas + background * (1.0 - self.alphas)

    def to(self, device: torch.device | str) -> "PixelBatch":
        return PixelBatch(self.rays.to(device), self.rgbs.to(device), self.alphas.to(device))


@dataclass(frozen=True)
class Views:
    """Posed images of one size, kept as bytes.

    Attributes:
        cameras: a batch of n cameras.
        images: (n, height, width, 3 or 4) uint8; with 4 channels the colour is straight (not premultiplied).
        names: n names, as the dataset spells them.
    """

    cameras: Camera
    images: Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> "Views":
        return replace(self, cameras=self.cameras.to(device), images=self.images.to(device))

    @property
    def has_alpha(self) -> bool:
        return self.images.shape[-1] == 4

    @property
    def moves(self) -> bool:
        """Whether the views were taken at several times, so that what they show may have moved."""
        times = self.cameras.times
        return times is not None and bool((times != times[:1]).any())

    @property
    def has_silhouettes(self) -> bool:
        """Whether some pixel is not opaque: the alpha then tells the scene from what lies behind it."""
        return self.has_alpha and bool((self.images[..., 3] < 255).any())

    def take(self, indices: Tensor) -> "Views":
        """Some of these views, in the order of `indices` (n,) int64; their images are copied."""
        names = tuple(self.names[i] for i in indices.tolist())
        return Views(self.cameras[indices], self.images[indices], names)

    def spread(self, n: int) -> "Views":
        """At most n of these views, evenly spread from the first to the last."""
        return self.take(torch.linspace(0, len(self) - 1, min(n, len(self))).round().long())

    def photo(self, index: int, background: Tensor) -> Tensor:
        """One image over a background colour (3,): (height, width, 3) float32 in [0, 1]."""
        rgbs, alphas = split_alpha(self.images[index])
        return rgbs * alphas + background.to(rgbs) * (1.0 - alphas)

    def sample(self, n_rays: int, generator: torch.Generator, among: Tensor | None = None) -> PixelBatch:
        """Pixels drawn uniformly, with replacement.

        Args:
            generator: on the images' device.
            among: (n,) int64 on the images' device, the views to draw from; None: all of them.

        Raises:
            ValueError: there is no view to draw from.
        """
        n_views, height, width, _ = self.images.shape
        n = n_views if among is None else among.shape[0]
        if n == 0:
            raise ValueError("pixels are drawn from at least one view, got none: include one")
        pixels = torch.randint(n * height * width, (n_rays,), generator=generator, device=self.images.device)
        views = pixels // (height * width)
        return self._pixels(views if among is None else among[views], pixels % (height * width))

    def scatter(self, index: int, n_pixels: int, generator: torch.Generator) -> PixelBatch:
        """Pixels scattered over one view: one drawn from each of n equal runs of its pixels (stratified sampling).

        Args:
            n_pixels: as many different pixels; all of them, in order, where the image has no more.
            generator: on the CPU.
        """
        total = self.cameras.width * self.cameras.height
        n = min(n_pixels, total)
        bounds = torch.arange(n + 1) * total // n
        runs = bounds[1:] - bounds[:-1]
        pixels = bounds[:-1] + (torch.rand(n, generator=generator) * runs).long()
        return self.pixels(index, pixels)

    def pixels(self, index: int, pixels: Tensor) -> PixelBatch:
        """Pixels (n,) int64 of one view, counted row by row."""
        pixels = pixels.to(self.images.device)
        return self._pixels(torch.full_like(pixels, index), pixels)

    def _pixels(self, views: Tensor, pixels: Tensor) -> PixelBatch:
        """Pixels (n,) int64, counted row by row within their views (n,) int64."""
        n_views, height, width, _ = self.images.shape
        xs = (pixels % width).float() + 0.5
        ys = (pixels // width).float() + 0.5
        rgbs, alphas = split_alpha(self.images.view(n_views * height * width, -1)[views * height * width + pixels])
        return PixelBatch(rays_through(self.cameras[views], xs, ys), rgbs, alphas)


@dataclass(frozen=True)
class Dataset:
    """A scene that can be trained on.

    Attributes:
        name: a short name for titles, such as the folder's.
        path: where it was opened.
        format: the name of the format it was read as.
        train, test: disjoint views; the test views are never trained on.
        box: the scene's bounds in the units of the camera positions: x0 y0 z0 x1 y1 z1.
        n_levels: nested boxes that the scene fills, each twice as large as the one before, `box` the first of them.
        near_plane: the distance from a camera below which nothing is.
        up: the unit vector that points upwards in the scene.
        reading: how it was opened.
        notes: what the reader decided and the user should know, one sentence each.
    """

    name: str
    path: Path
    format: str
    train: Views
    test: Views
    box: Box
    notes: tuple[str, ...] = ()
    reading: Reading = AS_STORED
    n_levels: int = 1
    near_plane: float = 0.0
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)


class Format(NamedTuple):
    """One way datasets are stored on disk.

    Attributes:
        name: as users know it.
        signature: what such a dataset looks like, for messages.
        recognises: whether a path, a folder's or a file's, is one; looks at names only.
        read: opens it; raises DatasetError.
        index: the file in its folder that may be named instead of the folder.
        any_axes: its files don't say which axes its cameras have, `Reading.axes` does.
    """

    name: str
    signature: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Reading, Progress], Dataset]
    index: str | None = None
    any_axes: bool = False


def some_of(names: Sequence[str], most: int = 3) -> str:
    """The first of some names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def split_alpha(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 pixels (..., 3 or 4) as float32 straight colour (..., 3) and alpha (..., 1), in [0, 1]."""
    values = pixels.float() / 255.0
    if values.shape[-1] == 4:
        return values[..., :3], values[..., 3:]
    return values, torch.ones_like(values[..., :1])
