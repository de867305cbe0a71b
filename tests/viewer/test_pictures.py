import dataclasses

import numpy as np
import pytest

from core.datasets import open_dataset
from tests.viewer.live import tiny_trainer, view_request, write_quick_ball
from viewer import pictures
from viewer.scene import Scene
from viewer.view_settings import Mode, ViewSettings


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    trainer = tiny_trainer(open_dataset(write_quick_ball(tmp_path_factory.mktemp("scenes") / "ball")))
    for _ in range(40):
        trainer.step()
    return Scene(trainer)


def rendered(scene, request, **view):
    settings = dataclasses.replace(request.view, **view)
    request = dataclasses.replace(request, view=settings)
    return pictures.render_request(scene.trainer, request, (request.width, request.height))


@pytest.fixture
def request_(scene):
    return view_request(scene.info, scene.trainer.settings.march)


def test_a_training_cameras_view_is_that_cameras_picture(scene, request_):
    camera = scene.trainer.dataset.train.cameras[0]
    again = pictures.camera_of(request_.pose, camera.width, camera.height, "cpu")
    np.testing.assert_allclose(again.c2w, camera.c2w, atol=1e-6)
    np.testing.assert_allclose(again.K, camera.K, rtol=1e-5)


def test_another_background_needs_no_new_march(scene, request_):
    over_white, over_blue = (rendered(scene, request_, background=c) for c in ((1.0, 1.0, 1.0), (0.1, 0.2, 0.9)))
    assert over_white.output.opacities.min() < 0.5 < over_white.output.opacities.max()
    moved = pictures.over_background(over_white, (0.1, 0.2, 0.9))
    np.testing.assert_allclose(moved.colors, over_blue.output.colors, atol=1e-6)
    assert pictures.over_background(over_white, (1.0, 1.0, 1.0)) is over_white.output


def test_cells_are_found_only_where_they_are_shown(scene, request_):
    assert rendered(scene, request_).cells is None
    cells = rendered(scene, request_, cells_opacity=0.4).cells
    assert cells.t.shape == (24, 32)
    assert cells.normals.shape == (24, 32, 3)
    assert np.isfinite(cells.t).any()
    assert np.isinf(cells.t).any()


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("transparent", [False, True])
def test_every_mode_gives_a_picture(scene, request_, mode, transparent):
    view = ViewSettings(mode=mode, cells_opacity=0.3, tint_strength=0.2, show_box=True, show_cameras=True)
    rgba = pictures.make_picture(scene.trainer, dataclasses.replace(request_, view=view), scene.info, transparent)
    assert rgba.shape == (24, 32, 4)
    assert rgba.dtype == np.float32
    assert rgba.flags.c_contiguous
    assert rgba.min() >= 0.0 and rgba.max() <= 1.0
    assert rgba[..., :3].std() > 0.01


def test_a_cancelled_picture_is_none(scene, request_):
    assert pictures.make_picture(scene.trainer, request_, scene.info, cancelled=lambda: True) is None
