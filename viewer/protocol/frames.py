"""A finished picture, what it cost, and what its colours stand for."""

from dataclasses import dataclass

import numpy as np

from viewer.protocol.requests import ViewRequest


@dataclass(frozen=True)
class FrameStats:
    """What a frame cost and how the thresholds acted. Shares are 0 to 1.

    Attributes:
        milliseconds: marching and drawing the picture; `march_ms`, `field_ms` and `composite_ms` are its stages (see
            `core.rendering.timing.Stages`), drawing is the rest.
        rendered_width, rendered_height: the resolution that was marched; may be below the request's.
        n_density, n_color: evaluations of density, including the sampler's own fields, and of colour.
        samples_per_ray: mean of the composited samples over all rays; `samples_median` and `samples_p95`: median and
            95th percentile.
        occupied: for each grid level, finest first, the share of its cells that the view marched.
        missed: share of the rays on which no density was evaluated.
        stopped_early: share of the rays that ended because their transmittance fell below the threshold.
        reached_far: share of the rays that did neither and left the scene on its far side.
        skipped: share of the samples of a march without grid and early stop that were never evaluated.
    """

    milliseconds: float
    march_ms: float
    field_ms: float
    composite_ms: float
    rendered_width: int
    rendered_height: int
    n_density: int
    n_color: int
    samples_per_ray: float
    samples_median: float
    samples_p95: float
    occupied: tuple[float, ...]
    missed: float
    stopped_early: float
    reached_far: float
    skipped: float


@dataclass(frozen=True)
class Legend:
    """What a picture's colour map means.

    Attributes:
        colormap: the map's name, a key of `viewer.picture.colors.COLORMAPS`.
        unit: the unit after the numbers, "" for a pure number.
        low, high: the values of the map's first and last colour; values beyond them take these colours too.
        log: the values between them lie on a log scale.
        ends: words to show for the ends instead of the numbers.
    """

    title: str
    colormap: str
    unit: str
    low: float
    high: float
    log: bool = False
    ends: tuple[str, str] | None = None


@dataclass(frozen=True)
class Comparison:
    """How A's picture differs from the present one, at the rendered size.

    Attributes:
        psnr: in dB; inf without a difference.
        largest: the largest absolute difference of a colour channel, 0 to 1.
        stats: what A's picture cost.
    """

    psnr: float
    largest: float
    stats: FrameStats


@dataclass(frozen=True)
class Frame:
    """A finished picture.

    Attributes:
        rgba: (height, width, 4) float32 in [0, 1], C-contiguous, rows from the top; of the rendered size.
        step: the training step whose weights it shows.
        reason: why the resolution is below the request's; "" at full resolution.
        legends: see `viewer.picture.compose.compose`; none for a picture in true colour.
        comparison: with the request's `other`, None without it.
    """

    rgba: np.ndarray
    request: ViewRequest
    stats: FrameStats
    step: int
    reason: str
    legends: tuple[Legend, ...] = ()
    comparison: Comparison | None = None
