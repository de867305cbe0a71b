import dataclasses

import numpy as np
import pytest

from tests.viewer.live import open_scene, view_request
from viewer.picture import compose, render
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.view_settings import CellsColor, Compare, CompareAs, Mode, SliceAxis
from viewer.session.view_server import ViewServer


@pytest.fixture(scope="module")
def scene(ball):
    return open_scene(ball, 20)


@pytest.fixture
def marches(monkeypatch):
    """Counts the views that are marched."""
    counted, march = [], render._view_parts

    def view_parts(*arguments, **more):
        counted.append(arguments)
        return march(*arguments, **more)

    monkeypatch.setattr(render, "_view_parts", view_parts)
    return counted


def server(newer=lambda: False, closing=lambda: False) -> ViewServer:
    return ViewServer(newer, closing)


def settled(views, scene, request):
    """The last frame for a request while training is paused."""
    frame = views.answer(request, scene, None)
    while (better := views.refresh(scene, None)) is not None:
        frame = better
    return frame


def test_display_settings_change_without_marching_again(scene, marches):
    scene.trainer.coverage.finished()  # otherwise a view shows the counts so far
    views, request = server(), view_request(scene.info, scene.trainer.settings.march)
    settled(views, scene, request)
    n_marched = len(marches)
    for change in (
        {"mode": Mode.DEPTH},
        {"background": (0.0, 0.0, 0.5)},
        {"tint_strength": 0.5, "show_box": True},
        {"cells_opacity": 0.5},
        {"cells_opacity": 0.5, "cells_level": 0},
        {"cells_opacity": 0.5, "cells_color": CellsColor.VALUE},
        {"cells_opacity": 0.5, "cells_color": CellsColor.CAMERAS, "slice_axis": SliceAxis.Z},
        {"slice_axis": SliceAxis.Z, "slice_position": 0.3},
        {},
    ):
        other = dataclasses.replace(request, view=dataclasses.replace(request.view, **change))
        frame = settled(views, scene, other)
        assert frame.request is other
        expected = compose.make_picture(scene.trainer, other, scene.info)
        np.testing.assert_allclose(frame.rgba, expected, atol=2e-6)
        del marches[-1]  # that of the expected picture
    assert len(marches) == n_marched


COMPARISONS = [
    {"compare": Compare.SETTINGS, "divider": 0.2},
    {"compare": Compare.SETTINGS, "divider": 0.9, "mode": Mode.DEPTH},
    {"compare": Compare.SETTINGS, "compare_as": CompareAs.DIFFERENCE},
    {"compare": Compare.SETTINGS, "compare_as": CompareAs.BLEND, "blend": 0.3, "cells_opacity": 0.4},
    {"compare": Compare.SETTINGS, "compare_as": CompareAs.FIRST, "background": (0.0, 0.4, 0.0)},
    {"compare": Compare.PHOTO, "compare_as": CompareAs.BLEND},
    {"compare": Compare.PHOTO, "compare_as": CompareAs.DIFFERENCE},
]


def compared(scene):
    """A request that compares two settings on a view of the dataset."""
    request = view_request(scene.info, scene.trainer.settings.march, compare=Compare.SETTINGS)
    other = dataclasses.replace(request.march, alpha_thre=0.1, occ_thre=0.05)
    return dataclasses.replace(request, other=other, photo=PhotoId(Split.TRAIN, 0))


def test_moving_the_divider_or_comparing_in_another_way_marches_nothing_again(scene, marches):
    views, request = server(), compared(scene)
    settled(views, scene, request)
    n_marched = len(marches)
    assert n_marched % 2 == 0, "both settings are marched, pixel for pixel"
    for moving in (True, False):
        for change in COMPARISONS:
            view = dataclasses.replace(request.view, **change)
            other = dataclasses.replace(request, view=view, moving=moving)
            frame = settled(views, scene, other)
            assert frame.request is other and frame.stats.rendered_width == request.width
            rendered = render.render_request(scene.trainer, other, (request.width, request.height))
            expected, legends = compose.compose(rendered, other.pose, other.view, scene.info)
            np.testing.assert_allclose(frame.rgba, expected, atol=2e-6)
            assert frame.legends == legends
            del marches[-2:]  # those of the expected picture
    assert len(marches) == n_marched


def test_comparing_costs_a_march_when_it_begins_and_none_when_it_ends(scene, marches):
    views, request = server(), compared(scene)
    alone = dataclasses.replace(request, other=None, view=dataclasses.replace(request.view, compare=Compare.OFF))
    plain = settled(views, scene, alone)
    assert plain.comparison is None
    n_marched = len(marches)
    frame = settled(views, scene, request)
    assert len(marches) > n_marched
    n_marched = len(marches)
    again = settled(views, scene, alone)
    np.testing.assert_array_equal(again.rgba, plain.rgba)
    assert again.comparison is None
    assert settled(views, scene, request).comparison.stats.march_ms == frame.comparison.stats.march_ms, "the same march"
    assert len(marches) == n_marched
    settled(views, scene, dataclasses.replace(request, other=dataclasses.replace(request.other, alpha_thre=0.2)))
    assert len(marches) > n_marched


