"""Settings that follow from the device, the scene's size and the size of its pictures."""

import math

from core.config.field_settings import FieldSettings
from core.config.march import MarchSettings
from core.config.setting import settings_of
from core.config.training import TrainSettings
from core.config.types import Box, Precision

_CPU_CONE_ANGLE = 1.0 / 32.0
"""Around the first box a CPU steps by this share of the distance."""

_LEAST_FINEST = 64
"""Cells per side that the finest level has however small the pictures are: they still tell where edges lie."""


def finest_resolution(pixels: float, most: int) -> int:
    """Cells per side of a hash grid's finest level: one for each pixel that lies across what the grid covers.

    No view tells finer cells apart. They learn what single rays happened to hit, which other views show as noise, and
    levels that aren't spent on them lie closer together where there is something to tell.

    Args:
        pixels: of a training view; see `core.datasets.bounds.footprint`.
        most: cells that the table bears.
    """
    return round(min(max(pixels, _LEAST_FINEST), most))


def presets(
    device: str,
    box: Box,
    precision: Precision = "float32",
    n_levels: int = 1,
    near_plane: float = 0.0,
    pixels: float = math.inf,
) -> tuple[FieldSettings, TrainSettings]:
    """Settings that suit a device and the size of a scene.

    A CPU gets tables that fit its cache and batches whose activations do (2^14 samples), and a finest level as fine as
    the views; a GPU gets instant-ngp's, with which that wasn't measured.
    Photos of a place, several levels deep, take more samples a ray, and on a CPU larger batches; fog that is
    thinner there than what a ray can be without is passed over.

    Args:
        device: "cpu" or "cuda".
        precision: the fastest number format of the device, see `core.kernels.runtime.device.fastest_precision`.
        box: the scene's bounds, x0 y0 z0 x1 y1 z1; the step follows from its diagonal (instant-ngp: sqrt(3)/1024),
            and so does the far plane, which lies well behind whatever can be seen.
        n_levels: nested boxes that the scene fills; with several, steps grow with distance (instant-ngp: t / 256).
        near_plane: the distance from a camera below which nothing is.
        pixels: of a training view, across what the field covers; see `finest_resolution`.
    """
    diagonal = math.dist(box[:3], box[3:])
    far_plane = _rounded(30.0 * diagonal * 2 ** (n_levels - 1))
    cone_angle = 0.0 if n_levels == 1 else 1.0 / 256.0 if device == "cuda" else _CPU_CONE_ANGLE
    placed = {"far_plane": far_plane, "near_plane": near_plane, "cone_angle": cone_angle}
    if device == "cuda":
        march = MarchSettings(render_step_size=_rounded(diagonal / 1024), early_stop_eps=1e-4, **placed)
        return FieldSettings(precision=precision), TrainSettings(march=march, grid_levels=n_levels)
    placed_in_space = n_levels > 1
    field_settings = FieldSettings(
        n_levels=8,
        log2_hashmap_size=17,
        max_resolution=finest_resolution(pixels, 1024 if placed_in_space else 512),
        precision=precision,
    )
    march = MarchSettings(
        render_step_size=_rounded(diagonal / 190),
        early_stop_eps=2e-2,
        alpha_thre=3e-2 if placed_in_space else 1e-2,
        **placed,
    )
    train_settings = TrainSettings(
        target_samples=1 << (15 if placed_in_space else 14),
        max_rays=1 << 14,
        learning_rate=4e-2,
        decay_steps=4000,
        grid_resolution=64,
        grid_levels=n_levels,
        grid_samples=1 << 14,
        grid_decay=0.6,
        grid_warmup_steps=0,
        march=march,
    )
    return field_settings, train_settings


def endless(box: Box) -> float:
    """Where rays end that go on for ever: far enough for nothing to shift between cameras, and for what is contracted
    to lie within 1e-4 of the infinite; near enough for float32 to tell bins apart that are equal in disparity."""
    return min(_rounded(1e4 * math.dist(box[:3], box[3:])), settings_of(MarchSettings)["far_plane"].high)


def _rounded(step: float) -> float:
    """Two significant digits: a step that a person can read and type."""
    return float(f"{step:.2g}")
