"""What every dataset format becomes: posed images in memory, split into training and test views."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.read_options import AS_STORED, ReadOptions
from core.config.types import Box
from core.datasets.loading.pixel_layout import PixelLayout, split_alpha
from core.geometry.cameras import Camera
from core.geometry.placement import Place
from core.geometry.rays import Rays
from core.kernels.camera_rays import rays_of_pixels
from core.kernels.pixels import lay_over, look_up
from core.kernels.runtime.gpu_memory import sent

Progress = Callable[[float, str], None]
"""A callback: takes the share of the work done, 0 to 1, and what is being done. What it raises ends the work."""


class PixelBatch(NamedTuple):
    """Pixels drawn from photos.

    Attributes:
        rays: one ray through each pixel's centre.
        rgbs: (n_rays, 3) float32 in [0, 1], straight colour.
        alphas: (n_rays, 1) float32 in [0, 1]; 1 where the image has no alpha.
    """

    rays: Rays
    rgbs: Tensor
    alphas: Tensor

    def over(self, background: Tensor) -> Tensor:
        """The pixels composited over background colours, (3,) or (n_rays, 3): (n_rays, 3). ValueError for others."""
        return lay_over(self.rgbs, self.alphas, background)

    def to(self, device: torch.device | str) -> "PixelBatch":
        return PixelBatch(self.rays.to(device), self.rgbs.to(device), self.alphas.to(device))


@dataclass(frozen=True)
class Views:
    """Posed images, kept as bytes. They may be on the host while their cameras, and what is drawn, are on a GPU.

    Attributes:
        cameras: a batch of n cameras, which know the images' sizes and times.
        images: (n, height, width, 3 or 4) uint8; images of several sizes are (n_pixels, 3 or 4), one after the other,
            row by row. With 4 channels the colour is straight (not premultiplied).
        names: n names, as the dataset spells them.
        used: bool, shaped like `images` without the channels: the pixels that count. Pixels that a mask hides are
            neither trained on nor compared. None: all count.
    """

    cameras: Camera
    images: Tensor
    names: tuple[str, ...]
    used: Tensor | None = None

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device | str) -> "Views":
        used = None if self.used is None else self.used.to(device)
        return replace(self, cameras=self.cameras.to(device), images=self.images.to(device), used=used)

    @property
    def has_alpha(self) -> bool:
        return self.images.shape[-1] == 4

    @property
    def moves(self) -> bool:
        """Whether the views were taken at different times, so that the scene may have moved between them."""
        times = self.cameras.times
        return times is not None and bool((times != times[:1]).any())

    @property
    def has_silhouettes(self) -> bool:
        """Whether some pixel is not opaque: the alpha then separates the scene from its background."""
        if not self.has_alpha:
            return False
        clear = self.images[..., 3] < 255
        return bool((clear if self.used is None else clear & self.used).any())

    @property
    def can_carve(self) -> bool:
        """Whether silhouettes show which space is empty: not in a moving scene, nor through a distorting lens."""
        return self.has_silhouettes and not self.moves and self.cameras.lens is None

    @property
    def nbytes(self) -> int:
        """Bytes of the images and masks."""
        return self.images.nbytes + (0 if self.used is None else self.used.nbytes)

    def image(self, index: int) -> Tensor:
        """One image, (height, width, 3 or 4) uint8."""
        return self._image_part(self.images, index)

    def mask(self, index: int) -> Tensor | None:
        """The pixels of one image that count, (height, width) bool; None: all."""
        return None if self.used is None else self._image_part(self.used, index)

    def alpha(self, index: int) -> Tensor:
        """The alpha channel of one image, (height, width) uint8; 255 where a mask hides the pixel."""
        alpha, mask = self.image(index)[..., 3], self.mask(index)
        return alpha if mask is None else torch.where(mask, alpha, 255)

    def take(self, indices: Tensor) -> "Views":
        """Some of these views, in the order of `indices` (n,) int64; their images are copied."""
        names = tuple(self.names[i] for i in indices.tolist())
        used = None if self.used is None else self._image_parts(self.used, indices)
        return Views(self.cameras[indices], self._image_parts(self.images, indices), names, used)

    def spread(self, n: int) -> "Views":
        """At most n of these views, evenly spread from the first to the last."""
        return self.take(torch.linspace(0, len(self) - 1, min(n, len(self))).round().long())

    def photo(self, index: int, background: Tensor) -> Tensor:
        """One image over a background colour (3,): (height, width, 3) float32 in [0, 1]."""
        rgbs, alphas = split_alpha(self.image(index))
        return rgbs * alphas + background.to(rgbs) * (1.0 - alphas)

    def sample(self, n_rays: int, generator: torch.Generator, among: Tensor | None = None) -> PixelBatch:
        """Pixels that count, drawn uniformly, with replacement.

        Args:
            generator: on the images' device.
            among: (n,) int64 on the images' device, the views to draw from; None: all.

        Raises:
            ValueError: there is no view to draw from.
        """
        n = len(self) if among is None else among.shape[0]
        if n == 0:
            raise ValueError("pixels are drawn from at least one view, got none: include one")
        if self.cameras.sizes is not None or self.used is not None:
            return self._pixels(*self._layout.draw(n_rays, generator, among))
        n_pixels = self.images.shape[1] * self.images.shape[2]
        places = torch.randint(n * n_pixels, (n_rays,), generator=generator, device=self.images.device)
        if among is None:
            return self._pixels(None, places)
        return self._pixels(among[places // n_pixels], places % n_pixels)

    def pixels(self, index: int, pixels: Tensor) -> PixelBatch:
        """Pixels (n,) int64 of one view, numbered row by row.

        Raises:
            ValueError: there is no such view, or no such pixel in it.
        """
        self._check_view(index)
        _check_pixels(pixels, int(self.cameras.extent[index].double().prod()))
        pixels = pixels.to(self.images.device)
        return self._pixels(torch.full_like(pixels, index), pixels)

    def used_pixels(self, index: int, numbers: Tensor) -> PixelBatch:
        """Pixels of one view by their numbers (n,) int64 among those that count, row by row.

        Raises:
            ValueError: there is no such view, or no such pixel in it.
        """
        self._check_view(index)
        _check_pixels(numbers, self.n_used(index))
        numbers = numbers.to(self.images.device)
        views = torch.full_like(numbers, index)
        return self._pixels(views, self._layout.find(views, numbers))

    def n_used(self, index: int) -> int:
        """How many pixels of one view count."""
        return int(self._layout.counts[index])

    def _check_view(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise ValueError(f"views are counted from 0 to {len(self) - 1}, got {index}: choose one of them")

    @cached_property
    def _layout(self) -> PixelLayout:
        areas = self.cameras.extent.double().prod(-1).long()
        return PixelLayout(areas.to(self.images.device), None if self.used is None else self.used.view(-1))

    def _image_part(self, of_all: Tensor, index: int) -> Tensor:
        """The part of `images` or `used` that belongs to one image."""
        if self.cameras.sizes is None:
            return of_all[index]
        width, height = self.cameras.sizes[index].tolist()
        first = int(self._layout.firsts[index])
        return of_all[first : first + width * height].view(height, width, *of_all.shape[1:])

    def _image_parts(self, of_all: Tensor, indices: Tensor) -> Tensor:
        """The parts of `images` or `used` that belong to some images, copied."""
        if self.cameras.sizes is None:
            return of_all[indices]
        return torch.cat([of_all[:0], *(self._image_part(of_all, index).flatten(0, 1) for index in indices.tolist())])

    def _pixels(self, views: Tensor | None, pixels: Tensor) -> PixelBatch:
        """Pixels (n,) int64, numbered row by row within their views (n,) int64; None: through all views, which have one
        size."""
        places = pixels if views is None else self._layout.firsts[views] + pixels
        there = self.cameras.c2w.device
        rgbs, alphas = (sent(x, there) for x in look_up(self.images, places))
        views = None if views is None else sent(views, there)
        return PixelBatch(rays_of_pixels(self.cameras, sent(pixels, there), views), rgbs, alphas)


@dataclass(frozen=True)
class Dataset:
    """A scene that can be trained on.

    Attributes:
        name: a short name for titles, such as the folder's.
        path: the folder or file that was opened.
        format: the name of the format it was read in.
        train, test: disjoint views; the test views are never trained on.
        box: the scene's bounds in the units of the camera positions: x0 y0 z0 x1 y1 z1.
        n_levels: nested boxes that the scene fills, `box` the first, each twice as large as the one before it.
        near_plane: the distance from each camera within which the scene is empty.
        up: the unit vector that points upwards in the scene.
        points: (n, 3) float32 on the scene's surfaces, where the files contain some; point_colors: their (n, 3) uint8.
        named: the place that its files give it, if it was moved since (see
            `core.datasets.bounds.scene_bounds.place_at`).
        reading: the options it was opened with; `downscale` is the total factor by which its images are reduced, as
            stored and as opened.
        notes: decisions of the reader that the user should know, one sentence each.
    """

    name: str
    path: Path
    format: str
    train: Views
    test: Views
    box: Box
    notes: tuple[str, ...] = ()
    reading: ReadOptions = AS_STORED
    n_levels: int = 1
    near_plane: float = 0.0
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    points: Tensor | None = None
    point_colors: Tensor | None = None
    named: Place | None = None


@dataclass(frozen=True)
class Format:
    """One way datasets are stored on disk.

    Attributes:
        name: the name that users know.
        signature: what such a dataset looks like, for messages.
        recognises: whether a folder or file is such a dataset; looks at names only.
        read: opens it; raises DatasetError.
        index: the file in its folder that can be named instead of the folder.
        suffixes: of files that are such a dataset by themselves, such as ".npz".
        any_axes: its files don't say which axes its cameras have, `ReadOptions.axes` does.
        is_fallback: it recognises folders of other formats too, and is meant for what none of these recognises.
    """

    name: str
    signature: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions, Progress], Dataset]
    index: str | None = None
    suffixes: tuple[str, ...] = ()
    any_axes: bool = False
    is_fallback: bool = False


def list_names(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _check_pixels(pixels: Tensor, n_pixels: int) -> None:
    """Raise ValueError for pixels outside of 0 to n - 1, which would be read from beside the image."""
    if pixels.numel():
        low, high = int(pixels.min()), int(pixels.max())
        if low < 0 or high >= n_pixels:
            raise ValueError(f"the view's pixels are counted from 0 to {n_pixels - 1}, got {low} to {high}")