def test_a_comparison_says_what_both_cost_and_how_they_differ(scene):
    request = compared(scene)
    frame = settled(server(), scene, request)
    swapped = dataclasses.replace(request, march=request.other, other=request.march)
    turned = settled(server(), scene, swapped)
    a, b = frame.comparison.stats, frame.stats
    assert (a.n_density, a.samples_per_ray, a.occupied) != (b.n_density, b.samples_per_ray, b.occupied)
    for name in ("n_density", "n_color", "samples_per_ray", "occupied", "stopped_early", "rendered_width"):
        assert getattr(turned.stats, name) == getattr(a, name)
        assert getattr(turned.comparison.stats, name) == getattr(b, name)
    assert frame.comparison.psnr == pytest.approx(turned.comparison.psnr) and 3.0 < frame.comparison.psnr < 60.0
    assert 0.0 < frame.comparison.largest == pytest.approx(turned.comparison.largest)


def test_a_photo_is_resampled_to_the_view_once(scene, monkeypatch):
    found, find = [], render.find_photo
    monkeypatch.setattr(render, "find_photo", lambda *arguments: found.append(arguments) or find(*arguments))
    views, request = server(), compared(scene)
    request = dataclasses.replace(
        request, other=None, view=dataclasses.replace(request.view, compare=Compare.PHOTO, compare_as=CompareAs.FIRST)
    )
    first = settled(views, scene, request)
    n_found = len(found)
    assert n_found >= 1
    settled(views, scene, dataclasses.replace(request, march=dataclasses.replace(request.march, alpha_thre=0.1)))
    assert len(found) == n_found
    other = settled(views, scene, dataclasses.replace(request, photo=PhotoId(Split.TRAIN, 1)))
    assert np.abs(other.rgba - first.rgba).max() > 0.1
    views.forget()
    settled(views, scene, request)
    assert len(found) > n_found + 1


@pytest.mark.parametrize("what", ["pose", "march", "size"])
def test_other_rays_or_thresholds_are_marched(scene, marches, what):
    views, request = server(), view_request(scene.info, scene.trainer.settings.march)
    settled(views, scene, request)
    n_marched = len(marches)
    march = dataclasses.replace(request.march, alpha_thre=0.2)
    pose = view_request(scene.info, request.march, camera=3).pose
    change = {"pose": {"pose": pose}, "march": {"march": march}, "size": {"width": 20}}[what]
    settled(views, scene, dataclasses.replace(request, **change))
    assert len(marches) > n_marched


def test_no_picture_is_reused_for_another_scene(scene, marches):
    views, request = server(), view_request(scene.info, scene.trainer.settings.march)
    settled(views, scene, request)
    n_marched = len(marches)
    views.forget()
    settled(views, scene, request)
    assert len(marches) > n_marched


def test_a_picture_in_motion_is_refined_at_rest(scene):
    views = server()
    request = view_request(scene.info, scene.trainer.settings.march, moving=True, size=(320, 240))
    moving = views.answer(request, scene, None)
    assert views.refresh(scene, None) is None
    assert moving.stats.rendered_width < 320
    assert moving.reason
    resting = settled(views, scene, dataclasses.replace(request, moving=False))
    assert resting.stats.rendered_width == 320
    assert resting.reason == ""


def test_a_request_ends_a_refinement_but_not_a_picture_in_motion(scene):
    views = server(newer=lambda: True)
    request = view_request(scene.info, scene.trainer.settings.march, size=(64, 48))
    assert views.answer(request, scene, None) is None
    assert views.answer(dataclasses.replace(request, moving=True), scene, None) is not None


def test_closing_ends_any_picture(scene):
    views = server(closing=lambda: True)
    request = view_request(scene.info, scene.trainer.settings.march, moving=True)
    assert views.answer(request, scene, None) is None


def test_a_view_without_pixels_is_not_rendered(scene):
    request = view_request(scene.info, scene.trainer.settings.march, size=(0, 10))
    assert server().answer(request, scene, None) is None


def test_a_resting_picture_is_kept_up_to_date_while_training(scene, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("viewer.session.view_server.time.perf_counter", lambda: clock[0])
    views, request = server(), view_request(scene.info, scene.trainer.settings.march)
    assert views.answer(request, scene, 1.0) is not None
    assert views.refresh(scene, 1.0) is None
    clock[0] = 0.29
    assert views.refresh(scene, 1.0) is None
    clock[0] = 0.31
    assert views.refresh(scene, 1.0) is not None
