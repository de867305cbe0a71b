"""Specific to `transforms.json`: precedence of intrinsics, splits, missing images, spellings of paths."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.errors import DatasetError
from tests.ball import ball_views, mixed_ball_views
from tests.photos import store_sideways, write_json, write_nerfstudio, write_pictures, written_json


@pytest.fixture
def scene(tmp_path):
    return write_nerfstudio(tmp_path / "ball", ball_views(10, 24))


def refusal(folder, change) -> str:
    """The error message for a changed file: one line that names it."""
    transforms = written_json(folder)
    change(transforms)
    write_json(folder, transforms)
    with pytest.raises(DatasetError) as caught:
        open_dataset(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_file_itself_opens_too(scene):
    assert open_dataset(scene / "transforms.json").format == "instant-ngp / nerfstudio"


def test_a_frames_intrinsics_override_the_files(tmp_path):
    views = ball_views(10, 24)
    folder = write_nerfstudio(tmp_path, views, per_frame=True, fl_x=1.0, fl_y=1.0)
    transforms = written_json(folder)
    transforms["frames"][1]["fl_x"] *= 2.0
    write_json(folder, transforms)
    K = open_dataset(folder).train.cameras.K
    torch.testing.assert_close(K[0, 0, 0], 2.0 * views.cameras.K[0, 0, 0])
    torch.testing.assert_close(K[1], views.cameras.K[0])


def test_a_field_of_view_replaces_a_missing_focal_length(tmp_path):
    views = ball_views(10, 24)
    folder = write_nerfstudio(tmp_path, views)
    transforms = {k: v for k, v in written_json(folder).items() if k not in ("fl_x", "fl_y", "cx", "cy", "w", "h")}
    write_json(folder, transforms | {"camera_angle_x": 0.6})
    torch.testing.assert_close(open_dataset(folder).train.cameras.K[0], views.cameras.K[0])


def test_images_reduced_later_keep_their_rays(tmp_path):
    views = ball_views(10, 24)
    folder = write_nerfstudio(tmp_path, views)
    write_pictures(folder, views, factor=2)
    for path in (folder / "images_2").iterdir():
        path.replace(folder / "images" / path.name)
    camera = open_dataset(folder).train.cameras
    assert (camera.width, camera.height) == (12, 12)
    torch.testing.assert_close(camera.K[0], views.cameras.resized(12, 12).K[0])


def test_an_image_of_another_aspect_ratio_is_refused(scene):
    message = refusal(scene, lambda t: t.update(w=48))
    assert "24x24" in message and "48x24" in message


def opaque(image: torch.Tensor) -> torch.Tensor:
    """An image as `write_pictures` writes it."""
    return torch.from_numpy(np.array(Image.fromarray(image.numpy()).convert("RGB")))


@pytest.mark.parametrize("downscale", [1, 3])
def test_images_of_several_sizes_keep_their_rays(tmp_path, downscale):
    views = mixed_ball_views(10)
    dataset = open_dataset(write_nerfstudio(tmp_path, views, per_frame=True), ReadOptions(downscale))
    train = dataset.train
    for index, name in enumerate(train.names):
        of = int(name.removeprefix("images/").removesuffix(".png"))
        true, camera = views.cameras[of], train.cameras[index]
        assert (camera.width, camera.height) == (true.width // downscale, true.height // downscale)
        torch.testing.assert_close(downscale * camera.K[:2], true.K[:2])
        if downscale == 1:
            assert torch.equal(train.image(index), opaque(views.image(of)))
    cut_off = "16x28, 36x20 pixels can't be divided by 3: the remainder at the right and bottom is cut off."
    assert (cut_off in dataset.notes) == (downscale == 3)


def test_intrinsics_for_one_size_are_scaled_to_each_image(tmp_path):
    """The file has one size for all images; one image was reduced later."""
    views = ball_views(10, 24)
    folder = write_nerfstudio(tmp_path, views)
    with Image.open(folder / "images" / "003.png") as image:
        image.reduce(2).save(folder / "images" / "003.png")
    cameras = open_dataset(folder).train.cameras
    assert cameras[2].width == 12 and cameras[1].width == 24
    torch.testing.assert_close(cameras[2].K, views.cameras.resized(12, 12).K[3])


@pytest.mark.parametrize("reduced", [1, 2])
def test_a_tag_is_followed_if_only_upright_pixels_match_the_poses_shape(tmp_path, reduced):
    views = mixed_ball_views(10, sizes=((32, 20),))
    folder = write_nerfstudio(tmp_path, views)
    for path in sorted((folder / "images").iterdir())[:4]:
        with Image.open(path) as image:
            image.reduce(reduced).save(path)
        store_sideways(path)
    dataset = open_dataset(folder)
    assert dataset.train.image(0).shape == (20 // reduced, 32 // reduced, 3)
    if reduced == 1:
        assert torch.equal(dataset.train.image(0), opaque(views.image(1)))
    assert any("4 images are turned as their orientation tags say" in note for note in dataset.notes)


@pytest.mark.parametrize("named", [True, False])
def test_a_tag_is_ignored_if_stored_pixels_match_the_poses_shape(tmp_path, named):
    """Or if the file names no shape: tools that find poses read pixels as stored."""
    folder = write_nerfstudio(tmp_path, mixed_ball_views(10, sizes=((32, 20),)))
    for path in (folder / "images").iterdir():
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        with Image.open(path) as image:
            image.save(path, exif=exif)
    if not named:
        transforms = written_json(folder)
        write_json(folder, {key: value for key, value in transforms.items() if key not in ("w", "h")})
    dataset = open_dataset(folder)
    assert dataset.train.image(0).shape == (20, 32, 3)
    assert any("tags of 10 images are not followed" in note for note in dataset.notes)


def test_its_own_splits_are_kept(scene):
    transforms = written_json(scene)
    names = [frame["file_path"] for frame in transforms["frames"]]
    transforms |= {"train_filenames": names[:6], "val_filenames": names[6:8], "test_filenames": names[7:9]}
    write_json(scene, transforms)
    dataset = open_dataset(scene)
    assert dataset.train.names == tuple(names[:6])
    assert dataset.test.names == tuple(names[7:9])
    assert any("2 of the 10 views are in neither split" in note for note in dataset.notes)


def test_named_test_views_are_never_trained_on(scene):
    transforms = written_json(scene)
    names = [frame["file_path"] for frame in transforms["frames"]]
    write_json(scene, transforms | {"test_filenames": names[1:3]})
    dataset = open_dataset(scene)
    assert dataset.test.names == tuple(names[1:3])
    assert len(dataset.train) == 8 and not set(dataset.train.names) & set(names[1:3])
    write_json(scene, transforms | {"val_filenames": names[1:3]})
    dataset = open_dataset(scene)
    assert dataset.test.names == tuple(names[1:3])
    assert any("validation split" in note for note in dataset.notes)


def test_views_that_are_not_listed_for_training_are_noted(scene):
    transforms = written_json(scene)
    names = [frame["file_path"] for frame in transforms["frames"]]
    write_json(scene, transforms | {"train_filenames": names[:5]})
    dataset = open_dataset(scene)
    assert len(dataset.train) + len(dataset.test) == 5
    assert any("5 of the 10 views are in neither split" in note for note in dataset.notes)


def test_missing_images_are_skipped_and_noted(scene):
    (scene / "images" / "003.png").unlink()
    dataset = open_dataset(scene)
    assert len(dataset.train) + len(dataset.test) == 9
    assert any("1 of the 10 images it names are missing: images/003.png" in note for note in dataset.notes)


def test_if_all_images_are_missing_it_is_refused(scene):
    for path in (scene / "images").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="none of the 10 images"):
        open_dataset(scene)


@pytest.mark.parametrize(
    "spell",
    [
        lambda name: name.removesuffix(".png"),
        lambda name: name.replace("/", "\\"),
        lambda name: "./" + name,
        lambda name: "/somewhere/else/on/another/machine/" + name,
        lambda name: "/" + name,
        lambda name: "C:\\scenes\\ball\\" + name.replace("/", "\\"),
        lambda name: f" {name} ",
    ],
)
def test_images_are_found_however_their_paths_are_spelled(scene, spell):
    transforms = written_json(scene)
    for frame in transforms["frames"]:
        frame["file_path"] = spell(frame["file_path"])
    write_json(scene, transforms)
    assert len(open_dataset(scene).train) == 8


def test_capital_suffixes_are_found(scene):
    for path in (scene / "images").iterdir():
        path.rename(path.with_suffix(".PNG"))
    transforms = written_json(scene)
    for frame in transforms["frames"]:
        frame["file_path"] = frame["file_path"].removesuffix(".png")
    write_json(scene, transforms)
    assert len(open_dataset(scene).train) == 8


def test_times_stay_with_their_views(scene):
    transforms = written_json(scene)
    for index, frame in enumerate(transforms["frames"]):
        frame["time"] = index / 9
    transforms["frames"].reverse()
    write_json(scene, transforms)
    dataset = open_dataset(scene)
    for views in (dataset.train, dataset.test):
        numbers = [int(name[-7:-4]) for name in views.names]
        torch.testing.assert_close(views.cameras.times, torch.tensor(numbers) / 9)
    assert any("The views carry times, 0.1" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "name", ["../secret", "images/../../secret.png", "/etc/hostname", "..\\secret", "..", ".", "../../images/002.png"]
)
def test_an_image_outside_the_folder_is_refused(scene, name):
    message = refusal(scene, lambda t: t["frames"][2].update(file_path=name))
    assert "expected file_path inside" in message and "--allow-outside" in message


def test_images_outside_are_read_if_allowed(scene):
    pictures, transforms = scene.parent / "pictures", written_json(scene)
    (scene / "images").rename(pictures)
    for index, frame in enumerate(transforms["frames"]):
        name = frame["file_path"].removeprefix("images/")
        frame["file_path"] = f"../pictures/{name}" if index % 2 else str(pictures / name)
    transforms["frames"][3]["file_path"] = "../gone.png"
    write_json(scene, transforms)
    dataset = open_dataset(scene, ReadOptions(allow_outside=True))
    assert len(dataset.train) == 7
    assert dataset.notes[0] == "1 of the 10 images it names are missing: ../gone.png."


def test_transforms_json_stands_for_its_folder_and_other_files_for_themselves(scene):
    assert open_dataset(scene / "transforms.json").path == scene
    transforms = written_json(scene)
    transforms["frames"] = transforms["frames"][:5]
    (scene / "transforms_half.json").write_text(json.dumps(transforms))
    half = open_dataset(scene / "transforms_half.json")
    assert (half.path, half.name, len(half.train)) == (scene / "transforms_half.json", "transforms_half", 4)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"fl_x": 0.0, "fl_y": 0.0}, "expected focal lengths in pixels"),
        ({"fl_x": -5}, "expected focal lengths in pixels"),
        ({"fl_x": "10"}, "fl_x as a number"),
        ({"fl_x": math.nan}, "fl_x as a number"),
        ({"fl_x": None, "fl_y": None}, "expected a focal length"),
        ({"cx": [1]}, "cx as a number"),
        ({"w": 0}, "a picture's width and height"),
        ({"cx": 1e9}, "the optical axis near the picture"),
        ({"camera_model": "EQUIRECTANGULAR"}, "expected camera_model as one of"),
        ({"camera_model": 3}, "expected camera_model as one of"),
        ({"k1": "x"}, "k1 as a number"),
        ({"k1": -40.0}, "a lens distortion that can be undone"),
        ({"k1": -0.5337, "k2": -0.0782, "k3": 0.0446, "fl_x": 16.5, "fl_y": 16.5}, "one that folds the picture"),
        ({"k4": 0.1}, "nerfstudio's own k4"),
        ({"fl_x": None, "fl_y": None, "camera_angle_x": 5e-324}, "camera_angle_x as a number from 0.001"),
        ({"train_filenames": "images/000.png"}, "train_filenames as a list"),
        ({"aabb": [1]}, "expected aabb as six numbers"),
        ({"frames": []}, "expected a list of frames"),
    ],
)
def test_bad_values_are_named(scene, change, found):
    assert found in refusal(scene, lambda t: t.update(change))


def test_too_few_views_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="at least 2 training views besides those held out, found 1"):
        open_dataset(write_nerfstudio(tmp_path, ball_views(2, 24)))


def test_aabb_is_the_scenes_box(tmp_path):
    folder = write_nerfstudio(tmp_path, ball_views(10, 24), aabb=[-1, -1, -1, 1, 1, 1])
    dataset = open_dataset(folder)
    assert (dataset.box, dataset.n_levels) == ((-1.0, -1.0, -1.0, 1.0, 1.0, 1.0), 1)


def test_the_fox_is_read_with_its_lens(data):
    dataset = open_dataset(data / "fox", ReadOptions(8))
    assert (len(dataset.train), len(dataset.test)) == (58, 9)
    K = dataset.train.cameras.K[0]
    assert float(K[0, 0]) == pytest.approx(1375.52 / 8, rel=1e-5)
    assert dataset.train.cameras.lens.coefficients[0, 0] == pytest.approx(0.0578421)
    assert dataset.up == (0.0, 0.0, 1.0)
    assert 3 <= dataset.n_levels <= 6
