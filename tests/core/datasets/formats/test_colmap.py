"""Specific to COLMAP models: where they are, their points, and damaged files."""

import numpy as np
import pytest

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from core.errors import DatasetError
from tests.ball import CENTRE, ball_views
from tests.photos import write_colmap, write_pictures


@pytest.fixture
def binary(tmp_path):
    return write_colmap(tmp_path / "ball", ball_views(10, 24), binary=True)


def refusal(folder) -> str:
    with pytest.raises(DatasetError) as caught:
        open_dataset(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("where", ["sparse", "."])
def test_models_are_found_where_people_put_them(binary, where):
    for path in list((binary / "sparse" / "0").iterdir()):
        path.rename(binary / where / path.name)
    assert len(open_dataset(binary).train) == 8


def test_images_may_be_stored_reduced(tmp_path):
    views = ball_views(10, 24)
    folder = write_colmap(tmp_path, views)
    write_pictures(folder, views, factor=4)
    for downscale, width in ((4, 6), (8, 3)):
        dataset = open_dataset(folder, ReadOptions(downscale))
        assert dataset.train.cameras.width == width
        assert any("images_4, stored reduced by 4" in note for note in dataset.notes)


def test_points_determine_near_plane_and_extent(tmp_path):
    cloud = np.array(CENTRE) + 0.2 * np.random.default_rng(0).normal(size=(300, 3))
    outliers = [[500.0, 0.0, 0.0]]
    dataset = open_dataset(write_colmap(tmp_path, ball_views(10, 24), points=np.vstack([cloud, outliers])))
    assert 1.5 < dataset.near_plane < 2.7, "the ball is three units away, and its points up to 0.6 nearer"
    low, high = np.reshape(dataset.box, (2, 3))
    assert (low < np.array(CENTRE)).all() and (high > np.array(CENTRE)).all()
    assert dataset.n_levels <= 4, "one outlier must not enlarge the scene"


def test_points_are_kept_with_their_colours(tmp_path):
    cloud = np.float32([[0.25, -0.5, 0.125], [0.0, 0.75, 0.5]])
    dataset = open_dataset(write_colmap(tmp_path / "with", ball_views(10, 24), points=cloud))
    np.testing.assert_array_equal(dataset.points, cloud)
    assert dataset.point_colors.tolist() == [[9, 9, 9], [9, 9, 9]]
    without = open_dataset(write_colmap(tmp_path / "without", ball_views(10, 24), points=cloud[:0]))
    assert without.points is None and without.point_colors is None


@pytest.mark.parametrize("name", ["cameras", "images", "points3D"])
def test_a_missing_file_is_named(binary, name):
    (binary / "sparse" / "0" / f"{name}.bin").unlink()
    message = refusal(binary)
    assert name in message


@pytest.mark.parametrize("name", ["cameras", "images", "points3D"])
@pytest.mark.parametrize(
    "damage", [lambda b: b[:20], lambda b: b"", lambda b: b"# text\n" * 9, lambda b: b[: len(b) // 2]]
)
def test_a_damaged_file_is_refused(binary, name, damage):
    path = binary / "sparse" / "0" / f"{name}.bin"
    path.write_bytes(damage(path.read_bytes()))
    assert str(binary) in refusal(binary)


@pytest.mark.parametrize("name", ["cameras", "images"])
def test_a_damaged_text_model_is_refused(tmp_path, name):
    folder = write_colmap(tmp_path, ball_views(10, 24))
    path = folder / "sparse" / "0" / f"{name}.txt"
    path.write_text("1 PINHOLE what\n")
    assert str(folder) in refusal(folder)


def test_an_unsupported_camera_model_is_named(tmp_path):
    folder = write_colmap(tmp_path, ball_views(10, 24), "FOV", [30.0, 30.0, 12.0, 12.0, 0.5])
    assert "FOV" in refusal(folder)


def test_an_image_outside_the_folder_is_refused_unless_allowed(tmp_path):
    folder = write_colmap(tmp_path / "a", ball_views(10, 24))
    path = folder / "sparse" / "0" / "images.txt"
    path.write_text(path.read_text().replace("003.png", "../../003.png"))
    assert "expected pictures inside" in refusal(folder)
    (folder / "images" / "003.png").rename(folder.parent / "003.png")
    assert len(open_dataset(folder, ReadOptions(allow_outside=True)).train) == 8
