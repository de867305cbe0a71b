"""What a step learns from: pixels of the training views that aren't excluded, over random backgrounds."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.config.march import MarchSettings
from core.config.types import Box
from core.datasets.dataset import Views
from core.geometry.rays import Rays


class Batch(NamedTuple):
    """Rays and the colours to learn.

    Attributes:
        rays: one through each pixel.
        targets: (n_rays, 3) float32, the photos' colours over the backgrounds.
        backgrounds: (n_rays, 3) float32, a random colour behind each ray, so that opaque density can't imitate
            transparent pixels.
    """

    rays: Rays
    targets: Tensor
    backgrounds: Tensor


class BatchSource:
    """Draws batches from views.

    Args:
        views: on the device that trains.

    Attributes:
        views: all of them.
        excluded: indices of those that are never drawn from.
    """

    def __init__(self, views: Views, excluded: frozenset[int] = frozenset()):
        self.views = views
        self.exclude(excluded)

    def exclude(self, views: frozenset[int]) -> None:
        """Draw from all views but these.

        Raises:
            ValueError: no view would be left, or there is no such view; nothing changes.
        """
        n_views = len(self.views)
        absent = sorted(view for view in views if not 0 <= view < n_views)
        if absent:
            raise ValueError(f"training views are counted from 0 to {n_views - 1}, can't exclude {absent[0]}")
        if len(views) == n_views:
            raise ValueError(f"training needs at least one view, all {n_views} would be excluded: keep one")
        included = [view for view in range(n_views) if view not in views]
        self.excluded = frozenset(views)
        self._included = torch.tensor(included, device=self.views.images.device) if views else None

    @property
    def included(self) -> Views:
        """The views that are drawn from; their images are copied where others are excluded."""
        return self.views if self._included is None else self.views.take(self._included)

    def draw(self, n_rays: int, generator: torch.Generator) -> Batch:
        """A batch of pixels, drawn uniformly with replacement.

        Args:
            generator: on the views' device.
        """
        pixels = self.views.sample(n_rays, generator, self._included)
        backgrounds = torch.rand(n_rays, 3, generator=generator, device=self.views.images.device)
        return Batch(pixels.rays, pixels.over(backgrounds), backgrounds)


def guess_samples_per_ray(box: Box, march: MarchSettings) -> float:
    """Samples that a ray takes before anything is learnt: half the box's diagonal in steps."""
    return 0.5 * math.dist(box[:3], box[3:]) / march.render_step_size


def restore_generator(generator: torch.Generator, state: Tensor, seed: int) -> None:
    """Set a generator to a state.

    A state from another kind of device doesn't fit: the generator is seeded instead, and training continues with other
    batches.
    """
    if state.shape == generator.get_state().shape:
        generator.set_state(state)
    else:
        generator.manual_seed(seed)
