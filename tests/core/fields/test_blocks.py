import torch
from torch import nn

from core.fields.blocks import in_blocks
from core.kernels.runtime.launch import using_threads


def test_blocks_give_the_networks_outputs_and_gradients():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3)).double()
    x = torch.randn(10_001, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(10_001, 3, dtype=torch.float64)
    parameters = list(layers.parameters())
    expected = torch.autograd.grad((layers(x) * weights).sum(), [x, *parameters])
    for n in (1, 2):
        with using_threads(n):
            found = torch.autograd.grad((in_blocks(layers, (x,), parameters) * weights).sum(), [x, *parameters])
            # not bitwise: a matrix product may sum in another order for another number of rows
            torch.testing.assert_close(in_blocks(layers, (x,), parameters), layers(x), rtol=1e-12, atol=1e-12)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b)


def test_inputs_that_need_no_gradient_get_none_and_there_may_be_no_rows():
    layer = nn.Linear(3, 2)
    rows = torch.zeros(0, 3)
    out = in_blocks(layer, (rows,), list(layer.parameters()))
    assert out.shape == (0, 2)
    out.sum().backward()
    assert layer.weight.grad.abs().sum() == 0.0
    assert rows.grad is None
