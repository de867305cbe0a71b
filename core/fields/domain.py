"""The space that a field covers, and positions in it."""

from functools import cache

import torch
from torch import Tensor

from core.config.contractions import default_contraction
from core.config.training import TrainSettings
from core.datasets.bounds.forward_facing import facing_frame
from core.datasets.dataset import Dataset
from core.geometry.boxes import outer_box
from core.kernels.contraction import FARTHEST, Space

_NEAREST = 0.01
"""The near plane, in diagonals of the scene's box, if the dataset doesn't say how near the scene comes to a camera."""


def space_of(dataset: Dataset, settings: TrainSettings) -> Space:
    """The space that a field of a placed dataset covers.

    Raises:
        ValueError: the contraction doesn't suit the cameras.
    """
    contraction = settings.contraction or default_contraction(settings.grid_levels)
    if contraction == "none":
        return Space(outer_box(dataset.box, settings.grid_levels))
    space = Space(dataset.box, contraction)
    if contraction == "ndc":
        near_plane = dataset.near_plane or _NEAREST * space.diagonal
        return space._replace(frame=facing_frame(dataset.train.cameras.to("cpu"), near_plane))
    return space


def in_unit_cube(positions: Tensor, space: Space) -> Tensor:
    """Map positions (n, 3) to the unit cube, (n, 3), differentiably: the twin in torch of `cpp/contraction.h`. Without
    a contraction, positions outside the box lie outside the cube. See `Space` for the contractions."""
    if space.frame is not None:
        origin, axes = (_numbers(x, positions.dtype, positions.device) for x in space.frame)
        off = (positions - origin).clamp(-FARTHEST, FARTHEST)
        across, depth = (off @ axes.view(3, 3).T).split([2, 1], dim=-1)
        nearness = 1.0 / depth.clamp_min(1.0)
        return torch.cat([(0.5 + 0.5 * across * nearness).clamp(0.0, 1.0), 1.0 - nearness], dim=-1)
    low, high = _numbers(space.box, positions.dtype, positions.device).split(3)
    at = (positions - low) / (high - low)
    if space.contraction == "none":
        return at
    off = (2.0 * at - 1.0).clamp(-FARTHEST, FARTHEST)
    if space.contraction == "max":
        distance = off.abs().amax(-1, keepdim=True).clamp_min(1.0)
    else:
        distance = off.square().sum(-1, keepdim=True).clamp_min(1.0).sqrt()
    return 0.5 + 0.25 * (2.0 - 1.0 / distance) / distance * off


@cache
def _numbers(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Numbers as a tensor; kept, since CUDA is waited for whenever the host copies some to it."""
    return torch.tensor(values, dtype=dtype, device=device)
