import dataclasses

import numpy as np
import pytest
import torch

from core.kernels.camera_rays import generate_rays
from core.samplers.stratified import StratifiedSettings
from tests.viewer.live import open_scene, view_request
from viewer.picture import compose, render
from viewer.picture.camera import camera_of
from viewer.protocol.view_settings import CellsColor, Compare, Mode, SliceAxis, ViewSettings


@pytest.fixture(scope="module")
def scene(ball):
    return open_scene(ball, 40)


def rendered(scene, request, **view):
    settings = dataclasses.replace(request.view, **view)
    request = dataclasses.replace(request, view=settings)
    return render.render_request(scene.trainer, request, (request.width, request.height))


@pytest.fixture
def request_(scene):
    return view_request(scene.info, scene.trainer.settings.march)


def test_a_training_cameras_view_is_that_cameras_picture(scene, request_):
    camera = scene.trainer.dataset.train.cameras[0]
    again = camera_of(request_.pose, camera.width, camera.height, "cpu")
    np.testing.assert_allclose(again.c2w, camera.c2w, atol=1e-6)
    np.testing.assert_allclose(again.K, camera.K, rtol=1e-5)


def test_another_background_needs_no_new_march(scene, request_):
    over_white, over_blue = (rendered(scene, request_, background=c) for c in ((1.0, 1.0, 1.0), (0.1, 0.2, 0.9)))
    assert over_white.output.opacities.min() < 0.5 < over_white.output.opacities.max()
    moved = compose.over_background(over_white, (0.1, 0.2, 0.9))
    np.testing.assert_allclose(moved.colors, over_blue.output.colors, atol=1e-6)
    assert compose.over_background(over_white, (1.0, 1.0, 1.0)) is over_white.output


def hits_of(scene, request, march=None):
    """The first cells that the same rays meet, straight from the grid."""
    camera = camera_of(request.pose, request.width, request.height, "cpu")
    return scene.trainer.grid.first_cells(generate_rays(camera), march or request.march)


def test_the_grid_is_queried_only_where_it_is_shown(scene, request_):
    assert rendered(scene, request_).layers == (None, None)
    assert rendered(scene, request_, cells_opacity=0.4).layers.slice is None
    assert rendered(scene, request_, slice_axis=SliceAxis.Y).layers.cells is None


def test_pixels_show_the_cells_their_rays_meet(scene, request_):
    cells, hits = rendered(scene, request_, cells_opacity=0.4).layers.cells, hits_of(scene, request_)
    seen = (hits.cells >= 0).numpy()
    assert 0 < seen.sum() < seen.size
    np.testing.assert_array_equal(cells.pixels, np.flatnonzero(seen))
    np.testing.assert_array_equal(cells.t, hits.t.numpy()[seen])


def test_a_cells_value_is_what_its_colour_stands_for(scene, request_):
    trainer, grid = scene.trainer, scene.trainer.grid
    cells = hits_of(scene, request_).cells
    met = cells[cells >= 0].long()
    for color, values in {CellsColor.VALUE: grid.occs, CellsColor.CAMERAS: trainer.coverage.finished()}.items():
        found = rendered(scene, request_, cells_opacity=0.4, cells_color=color).layers.cells
        np.testing.assert_array_equal(found.values, values.view(-1)[met].float())
    assert trainer.coverage.counts.max() == 9, "some cell is seen by all nine training cameras"


def test_a_view_counts_the_cells_of_one_camera_and_a_saved_picture_those_of_all(scene, request_):
    trainer, view = scene.trainer, {"cells_opacity": 0.4, "cells_color": CellsColor.CAMERAS}
    trainer.__dict__.pop("coverage", None)
    for n_pieces in (1, 2):
        rendered(scene, request_, **view)
        assert trainer.coverage.done == pytest.approx(n_pieces / 9)
    asked = dataclasses.replace(request_, view=dataclasses.replace(request_.view, **view))
    compose.make_picture(trainer, asked, scene.info)
    assert trainer.coverage.done == 1.0


def test_a_saved_picture_of_a_former_run_counts_all_cameras_too(scene, request_, ball):
    former = open_scene(ball).trainer
    view = dataclasses.replace(request_.view, cells_opacity=0.4, cells_color=CellsColor.CAMERAS, compare=Compare.RUN)
    asked = dataclasses.replace(request_, view=view, other=request_.march)
    compose.make_picture(scene.trainer, asked, scene.info, former=former)
    assert former.coverage.done == 0.0, "the former run isn't shown"
    asked = dataclasses.replace(asked, runs=("before", "now"))
    compose.make_picture(scene.trainer, asked, scene.info, former=former)
    assert former.coverage.done == 1.0


