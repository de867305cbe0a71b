import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from core.datasets.checks import image_quality
from core.datasets.checks.image_quality import find_image_problems, measure_image, rank_by_sharpness
from core.datasets.checks.poses import Remedy
from tests.ball import ball_views


def noise(height=48, width=64, seed=0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(60, 190, (height, width, 3), dtype=np.uint8))


def blurred(image, radius) -> torch.Tensor:
    return torch.from_numpy(np.array(Image.fromarray(image.numpy()).filter(ImageFilter.GaussianBlur(radius))))


def findings_on(images, test_images=()):
    """Findings on images of one size, as training and test views."""
    train = replace(ball_views(len(images), 4), images=torch.stack(images))
    return list(find_image_problems(train, [measure_image(x) for x in images], [measure_image(x) for x in test_images]))


@pytest.mark.parametrize("most", [1 << 20, 48 * 64 // 3])
def test_stronger_blur_lowers_sharpness(most, monkeypatch):
    monkeypatch.setattr(image_quality, "_MOST_PIXELS", most)  # large images are examined in bands
    image = noise()
    sharpness = [
        measure_image(image).sharpness,
        *(measure_image(blurred(image, radius)).sharpness for radius in (0.5, 1, 2)),
    ]
    assert sharpness == sorted(sharpness, reverse=True) and sharpness[0] > 2.0 * sharpness[-1]


def test_contrast_and_brightness_do_not_change_sharpness():
    image = noise()
    darker = (image.float() * 0.5 + 10.0).round().to(torch.uint8)
    assert measure_image(darker).sharpness == pytest.approx(measure_image(image).sharpness, rel=0.05)
    assert measure_image(darker).brightness == pytest.approx(0.5 * measure_image(image).brightness + 10.0, abs=0.5)


def test_bands_of_a_large_image_represent_all_of_it(monkeypatch):
    image = noise(320, 200)
    whole = measure_image(image)
    monkeypatch.setattr(image_quality, "_MOST_PIXELS", 320 * 200 // 4)
    bands = measure_image(image)
    assert bands.sharpness == pytest.approx(whole.sharpness, rel=0.1)
    assert bands.brightness == pytest.approx(whole.brightness, rel=0.05)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9), (9, 2), (3, 3), (17, 5)])
def test_tiny_images_are_measured_too(height, width):
    assert math.isfinite(measure_image(noise(height, width)).sharpness)


def test_the_most_blurred_come_first_with_their_share_of_the_median():
    image = noise()
    found = rank_by_sharpness(
        [measure_image(x) for x in (image, blurred(image, 2), noise(seed=1), blurred(image, 1), noise(seed=2))]
    )
    assert [index for index, _ in found[:2]] == [1, 3]
    assert dict(found)[1] < 0.25 < 0.8 < dict(found)[0] < 1.2


def test_images_with_transparency_are_not_ranked():
    silhouette = torch.cat([noise(), torch.full((48, 64, 1), 255, dtype=torch.uint8)], -1)
    assert len(rank_by_sharpness([measure_image(silhouette)])) == 1, "an alpha channel that hides nothing"
    silhouette[0, 0, 3] = 254
    assert rank_by_sharpness([measure_image(silhouette)]) == [] == rank_by_sharpness([])
    assert not measure_image(silhouette).empty
    silhouette[..., 3] = 0
    assert measure_image(silhouette).empty


def test_identical_images_are_reported_with_their_originals():
    a, b = noise(seed=1), noise(seed=2)
    (finding,) = findings_on([a, b, noise(seed=3), a.clone(), b.clone()])
    assert "2 of the 5 training images are identical to another one: ./train/r_3 is ./train/r_0" in finding.text
    assert (finding.remedy, finding.views) == (Remedy.LEAVE_OUT, (3, 4))
    a[0, 0, 0] += 1
    assert len(findings_on([a, noise(seed=1)])) == 0


def test_test_images_among_the_training_images_are_reported():
    (finding,) = findings_on([noise(seed=1), noise(seed=2)], [noise(seed=2), noise(seed=4)])
    assert "1 of the 2 test images are identical to a training image" in finding.text


def test_blurred_and_dark_images_can_be_excluded():
    image = [noise(seed=seed) for seed in range(6)]
    found = findings_on([*image, blurred(image[0], 3), image[1] // 3])
    assert [(finding.remedy, finding.views, finding.grave) for finding in found] == [
        (Remedy.LEAVE_OUT, (6,), False),
        (Remedy.LEAVE_OUT, (7,), False),
    ]


def test_fully_transparent_images_are_grave_if_there_are_no_others():
    clear, seen = torch.zeros(8, 8, 4, dtype=torch.uint8), torch.full((8, 8, 4), 200, dtype=torch.uint8)
    (finding,) = findings_on([clear, seen, clear.clone()])
    assert (
        "2 of the 3 training images are wholly transparent: ./train/r_0, ./train/r_2" in finding.text
        and not finding.grave
    )
    (finding,) = findings_on([clear, clear.clone()])
    assert finding.grave


def test_images_of_one_colour_have_finite_ranks_and_can_be_identical():
    black = torch.zeros(8, 8, 3, dtype=torch.uint8)
    found = findings_on([black, black.clone(), noise(8, 8), noise(8, 8, 1)])
    assert all(math.isfinite(share) for _, share in rank_by_sharpness([measure_image(black), measure_image(black)]))
    assert any("are identical to another one" in finding.text for finding in found)
