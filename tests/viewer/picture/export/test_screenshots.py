import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from core.config.march import MarchSettings
from core.errors import FirstlightError
from viewer.picture.export.screenshots import KEYWORD, metadata_of, read_metadata, request_from, save
from viewer.protocol.requests import PhotoId, Pose, SceneRay, ScreenshotRequest, Split, ViewRequest
from viewer.protocol.view_settings import Compare, CompareAs, Mode, ViewSettings


def request(folder, transparent=False) -> ScreenshotRequest:
    c2w = tuple(float(np.float32(x)) for x in np.random.default_rng(0).random(16))
    view = ViewRequest(
        pose=Pose(c2w, 0.6911112070083618),
        width=5,
        height=4,
        march=MarchSettings(alpha_thre=1e-3, render_step_size=0.013, crop=(-1.0, -1.0, -1.0, 1.0, 1.0, 0.5)),
        view=ViewSettings(mode=Mode.DEPTH, background=(0.1, 0.2, 0.3), show_box=True),
        moving=False,
        serial=0,
        ray=SceneRay((0.1, 0.2, 3.0), (0.0, 0.6, -0.8), 2.0, 2.5, 4.0, ((2.1, 2.2), (2.3, 2.5))),
    )
    return ScreenshotRequest(view, folder=str(folder), transparent=transparent)


def picture() -> np.ndarray:
    return np.random.default_rng(1).random((4, 5, 4)).astype(np.float32)


@pytest.mark.parametrize(("transparent", "mode"), [(False, "RGB"), (True, "RGBA")])
def test_pixels_are_rounded_to_8_bits(tmp_path, transparent, mode):
    rgba = picture()
    path = save(request(tmp_path, transparent), rgba, "demo", 1234, "assets/demo")
    with Image.open(path) as saved:
        assert saved.mode == mode
        np.testing.assert_array_equal(np.asarray(saved), np.rint(rgba[..., : len(mode)] * 255))
    assert path.name == "demo-step001234-001.png"


def test_no_file_is_ever_overwritten(tmp_path):
    taken = tmp_path / "demo-step000007-001.png"
    taken.write_bytes(b"mine")
    paths = [save(request(tmp_path), picture(), "demo", 7, "d") for _ in range(3)]
    assert taken.read_bytes() == b"mine"
    assert len({taken, *paths}) == 4


def test_a_name_that_is_no_file_name_is_turned_into_one(tmp_path):
    path = save(request(tmp_path / "new" / "folder"), picture(), "../a scene/é", 0, "d")
    assert path.parent == tmp_path / "new" / "folder"
    assert path.exists()


def test_metadata_restores_the_same_request(tmp_path):
    asked = request(tmp_path, transparent=True)
    path = save(asked, picture(), "demo", 42, "/data/szène", device="cpu")
    metadata = read_metadata(path)
    assert metadata["step"] == 42
    assert metadata["dataset"] == "/data/szène"
    assert metadata["device"] == "cpu"
    again = request_from(metadata)
    assert again.view == asked.view
    assert again.transparent


def test_both_sides_of_a_comparison_are_restored(tmp_path):
    asked = request(tmp_path)
    other = MarchSettings(early_stop_eps=0.5, crop=(-1.0, -1.0, -1.0, 1.0, 1.0, 0.5))
    view = ViewSettings(compare=Compare.SETTINGS, compare_as=CompareAs.BLEND, divider=0.25, blend=0.75)
    compared = replace(asked.view, other=other, photo=PhotoId(Split.TEST, 3), view=view)
    metadata = read_metadata(save(replace(asked, view=compared), picture(), "demo", 1, "d"))
    assert request_from(metadata).view == compared
    runs = replace(compared, runs=("before", "now"), view=replace(view, compare=Compare.RUN))
    assert request_from(json.loads(json.dumps(metadata_of(replace(asked, view=runs), 1, "d")))).view == runs


def test_a_picture_from_before_there_were_comparisons_is_read(tmp_path):
    asked = request(tmp_path)
    metadata = json.loads(json.dumps(metadata_of(asked, 1, "d")))
    for name in ("compare", "compare_as", "divider", "blend"):
        del metadata["view"][name]
    del metadata["other"], metadata["photo"], metadata["runs"]
    assert request_from(metadata).view == asked.view


def test_a_picture_whose_tint_had_its_former_name_is_read(tmp_path):
    asked = request(tmp_path)
    asked = replace(asked, view=replace(asked.view, view=replace(asked.view.view, tint_strength=0.4)))
    metadata = json.loads(json.dumps(metadata_of(asked, 1, "d")))
    metadata["view"]["opacity_tint"] = metadata["view"].pop("tint_strength")
    assert request_from(metadata).view == asked.view


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "there is no file"), (b"", "can't be read"), (b"hello", "can't be read"), ("png", "metadata")],
)
def test_unreadable_files_are_named(tmp_path, content, expected):
    path = tmp_path / "shot.png"
    if content == "png":
        Image.new("RGB", (2, 2)).save(path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(FirstlightError, match=expected) as caught:
        read_metadata(path)
    assert "shot.png" in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[1]", '{"format": 99}'])
def test_broken_or_foreign_metadata_is_refused(tmp_path, text):
    path = tmp_path / "shot.png"
    chunk = PngImagePlugin.PngInfo()
    chunk.add_itxt(KEYWORD, text)
    Image.new("RGB", (2, 2)).save(path, pnginfo=chunk)
    with pytest.raises(FirstlightError, match=r"shot\.png"):
        read_metadata(path)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("camera", {"c2w": [1.0], "fov_y": 0.7}),
        ("march", {"alpha_thre": 7.0}),
        ("view", {"mode": "x"}),
        ("photo", {"split": "train"}),
        ("width", "wide"),
        ("runs", [1]),
    ],
)
def test_metadata_that_does_not_fit_is_refused(tmp_path, entry, value):
    metadata = json.loads(json.dumps(metadata_of(request(tmp_path), 1, "d"))) | {entry: value}
    with pytest.raises(FirstlightError, match="metadata"):
        request_from(metadata)


@pytest.mark.parametrize("entry", ["camera", "march", "height", "transparent"])
def test_missing_metadata_is_named(tmp_path, entry):
    metadata = metadata_of(request(tmp_path), 1, "d")
    del metadata[entry]
    with pytest.raises(FirstlightError, match=f"lacks '{entry}'"):
        request_from(metadata)


def test_an_unwritable_folder_is_an_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(FirstlightError, match="another folder"):
        save(request(blocked), picture(), "demo", 1, "d")


def test_a_pictures_time_is_restored_and_earlier_pictures_have_none(tmp_path):
    asked = request(tmp_path)
    moved = replace(asked, view=replace(asked.view, pose=replace(asked.view.pose, time=0.25)))
    assert request_from(metadata_of(moved, 1, "d")).view.pose == moved.view.pose
    metadata = metadata_of(asked, 1, "d")
    del metadata["camera"]["time"]
    assert request_from(metadata).view.pose == asked.view.pose
    for wrong in (1.5, "noon", [0.5]):
        metadata["camera"]["time"] = wrong
        with pytest.raises(FirstlightError, match="does not fit"):
            request_from(metadata)
