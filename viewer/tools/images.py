"""The dataset's views as a table: a thumbnail of each photo, and how close training has come to it so far."""

import math
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from core.datasets.dataset import Dataset, Views
from viewer.picture.pictures import views_of
from viewer.protocol.requests import PhotoId
from viewer.protocol.scene_info import SceneInfo
from viewer.scene.held_out import N_PIXELS, training_psnr
from viewer.scene.open_scene import OpenScene
from viewer.tools.image_list import photos_of

SLICE_SECONDS = 0.03
THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 96, 64
"""At most, in pixels."""
MOST_PIXELS = 1 << 21
"""Of all thumbnails together: with thousands of views they become smaller."""

SEEN_FIRST = 4.0
"""Views in sight are measured again so many times as often as the others."""
FRESH_SHARE = 0.02
"""A figure is left alone until training has gone on by this share since it was measured."""


@dataclass(frozen=True, eq=False)
class ImageTable:
    """What is known of all views, the training views first, then the test views.

    Attributes:
        scene: the scene they belong to, the very object that the status names.
        thumbnails: (n, height, width, 4) uint8, over white, in the middle of transparent borders if a photo has
            another shape; None until the last one is made.
        n_thumbnails: made so far.
        psnrs: (n,) float32, in dB over fixed pixels of each view, with training's thresholds; NaN if not measured yet.
        steps: (n,) int64, the training step each was measured at; -1 if it was not.
    """

    scene: SceneInfo
    thumbnails: np.ndarray | None
    n_thumbnails: int
    psnrs: np.ndarray
    steps: np.ndarray


class ImagesTool:
    """Makes the thumbnails, then measures one view after the other: unknown ones first, then the one that has waited
    longest, where those in sight wait faster.

    It is asked with the views in sight, as numbers in the table.
    """

    share = 0.1  # nobody waits for one view's figure, and there may be hundreds

    def __init__(self) -> None:
        self.result: ImageTable | None = None
        self._in_sight: frozenset[int] | None = None
        self._dataset: Dataset | None = None
        self._photos: list[PhotoId] = []
        self._thumbnails = np.zeros((0, 0, 0, 4), np.uint8)
        self._n_thumbnails = 0

    def ask(self, question: frozenset[int] | None, scene: OpenScene) -> None:
        """Prefer these views; None: stop. What is known stays."""
        self._in_sight = question
        if question is None:
            return
        if self.result is None:
            self._begin(scene)
        self._in_sight = question & frozenset(range(len(self._photos)))  # it may mean the scene that was open before

    def new_scene(self, scene: OpenScene) -> None:
        """Other weights void the figures, another dataset the thumbnails as well."""
        self.result = None
        if scene.trainer.dataset is not self._dataset:
            self._dataset = None
        if self._in_sight is not None:
            self._in_sight = frozenset()
            self._begin(scene)

    def slice(self, scene: OpenScene) -> bool:
        """See `Tool.slice`."""
        if self._in_sight is None:
            return False
        if self.result.thumbnails is None:
            self._make_thumbnails(scene)
            return True
        view = self._next(scene.trainer.step_count)
        if view is not None:
            self._measure(view, scene)
        return view is not None

    def _begin(self, scene: OpenScene) -> None:
        dataset, self._photos = scene.trainer.dataset, photos_of(scene.info)
        n = len(self._photos)
        if dataset is not self._dataset:
            width, height = thumbnail_size(n, dataset.train.cameras.width, dataset.train.cameras.height)
            self._dataset, self._n_thumbnails = dataset, 0
            self._thumbnails = np.zeros((n, height, width, 4), np.uint8)
        done = self._thumbnails if self._n_thumbnails == n else None
        unknown = np.full(n, math.nan, np.float32), np.full(n, -1, np.int64)
        self.result = ImageTable(scene.info, done, self._n_thumbnails, *unknown)

    def _make_thumbnails(self, scene: OpenScene) -> None:
        n, began = len(self._thumbnails), time.perf_counter()
        while self._n_thumbnails < n and time.perf_counter() - began < SLICE_SECONDS:
            photo = self._photos[self._n_thumbnails]
            draw_thumbnail(views_of(scene.trainer, photo), photo.index, self._thumbnails[self._n_thumbnails])
            self._n_thumbnails += 1
        done = self._thumbnails if self._n_thumbnails == n else None
        self.result = replace(self.result, thumbnails=done, n_thumbnails=self._n_thumbnails)

    def _next(self, step: int) -> int | None:
        """The view to measure next, or None if all figures are fresh; those of later steps went with their weights."""
        steps = self.result.steps
        weights = np.ones(len(steps))
        weights[list(self._in_sight)] = SEEN_FIRST
        unknown, waited = (steps < 0) | (steps > step), step - steps
        urgency = weights * np.where(unknown, 1e12, waited)
        due = unknown | (waited > FRESH_SHARE * step)
        return int(np.argmax(np.where(due, urgency, -1.0))) if due.any() else None

    def _measure(self, view: int, scene: OpenScene) -> None:
        trainer, photo = scene.trainer, self._photos[view]
        generator = torch.Generator().manual_seed(view)  # the same pixels each time
        pixels = views_of(trainer, photo).scatter(photo.index, N_PIXELS, generator)
        psnr = training_psnr(trainer, pixels.to(trainer.device))
        psnrs, steps = self.result.psnrs.copy(), self.result.steps.copy()
        psnrs[view], steps[view] = psnr, trainer.step_count
        self.result = replace(self.result, psnrs=psnrs, steps=steps)


def thumbnail_size(n: int, width: int, height: int) -> tuple[int, int]:
    """Width and height of each of n thumbnails of photos of a size, in pixels."""
    room = math.sqrt(MOST_PIXELS / (n * width * height))
    scale = min(THUMBNAIL_WIDTH / width, THUMBNAIL_HEIGHT / height, room)
    return max(1, round(scale * width)), max(1, round(scale * height))


def draw_thumbnail(views: Views, index: int, picture: np.ndarray) -> None:
    """Draw a photo over white, reduced by area to what fits, into the middle of `picture` (height, width, 4) uint8."""
    photo = Image.fromarray(views.image(index).cpu().numpy())
    if views.has_alpha:
        photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo)
    scale = min(picture.shape[1] / photo.width, picture.shape[0] / photo.height)
    width, height = (max(1, round(scale * side)) for side in photo.size)
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    part = picture[top : top + height, left : left + width]
    part[...] = photo.convert("RGBA").resize((width, height), Image.Resampling.BOX)
