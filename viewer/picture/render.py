"""March everything that a request shows: the view, A's view, the grid's cells, the photo."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import torch

from core.config.march import MarchSettings
from core.datasets.dataset import Views
from core.geometry.cameras import Camera
from core.geometry.panorama import Panorama
from core.rendering.render import finished_parts, image_parts
from core.rendering.timing import Stages, Stopwatch
from core.training.trainer import Trainer
from viewer.picture.camera import camera_of, panorama_of
from viewer.picture.overlays import grid_cells
from viewer.picture.overlays.grid_cells import GridLayers
from viewer.picture.overlays.grid_layers import find_layers
from viewer.picture.photo import Photo, photo_in_view
from viewer.picture.pixels import PixelArrays, to_arrays
from viewer.protocol.optics import CameraModel, RayOffset
from viewer.protocol.requests import PhotoId, Pose, Split, ViewRequest
from viewer.protocol.view_settings import CellsColor, Compare, ViewSettings

PhotoFinder = Callable[[Trainer, ViewRequest, tuple[int, int]], Photo]
"""Returns the photo of a request that has one, at a width and height in pixels."""


Chunk = int | Callable[[], int] | None
"""Rays to render at a time, or what returns them, asked before each chunk; None: as suits the device."""


@dataclass(frozen=True)
class Rendered:
    """A marched view before display.

    Attributes:
        march: the thresholds it was marched with.
        output: the pixels; colours lie over `background`.
        seconds: how long marching took; `stages` are its parts.
        occupied: for each grid level, the share of its cells that was marched.
        layers: the grid's cells that are shown, or None before they were looked for.
        other: the same view of A, while the view is compared with it; of_former: rendered by the former run.
        photo: the photo from the same place, while the view is compared with it.
    """

    march: MarchSettings
    output: PixelArrays
    stages: Stages
    background: tuple[float, float, float]
    seconds: float
    occupied: tuple[float, ...]
    layers: GridLayers | None = None
    other: "Rendered | None" = None
    of_former: bool = False
    photo: Photo | None = None


def render_view(
    trainer: Trainer,
    pose: Pose,
    size: tuple[int, int],
    march: MarchSettings,
    view: ViewSettings,
    cancelled: Callable[[], bool] | None = None,
    chunk: int | None = None,
) -> Rendered | None:
    """March a view.

    Args:
        size: width and height in pixels.
        cancelled: asked between chunks of `chunk` rays (None: as suits the device).

    Returns:
        None once `cancelled` has returned True.
    """
    return finished_parts(_view_parts(trainer, camera_of(pose, *size, trainer.device), march, view, chunk), cancelled)


def _view_parts(
    trainer: Trainer, camera: Camera | Panorama, march: MarchSettings, view: ViewSettings, chunk: Chunk
) -> Generator[None, None, Rendered]:
    began = time.perf_counter()
    background = torch.tensor(view.background, device=trainer.device)
    watch = Stopwatch(trainer.field, trainer.sampler, trainer.device)
    output = yield from image_parts(watch.field, watch.sampler, camera, march, background, chunk)
    stages, occupied = watch.stages(), trainer.grid.occupied(march.occ_thre)
    output = to_arrays(output)
    return Rendered(march, output, stages, view.background, time.perf_counter() - began, occupied)


def render_request(
    trainer: Trainer,
    request: ViewRequest,
    size: tuple[int, int],
    cancelled: Callable[[], bool] | None = None,
    chunk: int | None = None,
    photo_of: PhotoFinder | None = None,
    former: Trainer | None = None,
) -> Rendered | None:
    """March everything that a request shows, at the given size; arguments as in `render_view` and `completed`."""
    return finished_parts(request_parts(trainer, request, size, chunk, photo_of, former), cancelled)


def request_parts(
    trainer: Trainer,
    request: ViewRequest,
    size: tuple[int, int],
    chunk: Chunk = None,
    photo_of: PhotoFinder | None = None,
    former: Trainer | None = None,
    offset: RayOffset | None = None,
) -> Generator[None, None, Rendered]:
    """`render_request` in parts: it yields between chunks of rays.

    Args:
        offset: which of each pixel's rays is marched; None: the one through its centre.
    """
    if request.optics.camera_model is CameraModel.PERSPECTIVE:
        camera = camera_of(request.pose, *size, trainer.device, request.optics, offset, trainer.dataset.box)
    else:
        camera = panorama_of(request.pose, *size, trainer.device, request.optics, offset, trainer.dataset)
    rendered = yield from _view_parts(trainer, camera, request.march, request.view, chunk)
    of_former = bool(request.runs)
    owner = former if of_former else trainer
    if owner is not None and request.other is not None:
        other = yield from _view_parts(owner, camera, request.other, request.view, chunk)
        rendered = replace(rendered, other=other, of_former=of_former)
    return completed(trainer, request, rendered, photo_of, former)


def whole_parts(
    trainer: Trainer,
    request: ViewRequest,
    former: Trainer | None = None,
    offset: RayOffset | None = None,
    chunk: Chunk = None,
) -> Generator[None, None, Rendered]:
    """March everything that a picture for a file shows, at the request's full size, in parts."""
    if grid_cells.wants_cells(request.view) and request.view.cells_color is CellsColor.CAMERAS:
        for owner in (trainer, former if request.runs else None):
            if owner is not None:
                owner.coverage.finished()  # a file shows all cameras, not only those counted so far
    size = request.width, request.height
    return (yield from request_parts(trainer, request, size, chunk, former=former, offset=offset))


def completed(
    trainer: Trainer,
    request: ViewRequest,
    rendered: Rendered,
    photo_of: PhotoFinder | None = None,
    former: Trainer | None = None,
) -> Rendered:
    """A marched view together with the grid's cells and the photo that the request shows and the view still lacks.

    Args:
        photo_of: None: `find_photo`.
        former: the former run's trainer, while one is kept. Without it a view of that run lacks its cells.
    """
    height, width = rendered.output.opacities.shape
    view = request.view
    if rendered.layers is None:
        camera = camera_of(request.pose, width, height, trainer.device)
        rendered = replace(rendered, layers=find_layers(trainer, camera, rendered.march, view))
    owner = former if rendered.of_former else trainer
    if rendered.other is not None and owner is not None:
        rendered = replace(rendered, other=completed(owner, replace(request, photo=None), rendered.other))
    if view.compare is Compare.PHOTO and request.photo is not None and rendered.photo is None:
        rendered = replace(rendered, photo=(photo_of or find_photo)(trainer, request, (width, height)))
    return rendered


def without_layers(rendered: Rendered) -> Rendered:
    """A marched view without cells of the grid, because others are wanted."""
    other = None if rendered.other is None else replace(rendered.other, layers=None)
    return replace(rendered, layers=None, other=other)


def find_photo(trainer: Trainer, request: ViewRequest, size: tuple[int, int]) -> Photo:
    """The photo that a request's camera stands on, in the raster of its view.

    Raises:
        ValueError: it is on none, or the dataset has no such photo.
    """
    if request.photo is None:
        raise ValueError("the view's camera is not on a photo of the dataset")
    return photo_in_view(views_of(trainer, request.photo), request.photo.index, camera_of(request.pose, *size, "cpu"))


def views_of(trainer: Trainer, photo: PhotoId) -> Views:
    """The views of a photo's split.

    Raises:
        ValueError: the dataset has no such photo.
    """
    views = trainer.dataset.train if photo.split is Split.TRAIN else trainer.dataset.test
    if not 0 <= photo.index < len(views):
        raise ValueError(f"the dataset has {len(views)} {photo.split} views, and none with number {photo.index}")
    return views
