"""The spherical harmonics: orthonormal, and each a harmonic polynomial of its degree."""

import torch

from core.kernels.spherical_harmonics import beside_harmonics


def spherical_harmonics(directions):
    return beside_harmonics(torch.zeros(len(directions), 0), directions)


def test_they_are_orthonormal_over_the_sphere():
    # a product quadrature, exact for polynomials of degree 6: Gauss-Legendre in z, equal angles around it
    zs = torch.tensor([-0.9061798459, -0.5384693101, 0.0, 0.5384693101, 0.9061798459])
    shares = torch.tensor([0.2369268851, 0.4786286705, 0.5688888889, 0.4786286705, 0.2369268851])
    angles = torch.arange(8) * torch.pi / 4
    radii = (1 - zs**2).sqrt()[:, None]
    directions = torch.stack([radii * angles.cos(), radii * angles.sin(), zs[:, None].expand(5, 8)], -1).view(-1, 3)
    weights = (shares[:, None] * torch.pi / 4).expand(5, 8).reshape(-1)
    values = spherical_harmonics(directions)
    torch.testing.assert_close(values.T @ (weights[:, None] * values), torch.eye(16), rtol=0, atol=1e-5)


def test_parity_follows_the_degree():
    directions = torch.nn.functional.normalize(torch.randn(50, 3), dim=-1)
    degrees = torch.tensor([0] + [1] * 3 + [2] * 5 + [3] * 7)
    expected = spherical_harmonics(directions) * (-1.0) ** degrees
    torch.testing.assert_close(spherical_harmonics(-directions), expected, rtol=1e-5, atol=1e-6)


def test_degree_one_is_the_direction_itself():
    directions = torch.nn.functional.normalize(torch.randn(50, 3), dim=-1)
    x, y, z = directions.unbind(-1)
    scale = (3 / (4 * torch.pi)) ** 0.5
    torch.testing.assert_close(spherical_harmonics(directions)[:, 1:4], scale * torch.stack([-y, z, -x], -1))


def test_no_directions():
    assert spherical_harmonics(torch.zeros(0, 3)).shape == (0, 16)


def test_features_come_before_the_harmonics_and_get_their_gradient():
    features = torch.randn(50, 7, requires_grad=True)
    directions = torch.nn.functional.normalize(torch.randn(50, 3), dim=-1)
    values = beside_harmonics(features, directions)
    assert torch.equal(values, torch.cat([features, spherical_harmonics(directions)], 1))
    grads = torch.randn(50, 23)
    values.backward(grads)
    assert torch.equal(features.grad, grads[:, :7])
