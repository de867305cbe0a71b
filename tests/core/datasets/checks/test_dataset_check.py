import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from core.config.read_options import AS_STORED, ReadOptions
from core.datasets import open_dataset
from core.datasets.checks import dataset_check
from core.datasets.checks.dataset_check import Examination, Grade, check_dataset, propose_downscale
from core.datasets.checks.poses import Remedy, view_angles
from core.errors import DatasetError
from tests.ball import (
    ANGLE,
    CENTRE,
    DISTANCE,
    ball_views,
    focal,
    mixed_ball_views,
    read_written,
    write_ball,
    write_times,
    write_transforms,
)
from tests.photos import write_json, write_llff, write_nerfstudio, written_json


def rewrite_poses(folder, change) -> None:
    """Replace every training pose by `change(index, c2w)`."""
    transforms = read_written(folder)
    for index, frame in enumerate(transforms["frames"]):
        frame["transform_matrix"] = np.asarray(change(index, np.array(frame["transform_matrix"]))).tolist()
    write_transforms(folder, "train", {**transforms, "aabb": [-0.4, -0.7, -0.3, 0.8, 0.5, 0.9]})


def warnings_of(folder, reading=AS_STORED) -> str:
    return "; ".join(finding.text for finding in check_dataset(folder, reading).findings)


def test_the_facts_describe_the_scene(ball_scene):
    report = check_dataset(ball_scene)
    assert report.image_bytes == 12 * 24 * 24 * 4
    found = "\n".join(f"{caption}: {text}" for caption, text in report.facts())
    fov = math.degrees(ANGLE)
    for part in (
        f"dataset: {ball_scene}",
        "format: Blender, because it is a folder with transforms_train.json",
        "training: 9 views, 24x24 pixels",
        "test: 3 views, 24x24 pixels",
        f"focal length {focal(24):.2f} x {focal(24):.2f} pixels, field of view {fov:.1f} x {fov:.1f} degrees",
        "within 20 degrees of 9 of the 9 axes",
    ):
        assert part in found
    distances, off_axes = view_angles(report.dataset.train.cameras, report.dataset.box)
    assert bool(((distances > DISTANCE - 0.5) & (distances < DISTANCE + 0.5)).all()) and float(off_axes.max()) < 10.0
    box = report.dataset.box
    assert all(low < c < high for low, c, high in zip(box[:3], CENTRE, box[3:], strict=True))


def test_the_lines_say_what_matters(ball_scene):
    text = "\n".join(check_dataset(ball_scene, ReadOptions(5)).lines())
    fov = math.degrees(2.0 * math.atan(20 / 24 * math.tan(0.5 * ANGLE)))  # 4 of 24 columns are cut off
    parts = (
        str(ball_scene),
        "Blender",
        "9 views, 4x4 pixels, reduced by 5",
        "alpha      yes",
        f"{fov:.1f} degrees",
    )
    for part in parts:
        assert part in text
    assert "note       24x24 pixels can't be divided by 5" in text
    assert "warning    9 training views are few" in text


def test_unreported_memory_is_called_unknown(ball_scene, monkeypatch):
    monkeypatch.setattr(dataset_check, "free_memory", lambda: None)
    report = check_dataset(ball_scene)
    assert any("an unknown amount free" in line for line in report.lines()) and report.downscale == 1
    assert any("123 MB free" in line for line in replace(report, free_bytes=123_000_000).lines())


