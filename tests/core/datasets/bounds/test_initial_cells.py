"""The cells that training starts with: from silhouettes, from the number of cameras that see them, or all."""

from dataclasses import replace

import torch

from core.datasets.bounds.coverage import cells_seen_by
from core.datasets.bounds.hull import occupied_cells
from core.datasets.bounds.initial_cells import possible_cells
from tests.scenes import BOX, ball_dataset

LARGER = tuple(2.0 * x for x in BOX)


def opaque(views):
    """The same images, but opaque: without silhouettes."""
    return replace(views, images=views.images[..., :3].contiguous())


def test_silhouettes_carve_every_level():
    views = ball_dataset().train
    possible = possible_cells(views, [BOX, LARGER], 16)
    assert possible.shape == (2, 16, 16, 16) and possible.dtype == torch.bool
    for level, box in enumerate((BOX, LARGER)):
        assert torch.equal(possible[level], occupied_cells(views, box, 16))
    assert 0 < int(possible.sum()) < possible.numel()


def test_without_silhouettes_two_cameras_must_see_a_cell_around_the_box():
    views = opaque(ball_dataset().train)
    assert possible_cells(views, [BOX], 16) is None
    for subset, fewest in ((views, 2), (views.take(torch.tensor([0])), 1)):
        expected = cells_seen_by(subset.cameras, [BOX, LARGER], 16, fewest)
        assert torch.equal(possible_cells(subset, [BOX, LARGER], 16), expected)


def test_if_no_cell_is_possible_all_are():
    views = ball_dataset().train
    nothing = replace(views, images=torch.zeros_like(views.images))
    inner_box = tuple(0.3 * x for x in BOX)  # every view sees all of it
    assert not occupied_cells(nothing, inner_box, 16).any()
    assert possible_cells(nothing, [inner_box], 16) is None
