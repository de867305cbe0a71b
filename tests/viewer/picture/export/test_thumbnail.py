import numpy as np

from viewer.picture.export.thumbnail import HEIGHT, WIDTH, thumbnail_of, thumbnail_pixels


def test_a_thumbnail_is_the_middle_of_its_picture():
    picture = np.zeros((100, 400, 4), np.float32)
    picture[:, 150:250, 0] = 1.0
    small = thumbnail_pixels(thumbnail_of(picture))
    assert small.shape == (HEIGHT, WIDTH, 4) and len(thumbnail_of(picture)) < 4000
    assert small[30, 48, 0] > 0.9 and small[30, 3, 0] < 0.1


def test_a_broken_thumbnail_is_none():
    assert thumbnail_pixels("") is None and thumbnail_pixels("AAAA") is None and thumbnail_pixels("ü") is None
