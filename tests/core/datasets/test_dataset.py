"""Drawing pixels from views."""

import pytest
import torch

from tests.ball import ball_views

VIEWS = ball_views(5, 12)


def generator(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views_of(batch) -> torch.Tensor:
    """The view of each ray (n,), identified by its camera's position."""
    return torch.cdist(batch.rays.rays_o, VIEWS.cameras.c2w[:, :3, 3]).argmin(1)


@pytest.mark.parametrize("among", [[3], [0, 4], [4, 2, 1], range(5)])
def test_exactly_the_given_views_are_drawn_from(among):
    batch = VIEWS.sample(500, generator(), torch.tensor(among))
    assert set(views_of(batch).tolist()) == set(among)


def test_drawing_among_all_views_equals_drawing_without_a_choice():
    batch, among_all = VIEWS.sample(100, generator()), VIEWS.sample(100, generator(), torch.arange(5))
    torch.testing.assert_close(among_all, batch, rtol=0, atol=0)


def test_drawing_among_some_views_equals_drawing_from_a_subset():
    subset = torch.tensor([4, 1])
    among, alone = VIEWS.sample(100, generator(), subset), VIEWS.take(subset).sample(100, generator())
    torch.testing.assert_close(among, alone, rtol=0, atol=0)


def test_drawing_from_no_view_is_refused():
    with pytest.raises(ValueError, match="at least one view"):
        VIEWS.sample(10, generator(), torch.tensor([], dtype=torch.int64))


@pytest.mark.parametrize(("index", "pixels"), [(-1, [0]), (len(VIEWS), [0]), (0, [-4]), (0, [10**6])])
def test_indices_out_of_range_are_refused(index, pixels):
    with pytest.raises(ValueError, match="counted from 0 to"):
        VIEWS.pixels(index, torch.tensor(pixels))
    with pytest.raises(ValueError, match="counted from 0 to"):
        VIEWS.used_pixels(index, torch.tensor(pixels))
