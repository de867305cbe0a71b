"""Spherical harmonics and the truncated exponential."""

import torch

from core.fields.encodings import spherical_harmonics, truncated_exp


def test_spherical_harmonics_are_orthonormal_over_the_sphere():
    generator = torch.Generator().manual_seed(0)
    n = 400_000
    directions = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator, dtype=torch.float64), dim=-1)
    values = spherical_harmonics(directions)
    products = 4 * torch.pi * values.T @ values / n
    torch.testing.assert_close(products, torch.eye(16, dtype=torch.float64), rtol=0, atol=0.03)


def test_truncated_exp_is_exp_and_its_gradient_stays_finite():
    x = torch.tensor([-50.0, -1.0, 0.0, 2.0, 40.0], requires_grad=True)
    y = truncated_exp(x)
    assert torch.equal(y, torch.exp(x))
    y.sum().backward()
    torch.testing.assert_close(x.grad, torch.exp(x.detach().clamp(-15, 15)))
