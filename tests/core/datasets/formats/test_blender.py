import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.datasets.formats.blender import DEFAULT_BOX
from core.errors import DatasetError
from tests.ball import CENTRE, RADIUS, ball_views, focal, read_written, write_ball, write_times, write_transforms


def refusal(folder, downscale=1) -> str:
    with pytest.raises(DatasetError) as caught:
        open_dataset(folder, ReadOptions(downscale))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def repaint(folder, change) -> None:
    """Replace every image by `change(pixels)`."""
    for path in folder.glob("*/*.png"):
        with Image.open(path) as image:
            pixels = np.asarray(image).copy()
        Image.fromarray(change(pixels)).save(path)


def test_images_poses_and_focal_length_are_read_unchanged(ball_scene):
    dataset = open_dataset(ball_scene)
    written = ball_views(9, 24, seed=0)
    assert (dataset.format, dataset.name, dataset.notes) == ("Blender", "ball", ())
    assert torch.equal(dataset.train.images, written.images)
    assert dataset.train.images.dtype == torch.uint8
    assert dataset.train.names == tuple(f"./train/r_{i}" for i in range(9))
    torch.testing.assert_close(dataset.train.cameras.c2w, written.cameras.c2w)
    K = torch.tensor([[focal(24), 0.0, 12.0], [0.0, focal(24), 12.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(dataset.train.cameras.K, K.repeat(9, 1, 1))
    assert len(dataset.test) == 3


def test_the_box_fits_the_ball_closely(ball_scene):
    low, high = torch.tensor(open_dataset(ball_scene).box).view(2, 3)
    assert (low < torch.tensor(CENTRE) - RADIUS).all()
    assert (high > torch.tensor(CENTRE) + RADIUS).all()
    assert (high - low < 3.2 * RADIUS).all()


def test_validation_views_are_not_trained_on(tmp_path):
    dataset = open_dataset(write_ball(tmp_path, train=3, test=2, val=4))
    assert (len(dataset.train), len(dataset.test)) == (3, 2)
    assert dataset.test.names[0] == "./test/r_0"


def test_validation_views_replace_missing_test_views(tmp_path):
    dataset = open_dataset(write_ball(tmp_path, train=3, val=4))
    assert (len(dataset.train), len(dataset.test)) == (3, 4)
    assert "validation split" in dataset.notes[0]


@pytest.mark.parametrize("n", [3, 8, 9, 17])
def test_every_eighth_view_is_held_out_without_a_test_split(tmp_path, n):
    dataset = open_dataset(write_ball(tmp_path, size=8, train=n))
    assert dataset.test.names == tuple(f"./train/r_{i}" for i in range(n) if i % 8 == 0)
    assert dataset.train.names == tuple(f"./train/r_{i}" for i in range(n) if i % 8)
    assert f"{len(dataset.test)} of {n}" in dataset.notes[0]
    written = ball_views(n, 8, seed=0)
    assert torch.equal(dataset.test.images, written.images[::8])
    torch.testing.assert_close(dataset.test.cameras.c2w, written.cameras.c2w[::8])


def test_dnerfs_times_are_read_and_noted(ball_scene):
    write_times(ball_scene, "train", [index / 8 for index in range(9)])
    write_times(ball_scene, "test", [0.5, 0, 1])
    dataset = open_dataset(ball_scene)
    assert dataset.train.cameras.times.dtype == torch.float32
    assert dataset.train.cameras.times.tolist() == [index / 8 for index in range(9)]
    assert dataset.test.cameras.times.tolist() == [0.5, 0.0, 1.0]
    assert dataset.notes[0].startswith("The views carry times, 0 to 1, so the field is ngp-t unless another is chosen")
    assert dataset.box == DEFAULT_BOX and "Silhouettes of different times may" in dataset.notes[1]


def test_times_in_seconds_are_scaled_from_the_first_view_to_the_last(ball_scene):
    write_times(ball_scene, "train", [10.0 + 5.0 * index for index in range(9)])
    write_times(ball_scene, "test", [0.0, 30.0, 100.0])
    dataset = open_dataset(ball_scene)
    assert dataset.train.cameras.times.tolist() == pytest.approx([0.1 + 0.05 * index for index in range(9)])
    assert dataset.test.cameras.times.tolist() == pytest.approx([0.0, 0.3, 1.0])
    assert "The views carry times, 10 to 50" in dataset.notes[0]
    assert "scaled from 0 to 100 onto 0 to 1" in dataset.notes[0]


def test_views_at_a_single_time_show_a_static_scene(ball_scene):
    still = open_dataset(ball_scene)
    write_times(ball_scene, "train", [0.25] * 9)
    write_times(ball_scene, "test", [0.75] * 3)
    dataset = open_dataset(ball_scene)
    assert (dataset.box, dataset.notes) == (still.box, ())
    assert still.train.cameras.times is None and dataset.train.cameras.times.tolist() == [0.25] * 9


def test_either_all_splits_have_times_or_none(ball_scene):
    write_times(ball_scene, "train", [0.25] * 9)
    assert "expected a time in each frame of all splits or in none" in refusal(ball_scene)


def test_test_views_among_the_training_views_are_noted(ball_scene):
    write_transforms(ball_scene, "test", read_written(ball_scene, "train"))
    assert any("9 of the test views are training views too" in note for note in open_dataset(ball_scene).notes)


@pytest.mark.parametrize("splits", [{"train": 1, "test": 2}, {"train": 2}])
def test_one_training_view_is_too_few(tmp_path, splits):
    assert "expected at least 2 training views besides those held out, found 1" in refusal(
        write_ball(tmp_path, **splits)
    )


def test_missing_images_are_counted_and_named(ball_scene):
    for index in (3, 5, 8):
        (ball_scene / "train" / f"r_{index}.png").unlink()
    message = refusal(ball_scene)
    assert str(ball_scene / "train" / "r_3.png") in message
    assert "3 of the 9 images" in message and "(also r_5.png, r_8.png)" in message
    assert "transforms_train.json" in message


def test_missing_images_of_the_test_split_are_reported(ball_scene):
    shutil.rmtree(ball_scene / "test")
    assert "3 of the 3 images" in refusal(ball_scene)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_image_is_named(ball_scene, share):
    path = ball_scene / "train" / "r_4.png"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    message = refusal(ball_scene)
    assert str(path) in message
    assert "an empty file" in message or share > 0.0


def test_images_may_have_several_sizes(ball_scene):
    """The angle spans each image, whatever its size."""
    Image.new("RGBA", (30, 20), (9, 8, 7, 255)).save(ball_scene / "train" / "r_6.png")
    train = open_dataset(ball_scene).train
    assert [train.cameras[i].width for i in (5, 6)] == [24, 30]
    assert train.cameras[6].height == 20
    assert (train.image(6) == torch.tensor([9, 8, 7, 255])).all() and train.image(6).shape == (20, 30, 4)
    assert torch.equal(train.image(7), ball_views(9, 24).images[7])
    assert float(train.cameras.K[6, 0, 0]) == pytest.approx(focal(30))
    assert train.cameras.K[6, :2, 2].tolist() == [15.0, 10.0]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_all_unreadable_images_are_named_at_once(ball_scene, share):
    for index in (2, 4, 7):
        path = ball_scene / "train" / f"r_{index}.png"
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    message = refusal(ball_scene)
    assert str(ball_scene / "train" / "r_2.png") in message and "(also r_4.png, r_7.png)" in message


def test_splits_may_differ_in_size(tmp_path):
    write_ball(tmp_path / "a", size=24, train=3, test=2)
    write_ball(tmp_path / "b", size=40, train=3, test=2)
    shutil.rmtree(tmp_path / "a" / "test")
    shutil.copytree(tmp_path / "b" / "test", tmp_path / "a" / "test")
    dataset = open_dataset(tmp_path / "a")
    assert (dataset.train.cameras.width, dataset.test.cameras.width) == (24, 40)
    assert dataset.test.cameras.K[0, 0, 0] == pytest.approx(focal(40))


def test_an_existing_suffix_is_kept(ball_scene):
    transforms = read_written(ball_scene)
    (ball_scene / "train" / "r_0.png").rename(ball_scene / "train" / "odd.name")
    with Image.open(ball_scene / "train" / "r_1.png") as image:
        image.convert("RGB").save(ball_scene / "train" / "view.JPG", format="JPEG", quality=95)
    transforms["frames"][0]["file_path"] = "train/odd.name"
    transforms["frames"][1]["file_path"] = "train\\view.JPG"
    write_transforms(ball_scene, "train", transforms)
    dataset = open_dataset(ball_scene)
    assert torch.equal(dataset.train.images[0], ball_views(9, 24).images[0])
    assert (dataset.train.images[1, ..., 3] == 255).all()


@pytest.mark.parametrize("factor", [2, 3, 5, 24])
def test_a_reduced_view_keeps_its_rays(ball_scene, factor):
    """A reduced pixel's centre is the middle of its block of pixels, whatever is cut off."""
    full, reduced = (
        open_dataset(ball_scene).train.cameras[0],
        open_dataset(ball_scene, ReadOptions(factor)).train.cameras[0],
    )
    assert (reduced.width, reduced.height) == (24 // factor, 24 // factor)
    columns = (torch.arange(reduced.width) + 0.5) * factor
    in_full = (columns - full.K[0, 2]) / full.K[0, 0]
    in_reduced = (torch.arange(reduced.width) + 0.5 - reduced.K[0, 2]) / reduced.K[0, 0]
    torch.testing.assert_close(in_reduced, in_full)


def test_cut_off_pixels_are_noted(ball_scene):
    assert open_dataset(ball_scene, ReadOptions(4)).notes == ()
    (note,) = open_dataset(ball_scene, ReadOptions(5)).notes
    assert "24x24 pixels can't be divided by 5: 4 columns" in note


def test_a_downscale_beyond_the_image_is_refused(ball_scene):
    assert "downscale 25 is larger than the images of 24x24" in refusal(ball_scene, 25)


def test_images_without_alpha_get_the_default_box_and_a_note(ball_scene):
    repaint(ball_scene, lambda pixels: pixels[..., :3])
    dataset = open_dataset(ball_scene)
    assert dataset.train.images.shape == (9, 24, 24, 3)
    assert (dataset.box, dataset.train.has_alpha) == (DEFAULT_BOX, False)
    assert "no alpha" in dataset.notes[0]


@pytest.mark.parametrize(("alpha", "reason"), [(255, "opaque everywhere"), (0, "agree on no object")])
def test_uninformative_alpha_gives_the_default_box_and_a_note(ball_scene, alpha, reason):
    def fill(pixels):
        pixels[..., 3] = alpha
        return pixels

    repaint(ball_scene, fill)
    dataset = open_dataset(ball_scene)
    assert dataset.box == DEFAULT_BOX
    assert reason in dataset.notes[0]


def test_cameras_that_look_away_give_the_default_box_and_a_note(ball_scene):
    transforms = read_written(ball_scene)
    turned = np.diag([-1.0, 1.0, -1.0, 1.0])  # half a turn about the camera's own up
    for frame in transforms["frames"]:
        frame["transform_matrix"] = (np.array(frame["transform_matrix"]) @ turned).tolist()
    write_transforms(ball_scene, "train", transforms)
    dataset = open_dataset(ball_scene)
    assert dataset.box == DEFAULT_BOX
    assert "agree on no object" in dataset.notes[0]
