"""What a step learns from: pixels of the training views that aren't excluded, over random backgrounds."""

import hashlib
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
        views: their cameras are on the device that trains, their images there or on the host.

    Attributes:
        views: all of them.
        excluded: indices of those that are never drawn from; included: of the others.
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
        self.excluded = frozenset(views)
        self.included = [view for view in range(n_views) if view not in views]
        self._included = torch.tensor(self.included, device=self.views.images.device) if views else None

    def draw(self, n_rays: int, generator: torch.Generator) -> Batch:
        """A batch of pixels, drawn uniformly with replacement.

        Args:
            generator: on the cameras' device.
        """
        draws = generator if generator.device.type == self.views.images.device.type else _on_host(generator)
        pixels = self.views.sample(n_rays, draws, self._included)
        backgrounds = torch.rand(n_rays, 3, generator=generator, device=generator.device)
        return Batch(pixels.rays, pixels.over(backgrounds), backgrounds)


def _on_host(generator: torch.Generator) -> torch.Generator:
    """A generator of the host that follows one of a GPU: other draws once that one has gone on, the same after the
    same state. Nothing waits, for the host knows the state."""
    state = generator.get_state().numpy().tobytes()
    return torch.Generator().manual_seed(int.from_bytes(hashlib.blake2b(state, digest_size=7).digest()))


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
