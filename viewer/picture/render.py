"""March everything that a request shows: the view, A's view, the grid's cells, the photo."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from core.config.march import MarchSettings
from core.datasets.dataset import Views
from core.geometry.cameras import Camera, pinhole_matrix
from core.rendering.render import render_image
from core.rendering.timing import Stages, Stopwatch
from core.training.trainer import Trainer
from viewer.picture.overlays import grid_cells
from viewer.picture.overlays.grid_cells import GridLayers
from viewer.picture.overlays.grid_layers import find_layers
from viewer.picture.photo import Photo, photo_in_view
from viewer.picture.pixels import PixelArrays, to_arrays
from viewer.protocol.requests import PhotoId, Pose, Split, ViewRequest
from viewer.protocol.view_settings import CellsColor, Compare, ViewSettings

PhotoFinder = Callable[[Trainer, ViewRequest, tuple[int, int]], Photo]
"""Returns the photo of a request that has one, at a width and height in pixels."""


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


def camera_of(pose: Pose, width: int, height: int, device: str) -> Camera:
    """The camera of a pose: square pixels, its centre in the middle of the picture."""
    c2w = torch.tensor(pose.c2w, dtype=torch.float32).reshape(4, 4)
    times = None if pose.time is None else torch.tensor(pose.time, dtype=torch.float32)
    return Camera(c2w, pinhole_matrix(pose.fov_y, width, height), width, height, times=times).to(device)


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
    began = time.perf_counter()
    camera = camera_of(pose, *size, trainer.device)
    background = torch.tensor(view.background, device=trainer.device)
    watch = Stopwatch(trainer.field, trainer.sampler, trainer.device)
    output = render_image(watch.field, watch.sampler, camera, march, background, cancelled, chunk)
    if output is None:
        return None
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
    rendered = render_view(trainer, request.pose, size, request.march, request.view, cancelled, chunk)
    if rendered is None:
        return None
    of_former = bool(request.runs)
    owner = former if of_former else trainer
    if owner is not None and request.other is not None:
        other = render_view(owner, request.pose, size, request.other, request.view, cancelled, chunk)
        if other is None:
            return None
        rendered = replace(rendered, other=other, of_former=of_former)
    return completed(trainer, request, rendered, photo_of, former)


def render_whole(
    trainer: Trainer,
    request: ViewRequest,
    cancelled: Callable[[], bool] | None = None,
    former: Trainer | None = None,
) -> Rendered | None:
    """March everything that a picture for a file shows, at the request's full size; None if cancelled."""
    if grid_cells.wants_cells(request.view) and request.view.cells_color is CellsColor.CAMERAS:
        for owner in (trainer, former if request.runs else None):
            if owner is not None:
                owner.coverage.finished()  # a file shows all cameras, not only those counted so far
    return render_request(trainer, request, (request.width, request.height), cancelled, former=former)


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
