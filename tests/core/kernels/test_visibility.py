"""NaN is kept, fates follow from thresholds, and kept samples of several rounds are packed in order of ray and t."""

import pytest
import torch

from core.config.march import MarchSettings
from core.geometry.rays import Samples
from core.kernels.grid import FAR_AWAY
from core.kernels.visibility import Fate, Round, Visibility, kept_samples, sample_fates


def rounds_of(n_rays, lengths, n_features, share, seed=0):
    """Rounds with samples at increasing t; a random share of them is kept."""
    generator = torch.Generator().manual_seed(seed)
    n_kept, rounds, rows = torch.zeros(n_rays, dtype=torch.int32), [], []
    for k, length in enumerate(lengths):
        rays = torch.arange(n_rays, dtype=torch.int32).repeat_interleave(length)
        starts = 10.0 * k + torch.arange(length, dtype=torch.float32).repeat(n_rays)
        sigmas = torch.rand(len(rays), generator=generator)
        features = torch.rand(len(rays), n_features, generator=generator)
        kept = torch.rand(len(rays), generator=generator) < share
        ranks = torch.full((len(rays),), -1, dtype=torch.int32)
        for i in kept.nonzero().view(-1).tolist():
            ranks[i] = n_kept[rays[i]]
            n_kept[rays[i]] += 1
            rows.append((int(rays[i]), float(starts[i]), float(sigmas[i]), features[i].tolist()))
        info = torch.zeros(n_rays, 2, dtype=torch.int32)
        rounds.append(Round(Samples(starts, starts + 0.5, rays, info), sigmas, features, ranks))
    return rounds, n_kept, sorted(rows)


@pytest.mark.parametrize("lengths", [[3], [2, 0, 5], [4, 4, 4]])
@pytest.mark.parametrize("n_features", [0, 1, 16])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_kept_samples_are_sorted_by_ray_then_t(lengths, n_features, share):
    rounds, n_kept, rows = rounds_of(7, lengths, n_features, share)
    samples, sigmas, features = kept_samples(rounds, n_kept)
    assert samples.ray_indices.tolist() == [row[0] for row in rows]
    assert samples.t_starts.tolist() == [row[1] for row in rows]
    assert torch.equal(samples.t_ends, samples.t_starts + 0.5)
    assert sigmas.tolist() == [row[2] for row in rows]
    assert features.tolist() == [row[3] for row in rows]
    assert features.shape == (len(rows), n_features)
    assert torch.equal(samples.packed_info[:, 1], n_kept)
    assert samples.packed_info[:, 0].tolist() == [sum(n_kept[:i].tolist()) for i in range(7)]


def test_densities_and_features_may_be_columns_of_one_matrix():
    rounds, n_kept, _ = rounds_of(7, [3, 4], 5, 0.4)
    columns = [torch.cat([x.sigmas[:, None], x.features], dim=1) for x in rounds]
    strided = [x._replace(sigmas=c[:, 0], features=c[:, 1:]) for x, c in zip(rounds, columns, strict=True)]
    for found, expected in zip(kept_samples(strided, n_kept)[1:], kept_samples(rounds, n_kept)[1:], strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("thresholds", [{}, {"alpha_thre": 0.3, "early_stop_eps": 0.2}])
def test_a_nan_is_kept_with_everything_behind_it(thresholds):
    starts = torch.arange(4.0)
    rays, info = torch.zeros(4, dtype=torch.int32), torch.tensor([[0, 4]], dtype=torch.int32)
    visibility = Visibility(1, MarchSettings(**thresholds), rays.device)
    sigmas = torch.tensor([0.5, torch.nan, 9.0, 9.0])
    ranks, goes_on = visibility.mark(Samples(starts, starts + 1.0, rays, info), sigmas, rays[:1], starts[:1])
    assert ranks.tolist() == [0, 1, 2, 3] and goes_on.tolist() == [True]
    _, goes_on = visibility.mark(
        Samples(starts, starts + 1.0, rays, info), sigmas, rays[:1], torch.full((1,), FAR_AWAY)
    )
    assert goes_on.tolist() == [False] and int(visibility.n_marched) == int(visibility.n_kept) == 8


@pytest.mark.parametrize("thresholds", [{}, {"alpha_thre": 0.2}, {"early_stop_eps": 0.3}])
def test_fates_agree_with_the_rounds_and_with_summed_optical_thickness(thresholds):
    n_rays, n = 5, 12
    march = MarchSettings(**{"alpha_thre": 0.1, "early_stop_eps": 0.1} | thresholds)
    rays = torch.arange(n_rays, dtype=torch.int32)
    starts = torch.arange(n, dtype=torch.float32).repeat(n_rays)
    info = torch.stack([n * rays, torch.full_like(rays, n)], dim=1)
    samples = Samples(starts, starts + 0.5, rays.repeat_interleave(n), info)
    sigmas = torch.rand(n_rays * n, generator=torch.Generator().manual_seed(0))
    fates = sample_fates(samples, sigmas, march).view(n_rays, n)

    visibility = Visibility(n_rays, march, rays.device)
    ranks, _ = visibility.mark(samples, sigmas, rays, torch.full((n_rays,), FAR_AWAY))
    assert torch.equal(fates == Fate.COMPOSITED, ranks.view(n_rays, n) >= 0)
    taus = 0.5 * sigmas.view(n_rays, n)
    behind = torch.exp(taus - taus.cumsum(1)) < march.early_stop_eps
    assert torch.equal(fates == Fate.BEHIND_STOP, behind)
    assert torch.equal(fates == Fate.BELOW_ALPHA, ~behind & (1.0 - torch.exp(-taus) < march.alpha_thre))
    assert torch.equal(visibility.stopped, behind.any(1) | (torch.exp(-taus.sum(1)) < march.early_stop_eps))


def test_no_rays():
    rounds, n_kept, _ = rounds_of(0, [3], 2, 1.0)
    samples, sigmas, features = kept_samples(rounds, n_kept)
    assert samples.packed_info.shape == (0, 2) and sigmas.shape == (0,) and features.shape == (0, 2)
