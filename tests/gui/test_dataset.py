"""The panel of the dataset's check in the real window, on a dataset with faults."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core.config.read_options import ReadOptions
from core.datasets import open_dataset
from tests.photos import write_json, write_nerfstudio, written_json
from tests.viewer.live import write_quick_ball

BLURRED = "images/005.png"

LITTLE_MEMORY = """
from core.datasets.checks import dataset_check
dataset_check.free_memory = lambda: 12 * 24 * 24 * 4 // 8
"""
"""An eighth of the memory that the ball's images take."""


@pytest.fixture(scope="module")
def app(launch, tmp_path_factory):
    """Photos of the demo, one of them blurred, whose poses are in OpenCV's axes."""
    views = open_dataset("demo", ReadOptions(2)).train.spread(33)
    folder = write_nerfstudio(tmp_path_factory.mktemp("photos") / "orrery-opencv", views)
    sharp = Image.open(folder / BLURRED)
    sharp.filter(ImageFilter.GaussianBlur(2)).save(folder / BLURRED)
    transforms = written_json(folder)
    for frame in transforms["frames"]:
        frame["transform_matrix"] = (np.array(frame["transform_matrix"]) * [1.0, -1.0, -1.0, 1.0]).tolist()
    write_json(folder, transforms)
    return launch(str(folder))


def test_wrong_axes_open_the_panel_and_a_click_corrects_them(app):
    app.wait_for(lambda s: "dataset.rank.0" in s.get("widgets", {}), "the panel to open by itself and rank the images")
    red = app.pixels("dataset.verdict")
    assert (red[..., 0] - red[..., 1]).max() > 0.3, "the verdict is not shown as a warning"
    app.keep_screen("dataset-opencv")
    app.click("dataset.remedy.0")
    app.wait_for(lambda s: (s["reading"] or {}).get("axes") == "opencv", "the same photos, opened with the other axes")
    app.wait_for(lambda s: s["state"] == "training" and "dataset.rank.0" in s["widgets"], "the new check")
    assert app.state()["photo"] is not None, "the camera stands on a photo's view"
    app.keep_screen("dataset-mended")


def test_the_blurred_image_heads_the_list_and_a_click_leaves_it_out(app):
    app.click("dataset.rank.0")
    fifth = {"split": "train", "index": 4}  # every 8th is held out
    app.wait_for(lambda s: s["photo"] == fifth, "the camera on the blurred view")
    app.click("dataset.remedy.0")
    app.wait_for(lambda s: s["excluded"] == [4], "the view to be left out")
    app.click("dataset.remedy.0")
    app.wait_for(lambda s: s["excluded"] == [], "the view to be back")
    assert "Traceback" not in app.output()


def test_a_click_opens_a_dataset_too_large_for_the_memory_with_reduced_images(launch, tmp_path_factory):
    scene = write_quick_ball(tmp_path_factory.mktemp("scenes") / "ball")
    app = launch(str(scene), "--levels", "2", before=LITTLE_MEMORY)
    reduce = "dataset.remedy.1"  # below the remark on few views
    app.wait_for(lambda s: reduce in s.get("widgets", {}), "the offer to open it reduced by 2")
    app.bring("place", "place.fit")
    before = dict(app.next_state())
    assert before["reading"]["downscale"] == 1 and before["place"]["trained"]["n_levels"] == 2
    app.keep_screen("dataset-reduce")
    app.click(reduce)
    after = app.wait_for(lambda s: (s["reading"] or {}).get("downscale") == 2, "the dataset, reduced by 2")
    assert after["place"]["trained"] == before["place"]["trained"], "training stays in the same place"
    app.wait_for(lambda s: s["state"] == "training" and s["step"] > 0, "training of the smaller images")
    assert not app.state()["errors"] and "Traceback" not in app.output()
