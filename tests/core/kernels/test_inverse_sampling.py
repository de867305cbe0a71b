import pytest
import torch

from core.kernels.inverse_sampling import Ranges, inverse_samples, neighbouring_keys

KEYS = torch.tensor([0.0, 1.0, 0.0, 1.0, 2.0])
COUNTS = torch.tensor([2, 3])
PACKED = Ranges(2, (COUNTS.cumsum(0) - COUNTS, COUNTS))


def packed(counts):
    counts = torch.tensor(counts)
    return Ranges(len(counts), (counts.cumsum(0) - counts, counts))


def test_packed_queries_find_their_rays_keys_and_are_clipped_on_both_sides():
    queries = torch.tensor([-3.0, 0.5, 0.0, 1.5, 2.5, -1.0])
    left, right = neighbouring_keys(queries, packed([2, 4]), KEYS, PACKED, from_zero=False)
    assert left.tolist() == [0, 0, 2, 3, 3, 2] and right.tolist() == [1, 1, 3, 4, 4, 3]


def test_rays_of_equally_many_keys_are_searched_as_torch_does():
    generator = torch.Generator().manual_seed(0)
    keys, queries = torch.rand(7, 30, generator=generator).sort(1)[0], torch.rand(7, 50, generator=generator)
    given = queries.view(-1), Ranges(7, None, 50), keys.view(-1), Ranges(7, None, 30)
    left, right = (ids.view(7, 50) for ids in neighbouring_keys(*given, from_zero=True))
    expected = torch.searchsorted(keys, queries, right=True).clamp(1, 29)
    assert torch.equal(right, expected) and torch.equal(left, expected - 1)


def test_a_ray_with_a_single_key_has_it_on_both_sides():
    left, right = neighbouring_keys(torch.tensor([0.2, 9.0]), packed([2]), KEYS[:1], packed([1]), from_zero=False)
    assert left.tolist() == right.tolist() == [0, 0]


def test_samples_lie_at_equal_steps_of_the_cdf_and_edges_midway():
    cdfs = torch.tensor([0.0, 0.5, 0.0, 0.5, 1.0])
    samples, edges = inverse_samples(KEYS, cdfs, PACKED, Ranges(2, None, 2), Ranges(2, None, 3), None)
    assert samples.tolist() == [0.25, 0.75, 0.5, 1.5] and edges.tolist() == [0.0, 0.5, 1.0, 0.0, 1.0, 2.0]
    early, _ = inverse_samples(KEYS, cdfs, PACKED, Ranges(2, None, 2), Ranges(2, None, 3), torch.zeros(2))
    assert early.tolist() == [0.0, 0.5, 0.0, 1.0]


def test_samples_follow_the_density():
    generator = torch.Generator().manual_seed(1)
    edges = torch.linspace(2.0, 6.0, 65)
    weights = torch.rand(64, generator=generator) + 0.01
    cdfs = torch.cat([torch.zeros(1), weights.cumsum(0)]) / weights.sum()
    samples, _ = inverse_samples(edges, cdfs, Ranges(1, None, 65), Ranges(1, None, 4096), Ranges(1, None, 4097), None)
    shares = torch.histc(samples, 64, 2.0, 6.0) / 4096
    assert torch.allclose(shares, weights / weights.sum(), atol=1e-3)
    assert bool((samples[1:] > samples[:-1]).all())


@pytest.mark.parametrize("n", [0, 1])
def test_one_sample_has_the_whole_ray_and_none_has_no_edges(n):
    cdfs = torch.tensor([0.0, 0.5, 0.0, 0.5, 1.0])
    samples, edges = inverse_samples(KEYS, cdfs, PACKED, packed([2, n]), packed([3, 2 * n]), None)
    assert samples.tolist() == [0.25, 0.75, 1.0][: 2 + n] and edges[3:].tolist() == [0.0, 2.0][: 2 * n]


def test_a_flat_cdf_is_sampled_in_its_middle():
    samples, _ = inverse_samples(KEYS[:2], torch.zeros(2), packed([2]), packed([1]), packed([2]), None)
    assert samples.tolist() == [0.5]
