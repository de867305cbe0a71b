"""Our Adam, cut into pieces, against torch's fused one: identical parameters and state."""

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


def groups_of(params: list[nn.Parameter]) -> list[dict]:
    return [{"params": params[:2], "factor": 1.0}, {"params": params[2:], "factor": 0.5}]


def torchs(params: list[nn.Parameter]) -> torch.optim.Adam:
    return torch.optim.Adam(groups_of(params), lr=0.02, betas=(0.9, 0.99), eps=1e-15, fused=True)


def give_gradients(params: list[nn.Parameter], seed: int, but: int | None = None) -> None:
    for i, (parameter, grad) in enumerate(zip(params, parameters(seed), strict=True)):
        parameter.grad = None if i == but else grad.detach().to(parameter.dtype)


def take_steps(optimizer, params: list[nn.Parameter], seeds: range) -> None:
    for seed in seeds:
        give_gradients(params, seed, but=seed % 5)  # each is sometimes left out, so that their step counts differ
        for group in optimizer.param_groups:
            group["lr"] = 0.02 / seed * group["factor"]
        optimizer.step()


def assert_same(optimizer, ours, expected, theirs):
    for x, y in zip(ours, theirs, strict=True):
        assert torch.equal(x, y)
        assert optimizer.state[x].keys() == expected.state[y].keys()
        for key, value in expected.state[y].items():
            found = optimizer.state[x][key]
            assert torch.equal(found, value) and found.dtype == value.dtype and found.shape == value.shape


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_steps_are_bitwise_equal_to_torchs(threads, dtype):
    ours, theirs = parameters(dtype=dtype), parameters(dtype=dtype)
    optimizer, expected = Adam(groups_of(ours), 0.02), torchs(theirs)
    with using_threads(threads):
        take_steps(optimizer, ours, range(1, 8))
        take_steps(expected, theirs, range(1, 8))
    assert_same(optimizer, ours, expected, theirs)


def test_our_adam_continues_from_torchs_state():
    ours, theirs = parameters(), parameters()
    optimizer, expected = Adam(groups_of(ours), 0.02), torchs(theirs)
    take_steps(expected, theirs, range(1, 5))
    for x, y in zip(ours, theirs, strict=True):
        x.data.copy_(y)
        optimizer.state[x] = deepcopy(expected.state[y])
    take_steps(optimizer, ours, range(5, 8))
    take_steps(expected, theirs, range(5, 8))
    assert_same(optimizer, ours, expected, theirs)


def test_a_gradient_with_another_memory_layout_falls_back_to_torch():
    ours, theirs = parameters(), parameters()
    optimizer, expected = Adam(groups_of(ours), 0.02), torchs(theirs)
    for params, stepper in ((ours, optimizer), (theirs, expected)):
        give_gradients(params, 1)
        params[0].grad = params[0].grad.T.contiguous().T
        assert not params[0].grad.is_contiguous()
        stepper.step()
    assert_same(optimizer, ours, expected, theirs)


def test_a_reader_receives_each_rounded_parameter_after_a_step():
    ours, copies = parameters(), []
    readers = {x: lambda value, x=x: copies.append((value, x.bfloat16(), x._version)) for x in (ours[0], ours[1])}
    optimizer = Adam(groups_of(ours), 0.02, readers)
    versions = [x._version for x in ours]
    with using_threads(2):
        give_gradients(ours, 1)
        optimizer.step()
        give_gradients(ours, 2, but=1)
        optimizer.step()
    assert [value.shape for value, *_ in copies] == [SIZES[0], SIZES[1], SIZES[0]]
    assert not torch.equal(copies[0][0], copies[2][0]), "rounded copies handed over are not overwritten"
    for value, expected, _ in copies:
        assert value.dtype == torch.bfloat16 and torch.equal(value, expected)
    assert copies[0][2] > versions[0], "the version is raised before the reader is called"
    assert all(x._version > version for x, version in zip(ours, versions, strict=True))


@pytest.mark.parametrize("threads", [1, 3])
def test_gradient_sums_cover_the_gradients_that_exist(threads):
    ours = parameters()
    optimizer = Adam(groups_of(ours), 0.02)
    assert optimizer.gradient_sums() == []
    give_gradients(ours, 1, but=2)
    grads = [ours[i].grad for i in (0, 1, 3)]
    with using_threads(threads):
        total = sum(optimizer.gradient_sums())
        torch.testing.assert_close(total, sum(grad.sum() for grad in grads), rtol=1e-4, atol=1e-2)
        for grad in grads:  # the last element of each
            kept, grad.view(-1)[-1] = float(grad.view(-1)[-1]), torch.inf
            assert any(map(torch.isinf, optimizer.gradient_sums()))
            grad.view(-1)[-1] = kept
        assert all(map(torch.isfinite, optimizer.gradient_sums()))
    optimizer.drop_gradients()
    assert all(x.grad is None for x in ours)
    optimizer.step()
    assert not optimizer.state
