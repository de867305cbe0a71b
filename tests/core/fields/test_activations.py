"""The truncated exponential."""

import torch

from core.fields.activations import truncated_exp


def test_truncated_exp_is_exp_and_its_gradient_stays_finite():
    x = torch.tensor([-50.0, -1.0, 0.0, 2.0, 40.0], requires_grad=True)
    y = truncated_exp(x)
    assert torch.equal(y, torch.exp(x))
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.exp(x.detach().clamp(-15, 15)))
