"""Lenses: OpenCV's distortion formulas, and their inverse."""

import pytest
import torch

from core.geometry.lenses import Lens, bend, straighten

PERSPECTIVE = [
    [0.0] * 8,
    [0.0578421, -0.0805099, 0.0, 0.0, 0.0, 0.0, -0.000980296, 0.00015575],
    [-0.25, 0.06, -0.005, 0.0, 0.0, 0.0, 0.001, -0.002],
    [0.3, 0.05, 0.01, 0.4, 0.02, 0.005, 0.0, 0.0],
]
FISHEYE = [[0.0] * 8, [0.05, -0.01, 0.002, -0.0003, 0.0, 0.0, 0.0, 0.0], [-0.02, 0.003, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]


def lens_of(coefficients, fisheye=False) -> Lens:
    return Lens(torch.tensor(coefficients, dtype=torch.float64), fisheye)


def slopes(n=400, reach=0.7) -> torch.Tensor:
    return reach * (2.0 * torch.rand(n, 2, generator=torch.Generator().manual_seed(0)).double() - 1.0)


@pytest.mark.parametrize("coefficients", PERSPECTIVE)
def test_a_perspective_lens_follows_opencvs_formula(coefficients):
    k1, k2, k3, k4, k5, k6, p1, p2 = coefficients
    for x, y in slopes(20).tolist():
        r2 = x * x + y * y
        radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
        expected = [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ]
        found = bend(lens_of(coefficients), torch.tensor([2 * x, 2 * y, 2.0], dtype=torch.float64))
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("coefficients", PERSPECTIVE)
def test_a_perspective_lens_is_inverted(coefficients):
    lens, points = lens_of(coefficients), slopes()
    torch.testing.assert_close(bend(lens, straighten(lens, points)), points, atol=1e-9, rtol=0.0)


def test_zero_coefficients_distort_nothing():
    points = slopes()
    torch.testing.assert_close(straighten(lens_of([0.0] * 8), points)[:, :2], points)


@pytest.mark.parametrize("coefficients", FISHEYE)
def test_a_fisheye_lens_maps_angles_and_is_inverted_beyond_a_right_angle(coefficients):
    lens, k = lens_of(coefficients, fisheye=True), coefficients
    for angle in (0.0, 0.3, 1.2, 1.8):
        direction = torch.tensor([0.6, 0.8, 0.0], dtype=torch.float64) * torch.sin(torch.tensor(angle))
        direction[2] = torch.cos(torch.tensor(angle))
        radius = angle * (1 + k[0] * angle**2 + k[1] * angle**4 + k[2] * angle**6 + k[3] * angle**8)
        expected = torch.tensor([0.6 * radius, 0.8 * radius], dtype=torch.float64)
        torch.testing.assert_close(bend(lens, 3.0 * direction), expected, atol=1e-6, rtol=0.0)
        torch.testing.assert_close(straighten(lens, expected), direction, atol=1e-6, rtol=0.0)


def test_points_behind_a_perspective_lens_have_no_image():
    assert bend(lens_of(PERSPECTIVE[1]), torch.tensor([[0.1, 0.1, -1.0], [0.1, 0.1, 0.0]]).double()).isnan().all()


def test_a_lens_with_too_few_coefficients_is_refused():
    with pytest.raises(ValueError, match="8 coefficients"):
        Lens(torch.zeros(4))
