from dataclasses import replace

import torch

from tests.ball import ball_views


def test_spread_views_are_the_first_the_last_and_even_between():
    views = ball_views(9, 8)
    few = views.spread(3)
    assert few.names == tuple(views.names[i] for i in (0, 4, 8))
    assert torch.equal(few.images, views.images[[0, 4, 8]])
    assert torch.equal(few.cameras.c2w, views.cameras.c2w[[0, 4, 8]])
    assert views.spread(100).names == views.names
    assert views.spread(1).names == views.names[:1]
    assert views.spread(3).spread(0).names == ()


def test_times_go_where_their_views_go():
    views = ball_views(9, 8)
    views = replace(views, cameras=replace(views.cameras, times=torch.linspace(0.0, 1.0, 9)))
    assert torch.equal(views.spread(3).cameras.times, torch.tensor([0.0, 0.5, 1.0]))
    assert views.to("meta").cameras.times.device.type == "meta"
    assert views.moves and not views.spread(1).moves and not ball_views(2, 8).moves
