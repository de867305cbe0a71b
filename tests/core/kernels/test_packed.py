"""Properties of volume rendering over packed samples, and the kernels against their twins."""

import math

import pytest
import torch

from core.config.march import MarchSettings
from core.geometry.rays import Samples
from core.kernels.grid import FAR_AWAY
from core.kernels.packed import accumulate_along_rays, color_loss, composite, render_weights
from core.kernels.visibility import Visibility
from tests.core.kernels import twins

COUNTS = [[3, 0, 5, 1], [0, 0], [40] * 70, list(range(60))]


def random_samples(counts, seed=0):
    generator = torch.Generator().manual_seed(seed)
    info = twins.packed_info(counts)
    n = sum(counts)
    t_starts = torch.rand(n, generator=generator)
    t_ends = t_starts + 0.1 * torch.rand(n, generator=generator)
    sigmas = 8.0 * torch.rand(n, generator=generator)
    return info, sigmas, t_starts, t_ends


def random_pixels(counts, n_backgrounds=None, seed=1):
    """Random colours of samples, backgrounds of rays, and weights that don't come from densities."""
    generator = torch.Generator().manual_seed(seed)
    n = sum(counts)
    background = torch.rand(*(() if n_backgrounds is None else (n_backgrounds,)), 3, generator=generator)
    return torch.rand(n, 3, generator=generator), background, torch.rand(n, generator=generator) / max([1, *counts])


def test_nerfaccs_published_example():
    alphas = torch.tensor([0.4, 0.3, 0.8, 0.8, 0.5])  # ray_indices [0, 2, 2, 2, 2]
    info = twins.packed_info([1, 0, 4])
    weights, trans = render_weights(-torch.log1p(-alphas), torch.zeros(5), torch.ones(5), info)
    torch.testing.assert_close(trans, torch.tensor([1.0, 1.0, 0.7, 0.14, 0.028]))
    torch.testing.assert_close(weights, torch.tensor([0.4, 0.3, 0.56, 0.112, 0.014]))


@pytest.mark.parametrize("counts", COUNTS)
def test_weights_equal_the_twin(counts):
    info, sigmas, t_starts, t_ends = random_samples(counts)
    weights, trans = render_weights(sigmas, t_starts, t_ends, info)
    expected_weights, expected_trans = twins.weights((sigmas * (t_ends - t_starts)).double(), info)
    torch.testing.assert_close(weights, expected_weights.float())
    torch.testing.assert_close(trans, expected_trans.float())


@pytest.mark.parametrize("counts", COUNTS)
def test_gradients_equal_the_twins(counts):
    info, sigmas, t_starts, t_ends = random_samples(counts)
    values = torch.rand(sigmas.shape[0], 3)
    out_grads = torch.randn(len(counts), 3)
    trans_grads = torch.randn(sigmas.shape[0])

    def run(weights_of, accumulate, dtype):
        s = sigmas.to(dtype).requires_grad_()
        v = values.to(dtype).requires_grad_()
        weights, trans = weights_of(s)
        total = (accumulate(weights, v, info) * out_grads).sum() + (trans * trans_grads).sum()
        return torch.autograd.grad(total, (s, v))

    ours = run(lambda s: render_weights(s, t_starts, t_ends, info), accumulate_along_rays, torch.float32)
    lengths = (t_ends - t_starts).double()
    twin = run(lambda s: twins.weights(s * lengths, info), twins.accumulate, torch.float64)
    for a, b in zip(ours, twin, strict=True):
        torch.testing.assert_close(a, b.float(), rtol=1e-4, atol=1e-5)


def test_the_twins_gradients_are_right_by_finite_differences():
    info, sigmas, t_starts, t_ends = random_samples([3, 0, 4])
    taus = (sigmas * (t_ends - t_starts)).double().requires_grad_()
    values = torch.rand(7, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: twins.weights(t, info), (taus,))
    assert torch.autograd.gradcheck(lambda t, v: twins.accumulate(twins.weights(t, info)[0], v, info), (taus, values))


