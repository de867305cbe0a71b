"""The histogram of stored values: every cell counts once, in the bin of its value."""

import numpy as np
import torch

from core.samplers.histogram import DECADES, histogram_of


def stored_values(n=20_000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = 10.0 ** (11.0 * torch.rand(n, generator=generator) - 7.0)
    values[: n // 4] = -1.0
    values[n // 4 : n // 3] = 0.0
    return values[torch.randperm(n, generator=generator)]


def test_every_cell_counts_once():
    values = stored_values()
    found = histogram_of(values)
    assert int(found.counts.sum()) + found.n_empty + found.n_below + found.n_beyond == len(values)
    assert found.n_empty == int((values == -1.0).sum())
    assert found.n_below == int(((values >= 0.0) & (values < 10.0 ** DECADES[0])).sum())
    assert found.n_beyond == int((values > 10.0 ** DECADES[1]).sum())


def test_bins_count_the_values_between_their_edges():
    values, found = stored_values(), histogram_of(stored_values())
    expected, _ = np.histogram(values.double().numpy(), found.edges.double().numpy())
    assert np.abs(found.counts.numpy() - expected).sum() <= 4  # values at an edge, by rounding
    torch.testing.assert_close(found.edges[1:] / found.edges[:-1], torch.full((len(found.counts),), 10 ** (1 / 12)))


def test_the_share_above_an_edge_is_correct():
    values, found = stored_values(), histogram_of(stored_values())
    for place in (0, 30, 96):
        above = int(found.counts[place:].sum()) + found.n_beyond
        assert abs(above - int((values > found.edges[place]).sum())) <= 2


def test_a_grid_with_a_single_value():
    assert histogram_of(torch.full((2, 3, 3, 3), -1.0)).n_empty == 54
    assert histogram_of(torch.zeros(10)).n_below == 10
    assert histogram_of(torch.full((10,), torch.inf)).n_beyond == 10
