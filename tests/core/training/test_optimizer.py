"""Adam in pieces against torch's own in one: the same numbers in the same state."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from core.kernels.runtime.launch import using_threads
from core.training.optimizer import Adam

SIZES = (150_001, 2), (16, 7), (3,), (1 << 17,)


def parameters(seed: int = 0, dtype: torch.dtype = torch.float32) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(size, generator=generator).to(dtype)) for size in SIZES]


def groups_of(mine: list[nn.Parameter]) -> list[dict]:
    return [{"params": mine[:2], "factor": 1.0}, {"params": mine[2:], "factor": 0.5}]


def torchs(mine: list[nn.Parameter]) -> torch.optim.Adam:
    return torch.optim.Adam(groups_of(mine), lr=0.02, betas=(0.9, 0.99), eps=1e-15, fused=True)


def give_gradients(mine: list[nn.Parameter], seed: int, but: int | None = None) -> None:
    for i, (parameter, grad) in enumerate(zip(mine, parameters(seed), strict=True)):
        parameter.grad = None if i == but else grad.detach().to(parameter.dtype)


def take_steps(optimizer, mine: list[nn.Parameter], seeds: range) -> None:
    for seed in seeds:
        give_gradients(mine, seed, but=seed % 5)  # each is left out at times, and thus behind in its steps
        for group in optimizer.param_groups:
            group["lr"] = 0.02 / seed * group["factor"]
        optimizer.step()


def assert_same(optimizer, mine, expected, theirs):
    for x, y in zip(mine, theirs, strict=True):
        assert torch.equal(x, y)
        assert optimizer.state[x].keys() == expected.state[y].keys()
        for key, value in expected.state[y].items():
            found = optimizer.state[x][key]
            assert torch.equal(found, value) and found.dtype == value.dtype and found.shape == value.shape


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_are_torchs_number_for_number(threads, dtype):
    mine, theirs = parameters(dtype=dtype), parameters(dtype=dtype)
    optimizer, expected = Adam(groups_of(mine), 0.02), torchs(theirs)
    with using_threads(threads):
        take_steps(optimizer, mine, range(1, 8))
        take_steps(expected, theirs, range(1, 8))
    assert_same(optimizer, mine, expected, theirs)


def test_either_goes_on_where_the_other_was():
    mine, theirs = parameters(), parameters()
    optimizer, expected = Adam(groups_of(mine), 0.02), torchs(theirs)
    take_steps(expected, theirs, range(1, 5))
    for x, y in zip(mine, theirs, strict=True):
        x.data.copy_(y)
        optimizer.state[x] = deepcopy(expected.state[y])
    take_steps(optimizer, mine, range(5, 8))
    take_steps(expected, theirs, range(5, 8))
    assert_same(optimizer, mine, expected, theirs)


def test_a_gradient_that_lies_otherwise_in_memory_is_torchs_affair():
    mine, theirs = parameters(), parameters()
    optimizer, expected = Adam(groups_of(mine), 0.02), torchs(theirs)
    for some, stepper in ((mine, optimizer), (theirs, expected)):
        give_gradients(some, 1)
        some[0].grad = some[0].grad.T.contiguous().T
        assert not some[0].grad.is_contiguous()
        stepper.step()
    assert_same(optimizer, mine, expected, theirs)


def test_who_reads_a_parameter_rounded_gets_it_as_it_is_after_a_step():
    mine, got = parameters(), []
    readers = {x: lambda value, x=x: got.append((value, x.bfloat16(), x._version)) for x in (mine[0], mine[1])}
    optimizer = Adam(groups_of(mine), 0.02, readers)
    versions = [x._version for x in mine]
    with using_threads(2):
        give_gradients(mine, 1)
        optimizer.step()
        give_gradients(mine, 2, but=1)
        optimizer.step()
    assert [value.shape for value, *_ in got] == [SIZES[0], SIZES[1], SIZES[0]]
    assert not torch.equal(got[0][0], got[2][0]), "what was handed over is not written to again"
    for value, expected, _ in got:
        assert value.dtype == torch.bfloat16 and torch.equal(value, expected)
    assert got[0][2] > versions[0], "torch knows of the change when the reader is told"
    assert all(x._version > version for x, version in zip(mine, versions, strict=True))


@pytest.mark.parametrize("threads", [1, 3])
def test_sums_are_of_the_gradients_there_are(threads):
    mine = parameters()
    optimizer = Adam(groups_of(mine), 0.02)
    assert optimizer.gradient_sums() == []
    give_gradients(mine, 1, but=2)
    grads = [mine[i].grad for i in (0, 1, 3)]
    with using_threads(threads):
        total = sum(optimizer.gradient_sums())
        torch.testing.assert_close(total, sum(grad.sum() for grad in grads), rtol=1e-4, atol=1e-2)
        for grad in grads:  # the last number of each
            kept, grad.view(-1)[-1] = float(grad.view(-1)[-1]), torch.inf
            assert any(map(torch.isinf, optimizer.gradient_sums()))
            grad.view(-1)[-1] = kept
        assert all(map(torch.isfinite, optimizer.gradient_sums()))
    optimizer.drop_gradients()
    assert all(x.grad is None for x in mine)
    optimizer.step()
    assert not optimizer.state
