import json
import math

import numpy as np
import pytest

from core.config.march import MarchSettings
from core.errors import FirstlightError
from core.flights.album import Album, Bookmark
from core.flights.curve import Flight, frame_times
from core.flights.files import load_album, save_album
from core.flights.formats import PATH_FORMATS
from core.flights.path import CameraPath, Key, pose_values
from core.geometry.cameras import look_at


def key(x: float, **more) -> Key:
    return Key(pose_values(look_at((x, 3.0, 1.0 + 0.2 * x), (0.1, 0.0, 0.0)).numpy()), 0.7 + 0.05 * x, **more)


def path(**more) -> CameraPath:
    return CameraPath((key(0.0), key(1.0), key(2.5)), **more)


def test_our_own_file_keeps_everything(tmp_path):
    keys = key(0.0, time=0.25, name="front"), key(1.0, hold=0.5, at=2.0)
    bookmark = Bookmark(key(3.0, name="süß"), MarchSettings(alpha_thre=0.02), "UklGRg==")
    album = Album((bookmark,), CameraPath(keys, 8.0, True, False, 0.2, (0.0, 1.0, 0.0), 24.0, 640, 480))
    assert load_album(save_album(tmp_path / "a.json", album)) == album


@pytest.mark.parametrize("format", list(PATH_FORMATS))
@pytest.mark.parametrize("closed", [False, True])
def test_a_path_survives_each_format(tmp_path, format, closed):
    before = path(closed=closed, seconds=5.0)
    after = load_album(save_album(tmp_path / "p.json", Album(path=before), format)).path
    assert (after.closed, after.seconds) == (closed, pytest.approx(5.0))
    for old, new in zip(before.keys, after.keys, strict=True):
        np.testing.assert_allclose(new.matrix, old.matrix, atol=1e-6)
        assert new.fov_y == pytest.approx(old.fov_y)
    if format != "instant-ngp":  # which has no times
        np.testing.assert_allclose(Flight(after).arrivals, Flight(before).arrivals, atol=1e-6)


def test_nerfstudios_frames_are_the_flights(tmp_path):
    album = Album(path=path(seconds=2.0, fps=10.0, width=640, height=480))
    values = json.loads(save_album(tmp_path / "p.json", album, "nerfstudio").read_text())
    assert (values["render_width"], values["render_height"], values["fps"]) == (640, 480, 10.0)
    shots = Flight(album.path).at(frame_times(Flight(album.path), 10.0))
    frames = values["camera_path"]
    assert len(frames) == 20 and frames[3]["aspect"] == pytest.approx(640 / 480)
    np.testing.assert_allclose(np.reshape(frames[3]["camera_to_world"], (4, 4)), shots.c2w[3], atol=1e-9)
    assert frames[3]["fov"] == pytest.approx(math.degrees(shots.fov_y[3]))


def test_the_older_viewers_key_frames_are_text_column_by_column(tmp_path):
    entries = [
        {"matrix": json.dumps(k.matrix.T.ravel().tolist()), "fov": 50, "aspect": 1.0, "properties": "[]"}
        for k in path().keys
    ]
    values = {"keyframes": entries, "camera_path": [], "seconds": 4, "fps": 24, "is_cycle": False}
    (tmp_path / "p.json").write_text(json.dumps(values | {"render_width": 100, "render_height": 50}))
    read = load_album(tmp_path / "p.json").path
    np.testing.assert_allclose([k.matrix for k in read.keys], [k.matrix for k in path().keys])
    assert [k.at for k in read.keys] == [0.0, 2.0, 4.0] and (read.width, read.height) == (100, 50)


def test_frames_without_key_frames_become_keys_and_a_standing_camera_holds(tmp_path):
    frames = [{"camera_to_world": key(x).c2w, "fov": 40.0, "aspect": 1.0} for x in (0.0, 0.0, 0.0, 1.0, 2.0)]
    (tmp_path / "p.json").write_text(json.dumps({"camera_path": frames, "fps": 2, "keyframes": []}))
    read = load_album(tmp_path / "p.json").path
    assert [(k.at, k.hold) for k in read.keys] == [(0.0, 1.0), (1.5, 0.0), (2.0, 0.0)]
    Flight(read)


def test_nerfstudios_move_of_the_dataset_is_undone(tmp_path):
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], (0.5, 0.0, -1.0)
    move = {"transform": turn[:3].tolist(), "scale": 0.25}
    (tmp_path / "dataparser_transforms.json").write_text(json.dumps(move))
    file = save_album(tmp_path / "p.json", Album(path=path()), "nerfstudio")
    first = np.reshape(json.loads(file.read_text())["keyframes"][0]["matrix"], (4, 4))
    np.testing.assert_allclose(first[:3, 3], 0.25 * (turn @ path().keys[0].matrix)[:3, 3])
    np.testing.assert_allclose(load_album(file).path.keys[0].matrix, path().keys[0].matrix, atol=1e-9)


def test_instant_ngps_cube_has_the_datasets_origin_in_its_middle_and_cycled_axes(tmp_path):
    looking = Key(pose_values(np.eye(4)), 0.8)
    moved = Key(pose_values(np.eye(4) + np.eye(4)[:, [0]] @ np.eye(4)[[3]]), 0.8)  # one unit along x
    file = save_album(tmp_path / "p.json", Album(path=CameraPath((looking, moved))), "instant-ngp")
    first, second = json.loads(file.read_text())["path"]
    np.testing.assert_allclose(first["T"], [0.5, 0.5, 0.5])
    np.testing.assert_allclose(second["T"], [0.5, 0.5, 0.83])
    assert first["fov"] == pytest.approx(math.degrees(0.8))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "can't be read as JSON"),
        ("[1, 2]", "no camera path"),
        ('{"frames": []}', "no camera path"),
        ('{"camera_path": [{"fov": 50}]}', "no entry 'camera_to_world'"),
        ('{"camera_path": [{"camera_to_world": [1, 2], "fov": 50}]}', "broken camera path of nerfstudio"),
        ('{"path": [{"R": [0, 0, 0, 0], "T": [0, 0, 0], "fov": 50}]}', "broken camera path of instant-ngp"),
        ('{"path": [{"R": [0, 0, 0, 1], "T": [NaN, 0, 0], "fov": 50}]}', "finite"),
        ('{"path": [{"R": [0, 0, 0, 1], "T": [0, 0, 0], "fov": 180}]}', "between 0 and 180"),
        ('{"firstlight_flight": 9}', "update Firstlight"),
        ('{"firstlight_flight": 1, "paths": []}', "no entry 'paths'"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, text, words):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(FirstlightError, match=words) as caught:
        load_album(tmp_path / "p.json")
    assert str(tmp_path / "p.json") in str(caught.value) and "\n" not in str(caught.value)


def test_files_are_never_overwritten_and_a_path_that_cannot_be_flown_leaves_none(tmp_path):
    file = save_album(tmp_path / "p.json", Album(path=path()))
    with pytest.raises(FirstlightError, match="exists"):
        save_album(file, Album(path=path()))
    with pytest.raises(ValueError, match="two keys"):
        save_album(tmp_path / "q.json", Album(), "nerfstudio")
    with pytest.raises(ValueError, match="json"):
        save_album(tmp_path / "q.txt", Album(path=path()))
    with pytest.raises(FirstlightError, match="no file"):
        load_album(tmp_path / "q.json")
