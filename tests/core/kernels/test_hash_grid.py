"""The hash encoding against its twin: values, gradients, resolutions, edges."""

import pytest
import torch

from core.kernels.contraction import Space
from core.kernels.encoded_network import packed_table
from core.kernels.hash_grid import VertexOrder, hash_encode, level_layout
from core.kernels.runtime.launch import using_threads
from tests.core.kernels import twins


def random_table(levels, n_features, seed=0):
    return torch.randn(levels.n_entries, n_features, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("in_rows", [False, True])
@pytest.mark.parametrize("n_features", [2, 4])
@pytest.mark.parametrize("n", [0, 1, 37, 3000])
def test_values_and_gradients_equal_the_twin(n_features, n, in_rows):
    levels = level_layout(5, 4, 64, 10, in_rows)
    hashed = VertexOrder.BY_HASH_OF_ROW if in_rows else VertexOrder.BY_HASH
    assert set(levels.info[:, 3].tolist()) == {VertexOrder.BY_PLACE, hashed}
    positions = torch.rand(n, 3, generator=torch.Generator().manual_seed(1))
    table = random_table(levels, n_features).requires_grad_()
    twin_table = table.detach().double().requires_grad_()
    features = hash_encode(positions, table, levels.info)
    expected = twins.hash_encode(positions.double(), twin_table, levels.info)
    torch.testing.assert_close(features, expected.float(), rtol=1e-4, atol=1e-4)
    grads = torch.randn(features.shape, generator=torch.Generator().manual_seed(2))
    features.backward(grads)
    expected.backward(grads.double())
    torch.testing.assert_close(table.grad, twin_table.grad.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("in_rows", [False, True])
@pytest.mark.parametrize("n_features", [2, 4])
@pytest.mark.parametrize("n", [0, 1, 37, 3000])
def test_a_rounded_table_is_read_instead_and_the_table_gets_the_gradient(n_features, n, in_rows):
    levels = level_layout(5, 4, 64, 10, in_rows)
    positions = torch.rand(n, 3, generator=torch.Generator().manual_seed(1))
    table = random_table(levels, n_features).requires_grad_()
    other = table.detach().bfloat16().float().requires_grad_()
    features = hash_encode(positions, table, levels.info, rounded=packed_table(table))
    expected = hash_encode(positions, other, levels.info)
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5)
    grads = torch.randn(features.shape, generator=torch.Generator().manual_seed(2))
    features.backward(grads)
    expected.backward(grads)
    assert torch.equal(table.grad, other.grad)


@pytest.mark.parametrize("n", [0, 1, 3000])
def test_a_gradient_starts_at_zero_whatever_its_memory_held(n):
    levels = level_layout(5, 4, 64, 10)
    table = random_table(levels, 2).requires_grad_()
    features = hash_encode(torch.full((n, 3), 0.3), table, levels.info)
    torch.use_deterministic_algorithms(True)  # torch fills new memory with NaN
    try:
        features.backward(torch.ones_like(features))
    finally:
        torch.use_deterministic_algorithms(False)
    assert int(table.grad.any(1).sum()) <= 8 * 5
    torch.testing.assert_close(table.grad.sum(), torch.tensor(2.0 * 5 * n), rtol=1e-3, atol=0.0)


def test_the_twins_gradient_is_right_by_finite_differences():
    levels = level_layout(2, 2, 4, 4)
    table = random_table(levels, 2).double().requires_grad_()
    positions = torch.rand(3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda t: twins.hash_encode(positions, t, levels.info), (table,))


def test_vertices_return_their_entries_and_linear_functions_are_reproduced():
    levels = level_layout(1, 8, 8, 12)
    vertices = torch.cartesian_prod(*[torch.arange(9.0)] * 3).flip(-1)  # x varies fastest, as in the table
    table = torch.stack([vertices @ torch.tensor([1.0, 2.0, 3.0]), vertices[:, 0]], dim=1).contiguous()
    torch.testing.assert_close(hash_encode(vertices / 8, table, levels.info), table)
    positions = torch.rand(100, 3)
    expected = 8 * positions @ torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(hash_encode(positions, table, levels.info)[:, 0], expected, rtol=1e-4, atol=1e-4)


def test_positions_outside_the_cube_stay_finite():
    levels = level_layout(3, 4, 32, 10)
    positions = torch.tensor([[-0.2, 0.5, 1.3], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert torch.isfinite(hash_encode(positions, random_table(levels, 2), levels.info)).all()


def test_a_nan_position_spoils_only_its_own_features():
    levels = level_layout(3, 4, 32, 10)
    assert set(levels.info[:, 3].tolist()) == {0, 1}
    positions = torch.full((40, 3), 0.5)
    positions[7, 1] = torch.nan
    table = random_table(levels, 2).requires_grad_()
    features = hash_encode(positions, table, levels.info)
    spoilt = features.isnan().any(1)
    assert spoilt[7] and int(spoilt.sum()) == 1
    features.sum().backward()
    assert int(table.grad.isnan().any(1).sum()) <= 8 * 3


def test_resolutions_grow_geometrically_from_base_to_max():
    info = level_layout(16, 16, 2048, 19).info
    assert info[0, 0] == 16 and info[-1, 0] == 2048
    ratios = info[1:, 0] / info[:-1, 0]
    assert ratios.max() / ratios.min() < 1.1
    assert torch.equal(info[1:, 1] - info[:-1, 1], info[:-1, 2] + 1)  # the levels' tables are adjacent


def test_vertices_along_x_are_neighbours_in_tables_in_rows():
    """The last vertex of a row that begins at a level's last hashed entry has an entry of its own."""
    levels = level_layout(3, 4, 64, 8, in_rows=True)
    table = torch.arange(2.0 * levels.n_entries).view(-1, 2)
    for level, (resolution, first, _, _) in enumerate(levels.info.tolist()):
        cells = torch.cartesian_prod(*[torch.arange(resolution + 1)] * 3)
        places = (cells / resolution)[:4096]
        entries = hash_encode(places, table, levels.info)[:, 2 * level] / 2.0
        rows = cells[:4096].clone()
        rows[:, 0] = 0
        begins = hash_encode(rows / resolution, table, levels.info)[:, 2 * level] / 2.0
        torch.testing.assert_close(entries - begins, cells[:4096, 0].float(), rtol=0.0, atol=0.05)
        assert float(entries.min()) >= first - 0.05
    assert levels.n_entries == 125 + 2 * 256 + 16 + 64


def test_the_number_of_threads_changes_nothing():
    levels = level_layout(4, 4, 64, 10)
    positions, table = torch.rand(5000, 3), random_table(levels, 2)
    results = []
    for n in (1, 2, 3):
        with using_threads(n):
            leaf = table.clone().requires_grad_()
            features = hash_encode(positions, leaf, levels.info)
            features.sum().backward()
            results.append((features.detach(), leaf.grad))
    for features, grad in results[1:]:
        assert torch.equal(features, results[0][0]) and torch.equal(grad, results[0][1])


def contracted(positions: torch.Tensor, box) -> torch.Tensor:
    """Positions contracted to the unit cube, by the definition."""
    low, high = torch.tensor(box, dtype=torch.float64).view(2, 3)
    off = (positions.double() - (low + high) / 2) / ((high - low) / 2)
    m = off.abs().amax(-1, keepdim=True)
    return (0.5 + 0.25 * torch.where(m > 1.0, (2.0 - 1.0 / m) * off / m, off)).float()


def test_contraction_matches_its_definition():
    levels, box = level_layout(5, 4, 64, 10), (0.0, -1.0, 2.0, 1.0, 1.0, 5.0)
    table = random_table(levels, 2).requires_grad_()
    positions = (
        torch.tensor([0.5, 0.0, 3.5]) + 20.0 * torch.randn(800, 3, generator=torch.Generator().manual_seed(1)) ** 3
    )
    inside = torch.tensor([0.0, -1.0, 2.0]) + torch.rand(200, 3) * torch.tensor([1.0, 2.0, 3.0])
    positions = torch.cat([positions, inside])
    features = hash_encode(positions, table, levels.info, Space(box, "max"))
    features.sum().backward()
    twin_table = table.detach().clone().requires_grad_()
    expected = hash_encode(contracted(positions, box), twin_table, levels.info)
    expected.sum().backward()
    torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(table.grad, twin_table.grad, rtol=1e-3, atol=1e-2)
    cube = contracted(positions, box)
    assert (cube > 0.0).all() and (cube < 1.0).all(), "all space maps into the cube"
