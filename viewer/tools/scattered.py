"""Two pictures compared pixel by pixel in a scattered order, a slice at a time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from core.rendering.metrics import PixelErrors
from viewer.protocol.requests import PhotoId, ViewRequest
from viewer.scene.open_scene import OpenScene
from viewer.tools.base import ASIDE, FIRST_BATCH, next_batch


class Pair(NamedTuple):
    """Two pictures that belong to a view request.

    Attributes:
        key: what their colours depend on: pixels compared for an equal key still count. None: there is no pair.
        n_pixels: the number of pixels of each picture.
        colors_at: both pictures' colours (n, 3) at pixels (n,) int64, counted row by row.
    """

    key: Callable[[OpenScene, ViewRequest], tuple | None]
    n_pixels: Callable[[OpenScene, ViewRequest], int]
    colors_at: Callable[[OpenScene, ViewRequest, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Difference:
    """How much the two pictures of a pair differ.

    Attributes:
        request: the view they belong to.
        psnr: in dB; inf without a difference.
        largest: the largest absolute difference of a colour channel, 0 to 1.
        share: share of the pixels compared so far, 0 to 1.
        step: the training step whose weights the newest pixels show.
    """

    request: ViewRequest
    psnr: float
    largest: float
    share: float
    step: int

    @property
    def photo(self) -> PhotoId | None:
        """The dataset's view that the camera stands on, or None."""
        return self.request.photo


class ScatteredTool:
    """Compares the pictures of one kind of pair for the view that it was last asked about."""

    share = ASIDE

    def __init__(self, pair: Pair) -> None:
        self.result: Difference | None = None
        self._pair = pair
        self._key: tuple | None = None
        self._request: ViewRequest | None = None
        self._errors = ScatteredErrors()

    def ask(self, question: ViewRequest | None, scene: OpenScene) -> None:
        """Compare for this view; None: stop.

        Raises:
            ValueError: the view names a photo that the scene lacks.
        """
        key = None if question is None else self._pair.key(scene, question)
        if key is None or key != self._key:
            self.result = None
            self._errors.restart()
        self._key, self._request = key, question

    def new_scene(self, scene: OpenScene) -> None:
        self.ask(None, scene)

    def slice(self, scene: OpenScene) -> bool:
        request, errors, step = self._request, self._errors, scene.trainer.step_count
        if self._key is None or request is None:
            return False
        n_pixels = self._pair.n_pixels(scene, request)
        if not errors.slice(n_pixels, step, lambda pixels: self._pair.colors_at(scene, request, pixels)):
            return False
        self.result = Difference(request, errors.psnr, errors.largest, errors.share, step)
        return True


class ScatteredErrors:
    """The difference of two pictures so far.

    Both colours of a pixel come from the same weights. While training runs, pixels of older weights are kept only until
    newer ones replace them: after each tenth of the picture counting starts again.

    Attributes:
        step: the training step of the newest pixels; -1 before the first.
        share: share of the pixels compared so far, 0 to 1.
    """

    FRESH_SHARE = 0.1

    def __init__(self) -> None:
        self._errors, self._batch, self.step, self.share = PixelErrors(), FIRST_BATCH, -1, 0.0

    @property
    def psnr(self) -> float:
        """In dB; inf without a difference, NaN without pixels."""
        return self._errors.psnr

    @property
    def largest(self) -> float:
        """The largest absolute difference of a colour channel, 0 to 1."""
        return self._errors.largest

    def restart(self) -> None:
        """Forget all pixels."""
        self._errors, self._batch, self.step, self.share = PixelErrors(), FIRST_BATCH, -1, 0.0

    @torch.no_grad()
    def slice(self, n_pixels: int, step: int, colors_at: Callable[[Tensor], tuple[Tensor, Tensor]]) -> bool:
        """Compare the next of `n_pixels` pixels; returns whether any were left.

        Args:
            step: the training step of the present weights.
            colors_at: both pictures' colours at given pixels, see `Pair`.
        """
        if step != self.step and self._errors.n_pixels >= self.FRESH_SHARE * n_pixels:
            self.restart()
        first = self._errors.n_pixels
        if first >= n_pixels:
            return False
        began, self.step = time.perf_counter(), step
        self._errors.add(*colors_at(scattered(first, min(first + self._batch, n_pixels), n_pixels)))
        self._batch = next_batch(self._batch, time.perf_counter() - began)
        self.share = self._errors.n_pixels / n_pixels
        return True


def scattered(first: int, last: int, n: int) -> Tensor:
    """Members `first` to `last` of a permutation of 0 to n - 1 whose prefixes spread evenly, (last - first,) int64.

    It is a Weyl sequence: its stride is n over the golden ratio, made coprime to n so that each number comes once."""
    stride = max(1, round(n * 0.6180339887))
    while math.gcd(stride, n) != 1:
        stride += 1
    return torch.arange(first, last) * stride % n
