"""The pretended GPU refuses what a GPU refuses, and counts what the host waits for."""

import numpy as np
import pytest
import torch

MIB = 1 << 20


def test_its_tensors_compute_what_the_cpus_do():
    x = torch.arange(6.0, device="cuda").view(2, 3).requires_grad_()
    assert x.is_cuda and not x.is_cpu and str(x.device) == "cuda:0"
    y = (x.T @ x).softmax(1)[:, 1:].exp().sum()
    y.backward()
    here = x.detach().cpu().requires_grad_()
    expected = (here.T @ here).softmax(1)[:, 1:].exp().sum()
    expected.backward()
    torch.testing.assert_close(y.cpu(), expected)
    torch.testing.assert_close(x.grad.cpu(), here.grad)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.cat([x, torch.ones(1)]),
        lambda x: x.numpy(),
        lambda x: np.asarray(x),
        lambda x: torch.rand(3, generator=torch.Generator(), device="cuda"),
        lambda x: torch.rand(3, generator=torch.Generator("cuda")),
        lambda x: torch.ones(3)[x.long()],
        lambda x: torch.nn.functional.linear(x, torch.ones(2, 3)),
    ],
)
def test_tensors_and_generators_of_two_devices_do_not_mix(mistake):
    with pytest.raises((RuntimeError, TypeError)):
        mistake(torch.ones(3, device="cuda"))


def test_numbers_of_the_cpu_and_its_indices_do():
    x = torch.arange(3.0, device="cuda")
    assert (x * torch.tensor(2.0))[torch.tensor([2])].item() == 4.0


WAITING = [
    (1, lambda x, pinned: x[x > 1.0]),
    (0, lambda x, pinned: x[x.long()]),
    (0, lambda x, pinned: x.masked_fill(x > 1.0, 0.0)),
    (1, lambda x, pinned: x.tolist()),
    (1, lambda x, pinned: bool(x[0] > 0.0)),
    (1, lambda x, pinned: x.nonzero()),
    (0, lambda x, pinned: x.repeat_interleave(2)),
    (1, lambda x, pinned: x.repeat_interleave(x.long())),
    (0, lambda x, pinned: x.repeat_interleave(x.long(), output_size=6)),
    (1, lambda x, pinned: x.new_tensor([1.0, 2.0])),
    (1, lambda x, pinned: x.copy_(torch.ones(4), non_blocking=True)),
    (0, lambda x, pinned: x.copy_(pinned, non_blocking=True)),
    (0, lambda x, pinned: pinned.copy_(x, non_blocking=True)),
    (1, lambda x, pinned: pinned.copy_(x)),
    (1, lambda x, pinned: x.__setitem__(x > 1.0, torch.ones(2, device="cuda"))),
    (0, lambda x, pinned: x.__setitem__(x > 1.0, 1.0)),
]


@pytest.mark.parametrize(("n", "work"), WAITING)
def test_what_waits_is_counted_by_its_line(n, work, gpu):
    x, pinned = torch.arange(4.0, device="cuda"), torch.ones(4).pin_memory()
    with gpu.counted_waits() as waits:
        work(x, pinned)
    assert waits.total() == n
    assert all(place.startswith("tests/pretended_cuda/test_device.py:") for place in waits)


def test_memory_is_counted_and_ends(gpu):
    with gpu.peak_of() as peak:
        torch.empty(3 * MIB, dtype=torch.uint8, device="cuda")
        torch.zeros(MIB, device="cuda")
    assert peak == [4 * MIB]
    with gpu.limited_to(gpu.bytes_held() + 2 * MIB):
        kept = torch.zeros(MIB, dtype=torch.uint8, device="cuda")
        assert torch.cuda.mem_get_info()[0] == MIB
        with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate 2"):
            torch.zeros(2 * MIB, dtype=torch.uint8, device="cuda")
        del kept
        torch.zeros(2 * MIB, dtype=torch.uint8, device="cuda")


def test_generators_repeat_and_save_their_states():
    generator = torch.Generator("cuda").manual_seed(3)
    first = torch.rand(5, generator=generator, device="cuda")
    state = generator.get_state()
    second = torch.rand(5, generator=generator, device="cuda")
    generator.set_state(state)
    assert torch.equal(torch.rand(5, generator=generator, device="cuda"), second)
    assert torch.equal(torch.rand(5, generator=generator.manual_seed(3), device="cuda"), first)
    with pytest.raises(RuntimeError):
        generator.set_state(torch.Generator().get_state())