def test_with_little_memory_it_proposes_a_downscale(ball_scene, monkeypatch):
    needed = 12 * 24 * 24 * 4
    monkeypatch.setattr(dataset_check, "free_memory", lambda: needed // 8)
    report = check_dataset(ball_scene)
    assert report.downscale == 2
    (finding,) = (finding for finding in report.findings if finding.remedy is Remedy.REDUCE)
    assert "--downscale 2" in finding.text
    monkeypatch.setattr(dataset_check, "free_memory", lambda: needed // 8 + 3 * needed // 4)
    reduced = check_dataset(ball_scene, ReadOptions(report.downscale))
    assert reduced.downscale == 2 and all(finding.remedy is not Remedy.REDUCE for finding in reduced.findings)
    assert "at full size" in dict(reduced.facts())["downscale"]


@given(st.integers(1, 10**11), st.integers(0, 10**11), st.integers(1, 16))
def test_the_proposed_downscale_is_the_smallest_that_leaves_room(needed, free, requested):
    factor = propose_downscale(needed, free, requested)
    half = 0.5 * (needed + free)
    assert factor >= requested and needed * (requested / factor) ** 2 <= half * (1.0 + 1e-9)
    assert factor == requested or needed * (requested / (factor - 1)) ** 2 > half * (1.0 - 1e-9)


def test_a_folder_of_two_formats_mentions_the_other_one(tmp_path):
    views = ball_views(9, 24)
    write_llff(write_nerfstudio(tmp_path, views), views)
    said = dict(check_dataset(tmp_path).facts())["format"]
    assert said.startswith("instant-ngp / nerfstudio, because it is a folder with transforms.json")
    assert said.endswith("it could be read as LLFF too, a format that is tried later")


def test_sizes_and_masks_are_reported(tmp_path):
    folder = write_nerfstudio(tmp_path, mixed_ball_views(17), per_frame=True)
    report = check_dataset(folder)
    assert any("14 views, 36x20 (5), 24x24 (5), 16x28 (4) pixels" in line for line in report.lines())
    mask = np.ones((24, 24), bool)
    mask[:, 12:] = False
    Image.fromarray(mask).save(folder / "images" / "mask.png")
    transforms = written_json(folder)
    transforms["frames"][3]["mask_path"] = "images/mask.png"
    write_json(folder, transforms)
    hidden = check_dataset(folder)
    share = 100.0 * 288 / (5 * 720 + 5 * 576 + 4 * 448)
    assert any(f"note       Masks hide {share:.3g} %" in line for line in hidden.lines())
    assert hidden.image_bytes > report.image_bytes


def test_masked_pixels_count_as_neither_dark_nor_blurred(tmp_path):
    folder = write_nerfstudio(tmp_path, ball_views(17, 24))
    noise = np.random.default_rng(0).integers(60, 190, (24, 24, 3), dtype=np.uint8)
    for path in (folder / "images").iterdir():
        Image.fromarray(noise).save(path)
    hidden, covered = np.zeros((24, 24), bool), noise.copy()
    hidden[:, :18], covered[:, :18] = True, 0
    Image.fromarray(covered).save(folder / "images" / "005.png")
    assert "exposed differently from most: images/005.png" in warnings_of(folder)
    Image.fromarray(hidden).save(folder / "images" / "dynamic_mask_005.png")
    assert "005" not in warnings_of(folder)


def test_a_sound_dataset_has_no_warnings(tmp_path):
    report = check_dataset(write_ball(tmp_path, train=20, test=2))
    assert (report.findings, report.dataset.notes) == ((), ())
    assert report.grade is Grade.SOUND and report.verdict.startswith("sound")


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
    (finding,) = (finding for finding in check_dataset(ball_scene).findings if "same pose" in finding.text)
    assert (finding.views, finding.remedy, finding.grave) == ((1, 2, 3, 4), Remedy.LEAVE_OUT, False)
    rewrite_poses(ball_scene, lambda index, c2w: first)
    (finding,) = (finding for finding in check_dataset(ball_scene).findings if "same pose" in finding.text)
    assert (finding.remedy, finding.grave) == (None, True), "without all of them, nothing would be left to train on"


def test_equal_poses_at_different_times_are_no_duplicates(ball_scene):
    dataset = open_dataset(ball_scene)
    cameras = dataset.train.cameras
    still = replace(cameras, c2w=cameras.c2w[:1].expand(len(cameras), -1, -1).contiguous(), times=None)
    train = replace(dataset.train, cameras=replace(still, times=torch.arange(len(cameras)) / len(cameras)))
    found = Examination(replace(dataset, train=train)).report().findings
    assert not any("same pose" in finding.text for finding in found)
    found = Examination(replace(dataset, train=replace(train, cameras=still))).report().findings
    assert any("same pose" in finding.text for finding in found)


@pytest.mark.parametrize("factors", [(-1.0, 1.0, 1.0), (1.0, 1.0, 1.3)])
def test_mirrored_and_sheared_poses_are_counted(ball_scene, factors):
    rewrite_poses(ball_scene, lambda index, c2w: c2w @ np.diag([*factors, 1.0]) if index == 6 else c2w)
    assert "1 of the 9 training cameras have mirrored or sheared poses, not rotations: ./train/r_6" in warnings_of(
        ball_scene
    )


def test_fully_transparent_images_are_named(ball_scene):
    Image.new("RGBA", (24, 24)).save(ball_scene / "train" / "r_7.png")
    rewrite_poses(ball_scene, lambda index, c2w: c2w)
    assert "1 of the 9 training images are wholly transparent: ./train/r_7" in warnings_of(ball_scene)


def test_opencv_axes_are_recognised(ball_scene):
    over = np.diag([1.0, -1.0, -1.0, 1.0])
    rewrite_poses(ball_scene, lambda index, c2w: c2w @ over)
    report = check_dataset(ball_scene)
    first = report.findings[0]
    assert "OpenCV's axes" in first.text and "--axes opencv" in first.text
    assert first.grave and first.remedy is Remedy.OTHER_AXES
    assert report.grade is Grade.UNFIT and report.lines()[-1].startswith("verdict    not fit")
    assert "look away" not in warnings_of(ball_scene, ReadOptions(axes="opencv"))
    rewrite_poses(ball_scene, lambda index, c2w: c2w @ over)
    assert "no --axes opencv is needed" in warnings_of(ball_scene, ReadOptions(axes="opencv"))


def test_a_format_with_fixed_axes_gets_no_advice_on_axes(tmp_path):
    views = ball_views(9, 24)
    outwards = views.cameras.c2w @ torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    write_llff(tmp_path, replace(views, cameras=replace(views.cameras, c2w=outwards)))
    found = warnings_of(tmp_path)
    assert "the cameras look away from their common centre" in found and "--axes" not in found


def test_a_camera_far_off_is_named(ball_scene):
    def move(index, c2w):
        c2w[:3, 3] *= 40.0 if index == 5 else 1.0
        return c2w

    rewrite_poses(ball_scene, move)
    assert "1 of the 9 training cameras stand far away from all others: ./train/r_5" in warnings_of(ball_scene)


def test_blurred_and_dark_photos_are_named(tmp_path):
    folder = write_nerfstudio(tmp_path, ball_views(17, 24))
    noise = np.random.default_rng(0).integers(60, 190, (24, 24, 3), dtype=np.uint8)
    for path in (folder / "images").iterdir():
        Image.fromarray(noise).save(path)
    Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)).save(folder / "images" / "003.png")
    Image.fromarray(noise // 3).save(folder / "images" / "005.png")
    found = warnings_of(folder)
    assert "1 of the 14 training images are blurred compared with the others: images/003.png" in found
    assert "1 of the 14 training images are exposed differently from most: images/005.png" in found


def test_an_incremental_examination_gives_the_same_report(tmp_path):
    dataset = open_dataset(write_nerfstudio(tmp_path, ball_views(17, 24)))
    examination, n = Examination(dataset), 0
    assert examination.report().ranking == ()
    while examination.advance():
        n += 1
        assert (examination.n_looked_at, examination.n_pictures) == (n, 17)
    assert n == 17
    whole = check_dataset(tmp_path)
    assert examination.report().findings == whole.findings and examination.report().ranking == whole.ranking
    again = Examination(replace(dataset, up=(1.0, 0.0, 0.0)), examination)
    assert not again.advance() and again.report().ranking == whole.ranking


def test_progress_is_reported_and_can_cancel(ball_scene):
    updates = []
    check_dataset(ball_scene, progress=lambda share, text: updates.append((share, text)))
    assert updates[-1] == (1.0, "looking at image 12 of 12") and all(0.0 <= share <= 1.0 for share, _ in updates)

    def end(share, text):
        if text.startswith("looking"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_dataset(ball_scene, progress=end)


def test_a_lens_and_levels_are_reported(tmp_path):
    text = "\n".join(check_dataset(write_nerfstudio(tmp_path, ball_views(9, 24), k1=0.05)).lines())
    assert "lens       perspective, k1 0.05" in text
    assert "nested ones" in text and "is up" in text


def test_the_range_of_times_is_reported(ball_scene):
    assert not any(line.startswith("times") for line in check_dataset(ball_scene).lines())
    write_times(ball_scene, "train", [0.0, 0.25, 0.25, *[1.0] * 6])
    write_times(ball_scene, "test", [0.0] * 3)
    assert "times      0 to 1, 3 different ones" in check_dataset(ball_scene).lines()


def test_a_dataset_that_cannot_be_opened_raises(tmp_path):
    with pytest.raises(DatasetError, match="an empty folder"):
        check_dataset(tmp_path)


def test_tiny_images_are_reported(tmp_path):
    found = check_dataset(write_nerfstudio(tmp_path, ball_views(25, 24)), ReadOptions(2)).findings
    assert any("images of 12 pixels a side" in finding.text for finding in found)
