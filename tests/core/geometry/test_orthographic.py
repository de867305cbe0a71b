import numpy as np
import pytest

from core.geometry.orthographic import two_sides


@pytest.mark.parametrize("up", [(0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.6, 0.0, 0.8), (-0.8, 0.6, 0.0)])
def test_up_points_upwards_from_the_side_and_at_the_viewer_from_above(up):
    above, beside = two_sides(up)
    np.testing.assert_allclose(np.array(up) @ beside.plane, (0.0, 1.0), atol=1e-12)
    np.testing.assert_allclose(np.array(up) @ above.plane, (0.0, 0.0), atol=1e-12)
    for side in (above, beside):  # no stretching
        np.testing.assert_allclose(side.plane.T @ side.plane, np.eye(2), atol=1e-12)
    np.testing.assert_array_equal(above.plane[:, 0], beside.plane[:, 0])
    np.testing.assert_allclose(np.cross(above.plane[:, 0], above.plane[:, 1]), up, atol=1e-12)
