import itertools

import numpy as np
import pytest

from core.geometry.boxes import box_edges, crop_box, distances_to_box, scale_box, sides_of
from tests.scenes import BOX

CROPS = [(-0.5, -0.2, 0.0, 0.5, 2.0, 0.4), (-3.0, -3.0, -3.0, 3.0, 3.0, 3.0), (5.0, -1.0, -1.0, 6.0, 1.0, 1.0)]


def inside(point, box):
    return all(low <= x <= high for low, x, high in zip(box[:3], point, box[3:], strict=True))


@pytest.mark.parametrize("crop", CROPS)
def test_marched_points_lie_in_both_boxes(crop):
    found = crop_box(BOX, crop)
    for point in itertools.product((-1.5, -0.9, -0.3, 0.1, 0.45, 0.95, 5.5), repeat=3):
        assert inside(point, found) == (inside(point, BOX) and inside(point, crop))


def test_without_a_crop_box_the_whole_box_is_marched():
    assert crop_box(BOX, None) == BOX


def test_distances_are_to_the_nearest_and_the_farthest_point():
    assert distances_to_box(BOX, (4.0, 0.0, 0.0)) == pytest.approx((3.0, 27.0**0.5))
    assert distances_to_box(BOX, (0.5, 0.0, 0.0)) == pytest.approx((0.0, 4.25**0.5))


def test_a_box_grows_about_its_centre():
    flat = (-1.0, -2.0, 0.5, 1.0, 2.0, 1.5)
    assert scale_box(flat, 2.0) == (-2.0, -4.0, 0.0, 2.0, 4.0, 2.0)
    assert scale_box(scale_box(flat, 1.25), 1.0 / 1.25) == pytest.approx(flat)
    assert sides_of(scale_box(flat, 3.0)) == pytest.approx([3.0 * side for side in sides_of(flat)])


def test_a_box_has_twelve_edges_along_the_axes():
    edges = box_edges((0.0, 0.0, 0.0, 1.0, 2.0, 3.0))
    lengths = np.sort(np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1))
    np.testing.assert_allclose(lengths, [1.0] * 4 + [2.0] * 4 + [3.0] * 4)
    assert len({tuple(sorted(map(tuple, e.tolist()))) for e in edges}) == 12
