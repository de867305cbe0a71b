import json
import os
import signal

import av
import numpy as np
import pytest
from PIL import Image

import run_viewer
from core.datasets import open_dataset
from core.errors import FirstlightError
from core.flights.album import Album
from core.flights.files import save_album
from core.flights.path import CameraPath, Key, pose_values
from core.geometry.cameras import look_at
from core.training.snapshot import read_album, save_snapshot
from tests.ball import CENTRE
from tests.viewer.live import tiny_trainer, write_quick_ball
from viewer.picture.export import film as film_module
from viewer.picture.export.screenshots import read_metadata
from viewer.protocol.optics import CameraModel
from viewer.protocol.view_settings import Compare, CompareAs, Mode
from viewer.session.film import FilmFlags, film_snapshot
from viewer.session.rerender import rerender

PATH = CameraPath(
    tuple(Key(pose_values(look_at((x, 2.5, 1.0), CENTRE).numpy()), 0.6) for x in (-1.5, 0.0, 1.5)), seconds=1.0
)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """A little trained ball, with a path kept in its snapshot."""
    folder = tmp_path_factory.mktemp("film")
    trainer = tiny_trainer(open_dataset(write_quick_ball(folder / "ball")))
    for _ in range(30):
        trainer.step()
    save_snapshot(folder / "s.safetensors", trainer, Album(path=PATH))
    return str(folder / "s.safetensors")


def filmed(snapshot, output, **flags):
    flags = {"path": "kept", "size": "32x24", "fps": 6.0} | flags
    return film_snapshot(snapshot, str(output), FilmFlags(**flags), "cpu")


def pictures(folder) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)).astype(int) for path in sorted(folder.glob("*.png"))]


def test_a_snapshot_keeps_the_path(snapshot):
    assert read_album(snapshot).path == PATH


def test_frames_are_the_same_twice_and_equal_the_render_of_their_cameras(snapshot, tmp_path):
    _, progress = filmed(snapshot, tmp_path / "a")
    filmed(snapshot, tmp_path / "b")
    assert progress.done == progress.total == 6
    first, second = pictures(tmp_path / "a"), pictures(tmp_path / "b")
    assert all(np.array_equal(x, y) for x, y in zip(first, second, strict=True))
    assert np.abs(first[0] - first[3]).mean() > 1.0 and first[0].std() > 5.0, "the camera moves before a picture"
    for index in (0, 4):
        again = rerender(snapshot, str(tmp_path / f"{index}.png"), like=str(tmp_path / "a" / f"0000{index}.png"))
        assert np.abs(np.asarray(Image.open(again)).astype(int) - first[index]).max() <= 1


def test_a_film_shows_several_modes_side_by_side_or_in_files_of_their_own(snapshot, tmp_path):
    modes = [Mode.COLOR, Mode.DEPTH]
    filmed(snapshot, tmp_path / "both", modes=modes)
    paths, _ = filmed(snapshot, tmp_path / "each", modes=modes, separate=True)
    assert [path.name for path in paths] == ["each-color", "each-depth"]
    for both, color, depth in zip(
        *(pictures(tmp_path / name) for name in ("both", "each-color", "each-depth")), strict=True
    ):
        np.testing.assert_array_equal(both, np.concatenate([color, depth], axis=1))
    assert read_metadata(tmp_path / "each-depth" / "00000.png")["view"]["mode"] == "depth"


def test_an_interrupted_folder_is_filled_up_with_the_frames_it_would_have_had(snapshot, tmp_path, monkeypatch):
    filmed(snapshot, tmp_path / "whole")
    rendered = []
    make = film_module.picture_parts

    def interrupting(*args, **more):
        rendered.append(1)
        if len(rendered) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return make(*args, **more)

    monkeypatch.setattr(film_module, "picture_parts", interrupting)
    _, progress = filmed(snapshot, tmp_path / "part")
    assert progress.done == 3 < progress.total
    rendered[:] = [0] * 9
    _, progress = filmed(snapshot, tmp_path / "part")
    assert progress.done == 6 and len(rendered) == 9 + 3
    for whole, part in zip(pictures(tmp_path / "whole"), pictures(tmp_path / "part"), strict=True):
        np.testing.assert_array_equal(whole, part)


def test_ctrl_c_ends_an_mp4_that_plays(snapshot, tmp_path, monkeypatch, capsys):
    make = film_module.picture_parts

    def interrupting(trainer, takes, *args, **more):
        if not (tmp_path / "pressed").exists():
            (tmp_path / "pressed").touch()
            os.kill(os.getpid(), signal.SIGINT)
        return make(trainer, takes, *args, **more)

    monkeypatch.setattr(film_module, "picture_parts", interrupting)
    film = tmp_path / "f.mp4"
    arguments = ["video", snapshot, "--path", "kept", "--output", str(film), "--size", "32x24", "--fps", "6"]
    assert run_viewer.main([*arguments, "--device", "cpu"]) == 130
    assert "1 of 6 frames" in capsys.readouterr().err
    with av.open(str(film)) as container:
        assert len(list(container.decode(video=0))) == 1


