import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from core.datasets import check
from core.datasets.check import check_dataset
from core.errors import DatasetError
from core.reading import AS_STORED, Reading
from tests.ball import (
    ANGLE,
    CENTRE,
    DISTANCE,
    ball_views,
    focal,
    read_written,
    write_ball,
    write_times,
    write_transforms,
)
from tests.photos import write_llff, write_nerfstudio


def rewrite_poses(folder, change) -> None:
    """Replace every training pose by `change(index, c2w)`."""
    transforms = read_written(folder)
    for index, frame in enumerate(transforms["frames"]):
        frame["transform_matrix"] = np.asarray(change(index, np.array(frame["transform_matrix"]))).tolist()
    write_transforms(folder, "train", {**transforms, "aabb": [-0.4, -0.7, -0.3, 0.8, 0.5, 0.9]})


def warnings_of(folder, reading=AS_STORED) -> str:
    return "; ".join(check_dataset(folder, reading).warnings)


def test_the_figures_are_the_scene_s(ball_scene):
    report = check_dataset(ball_scene)
    assert (report.path, report.format, report.reading) == (ball_scene, "Blender", Reading())
    assert (report.n_train, report.n_test, report.train_size, report.test_size) == (9, 3, (24, 24), (24, 24))
    assert report.has_alpha
    assert report.focal == pytest.approx((focal(24), focal(24)))
    assert report.fov == pytest.approx((math.degrees(ANGLE), math.degrees(ANGLE)))
    assert report.image_bytes == 12 * 24 * 24 * 4
    assert all(DISTANCE - 0.5 < d < DISTANCE + 0.5 for d in report.distances)
    assert 0.0 <= report.off_centre[0] <= report.off_centre[1] < 10.0
    assert all(low < c < high for low, c, high in zip(report.box[:3], CENTRE, report.box[3:], strict=True))


def test_the_lines_say_what_matters(ball_scene):
    text = "\n".join(check_dataset(ball_scene, Reading(5)).lines())
    fov = math.degrees(2.0 * math.atan(20 / 24 * math.tan(0.5 * ANGLE)))  # 4 of 24 columns are left out
    parts = (
        str(ball_scene),
        "Blender",
        "9 views, 4x4 pixels, opened with --downscale 5",
        "alpha      yes",
        f"{fov:.1f} degrees",
    )
    for part in parts:
        assert part in text
    assert "note       24x24 pixels can't be divided by 5" in text
    assert "warning    9 training views are few" in text


def test_memory_that_the_system_does_not_tell_is_called_unknown(ball_scene, monkeypatch):
    monkeypatch.setattr(check, "free_memory", lambda: None)
    assert any("unknown free" in line for line in check_dataset(ball_scene).lines())
    report = replace(check_dataset(ball_scene), free_bytes=123_000_000)
    assert any("123 MB free" in line for line in report.lines())


def test_a_sound_dataset_has_no_warnings(tmp_path):
    report = check_dataset(write_ball(tmp_path, train=20, test=2))
    assert (report.warnings, report.notes) == ((), ())
    assert report.verdict.startswith("sound")


def test_cameras_that_look_past_the_box_are_counted(ball_scene):
    turned = np.diag([-1.0, 1.0, -1.0, 1.0])
    rewrite_poses(ball_scene, lambda index, c2w: c2w @ turned if index < 4 else c2w)
    assert "4 of the 9 training cameras look more than 60 degrees past" in warnings_of(ball_scene)


def test_cameras_inside_the_box_are_counted(ball_scene):
    def move(index, c2w):
        if index in (2, 3):
            c2w[:3, 3] = np.array(CENTRE) + 0.1 * index
        return c2w

    rewrite_poses(ball_scene, move)
    assert "2 of the 9 training cameras stand inside the box" in warnings_of(ball_scene)


