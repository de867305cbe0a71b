"""Masks in `transforms.json`: what they hide, invalid ones, and views that they hide completely."""

import numpy as np
import pytest
import torch
from PIL import Image

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.errors import DatasetError
from tests.ball import ball_views, mixed_ball_views
from tests.photos import write_json, write_nerfstudio, written_json

SIZE = 24


@pytest.fixture
def scene(tmp_path):
    return write_nerfstudio(tmp_path / "ball", ball_views(10, SIZE))


def random_mask(seed: int, width: int = SIZE, height: int = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width)) < 0.7


def give_masks(folder, masks: dict[int, np.ndarray], spelled=lambda name: name) -> None:
    """Write masks as nerfstudio expects them: white where pixels are used."""
    (folder / "masks").mkdir(exist_ok=True)
    transforms = written_json(folder)
    for index, mask in masks.items():
        Image.fromarray(mask).save(folder / "masks" / f"{index:03d}.png")
        transforms["frames"][index]["mask_path"] = spelled(f"masks/{index:03d}.png")
    write_json(folder, transforms)


def mask_of(views, number: int) -> np.ndarray:
    return views.mask(views.names.index(f"images/{number:03d}.png")).numpy()


def refusal(folder) -> str:
    with pytest.raises(DatasetError) as caught:
        open_dataset(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("spelled", [str, lambda name: name.replace("/", "\\"), lambda name: "./" + name])
def test_nerfstudios_masks_mark_used_pixels(scene, spelled):
    give_masks(scene, {index: random_mask(index) for index in range(10)}, spelled)
    dataset = open_dataset(scene)
    for views, numbers in ((dataset.train, (1, 9)), (dataset.test, (0, 8))):
        for number in numbers:
            np.testing.assert_array_equal(mask_of(views, number), random_mask(number))
    share = 100.0 * (1.0 - float(dataset.train.used.float().mean()))
    assert any(f"Masks hide {share:.3g} % of the training views" in note for note in dataset.notes)


def test_instant_ngps_masks_mark_hidden_pixels(scene):
    for index in (1, 2):
        hidden = Image.fromarray(~random_mask(index)).convert("RGBA")
        hidden.save(scene / "images" / f"dynamic_mask_{index:03d}.png")
    train = open_dataset(scene).train
    np.testing.assert_array_equal(mask_of(train, 1), random_mask(1))
    np.testing.assert_array_equal(mask_of(train, 2), random_mask(2))
    assert mask_of(train, 3).all()


def test_an_image_may_have_both_masks(scene):
    give_masks(scene, {1: random_mask(1)})
    Image.fromarray(~random_mask(2)).save(scene / "images" / "dynamic_mask_001.png")
    np.testing.assert_array_equal(mask_of(open_dataset(scene).train, 1), random_mask(1) & random_mask(2))


def test_a_dataset_without_masks_has_none(scene):
    dataset = open_dataset(scene)
    assert dataset.train.used is None and dataset.test.used is None


def test_a_reduced_pixel_is_used_only_if_its_whole_block_is(scene):
    give_masks(scene, {1: random_mask(1)})
    blocks = random_mask(1).reshape(SIZE // 2, 2, SIZE // 2, 2).all((1, 3))
    np.testing.assert_array_equal(mask_of(open_dataset(scene, ReadOptions(2)).train, 1), blocks)


def test_images_of_several_sizes_have_masks_of_their_sizes(tmp_path):
    views = mixed_ball_views(10)
    folder = write_nerfstudio(tmp_path, views, per_frame=True)
    sizes = views.cameras.sizes.tolist()
    give_masks(folder, {index: random_mask(index, *sizes[index]) for index in (1, 2, 5)})
    train = open_dataset(folder).train
    for number in (1, 2, 5):
        np.testing.assert_array_equal(mask_of(train, number), random_mask(number, *sizes[number]))
    assert mask_of(train, 3).all() and train.used.shape == train.images.shape[:-1]


def test_hidden_pixels_are_never_drawn(scene):
    """Images are white exactly where masks hide them."""
    for index in range(10):
        path = scene / "images" / f"{index:03d}.png"
        with Image.open(path) as image:
            pixels = np.minimum(np.asarray(image), 250)
        Image.fromarray(np.where(random_mask(index)[..., None], pixels, 255).astype(np.uint8)).save(path)
    give_masks(scene, {index: random_mask(index) for index in range(10)})
    train = open_dataset(scene).train
    batch = train.sample(20_000, torch.Generator().manual_seed(0))
    assert float(batch.rgbs.max()) < 1.0
    assert float(train.images.max()) == 255


def test_a_fully_masked_view_is_excluded_and_named(scene):
    nothing = np.zeros((SIZE, SIZE), bool)
    give_masks(scene, {3: nothing, 8: nothing, 4: random_mask(4)})
    dataset = open_dataset(scene)
    assert (len(dataset.train), len(dataset.test)) == (7, 1)
    assert not {"images/003.png", "images/008.png"} & {*dataset.train.names, *dataset.test.names}
    (note,) = (note for note in dataset.notes if "left out" in note)
    assert "2 views" in note and "images/003.png, images/008.png" in note


@pytest.mark.parametrize("lost", [range(1, 8), (0, 8)], ids=["training views", "test views"])
def test_masks_that_leave_too_little_are_refused(scene, lost):
    give_masks(scene, {index: np.zeros((SIZE, SIZE), bool) for index in lost})
    message = refusal(scene)
    assert f"nothing left of {len(lost)} of 10" in message and "are they inverted" in message
    assert str(scene) in message


def test_a_mask_of_another_size_is_refused(scene):
    give_masks(scene, {1: random_mask(1, 20, SIZE)})
    message = refusal(scene)
    assert f"{scene / 'masks' / '001.png'} is 20x24: expected 24x24 like 001.png" in message


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("masks/none.png", "none.png is missing"),
        ("../mask.png", "expected mask_path inside"),
        (7, "expected mask_path as the name of a picture, found 7"),
        ("transforms.json", "transforms.json can't be read"),
    ],
)
def test_masks_that_cannot_be_read_are_named(scene, name, found):
    transforms = written_json(scene)
    transforms["frames"][1]["mask_path"] = name
    write_json(scene, transforms)
    assert found in refusal(scene)


def test_progress_mentions_masks_while_they_are_read(scene):
    give_masks(scene, {index: random_mask(index) for index in range(10)})
    updates = []
    open_dataset(scene, progress=lambda share, text: updates.append((share, text)))
    shares = [share for share, _ in updates]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert {"reading mask 10 of 10", "reading image 10 of 10"} <= {text for _, text in updates}


def test_an_exception_in_the_progress_callback_ends_reading_masks(scene):
    class Cancelled(Exception):
        pass

    def cancel(share, text):
        if text.startswith("reading mask 2"):
            raise Cancelled

    give_masks(scene, {index: random_mask(index) for index in range(10)})
    with pytest.raises(Cancelled):
        open_dataset(scene, progress=cancel)
