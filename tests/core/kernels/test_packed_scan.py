import pytest
import torch

from core.kernels.packed_scan import packed_product_grads, packed_products, packed_sums

COUNTS = torch.tensor([3, 0, 70_000, 1, 9, 0])
STARTS = COUNTS.cumsum(0) - COUNTS


def twin(values, counts, inclusive, is_product):
    """Float64 sums or products of each ray's values, differentiable."""
    results = []
    for ray in values.split(counts.tolist()):
        none = torch.full((min(1, len(ray)),), float(is_product), dtype=torch.float64)
        given = ray if inclusive else torch.cat([none, ray[:-1]])
        results.append(given.cumprod(0) if is_product else given.cumsum(0))
    return torch.cat(results)


def numbers(seed):
    return torch.rand(int(COUNTS.sum()), generator=torch.Generator().manual_seed(seed))


def relative(found, expected):
    return float(((found - expected).abs() / expected.abs().clamp_min(1e-30)).max())


@pytest.mark.parametrize("inclusive", [True, False])
def test_sums_are_those_of_float64(inclusive):
    values = numbers(0)
    expected = twin(values.double(), COUNTS, inclusive, False)
    assert relative(packed_sums(STARTS, COUNTS, values, inclusive), expected) < 1e-7
    back = packed_sums(STARTS, COUNTS, values, inclusive, from_the_end=True)
    flipped = twin(values.double().flip(0), COUNTS.flip(0), inclusive, False).flip(0)
    assert relative(back, flipped) < 1e-7


def test_normalized_sums_end_at_one_and_nothing_is_divided_by_zero():
    counts, values = torch.tensor([3, 2]), torch.tensor([1.0, 2.0, 1.0, 0.0, 0.0])
    sums = packed_sums(counts.cumsum(0) - counts, counts, values, True, normalize=True)
    assert sums.tolist() == [0.25, 0.75, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("inclusive", [True, False])
def test_products_and_their_gradients_are_those_of_float64(inclusive):
    values = 1.0 - 1e-4 * numbers(1)
    values[[0, 5, 70_006]] = 0.0  # an alpha of 1
    values[[2, 6, 40_000]] = 1.0  # an alpha of 0
    exact = values.double().requires_grad_()
    expected = twin(exact, COUNTS, inclusive, True)
    products = packed_products(STARTS, COUNTS, values, inclusive)
    assert relative(products, expected.detach()) < 1e-6
    grads = numbers(2) - 0.5
    expected.backward(grads.double())
    found = packed_product_grads(STARTS, COUNTS, values, products, grads, inclusive)
    assert float((found - exact.grad).abs().max() / exact.grad.abs().max()) < 1e-6
    assert found[0].abs() > 0.0  # where dividing by the value would give nothing, or NaN


def test_values_of_no_ray_and_no_rays_get_zeros():
    values, none = torch.ones(4), torch.empty(0, dtype=torch.int64)
    assert packed_sums(torch.tensor([1]), torch.tensor([2]), values, True).tolist() == [0.0, 1.0, 2.0, 0.0]
    assert packed_products(none, none, values, False).tolist() == [0.0] * 4