def test_equal_poses_are_counted(ball_scene):
    first = np.array(read_written(ball_scene)["frames"][0]["transform_matrix"])
    rewrite_poses(ball_scene, lambda index, c2w: first if index < 5 else c2w)
    assert "4 of the 9 training cameras have the same pose" in warnings_of(ball_scene)


@pytest.mark.parametrize("factors", [(-1.0, 1.0, 1.0), (1.0, 1.0, 1.3)])
def test_mirrored_and_sheared_poses_are_counted(ball_scene, factors):
    rewrite_poses(ball_scene, lambda index, c2w: c2w @ np.diag([*factors, 1.0]) if index == 6 else c2w)
    assert "the poses of 1 of the 9 training cameras are mirrored or sheared" in warnings_of(ball_scene)


def test_wholly_transparent_images_are_named(ball_scene):
    Image.new("RGBA", (24, 24)).save(ball_scene / "train" / "r_7.png")
    rewrite_poses(ball_scene, lambda index, c2w: c2w)
    assert "1 training images are wholly transparent, such as ./train/r_7" in warnings_of(ball_scene)


def test_opencvs_axes_are_recognised(ball_scene):
    over = np.diag([1.0, -1.0, -1.0, 1.0])
    rewrite_poses(ball_scene, lambda index, c2w: c2w @ over)
    report = check_dataset(ball_scene)
    assert "OpenCV's axes" in report.warnings[0] and "--axes opencv" in report.warnings[0]
    assert "may spoil the result" in report.lines()[-1]
    assert "look away" not in warnings_of(ball_scene, Reading(axes="opencv"))
    rewrite_poses(ball_scene, lambda index, c2w: c2w @ over)
    assert "no --axes opencv is needed" in warnings_of(ball_scene, Reading(axes="opencv"))


def test_a_format_that_names_its_axes_gets_no_advice_on_them(tmp_path):
    views = ball_views(9, 24)
    outwards = views.cameras.c2w @ torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    write_llff(tmp_path, replace(views, cameras=replace(views.cameras, c2w=outwards)))
    found = warnings_of(tmp_path)
    assert "the cameras look away from each other's middle" in found and "--axes" not in found


def test_a_camera_far_off_is_named(ball_scene):
    def move(index, c2w):
        c2w[:3, 3] *= 40.0 if index == 5 else 1.0
        return c2w

    rewrite_poses(ball_scene, move)
    assert "1 of the 9 training cameras stand far off all others: ./train/r_5" in warnings_of(ball_scene)


def test_blurred_and_dark_photos_are_named(tmp_path):
    folder = write_nerfstudio(tmp_path, ball_views(17, 24))
    noise = np.random.default_rng(0).integers(60, 190, (24, 24, 3), dtype=np.uint8)
    for path in (folder / "images").iterdir():
        Image.fromarray(noise).save(path)
    Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)).save(folder / "images" / "003.png")
    Image.fromarray(noise // 3).save(folder / "images" / "005.png")
    found = warnings_of(folder)
    assert "1 training images are blurred beside the others, the worst first: images/003.png" in found
    assert "1 training images are exposed otherwise than most: images/005.png" in found


def test_a_lens_and_levels_are_told(tmp_path):
    text = "\n".join(check_dataset(write_nerfstudio(tmp_path, ball_views(9, 24), k1=0.05)).lines())
    assert "lens       perspective, k1 0.05" in text
    assert "nested ones" in text and "is up" in text


def test_the_range_of_times_is_told(ball_scene):
    assert not any(line.startswith("times") for line in check_dataset(ball_scene).lines())
    write_times(ball_scene, "train", [0.0, 0.25, 0.25, *[1.0] * 6])
    write_times(ball_scene, "test", [0.0] * 3)
    assert "times      0 to 1, 3 different ones" in check_dataset(ball_scene).lines()


def test_what_cannot_be_opened_raises(tmp_path):
    with pytest.raises(DatasetError, match="an empty folder"):
        check_dataset(tmp_path)
