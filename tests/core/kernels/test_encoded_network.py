"""The hash grid and its network in one kernel, against encoding and network one after the other."""

import pytest
import torch

from core.fields.mlp import mlp
from core.geometry.placement import NdcFrame
from core.kernels.contraction import UNIT_CUBE, Space
from core.kernels.encoded_network import encoded_network, packed_table
from core.kernels.hash_grid import hash_encode, level_layout
from core.kernels.network import has_tiles
from core.kernels.runtime.launch import run_together, using_threads

LEVELS = level_layout(5, 4, 64, 10)
IN_TILES = pytest.param(True, marks=pytest.mark.skipif(not has_tiles(), reason="needs a CPU with matrix tiles (AMX)"))


def random_network(n_features=2, n_hidden=24, n_out=5, levels=LEVELS):
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(levels.n_entries, n_features, generator=generator).bfloat16().float()
    shapes = (n_hidden, 5 * n_features), (n_out, n_hidden)
    return table, [torch.randn(shape, generator=generator) for shape in shapes]


SIZES = pytest.mark.parametrize(
    ("n_features", "n_hidden", "n_out"), [(2, 24, 5), (4, 64, 16), (4, 40, 20), (2, 9, 1), (2, 64, 1), (4, 12, 1)]
)
COUNTS = pytest.mark.parametrize("n", [0, 1, 37, 300, 3000])


@pytest.mark.parametrize("levels", [LEVELS, level_layout(5, 4, 64, 10, in_rows=True)], ids=["hashed", "in rows"])
@SIZES
@COUNTS
def test_it_equals_encoding_and_network(n, n_features, n_hidden, n_out, levels):
    table, weights = random_network(n_features, n_hidden, n_out, levels)
    positions = 1.2 * torch.rand(n, 3, generator=torch.Generator().manual_seed(1)) - 0.1
    found = encoded_network(positions, packed_table(table), levels.info, UNIT_CUBE, weights)
    expected = mlp(hash_encode(positions, table, levels.info), weights, "float32")
    assert found.shape == (n, n_out)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not has_tiles(), reason="needs a CPU with matrix tiles (AMX)")
@SIZES
@COUNTS
def test_in_tiles_it_equals_encoding_and_a_rounded_network(n, n_features, n_hidden, n_out):
    table, weights = random_network(n_features, n_hidden, n_out)
    positions = 1.2 * torch.rand(n, 3, generator=torch.Generator().manual_seed(1)) - 0.1
    found = encoded_network(positions, packed_table(table), LEVELS.info, UNIT_CUBE, weights, in_tiles=True)
    encoded = hash_encode(positions, table, LEVELS.info).bfloat16().float()
    hidden, last = (weight.bfloat16().float() for weight in weights)
    expected = torch.relu(encoded @ hidden.T).bfloat16().float() @ last.T
    assert found.shape == (n, n_out)
    assert n == 0 or (found - expected).square().mean() <= (0.005**2) * expected.square().mean()


def test_it_takes_the_box_into_account():
    table, weights = random_network()
    box = (-2.0, 0.0, 1.0, 2.0, 1.0, 4.0)
    unit = torch.rand(100, 3)
    positions = torch.tensor(box[:3]) + unit * torch.tensor([4.0, 1.0, 3.0])
    expected = encoded_network(unit, packed_table(table), LEVELS.info, UNIT_CUBE, weights)
    found = encoded_network(positions, packed_table(table), LEVELS.info, Space(box), weights)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
@pytest.mark.parametrize("n_out", [1, 5])
def test_nan_spoils_only_its_own_row(n_out, in_tiles):
    table, weights = random_network(n_out=n_out)
    positions = torch.full((40, 3), 0.5)
    positions[7, 1] = torch.nan
    found = encoded_network(positions, packed_table(table), LEVELS.info, UNIT_CUBE, weights, in_tiles)
    spoilt = found.isnan().all(1)
    assert spoilt[7] and int(spoilt.sum()) == 1


@pytest.mark.parametrize("in_tiles", [False, IN_TILES])
def test_the_number_of_threads_changes_nothing(in_tiles):
    table, weights = random_network()
    positions, results = torch.rand(9000, 3), []
    for n in (1, 2, 3):
        with using_threads(n):
            found = encoded_network(positions, packed_table(table), LEVELS.info, UNIT_CUBE, weights, in_tiles)
            results.append(found)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


def test_several_threads_may_request_a_new_size_at_once():
    table, weights = random_network(n_hidden=11, n_out=3)
    positions = torch.rand(64, 3)
    tasks = [lambda: encoded_network(positions, packed_table(table), LEVELS.info, UNIT_CUBE, weights)] * 4
    with using_threads(4):
        results = run_together(tasks)
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("contraction", ["max", "sphere", "ndc"])
def test_it_contracts_space_as_the_encoding_does(contraction):
    table, weights = random_network()
    frame = NdcFrame((0.0, 0.0, 40.0), (1.0, 0.0, 0.1, 0.0, 1.5, 0.0, 0.0, 0.1, -0.5)) if contraction == "ndc" else None
    space = Space((0.0, -1.0, 2.0, 1.0, 1.0, 5.0), contraction, frame)
    positions = 30.0 * torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    found = encoded_network(positions, packed_table(table), LEVELS.info, space, weights)
    expected = mlp(hash_encode(positions, table, LEVELS.info, space), weights, "float32")
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