def test_changed_cells_are_drawn_instead_of_occupied_ones(scene, request_):
    grid = scene.trainer.grid
    kept = grid.changed.clone()
    try:
        grid.changed.zero_()
        view = {"cells_opacity": 0.4, "cells_color": CellsColor.CHANGED}
        assert len(rendered(scene, request_, **view).layers.cells.pixels) == 0
        grid.changed[0, 4:8, 4:12, 4:12] = 1
        grid.changed[0, 8:12, 4:12, 4:12] = -1
        assert set(rendered(scene, request_, **view).layers.cells.values) == {-1.0, 1.0}
    finally:
        grid.changed.copy_(kept)


@pytest.mark.parametrize("axis", [SliceAxis.X, SliceAxis.Y, SliceAxis.Z])
def test_a_slice_shows_the_values_of_the_cells_it_cuts_but_no_cell_known_to_be_empty(scene, request_, axis):
    grid, n = scene.trainer.grid, 16
    kept = grid.occs.clone()
    try:
        planes = torch.arange(n).float().repeat(n, n, 1).movedim(2, "xyz".index(axis))  # a cell's place along the axis
        grid.occs.copy_(planes.reshape(-1))
        found = rendered(scene, request_, slice_axis=axis, slice_position=5.5 / n).layers.slice
        assert len(found.pixels) > 0 and set(found.values) == {5.0}
        assert (found.axes == "xyz".index(axis)).all()
        grid.occs.fill_(-1.0)
        assert len(rendered(scene, request_, slice_axis=axis).layers.slice.pixels) == 0
    finally:
        grid.occs.copy_(kept)


def test_near_far_and_crop_bound_the_cells_as_they_bound_the_picture(scene, request_):
    march = dataclasses.replace(request_.march, far_plane=float(hits_of(scene, request_).t.min()) + 0.2)
    near = rendered(scene, dataclasses.replace(request_, march=march), cells_opacity=0.4).layers.cells
    whole = rendered(scene, request_, cells_opacity=0.4).layers.cells
    assert 0 < len(near.pixels) < len(whole.pixels)
    assert near.t.max() < march.far_plane


def test_legends_say_what_the_colours_stand_for(scene, request_):
    def titles(**view):
        settings = ViewSettings(**view)
        picture = render.render_view(scene.trainer, request_.pose, (8, 6), request_.march, settings)
        return [legend.title for legend in compose.compose(picture, request_.pose, settings, scene.info)[1]]

    assert titles() == titles(cells_opacity=0.4) == []
    assert titles(mode=Mode.DEPTH, cells_opacity=0.4, cells_color=CellsColor.CAMERAS) == ["Depth", "Seen by"]
    value = ["Stored density * step (log)"]
    assert titles(slice_axis=SliceAxis.X, cells_opacity=0.4, cells_color=CellsColor.VALUE) == value
    assert titles(slice_axis=SliceAxis.X, cells_color=CellsColor.CHANGED) == value


@pytest.mark.parametrize("contraction", ["max", "sphere"])
def test_far_pixels_count_as_sky_only_where_rays_never_end(scene, request_, contraction):
    view, ones = ViewSettings(mode=Mode.DEPTH), np.ones((24, 32), np.float32)
    depths = np.where(np.arange(32) < 16, ones, 50.0 * ones)
    picture = render.render_view(scene.trainer, request_.pose, (32, 24), request_.march, view)
    picture = dataclasses.replace(picture, output=picture.output._replace(depths=depths, opacities=ones))
    train = dataclasses.replace(scene.info.train, contraction=contraction)
    info = dataclasses.replace(scene.info, sampler=StratifiedSettings(), train=train)
    _, (legend,) = compose.compose(picture, request_.pose, view, info)
    assert legend.low == pytest.approx(1.0 if contraction == "sphere" else 50.0, abs=0.1)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("transparent", [False, True])
def test_every_mode_gives_a_picture(scene, request_, mode, transparent):
    view = ViewSettings(mode=mode, cells_opacity=0.3, tint_strength=0.2, show_box=True, show_cameras=True)
    rgba = compose.make_picture(scene.trainer, dataclasses.replace(request_, view=view), scene.info, transparent)
    assert rgba.shape == (24, 32, 4)
    assert rgba.dtype == np.float32
    assert rgba.flags.c_contiguous
    assert rgba.min() >= 0.0 and rgba.max() <= 1.0
    assert rgba[..., :3].std() > 0.01


def test_a_cancelled_picture_is_none(scene, request_):
    assert compose.make_picture(scene.trainer, request_, scene.info, cancelled=lambda: True) is None