def test_many_rays_smooth_edges_and_the_shutter_and_the_lens_blur(snapshot, tmp_path):
    def first(name, **flags):
        filmed(snapshot, tmp_path / name, fps=2.0, **flags)
        return pictures(tmp_path / name)[1].astype(float)

    def sharpness(picture):
        return np.abs(np.diff(picture, axis=1)).max()

    plain = first("plain")
    smooth = first("smooth", optics={"samples_per_pixel": 8})
    moved = first("moved", motion_blur=1.0, optics={"samples_per_pixel": 8})
    blurred = first("blurred", optics={"samples_per_pixel": 8, "aperture": 0.3, "focus": 1.0})
    assert np.abs(smooth.mean() - plain.mean()) < 1.0
    assert sharpness(plain) > sharpness(smooth) > max(sharpness(moved), sharpness(blurred))
    focused = first("focused", optics={"samples_per_pixel": 8, "aperture": 0.1})
    unfocused = first("unfocused", optics={"samples_per_pixel": 8, "aperture": 0.1, "focus": 0.5})
    assert np.abs(focused - smooth).mean() < 0.5 * np.abs(unfocused - smooth).mean()


def test_views_in_turn_can_be_compared_with_their_photos(snapshot, tmp_path):
    view = {"compare": Compare.PHOTO, "compare_as": CompareAs.FIRST}
    filmed(snapshot, tmp_path / "views", path="views", size="24x24", fps=2.0, view=view)
    shown = pictures(tmp_path / "views")
    assert len(shown) == 9
    photos = sorted((tmp_path / "views").glob("*.png"))
    assert [read_metadata(path)["photo"]["index"] for path in photos] == list(range(9))


def test_a_panorama_is_a_film_that_players_turn_around_in(snapshot, tmp_path):
    optics = {"camera_model": CameraModel.STEREO_PANORAMA}
    paths, _ = filmed(snapshot, tmp_path / "f.mp4", size="64x64", fps=2.0, optics=optics)
    assert b"top-bottom" in paths[0].read_bytes()
    with pytest.raises(ValueError, match="know panoramas"):
        filmed(snapshot, tmp_path / "f.webm", size="64x64", optics=optics)
    with pytest.raises(ValueError, match="nothing is drawn"):
        filmed(snapshot, tmp_path / "g.mp4", size="64x64", optics=optics, view={"show_box": True})


def test_the_command_line_renders_all_views_by_their_photos_names(snapshot, tmp_path):
    arguments = ["render", snapshot, "--all-training-cameras", "--output", str(tmp_path / "all"), "--device", "cpu"]
    assert run_viewer.main(arguments) == 0
    names = {path.relative_to(tmp_path / "all").as_posix() for path in (tmp_path / "all").rglob("*.*")}
    assert len(names) == 3 * 12 and {"train/r_3.png", "train/r_3_depth.npy", "test/r_1_opacity.png"} <= names
    alone = rerender(snapshot, str(tmp_path / "3.png"), camera=3)
    ours, same = (np.asarray(Image.open(path)).astype(int) for path in (tmp_path / "all/train/r_3.png", alone))
    assert np.abs(ours - same).max() <= 1
    depths = np.load(tmp_path / "all/train/r_3_depth.npy")
    assert depths.shape == (24, 24) and np.isfinite(depths[12, 12]) and 2.0 < depths[12, 12] < 3.0


def broken(tmp_path, name, values) -> str:
    (tmp_path / name).write_text(json.dumps(values))
    return str(tmp_path / name)


def test_what_cannot_be_filmed_says_why_and_leaves_nothing(snapshot, tmp_path):
    one = str(save_album(tmp_path / "one.json", Album(path=CameraPath(PATH.keys[:1]))))
    equal = str(save_album(tmp_path / "equal.json", Album(path=CameraPath((PATH.keys[0], PATH.keys[0])))))
    nan = broken(tmp_path, "nan.json", {"path": [{"R": [0, 0, 0, 1], "T": [float("nan"), 0, 0], "fov": 50}]})
    (tmp_path / "there.mp4").touch()
    before = sorted(tmp_path.iterdir())
    cases = [
        ({"path": one}, "f.mp4", "two keys"),
        ({"path": equal}, "f.mp4", "equal"),
        ({"path": nan}, "f.mp4", "finite"),
        ({"path": "zigzag"}, "f.mp4", "turntable"),
        ({"path": "gone.json"}, "f.mp4", "gone.json"),
        ({}, "there.mp4", "exists"),
        ({}, "f.avi", "mp4"),
        ({"size": "33x24"}, "f.mp4", "34x24"),
        ({"size": "big"}, "f.mp4", "size looks like"),
        ({"fps": -1.0}, "f.mp4", "frames per second"),
        ({"seconds": 0.0}, "f.mp4", "more than 0 seconds"),
        ({"motion_blur": 0.5}, "f.mp4", "samples_per_pixel"),
        ({"optics": {"aperture": 0.1}}, "f.mp4", "samples_per_pixel"),
        ({"time": 0.5}, "f.mp4", "scene that moves"),
        ({"view": {"fov": 180.0}}, "f.mp4", "fov"),
    ]
    for flags, output, words in cases:
        with pytest.raises((FirstlightError, ValueError), match=words) as caught:
            filmed(snapshot, tmp_path / output, **flags)
        assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--mode", "color,pretty"], "no mode 'pretty'"),
        (["--mode", "depth,depth"], "once"),
        (["--alpha-thre", "7"], "alpha_thre"),
        (["--samples-per-pixel", "0"], "samples_per_pixel"),
    ],
)
def test_wrong_flags_are_named_in_one_line(arguments, named, tmp_path, capsys):
    video = ["video", "gone.safetensors", "--path", "turntable", "--output", str(tmp_path / "f.mp4")]
    assert run_viewer.main([*video, *arguments]) == 2
    text = capsys.readouterr().err
    assert named in text and text.count("\n") == 1
