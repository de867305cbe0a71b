import math

import numpy as np
import pytest

from core.datasets import open_dataset
from core.errors import DatasetError
from tests.ball import read_written, write_transforms

IDENTITY = np.eye(4).tolist()


def refusal(folder) -> str:
    """The error message for a dataset: one line that names the file."""
    with pytest.raises(DatasetError) as caught:
        open_dataset(folder)
    message = str(caught.value)
    assert str(folder / "transforms_train.json") in message
    assert "\n" not in message
    return message


def refusal_with(folder, **changes) -> str:
    """Changes keys of the file's root (None removes one) and returns the error message."""
    transforms = {k: v for k, v in {**read_written(folder), **changes}.items() if v is not None}
    write_transforms(folder, "train", transforms)
    return refusal(folder)


def refusal_with_frame(folder, **changes) -> str:
    """The same for keys of frame 2."""
    frames = read_written(folder)["frames"]
    frames[2] = {k: v for k, v in {**frames[2], **changes}.items() if v is not None}
    return refusal_with(folder, frames=frames)


def test_broken_json_is_located(ball_scene):
    (ball_scene / "transforms_train.json").write_text('{\n "camera_angle_x": 0.6,\n "frames": oops\n}')
    assert "line 3, column 12" in refusal(ball_scene)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\xff\xfe", b"[" * 100_000])
def test_invalid_json_is_refused(ball_scene, content):
    (ball_scene / "transforms_train.json").write_bytes(content)
    assert "expected JSON" in refusal(ball_scene)


def test_a_root_that_is_not_an_object_is_refused(ball_scene):
    (ball_scene / "transforms_train.json").write_text("[1, 2]")
    assert "expected a JSON object at the root, found a list of 2" in refusal(ball_scene)


def test_a_missing_angle_is_explained(ball_scene):
    assert "expected camera_angle_x" in refusal_with(ball_scene, camera_angle_x=None)


@pytest.mark.parametrize("angle", ["0.6", True, [0.6], 0.0, -0.1, math.pi, 39.6, math.nan, math.inf])
def test_an_angle_must_be_a_number_between_zero_and_pi(ball_scene, angle):
    assert "between 0 and pi radians, found" in refusal_with(ball_scene, camera_angle_x=angle)


@pytest.mark.parametrize("frames", [None, [], {"0": 1}, 7])
def test_frames_are_required(ball_scene, frames):
    assert "expected a list of frames" in refusal_with(ball_scene, frames=frames)


def test_a_frame_must_be_an_object(ball_scene):
    assert "frame 0: expected an object" in refusal_with(ball_scene, frames=["train/r_0"])


@pytest.mark.parametrize("name", [None, "", 3])
def test_a_frame_must_name_its_image(ball_scene, name):
    assert "frame 2: expected file_path" in refusal_with_frame(ball_scene, file_path=name)


def test_a_frame_must_have_a_pose(ball_scene):
    assert "frame 2 (./train/r_2): expected transform_matrix" in refusal_with_frame(ball_scene, transform_matrix=None)


def changed(row: int, column: int, value) -> list:
    matrix = np.eye(4).tolist()
    matrix[row][column] = value
    return matrix


@pytest.mark.parametrize(
    ("matrix", "found"),
    [
        (changed(1, 1, 0.0), "a singular one"),
        (np.diag([0.0, 0.0, 0.0, 1.0]).tolist(), "a singular one"),
        (changed(0, 3, math.nan), "not finite"),
        (changed(0, 3, math.inf), "not finite"),
        (changed(0, 3, 1e300), "not finite"),
        (IDENTITY[:3], "3x4"),
        ([1.0] * 16, "16"),
        ([*IDENTITY[:3], [0.0, 1.0]], "rows of other kinds or lengths"),
        (changed(0, 3, 10**400), "rows of other kinds or lengths"),
        (changed(0, 0, "one"), "rows of other kinds or lengths"),
        (changed(3, 0, 2.5), "transposed"),
        ({}, "expected transform_matrix as 4 rows of 4 numbers"),
        ([], "expected transform_matrix as 4 rows of 4 numbers"),
    ],
)
def test_a_pose_must_be_a_finite_regular_4x4_matrix(ball_scene, matrix, found):
    message = refusal_with_frame(ball_scene, transform_matrix=matrix)
    assert "frame 2 (./train/r_2)" in message
    assert found in message


@pytest.mark.parametrize("time", [math.nan, math.inf, 1e300, "0.5", True, [0.5], {}])
def test_a_time_must_be_a_number(ball_scene, time):
    assert "frame 2 (./train/r_2): expected time as a number" in refusal_with_frame(ball_scene, time=time)


def test_either_all_frames_have_a_time_or_none(ball_scene):
    message = refusal_with_frame(ball_scene, time=0.5)
    assert "found none in 8 of 9, such as ./train/r_0: add theirs or remove the others" in message


@pytest.mark.parametrize("name", ["../secret", "train/../../secret.png", "/etc/hostname", "..\\secret", ".."])
def test_an_image_outside_the_folder_is_refused(ball_scene, name):
    assert "expected file_path inside" in refusal_with_frame(ball_scene, file_path=name)


@pytest.mark.parametrize("seed", range(3))
def test_a_uniform_scale_is_removed_from_the_rotation(ball_scene, seed):
    plain = open_dataset(ball_scene).train.cameras.c2w
    transforms = read_written(ball_scene)
    scale = float(np.random.default_rng(seed).uniform(0.01, 100.0))
    for frame in transforms["frames"]:
        matrix = np.array(frame["transform_matrix"])
        matrix[:3, :3] *= scale
        frame["transform_matrix"] = matrix.tolist()
    write_transforms(ball_scene, "train", transforms)
    np.testing.assert_allclose(open_dataset(ball_scene).train.cameras.c2w, plain, atol=1e-6)


def test_aabb_is_the_box(ball_scene):
    box = [-1.0, -0.5, -0.25, 1, 2, 3]
    write_transforms(ball_scene, "train", {**read_written(ball_scene), "aabb": box})
    assert open_dataset(ball_scene).box == tuple(map(float, box))


@pytest.mark.parametrize(
    "box", [[0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, "1"], [0, 0, 0, 1, 1, math.nan], 4, {}]
)
def test_a_wrong_aabb_is_refused(ball_scene, box):
    assert "expected aabb as six numbers" in refusal_with(ball_scene, aabb=box)
