import dataclasses
import math

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from core.datasets import open_dataset
from core.errors import FirstlightError
from core.geometry.placement import Place
from core.training.build import moved_trainer
from core.training.snapshot import save_snapshot
from tests.ball import CENTRE, RADIUS, mixed_ball_views
from tests.photos import write_nerfstudio
from tests.viewer.live import (
    live_session,
    screenshot_request,
    tiny_trainer,
    trainer_of,
    write_quick_ball,
)
from viewer.picture.export.screenshots import read_metadata
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.view_settings import Compare, CompareAs, Mode
from viewer.session.rerender import rerender


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """A snapshot and screenshots of the same weights: (snapshot, [screenshots], trainer)."""
    folder = tmp_path_factory.mktemp("taken")
    with pytest.MonkeyPatch.context() as patch:
        session = live_session(write_quick_ball(folder / "ball"), patch)
        for _ in range(30):
            session.tick()
        session.pause()
        session.save_snapshot(str(folder / "s.safetensors"))
        session.screenshot(screenshot_request(session, folder / "shots", size=(60, 40), camera=2))
        overlays = {"cells_opacity": 0.5, "tint_strength": 0.3, "show_box": True, "show_cameras": True}
        session.screenshot(screenshot_request(session, folder / "shots", True, mode=Mode.DEPTH, **overlays))
        strict = screenshot_request(session, folder / "shots", background=(0.2, 0.5, 0.1))
        march = dataclasses.replace(strict.view.march, alpha_thre=0.2, early_stop_eps=0.3, render_step_size=0.05)
        session.screenshot(dataclasses.replace(strict, view=dataclasses.replace(strict.view, march=march)))
        asked = screenshot_request(session, folder / "shots", camera=2, compare=Compare.SETTINGS, divider=0.4)
        view = dataclasses.replace(asked.view, other=march, photo=PhotoId(Split.TRAIN, 2))
        session.screenshot(dataclasses.replace(asked, view=view))
        difference = {"compare": Compare.PHOTO, "compare_as": CompareAs.DIFFERENCE}
        view = dataclasses.replace(view, other=None, view=dataclasses.replace(asked.view.view, **difference))
        session.screenshot(dataclasses.replace(asked, view=view))
        session.tick()
    shots = sorted((folder / "shots").glob("*.png"))
    assert len(shots) == 5
    return folder / "s.safetensors", shots, trainer_of(session)


