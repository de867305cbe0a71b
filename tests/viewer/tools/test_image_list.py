import math

import numpy as np
import pytest

from viewer.protocol.requests import PhotoId, Split
from viewer.tools.image_list import Order, arranged, is_old, labels, packed

PHOTOS = [PhotoId(Split.TRAIN, i) for i in range(4)] + [PhotoId(Split.TEST, i) for i in range(2)]
NAMES = ["r_2", "r_10", "R_1", "b", "r_3", "r_0"]
PSNRS = [20.0, math.nan, 30.0, 25.0, math.nan, 10.0]


def rows(order, descending=False, split=None) -> list[int]:
    return arranged(PHOTOS, NAMES, PSNRS, split, order, descending)


def test_names_are_sorted_in_natural_order():
    assert [NAMES[row] for row in rows(Order.NAME)] == ["b", "r_0", "R_1", "r_2", "r_3", "r_10"]
    assert rows(Order.NAME, descending=True) == rows(Order.NAME)[::-1]


def test_unmeasured_views_come_last_in_either_order():
    assert rows(Order.PSNR) == [5, 0, 3, 2, 1, 4]
    assert rows(Order.PSNR, descending=True) == [2, 3, 0, 5, 1, 4]


@pytest.mark.parametrize("order", Order)
def test_a_single_split_has_the_order_of_the_whole_list(order):
    for split in Split:
        assert rows(order, split=split) == [row for row in rows(order) if PHOTOS[row].split is split]
    assert rows(Order.DATASET) == list(range(6))


@pytest.mark.parametrize("shape", [(1, 64, 64), (7, 64, 36), (12, 20, 96), (5, 1, 1)])
def test_each_thumbnail_lies_where_its_corners_say(shape):
    thumbnails = np.random.default_rng(0).integers(0, 256, (*shape, 4), dtype=np.uint8)
    sheet, corners = packed(thumbnails)
    assert sheet.dtype == np.float32 and sheet.flags.c_contiguous
    rows, columns = sheet.shape[:2]
    for thumbnail, ((u0, v0), (u1, v1)) in zip(thumbnails, corners, strict=True):
        # the corners are centres of the thumbnail's corner pixels
        x0, y0, x1, y1 = (v - 0.5 for v in (u0 * columns, v0 * rows, u1 * columns, v1 * rows))
        part = sheet[round(y0) : round(y1) + 1, round(x0) : round(x1) + 1]
        np.testing.assert_allclose([x0, y0, x1, y1], np.round([x0, y0, x1, y1]), atol=1e-6)
        np.testing.assert_allclose(part, thumbnail / 255.0, atol=1e-6)


def test_a_figure_becomes_old_with_training():
    assert not is_old(0, 0) and not is_old(100, 110)
    assert is_old(100, 112) and is_old(0, 1)


def test_a_figure_of_a_later_step_is_old():
    assert is_old(101, 100) and is_old(100, 0)


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["./train/r_1", "./test/r_1", "r_2.png", "", "a/"], ["r_1", "r_1", "r_2.png", "", "a"]),
        (["x/IMG_20240102_0001.jpg", "x/IMG_20240102_0012.jpg"], ["…0001.jpg", "…0012.jpg"]),
        (["x/IMG_20240102_0001.jpg"], ["IMG_20240102_0001.jpg"]),
        (["a_long_name_indeed", "another_long_name"], ["a_long_name_indeed", "another_long_name"]),
        ([], []),
    ],
)
def test_labels_are_short_and_distinguish_names(names, short):
    assert labels(names) == short