@pytest.mark.parametrize("known", [False, True], ids=["own weights", "given weights"])
@pytest.mark.parametrize("behind_each", [False, True], ids=["one background", "one per ray"])
@pytest.mark.parametrize("counts", COUNTS)
def test_pixels_and_their_gradients_equal_the_twins(counts, behind_each, known):
    info, sigmas, t_starts, t_ends = random_samples(counts)
    rgbs, background, ray_weights = random_pixels(counts, len(counts) if behind_each else None)
    seen = torch.tensor(counts) > 0
    generator = torch.Generator().manual_seed(2)
    shapes = ((len(ray_weights),), (len(counts), 3), (len(counts),), (len(counts),))
    out_grads = [torch.randn(*shape, generator=generator) for shape in shapes]

    def run(function, dtype):
        leaves = [x.to(dtype).requires_grad_() for x in (sigmas, rgbs, t_starts, t_ends, background, ray_weights)]
        out = function(*leaves[:4], info, leaves[4], leaves[5] if known else None)[:4]
        total = sum((x * g)[seen].sum() for x, g in zip(out[1:], out_grads[1:], strict=True))
        total = total + (out[0] * out_grads[0]).sum()
        return out, torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)

    ours, twin = run(composite, torch.float32), run(twins.composite, torch.float64)
    for a, b in zip(ours[0], twin[0], strict=True):
        torch.testing.assert_close(a, b.float())
    for a, b in zip(ours[1], twin[1], strict=True):
        torch.testing.assert_close(a, b.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("known", [False, True], ids=["own weights", "given weights"])
def test_the_twins_pixel_gradients_are_right_by_finite_differences(known):
    counts = [3, 2, 4]
    info, *samples = random_samples(counts)
    rgbs, background, ray_weights = random_pixels(counts, 3)
    leaves = [x.double().requires_grad_() for x in (samples[0], rgbs, *samples[1:], background, ray_weights)]
    assert torch.autograd.gradcheck(lambda *x: twins.composite(*x[:4], info, x[4], x[5] if known else None)[:4], leaves)


@pytest.mark.parametrize("output", [0, 1, 2, 3])
def test_each_output_alone_has_the_twins_gradients(output):
    """Outputs that the loss doesn't use have no gradient, and the backward pass works without it."""
    info, sigmas, t_starts, t_ends = random_samples([5, 40])
    rgbs, background, _ = random_pixels([5, 40])

    def gradient(function, dtype):
        s = sigmas.to(dtype).requires_grad_()
        out = function(s, *(x.to(dtype) for x in (rgbs, t_starts, t_ends)), info, background.to(dtype))[output]
        return torch.autograd.grad(out.square().sum(), s)[0].float()

    torch.testing.assert_close(
        gradient(composite, torch.float32), gradient(twins.composite, torch.float64), rtol=1e-4, atol=1e-5
    )


def test_nan_reaches_the_pixel_and_the_gradient():
    info, sigmas, t_starts, t_ends = random_samples([4, 3])
    rgbs, background, _ = random_pixels([4, 3])
    sigmas[1] = math.nan
    sigmas.requires_grad_()
    out = composite(sigmas, rgbs, t_starts, t_ends, info, background)
    assert out.colors[0].isnan().all() and out.colors[1].isfinite().all()
    out.colors.sum().backward()
    assert sigmas.grad[:4].isnan().any() and sigmas.grad[4:].isfinite().all()


def test_a_background_for_other_rays_is_refused():
    info, sigmas, t_starts, t_ends = random_samples([4, 3, 1, 2])
    with pytest.raises(ValueError, match=r"\(4, 3\).*found \(2, 3\)"):
        composite(sigmas, torch.rand(10, 3), t_starts, t_ends, info, torch.ones(2, 3))


def test_median_depths_equal_the_twins_and_a_slabs_closed_form():
    def median_depths(sigmas, t_starts, t_ends, info):
        return composite(sigmas, torch.zeros(len(sigmas), 3), t_starts, t_ends, info, torch.zeros(3)).median_depths

    info, sigmas, t_starts, t_ends = random_samples([30, 0, 17, 1])
    ours = median_depths(4.0 * sigmas, t_starts, t_ends, info)
    expected = twins.median_depths(4.0 * sigmas, t_starts, t_ends, info)
    torch.testing.assert_close(ours, expected.float(), rtol=1e-3, atol=1e-3)
    edges = torch.linspace(1.0, 3.0, 9)
    slab = torch.full((8,), 2.0), edges[:-1], edges[1:], twins.packed_info([8])
    assert float(median_depths(*slab)) == pytest.approx(1.0 + math.log(2.0) / 2.0, abs=1e-5)
    assert float(median_depths(0.1 * slab[0], *slab[1:])) == math.inf


def test_weights_are_nonnegative_sum_to_at_most_one_and_grow_with_density():
    info, sigmas, t_starts, t_ends = random_samples([50] * 20)
    weights, _ = render_weights(sigmas * 10, t_starts, t_ends, info)
    sums = accumulate_along_rays(weights, torch.ones(weights.shape[0], 1), info)
    assert (weights >= 0).all()
    assert (sums <= 1 + 1e-5).all()
    denser, _ = render_weights(sigmas * 20, t_starts, t_ends, info)
    assert (accumulate_along_rays(denser, torch.ones_like(weights)[:, None], info) >= sums - 1e-6).all()


@pytest.mark.parametrize("sigma", [0.0, 0.3, 5.0, 1e4])
def test_a_homogeneous_slab_transmits_exp_of_minus_sigma_length(sigma):
    n, length = 64, 2.0
    edges = torch.linspace(0, length, n + 1)
    weights, _ = render_weights(torch.full((n,), sigma), edges[:-1], edges[1:], twins.packed_info([n]))
    assert 1 - float(weights.sum()) == pytest.approx(math.exp(-sigma * length), abs=1e-5)


@pytest.mark.parametrize("alpha_thre, early_stop_eps", [(0.0, 0.0), (0.2, 0.0), (0.0, 0.1), (0.1, 0.3)])
def test_visibility_equals_the_twin_in_any_rounds(alpha_thre, early_stop_eps):
    counts = [30, 0, 17, 64]
    info, sigmas, t_starts, t_ends = random_samples(counts)
    taus = (sigmas * (t_ends - t_starts)).double()
    expected = twins.visible(taus, info, alpha_thre, early_stop_eps)
    march, everyone = MarchSettings(alpha_thre=alpha_thre, early_stop_eps=early_stop_eps), torch.arange(4).int()
    for split in (1, 2, 7):
        visibility = Visibility(4, march, torch.device("cpu"))
        kept = torch.zeros_like(expected)
        for part in range(split):
            firsts = info[:, 0] + info[:, 1] * part // split
            lengths = info[:, 0] + info[:, 1] * (part + 1) // split - firsts
            order = torch.cat([torch.arange(a, a + n) for a, n in zip(firsts, lengths, strict=True)])
            rays = everyone.repeat_interleave(lengths)
            samples = Samples(t_starts[order], t_ends[order], rays, twins.packed_info(lengths))
            ranks, goes_on = visibility.mark(samples, sigmas[order], everyone, torch.tensor([9.0, 9.0, FAR_AWAY, 9.0]))
            kept[order] = ranks >= 0
        assert torch.equal(kept, expected)
        assert visibility.n_kept.tolist() == [int(expected[a : a + n].sum()) for a, n in info.tolist()]
        assert visibility.n_marched.tolist() == counts
        left = [math.exp(-float(taus[a : a + n].sum())) >= early_stop_eps for a, n in info.tolist()]
        assert goes_on.tolist() == [left[0], left[1], False, left[3]]
        assert visibility.stopped.tolist() == [not x for x in left]


def test_no_rays_and_no_samples():
    empty = torch.zeros(0)
    for info, n_rays in ((twins.packed_info([]).view(0, 2), 0), (twins.packed_info([0, 0]), 2)):
        sigmas = empty.clone().requires_grad_()
        weights, trans = render_weights(sigmas, empty, empty, info)
        sums = accumulate_along_rays(weights, torch.zeros(0, 3), info)
        assert weights.shape == trans.shape == (0,)
        assert torch.equal(sums, torch.zeros(n_rays, 3))
        sums.sum().backward()
        assert sigmas.grad.shape == (0,)
        background = torch.tensor([0.1, 0.2, 0.3], requires_grad=True)
        out = composite(sigmas, torch.zeros(0, 3), empty, empty, info, background)
        assert torch.equal(out.colors, background.expand(n_rays, 3)) and out.weights.shape == (0,)
        assert torch.equal(out.opacities, torch.zeros(n_rays))
        assert torch.equal(out.depths, torch.full((n_rays,), math.inf)) and torch.equal(out.median_depths, out.depths)
        (out.colors.sum() + out.opacities.sum()).backward()
        assert background.grad.tolist() == 3 * [n_rays]


def test_packed_info_may_be_columns_of_a_wider_matrix():
    info, sigmas, t_starts, t_ends = random_samples(COUNTS[0])
    rgbs, background, _ = random_pixels(COUNTS[0])
    wider = torch.cat([info, torch.full_like(info, 1 << 20)], dim=1)[:, :2]
    found = composite(sigmas, rgbs, t_starts, t_ends, wider, background)
    expected = composite(sigmas, rgbs, t_starts, t_ends, info, background)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def entropy_of(weights, n_rays=1):
    return color_loss(torch.zeros(n_rays, 3), torch.zeros(n_rays, 3), weights, 1.0)


def test_the_entropy_of_a_surface_is_0_and_that_of_fog_grows_with_its_spread():
    assert float(entropy_of(torch.tensor([0.0, 1.0, 0.0]))) == pytest.approx(0.0, abs=1e-4)
    for n in (2, 8, 64):
        assert float(entropy_of(torch.full((n,), 1.0 / n))) == pytest.approx(math.log(n), rel=1e-3)


def test_the_entropy_is_a_mean_over_rays_and_adds_to_the_squared_error():
    colors, targets, weights = torch.rand(2, 3), torch.rand(2, 3), torch.rand(20)
    halves = 0.5 * (entropy_of(weights[:8]) + entropy_of(weights[8:]))
    error = torch.mean((colors - targets) ** 2)
    torch.testing.assert_close(color_loss(colors, targets, weights, 0.0), error)
    torch.testing.assert_close(color_loss(colors, targets, weights, 0.3), error + 0.3 * halves)


def test_against_entropy_small_weights_shrink_and_large_ones_grow():
    weights = torch.tensor([0.0, 1e-12, 0.3, 1.0], requires_grad=True)
    (slopes,) = torch.autograd.grad(entropy_of(weights), weights)
    assert bool(slopes.isfinite().all()) and float(slopes[:3].min()) > 0.0 > float(slopes[3])