def pixels(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


@pytest.mark.parametrize("index", range(5))
def test_a_screenshot_is_rendered_again(taken, tmp_path, index):
    snapshot, shots, _ = taken
    path = rerender(str(snapshot), str(tmp_path / "again.png"), like=str(shots[index]))
    first, again = pixels(shots[index]), pixels(path)
    assert first.shape == again.shape
    assert np.abs(first - again).max() <= 1
    assert first.std() > 5
    assert read_metadata(path) == read_metadata(shots[index])


def test_a_cameras_picture_has_its_photos_size(tmp_path):
    folder = write_nerfstudio(tmp_path / "mixed", mixed_ball_views(10), per_frame=True, aabb=[-1, -1, -1, 1, 1, 1])
    save_snapshot(tmp_path / "s.safetensors", tiny_trainer(open_dataset(folder)))
    for camera, size in ((0, (36, 20)), (1, (16, 28)), (2, (24, 24))):
        path = rerender(str(tmp_path / "s.safetensors"), str(tmp_path / f"{camera}.png"), camera=camera)
        assert pixels(path).shape == (*size[::-1], 3)


def test_flags_override_the_screenshots_settings(taken, tmp_path):
    snapshot, shots, _ = taken
    path = rerender(
        str(snapshot), str(tmp_path / "other.png"), like=str(shots[0]), size="30x20",
        thresholds={"alpha_thre": 0.1}, view={"mode": Mode.OPACITY, "fov": 20.0},
    )  # fmt: skip
    metadata = read_metadata(path)
    assert pixels(path).shape == (20, 30, 3)
    assert metadata["march"] == read_metadata(shots[0])["march"] | {"alpha_thre": 0.1}
    assert metadata["view"]["mode"] == "opacity"
    assert metadata["camera"]["fov_y"] == pytest.approx(np.radians(20.0))


def test_a_training_cameras_picture_resembles_its_photograph(taken, tmp_path):
    snapshot, _, trainer = taken
    views = trainer.dataset.train
    path = rerender(str(snapshot), str(tmp_path / "camera.png"), camera=4)
    photo = 255.0 * views.photo(4, torch.ones(3)).numpy()
    assert pixels(path).shape == photo.shape
    assert np.abs(pixels(path) - photo).mean() < 25


def test_without_a_camera_it_takes_the_windows_first_view(taken, tmp_path):
    snapshot, _, _ = taken
    path = rerender(str(snapshot), str(tmp_path / "new" / "folder" / "home.png"))
    assert pixels(path).shape == (24, 24, 3)


def test_another_step_than_the_screenshots_is_reported(taken, tmp_path, capsys):
    snapshot, shots, _ = taken
    with Image.open(shots[0]) as picture:
        chunk = PngImagePlugin.PngInfo()
        chunk.add_itxt("firstlight", picture.text["firstlight"].replace('"step": 30', '"step": 7'))
        picture.save(tmp_path / "old.png", pnginfo=chunk)
    rerender(str(snapshot), str(tmp_path / "again.png"), like=str(tmp_path / "old.png"))
    assert "step 7" in capsys.readouterr().err


def test_a_camera_is_compared_with_its_photo(taken, tmp_path):
    snapshot, _, trainer = taken
    view = {"compare": Compare.PHOTO, "compare_as": CompareAs.FIRST}
    path = rerender(str(snapshot), str(tmp_path / "photo.png"), camera=4, view=view)
    photo = 255.0 * trainer.dataset.train.photo(4, torch.ones(3)).numpy()
    assert np.abs(pixels(path) - photo).max() <= 1


def test_a_comparison_without_anything_to_compare_with_is_refused(taken, tmp_path):
    snapshot, shots, _ = taken
    new = str(tmp_path / "new.png")
    with pytest.raises(ValueError, match="--compare settings needs"):
        rerender(str(snapshot), new, camera=4, view={"compare": Compare.SETTINGS})
    with pytest.raises(ValueError, match=r"--compare run needs a former run.*--compare off"):
        rerender(str(snapshot), new, camera=4, view={"compare": Compare.RUN})
    with pytest.raises(ValueError, match="--compare photo needs"):
        rerender(str(snapshot), new, like=str(shots[0]), view={"compare": Compare.PHOTO})
    with pytest.raises(ValueError, match="--compare photo needs"):
        rerender(str(snapshot), new, camera=4, view={"compare": Compare.PHOTO, "fov": 30.0})


def test_nothing_is_overwritten(taken, tmp_path):
    snapshot, shots, _ = taken
    (tmp_path / "mine.png").write_bytes(b"mine")
    with pytest.raises(FirstlightError, match="exists"):
        rerender(str(snapshot), str(tmp_path / "mine.png"), like=str(shots[0]))
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_wrong_arguments_are_reported(taken, tmp_path):
    snapshot, shots, _ = taken
    new = str(tmp_path / "new.png")
    with pytest.raises(ValueError, match="from 0 to 8, got 9"):
        rerender(str(snapshot), new, camera=9)
    with pytest.raises(ValueError, match="either"):
        rerender(str(snapshot), new, like=str(shots[0]), camera=1)
    with pytest.raises(ValueError, match=r"\.png"):
        rerender(str(snapshot), str(tmp_path / "new.jpg"))
    with pytest.raises(FirstlightError, match=r"gone\.png"):
        rerender(str(snapshot), new, like=str(tmp_path / "gone.png"))
    with pytest.raises(ValueError, match="1280x800"):
        rerender(str(snapshot), new, size="wide")


def test_distances_are_in_the_datasets_units_wherever_the_scene_is_placed(taken, tmp_path):
    """The ball's nearest point, seen from one of the dataset's cameras."""
    _, _, trainer = taken
    place = Place((-1.4, -1.6, -1.2, 2.0, 1.8, 2.1), near_plane=0.5)
    moved = moved_trainer(trainer, trainer.settings, place, seed=0)
    for _ in range(60):
        moved.step()
    save_snapshot(tmp_path / "moved.safetensors", moved)
    new = str(tmp_path / "again.png")
    rerender(str(tmp_path / "moved.safetensors"), new, camera=4, size="41x41", depth=str(tmp_path / "d.npz"),
             view={"mode": Mode.HALF_DEPTH})  # fmt: skip
    with np.load(tmp_path / "d.npz") as saved:
        depths, c2w, K = saved["depths"], saved["c2w"], saved["K"]
    camera = trainer.dataset.train.cameras[4]
    np.testing.assert_allclose(c2w, camera.c2w, atol=1e-6)
    assert depths.shape == saved_shape(new) and depths.dtype == np.float32
    assert math.isinf(depths[0, 0])
    np.testing.assert_allclose(K[:2, 2], 20.5)
    assert depths[20, 20] == pytest.approx(np.linalg.norm(c2w[:3, 3] - CENTRE) - RADIUS, rel=0.15)
    assert "dataset's own" in read_metadata(new)["camera"]["coordinates"]


def saved_shape(path) -> tuple[int, int]:
    return pixels(path).shape[:2]


def test_distances_alone_are_one_array_and_replace_no_file(taken, tmp_path):
    snapshot, _, _ = taken
    rerender(str(snapshot), str(tmp_path / "a.png"), camera=1, depth=str(tmp_path / "new" / "a.npy"))
    depths = np.load(tmp_path / "new" / "a.npy")
    assert depths.shape == (24, 24) and np.isfinite(depths).any()
    assert depths[np.isfinite(depths)].min() > 0.0
    with pytest.raises(FirstlightError, match="exists already"):
        rerender(str(snapshot), str(tmp_path / "b.png"), depth=str(tmp_path / "new" / "a.npy"))
    with pytest.raises(ValueError, match=r"\.npy or \.npz"):
        rerender(str(snapshot), str(tmp_path / "b.png"), depth=str(tmp_path / "b.exr"))
    assert not (tmp_path / "b.png").exists()


def test_a_picture_whose_distances_cannot_be_written_is_removed(taken, tmp_path, monkeypatch):
    def fill_the_disk(file, depths):
        file.write(b"some")
        raise OSError(28, "No space left on device")

    snapshot, _, _ = taken
    picture, depth = tmp_path / "a.png", tmp_path / "a.npy"
    with monkeypatch.context() as patch:
        patch.setattr("viewer.picture.export.depth_files.np.save", fill_the_disk)
        with pytest.raises(FirstlightError, match=r"a\.npy can't be written \(No space"):
            rerender(str(snapshot), str(picture), depth=str(depth))
    assert not picture.exists() and not depth.exists()
    rerender(str(snapshot), str(picture), depth=str(depth))
    assert picture.exists() and depth.exists()
