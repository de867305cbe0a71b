"""Training settings for the device and the scene's size; a field's own file adapts them to the field."""

import math
from dataclasses import replace
from typing import NamedTuple

from core.config.march import MarchSettings
from core.config.setting import settings_of
from core.config.training import TrainSettings
from core.config.types import Box

_CPU_ENTROPY = 3e-4
"""On a CPU, in scenes of several levels, how much the entropy of weights adds to the loss."""

_CPU_CONE_ANGLE = 1.0 / 32.0
"""On a CPU, in scenes of several levels, a step is at least this share of the distance."""


class GpuSizes(NamedTuple):
    """What suits a GPU with so much free memory.

    Attributes:
        least_free: bytes that must be free.
        log2_hashmap_size: of a hash grid; a dense grid follows it.
        target_samples: of a training step.
    """

    least_free: float
    log2_hashmap_size: int
    target_samples: int


_GPU_SIZES = (GpuSizes(6.5e9, 19, 1 << 18), GpuSizes(4.5e9, 19, 1 << 17), GpuSizes(0.0, 18, 1 << 16))
"""For cards of 8 GB and more, 6 GB and 4 GB, of which a desktop takes up to one."""


def gpu_sizes(memory: float) -> GpuSizes:
    """What suits a GPU with `memory` free bytes: instant-ngp's sizes from a card of 8 GB on."""
    return next(sizes for sizes in _GPU_SIZES if sizes.least_free <= memory)


def train_preset(
    device: str, box: Box, n_levels: int = 1, near_plane: float = 0.0, memory: float = math.inf
) -> TrainSettings:
    """Training that suits a device and the size of a scene.

    A CPU gets batches whose activations fit its cache (2^14 samples); a GPU gets instant-ngp's.
    Photos of a place, which have several levels, take more samples per ray, and on a CPU a higher alpha threshold and a
    share of entropy in the loss, both against thin fog. A cell of the grid is occupied if its densest sample could pass
    the alpha threshold.

    Args:
        device: "cpu" or "cuda".
        box: the scene's bounds, x0 y0 z0 x1 y1 z1; the step follows from its diagonal (instant-ngp: sqrt(3)/1024),
            and so does the far plane, which lies well behind whatever can be seen.
        n_levels: nested boxes that the scene fills; with several, steps grow with distance (instant-ngp: t / 256).
        near_plane: the distance from a camera within which nothing is.
        memory: free bytes of a GPU.
    """
    diagonal, nested = math.dist(box[:3], box[3:]), n_levels > 1
    march = MarchSettings(
        render_step_size=_rounded(diagonal / 1024),
        early_stop_eps=1e-4,
        cone_angle=1.0 / 256.0 if nested else 0.0,
        far_plane=_rounded(30.0 * diagonal * 2 ** (n_levels - 1)),
        near_plane=near_plane,
    )
    if device == "cuda":
        n_samples = gpu_sizes(memory).target_samples
        return TrainSettings(
            target_samples=n_samples, max_rays=n_samples, grid_samples=4 * n_samples, march=march, grid_levels=n_levels
        )
    march = replace(
        march,
        render_step_size=_rounded(diagonal / 190),
        early_stop_eps=2e-2,
        alpha_thre=3e-2 if nested else 1e-2,
        cone_angle=_CPU_CONE_ANGLE if nested else 0.0,
    )
    return TrainSettings(
        target_samples=1 << 14,
        max_rays=1 << 14,
        learning_rate=4e-2,
        decay_steps=4000,
        grid_resolution=64,
        grid_levels=n_levels,
        grid_samples=1 << 14,
        grid_decay=0.6,
        grid_warmup_steps=0,
        weight_entropy=_CPU_ENTROPY if nested else 0.0,
        march=march,
    )


def endless(box: Box) -> float:
    """The far plane of rays that go on behind all boxes: so far that nothing there shifts between cameras, and that
    contracted positions are within 1e-4 of infinity; near enough for float32 to resolve bins of equal disparity."""
    return min(_rounded(1e4 * math.dist(box[:3], box[3:])), settings_of(MarchSettings)["far_plane"].high)


def _rounded(step: float) -> float:
    """Two significant digits: a step that a person can read and type."""
    return float(f"{step:.2g}")
