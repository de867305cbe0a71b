import math

import pytest
import torch

from core.kernels.grid_walk import Crossings, WalkLimits, cross_boxes, walk_grids
from tests.core.kernels.walk_twin import random_rays, segments_of, walk_all

NESTED = torch.tensor([[-1.0, -1.0, -1.0, 1.0, 1.0, 1.0], [-2.0, -2.0, -2.0, 2.0, 2.0, 2.0]])
APART = torch.tensor([[-1.0, -0.5, -1.0, 0.1, 1.0, 1.0], [0.2, -0.7, -0.3, 1.5, 0.6, 1.0]])
SHAPE = (6, 5, 4)
N_RAYS = 60
GROWING = 0.03


def walked(rays_o, rays_d, binaries, boxes, near, far, step, cone_angle=0.0, limit=0, mask=None, reserve=False):
    t_mins, t_maxs, hits = cross_boxes(rays_o, rays_d, boxes, -math.inf, math.inf, math.inf)
    t_sorted, order = torch.sort(torch.cat([t_mins, t_maxs], dim=1), dim=1)
    mask = torch.ones(rays_o.shape[0], dtype=torch.bool) if mask is None else mask
    limits = WalkLimits(near, far, mask, step, cone_angle, limit)
    return walk_grids(rays_o, rays_d, binaries, boxes, Crossings(t_sorted, order, hits), limits, reserve)


def scene(boxes, seed=0, radius=0.8):
    generator = torch.Generator().manual_seed(seed)
    rays_o, rays_d = random_rays(N_RAYS, generator, radius)
    rays_d[:3] = torch.eye(3)  # along axes
    near = 0.3 * torch.rand(N_RAYS, generator=generator)
    far = near + 3.0 * torch.rand(N_RAYS, generator=generator)
    binaries = torch.rand(len(boxes), *SHAPE, generator=generator) > 0.4
    return rays_o, rays_d, binaries, boxes, near, far


def samples_of(found, ray):
    """A ray's samples (t0, t1), from its edges."""
    edges = found.edges
    own = edges.ray_indices == ray
    return list(zip(edges.vals[own & edges.is_left].tolist(), edges.vals[own & edges.is_right].tolist(), strict=True))


@pytest.mark.parametrize("boxes", [NESTED[:1], NESTED, APART], ids=["one box", "nested boxes", "boxes apart"])
@pytest.mark.parametrize(
    "settings",
    [(0.04,), (0.04, GROWING), (0.0,), (0.04, 0.0, 5), (0.0, 0.0, 3)],
    ids=["steps", "growing steps", "cells", "five steps", "three cells"],
)
def test_a_walk_finds_the_samples_of_its_twin(boxes, settings):
    rays = scene(boxes)
    found, expected = walked(*rays, *settings), walk_all(*rays, *settings)
    same = 0
    for ray, (samples, end) in enumerate(expected):
        ours = samples_of(found, ray)
        middles = found.middles.vals[found.middles.ray_indices == ray]
        assert middles.tolist() == pytest.approx([(a + b) / 2 for a, b in ours], abs=1e-6)
        if len(ours) == len(samples) and found.ends[ray] == pytest.approx(end, abs=1e-4):
            same += 1
            assert [x for sample in ours for x in sample] == pytest.approx(
                [x for sample in samples for x in sample], abs=1e-4
            )
    assert same >= N_RAYS - 1  # a step's middle may lie on a face to rounding
    assert sum(len(samples) for samples, _ in expected) > 100


def test_reserved_places_hold_the_same_samples():
    rays = scene(NESTED)
    counted, reserved = walked(*rays, 0.04, limit=7), walked(*rays, 0.04, limit=7, reserve=True)
    assert reserved.middles.vals.shape == (7 * N_RAYS,) and reserved.edges.vals.shape == (14 * N_RAYS,)
    valid = reserved.middles.is_valid
    assert torch.equal(reserved.middles.vals[valid], counted.middles.vals) and counted.middles.is_valid.all()
    assert torch.equal(reserved.middles.ray_indices[valid], counted.middles.ray_indices)
    for side in ("is_left", "is_right"):
        masks = [getattr(found.edges, side) for found in (reserved, counted)]
        assert torch.equal(reserved.edges.vals[masks[0]], counted.edges.vals[masks[1]])
    for name in ("starts", "counts"):
        assert torch.equal(getattr(reserved.middles, name), getattr(counted.middles, name))
    assert torch.equal(reserved.ends, counted.ends)
    with pytest.raises(ValueError, match="set most_samples"):
        walked(*rays, 0.04, reserve=True)


def test_a_walk_goes_on_where_it_ended():
    rays_o, rays_d, binaries, boxes, near, far = scene(NESTED)
    whole = walked(rays_o, rays_d, binaries, boxes, near, far, 0.0)
    first = walked(rays_o, rays_d, binaries, boxes, near, far, 0.0, limit=4)
    rest = walked(rays_o, rays_d, binaries, boxes, first.ends, far, 0.0)
    assert (first.middles.counts + rest.middles.counts - whole.middles.counts).abs().sum() <= 1


def test_masked_rays_and_no_rays_have_no_samples():
    rays_o, rays_d, binaries, boxes, near, far = scene(NESTED)
    mask = torch.arange(N_RAYS) % 2 == 0
    found = walked(rays_o, rays_d, binaries, boxes, near, far, 0.04, mask=mask)
    every = walked(rays_o, rays_d, binaries, boxes, near, far, 0.04)
    assert torch.equal(found.middles.counts, every.middles.counts * mask)
    assert torch.equal(found.ends[~mask], near[~mask])
    nothing = walked(*(x[:0] for x in (rays_o, rays_d)), binaries, boxes, near[:0], far[:0], 0.04)
    assert nothing.middles.vals.shape == (0,) and nothing.edges.counts.shape == (0,) and nothing.ends.shape == (0,)


def test_boxes_are_met_where_the_twin_meets_them():
    rays_o, rays_d, _, boxes, _, _ = scene(APART, radius=2.0)
    rays_o[0], rays_d[0] = torch.tensor([5.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 0.0])  # both behind it
    t_mins, t_maxs, hits = cross_boxes(rays_o, rays_d, boxes, 0.5, 3.0, -7.0)
    assert 0 < hits.sum() < hits.numel() and not hits[0].any()
    for ray in range(N_RAYS):
        for k in range(len(boxes)):
            met = segments_of(*(x[ray].double().tolist() for x in (rays_o, rays_d)), [boxes[k].tolist()], -9.0, 9.0)
            assert bool(hits[ray, k]) == bool(met)
            expected = [max(met[0][0], 0.5), min(met[0][1], 3.0)] if met else [-7.0, -7.0]
            assert [float(t_mins[ray, k]), float(t_maxs[ray, k])] == pytest.approx(expected, abs=1e-5)
    nan = torch.full((1, 3), math.nan)
    assert not cross_boxes(nan, rays_d[:1], boxes, 0.0, 9.0, 0.0)[2].any()


@pytest.mark.parametrize("settings", [(0.04,), (0.04, GROWING)], ids=["steps", "growing steps"])
def test_a_near_plane_of_nan_has_no_samples(settings):
    rays_o, rays_d, binaries, boxes, near, far = scene(NESTED)
    found = walked(rays_o, rays_d, binaries, boxes, torch.full_like(near, math.nan), far, *settings)
    assert found.middles.vals.numel() == 0
