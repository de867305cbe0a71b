"""The losses of mip-NeRF 360 against their definitions, pair by pair."""

import torch

from core.samplers.histogram_losses import distortion_loss, interlevel_loss, outer_measure


def random_edges(n_rays, n, generator):
    inner = torch.rand(n_rays, n - 1, generator=generator, dtype=torch.float64).sort(dim=1).values
    return torch.cat([torch.zeros(n_rays, 1).double(), inner, torch.ones(n_rays, 1).double()], dim=1)


def random_weights(n_rays, n, generator):
    return torch.rand(n_rays, n, generator=generator, dtype=torch.float64) ** 4


def masses(edges, fine_edges, fine_weights):
    """The mass of a piecewise constant density in other bins, (n_rays, n)."""
    density = fine_weights / fine_edges.diff(dim=1)
    shared = torch.minimum(edges[:, 1:, None], fine_edges[:, None, 1:])
    shared = (shared - torch.maximum(edges[:, :-1, None], fine_edges[:, None, :-1])).clamp_min(0.0)
    return (shared * density[:, None]).sum(2)


def test_the_outer_measure_sums_every_overlapping_bin():
    generator = torch.Generator().manual_seed(0)
    edges, proposed = random_edges(50, 9, generator), random_edges(50, 6, generator)
    proposed[:10, 2] = edges[:10, 4]  # touching is not overlapping
    proposed = proposed.sort(dim=1).values
    weights = random_weights(50, 6, generator)
    meets = (proposed[:, None, :-1] < edges[:, 1:, None]) & (proposed[:, None, 1:] > edges[:, :-1, None])
    torch.testing.assert_close(outer_measure(edges, proposed, weights), (meets * weights[:, None]).sum(2))


def test_histograms_of_one_density_bound_each_other():
    generator = torch.Generator().manual_seed(1)
    fine_edges, fine_weights = random_edges(200, 40, generator), random_weights(200, 40, generator)
    edges, proposed = random_edges(200, 12, generator), random_edges(200, 7, generator)
    weights, bounds = (masses(x, fine_edges, fine_weights) for x in (edges, proposed))
    assert bool((outer_measure(edges, proposed, bounds) >= weights - 1e-12).all())
    assert float(interlevel_loss(edges, weights, proposed, bounds).abs().max()) < 1e-20
    assert bool((interlevel_loss(edges, weights, proposed, 0.2 * bounds) > 0.0).all())


def test_the_loss_is_zero_exactly_where_the_bound_holds():
    generator = torch.Generator().manual_seed(2)
    edges, proposed = random_edges(300, 5, generator), random_edges(300, 4, generator)
    weights, proposed_weights = random_weights(300, 5, generator), random_weights(300, 4, generator)
    holds = (outer_measure(edges, proposed, proposed_weights) >= weights).all(1)
    found = interlevel_loss(edges, weights, proposed, proposed_weights)
    assert 20 < int(holds.sum()) < 280
    assert torch.equal(found == 0.0, holds)


def test_only_the_proposal_gets_a_gradient():
    generator = torch.Generator().manual_seed(3)
    edges, proposed = random_edges(4, 5, generator), random_edges(4, 3, generator)
    weights, proposed_weights = (random_weights(4, n, generator).requires_grad_() for n in (5, 3))
    interlevel_loss(edges, weights, proposed, proposed_weights).sum().backward()
    assert weights.grad is None
    assert bool((proposed_weights.grad <= 0.0).all()) and bool((proposed_weights.grad < 0.0).any())


def test_distortion_is_the_sum_over_all_pairs():
    generator = torch.Generator().manual_seed(4)
    edges, weights = random_edges(30, 17, generator), random_weights(30, 17, generator).requires_grad_()
    middles = 0.5 * (edges[:, 1:] + edges[:, :-1])
    apart = (middles[:, :, None] - middles[:, None, :]).abs()
    pairs = (weights[:, :, None] * weights[:, None, :] * apart).sum((1, 2))
    expected = pairs + (weights**2 * edges.diff(dim=1)).sum(1) / 3.0
    found = distortion_loss(edges, weights)
    torch.testing.assert_close(found, expected)
    gradients = (torch.autograd.grad(x.sum(), weights)[0] for x in (found, expected))
    torch.testing.assert_close(*gradients)


def test_distortion_is_the_mean_distance_of_two_samples():
    generator = torch.Generator().manual_seed(5)
    edges, weights = random_edges(1, 6, generator), random_weights(1, 6, generator)
    chosen = torch.multinomial(weights[0], 400_000, True, generator=generator)
    places = edges[0, chosen] + edges.diff(dim=1)[0, chosen] * torch.rand(len(chosen), generator=generator)
    mean = (places[::2] - places[1::2]).abs().mean() * weights.sum() ** 2
    torch.testing.assert_close(distortion_loss(edges, weights)[0], mean, rtol=1e-2, atol=0.0)
