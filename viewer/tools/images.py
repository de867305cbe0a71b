"""The dataset's views as a table: a thumbnail of each photo, and the PSNR that training has reached there."""

import math
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from core.datasets.dataset import Dataset, Views
from core.rendering.pixel_sample import sample_pixels
from core.training.held_out import training_psnr
from viewer.picture.render import views_of
from viewer.protocol.requests import PhotoId
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.session import ToolKey
from viewer.scene.held_out import N_PIXELS
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ToolKind
from viewer.tools.image_list import photos_of

SLICE_SECONDS = 0.03
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 96, 64
"""The largest thumbnail, in pixels."""
MOST_PIXELS = 1 << 21
"""Pixels of all thumbnails together: with thousands of views they become smaller."""

SEEN_FIRST = 4.0
"""How many times as often views in sight are measured again as the others."""
FRESH_SHARE = 0.02
"""A PSNR is not measured again before the step count has grown by this share."""


@dataclass(frozen=True, eq=False)
class ImageTable:
    """What is known of all views, the training views first, then the test views.

    Attributes:
        scene: the scene they belong to, the very object that the status names.
        thumbnails: (n, height, width, 4) uint8, over white; a photo of another aspect lies in the middle of transparent
            borders. None until the last one is drawn.
        n_thumbnails: how many are drawn.
        psnrs: (n,) float32, in dB over fixed pixels of each view, with training's thresholds; NaN before the first
            measurement.
        steps: (n,) int64, the training step of each measurement; -1 before the first.
    """

    scene: SceneInfo
    thumbnails: np.ndarray | None
    n_thumbnails: int
    psnrs: np.ndarray
    steps: np.ndarray


class ImagesTool:
    """Draws the thumbnails, then measures one view after another: first those without a PSNR, then those whose PSNR is
    oldest. Views in sight count as older than they are.

    The question is the set of views in sight, as rows of the table.
    """

    share = 0.1  # nobody waits for a single PSNR, and there may be hundreds of views

    def __init__(self) -> None:
        self.result: ImageTable | None = None
        self._in_sight: frozenset[int] | None = None
        self._dataset: Dataset | None = None
        self._photos: list[PhotoId] = []
        self._thumbnails = np.zeros((0, 0, 0, 4), np.uint8)
        self._n_thumbnails = 0

    def ask(self, question: frozenset[int] | None, scene: OpenScene) -> None:
        """Prefer these views; None: stop, and keep the result."""
        self._in_sight = question
        if question is None:
            return
        if self.result is None:
            self._begin(scene)
        self._in_sight = question & frozenset(range(len(self._photos)))  # it may refer to the scene before

    def new_scene(self, scene: OpenScene) -> None:
        """Other weights void the PSNRs, another dataset the thumbnails as well."""
        self.result = None
        if scene.trainer.dataset is not self._dataset:
            self._dataset = None
        if self._in_sight is not None:
            self._in_sight = frozenset()
            self._begin(scene)

    def slice(self, scene: OpenScene) -> bool:
        """See `Tool.slice`."""
        in_sight, table = self._in_sight, self.result
        if in_sight is None or table is None:
            return False
        if table.thumbnails is None:
            self.result = self._with_thumbnails(table, scene)
            return True
        view = _next(table.steps, in_sight, scene.trainer.step_count)
        if view is not None:
            self.result = _measured(table, view, self._photos[view], scene)
        return view is not None

    def _begin(self, scene: OpenScene) -> None:
        dataset, self._photos = scene.trainer.dataset, photos_of(scene.info)
        n = len(self._photos)
        if dataset is not self._dataset:
            width, height = thumbnail_size(n, dataset.train.cameras.width, dataset.train.cameras.height)
            self._dataset, self._n_thumbnails = dataset, 0
            self._thumbnails = np.zeros((n, height, width, 4), np.uint8)
        done = self._thumbnails if self._n_thumbnails == n else None
        psnrs, steps = np.full(n, math.nan, np.float32), np.full(n, -1, np.int64)
        self.result = ImageTable(scene.info, done, self._n_thumbnails, psnrs, steps)

    def _with_thumbnails(self, table: ImageTable, scene: OpenScene) -> ImageTable:
        """The table after more thumbnails were drawn."""
        n, began = len(self._thumbnails), time.perf_counter()
        while self._n_thumbnails < n and time.perf_counter() - began < SLICE_SECONDS:
            photo = self._photos[self._n_thumbnails]
            draw_thumbnail(views_of(scene.trainer, photo), photo.index, self._thumbnails[self._n_thumbnails])
            self._n_thumbnails += 1
        done = self._thumbnails if self._n_thumbnails == n else None
        return replace(table, thumbnails=done, n_thumbnails=self._n_thumbnails)


def _next(steps: np.ndarray, in_sight: frozenset[int], step: int) -> int | None:
    """The view to measure next, or None if no PSNR is due. PSNRs of later steps belong to weights that were given up.

    Args:
        steps: as in `ImageTable`.
        step: the training step now.
    """
    weights = np.ones(len(steps))
    weights[list(in_sight)] = SEEN_FIRST
    unknown, age = (steps < 0) | (steps > step), step - steps
    urgency = weights * np.where(unknown, 1e12, age)
    due = unknown | (age > FRESH_SHARE * step)
    return int(np.argmax(np.where(due, urgency, -1.0))) if due.any() else None


def _measured(table: ImageTable, view: int, photo: PhotoId, scene: OpenScene) -> ImageTable:
    """The table with a new PSNR of a view."""
    trainer = scene.trainer
    generator = torch.Generator().manual_seed(view)  # the same pixels each time
    sample = sample_pixels(views_of(trainer, photo), photo.index, N_PIXELS, generator)
    psnrs, steps = table.psnrs.copy(), table.steps.copy()
    psnrs[view], steps[view] = training_psnr(trainer, sample.to(trainer.device)), trainer.step_count
    return replace(table, psnrs=psnrs, steps=steps)


def thumbnail_size(n: int, width: int, height: int) -> tuple[int, int]:
    """Width and height of a thumbnail in pixels, given the number of photos and their width and height."""
    room = math.sqrt(MOST_PIXELS / (n * width * height))
    scale = min(THUMBNAIL_WIDTH / width, THUMBNAIL_HEIGHT / height, room)
    return max(1, round(scale * width)), max(1, round(scale * height))


def draw_thumbnail(views: Views, index: int, picture: np.ndarray) -> None:
    """Draw a photo over white, centred in `picture` (height, width, 4) uint8, shrunk to fit by area averaging."""
    photo = Image.fromarray(views.image(index).cpu().numpy())
    if views.has_alpha:
        photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo)
    scale = min(picture.shape[1] / photo.width, picture.shape[0] / photo.height)
    width, height = (max(1, round(scale * side)) for side in photo.size)
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    part = picture[top : top + height, left : left + width]
    part[...] = photo.convert("RGBA").resize((width, height), Image.Resampling.BOX)


IMAGES: ToolKey[frozenset[int], ImageTable] = ToolKey("images")
TOOL = ToolKind(IMAGES, ImagesTool)
