"""Two pictures compared in one."""

import dataclasses

import numpy as np
import pytest

from tests.viewer.live import open_scene, view_request
from viewer.picture import compose, render
from viewer.picture.colors import COLORMAPS, rounded_up
from viewer.picture.compare import mixed, with_divider
from viewer.protocol.requests import PhotoId, SceneRay, Split
from viewer.protocol.view_settings import Compare, CompareAs, Mode, ViewSettings

SIZE = (32, 24)
OTHERS = {"alpha_thre": 0.3, "early_stop_eps": 0.5, "render_step_size": 0.09}
BOTH = [Compare.SETTINGS, Compare.PHOTO]


@pytest.fixture(scope="module")
def scene(ball):
    return open_scene(ball, 40)


@pytest.fixture
def request_(scene):
    """A request for two very different settings, from a view of the dataset."""
    request = view_request(scene.info, scene.trainer.settings.march, camera=3, show_box=True)
    other = dataclasses.replace(request.march, **OTHERS)
    return dataclasses.replace(request, other=other, photo=PhotoId(Split.TRAIN, 3))


def composed(scene, request, transparent=False, **view):
    request = dataclasses.replace(request, view=dataclasses.replace(request.view, **view))
    rendered = render.render_request(scene.trainer, request, SIZE)
    return compose.compose(rendered, request.pose, request.view, scene.info, transparent)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("as_", [CompareAs.DIVIDER, CompareAs.BLEND, CompareAs.FIRST])
def test_settings_compared_with_themselves_give_the_plain_picture(scene, request_, mode, as_):
    same = dataclasses.replace(request_, other=request_.march)
    plain, legends = composed(scene, same, mode=mode)
    rgba, same_legends = composed(scene, same, mode=mode, compare=Compare.SETTINGS, compare_as=as_)
    np.testing.assert_allclose(rgba, plain, atol=1e-6)
    assert legends == same_legends


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("compare", BOTH)
def test_the_dividers_ends_show_one_picture_alone(scene, request_, compare, transparent):
    plain, _ = composed(scene, request_, transparent)
    first, _ = composed(scene, request_, transparent, compare=compare, compare_as=CompareAs.FIRST)
    left, _ = composed(scene, request_, transparent, compare=compare, divider=0.0)
    right, _ = composed(scene, request_, transparent, compare=compare, divider=1.0)
    np.testing.assert_allclose(left, plain, atol=1e-6)
    np.testing.assert_allclose(right, first, atol=1e-6)
    assert np.abs(plain - first).max() > 0.02, "both pictures are the same"


@pytest.mark.parametrize("compare", BOTH)
def test_the_divider_shows_the_first_on_its_left_and_the_second_on_its_right(scene, request_, compare):
    plain, _ = composed(scene, request_)
    first, _ = composed(scene, request_, compare=compare, compare_as=CompareAs.FIRST)
    rgba, _ = composed(scene, request_, compare=compare, divider=0.25)
    np.testing.assert_allclose(rgba[:, :8], first[:, :8], atol=1e-6)
    np.testing.assert_allclose(rgba[:, 8:], plain[:, 8:], atol=1e-6)


@pytest.mark.parametrize("compare", BOTH)
def test_a_blend_goes_from_the_first_to_the_second(scene, request_, compare):
    plain, _ = composed(scene, request_)
    first, _ = composed(scene, request_, compare=compare, compare_as=CompareAs.FIRST)
    for share in (0.0, 0.3, 1.0):
        rgba, _ = composed(scene, request_, compare=compare, compare_as=CompareAs.BLEND, blend=share)
        np.testing.assert_allclose(rgba, (1.0 - share) * first + share * plain, atol=1e-5)


@pytest.mark.parametrize("mode", list(Mode))
def test_both_sides_share_one_scale(scene, request_, mode):
    """A pixel with the same value has the same colour on either side, whatever the settings beside it."""
    rgba, legends = composed(scene, request_, mode=mode, compare=Compare.SETTINGS, divider=0.5)
    swapped = dataclasses.replace(request_, march=request_.other, other=request_.march)
    other, same_legends = composed(scene, swapped, mode=mode, compare=Compare.SETTINGS, divider=0.5)
    assert legends == same_legends
    first, _ = composed(scene, request_, mode=mode, compare=Compare.SETTINGS, compare_as=CompareAs.FIRST)
    np.testing.assert_allclose(np.hstack([rgba[:, :16], other[:, 16:]]), first, atol=1e-6)


@pytest.mark.parametrize("mode", list(Mode))
def test_the_difference_of_equal_pictures_is_zero(scene, request_, mode):
    same = dataclasses.replace(request_, other=request_.march)
    rgba, (legend,) = composed(scene, same, mode=mode, compare=Compare.SETTINGS, compare_as=CompareAs.DIFFERENCE)
    np.testing.assert_array_equal(rgba[..., :3], np.broadcast_to(COLORMAPS["heat"][0], (*SIZE[::-1], 3)))
    assert legend.low == 0.0 < legend.high


@pytest.mark.parametrize("mode", list(Mode))
def test_the_scale_of_a_difference_ends_above_its_largest_value_and_names_its_unit(scene, request_, mode):
    rgba, (legend,) = composed(scene, request_, mode=mode, compare=Compare.SETTINGS, compare_as=CompareAs.DIFFERENCE)
    assert legend.title.startswith("|A - B|")
    assert (legend.unit == "units") == (mode in (Mode.DEPTH, Mode.HALF_DEPTH))
    brightness = rgba[..., :3].sum(-1)
    assert (rgba[..., 3] == 1.0).all()
    assert brightness.max() > COLORMAPS["heat"][96].sum(), "the largest difference lies in the scale's upper part"


def test_the_difference_of_colours_is_that_of_the_worst_channel(scene, request_):
    rendered = render.render_request(scene.trainer, request_, SIZE)
    view = dataclasses.replace(request_.view, compare=Compare.SETTINGS, compare_as=CompareAs.DIFFERENCE)
    rgba, (legend,) = compose.compose(rendered, request_.pose, view, scene.info)
    gap = np.abs(rendered.other.output.colors.clip(0, 1) - rendered.output.colors.clip(0, 1)).max(-1)
    assert legend.high == rounded_up(gap.max())
    worst, least = (np.unravel_index(f(gap), gap.shape) for f in (np.argmax, np.argmin))
    assert rgba[worst].sum() > rgba[least].sum()
    errors = compose.errors_between(rendered.other, rendered, view.background)
    assert errors.largest == pytest.approx(float(gap.max()), abs=1e-6)


def test_a_photo_is_shown_in_its_own_colours_in_every_mode(scene, request_):
    rendered = render.render_request(
        scene.trainer, dataclasses.replace(request_, view=ViewSettings(compare=Compare.PHOTO)), SIZE
    )
    for mode in Mode:
        view = ViewSettings(mode=mode, compare=Compare.PHOTO, compare_as=CompareAs.FIRST)
        rgba, legends = compose.compose(rendered, request_.pose, view, scene.info)
        np.testing.assert_allclose(rgba[..., :3], rendered.photo.over((1.0, 1.0, 1.0)).clip(0, 1), atol=1e-6)
        assert legends == ()


def test_the_difference_from_a_photo_is_zero_outside_the_photo(scene, request_):
    wide = dataclasses.replace(
        request_, view=ViewSettings(compare=Compare.PHOTO, compare_as=CompareAs.DIFFERENCE, background=(0.2, 0.9, 0.4))
    )
    rendered = render.render_request(scene.trainer, wide, SIZE)
    outside = rendered.photo.inside < 0.5
    assert outside.any() and not outside.all()
    rgba, _ = compose.compose(rendered, wide.pose, wide.view, scene.info)
    assert (rgba[outside][:, :3] == COLORMAPS["heat"][0]).all()


def test_without_a_second_picture_the_plain_one_is_shown(scene, request_):
    alone = dataclasses.replace(request_, other=None, photo=None)
    plain, _ = composed(scene, alone)
    for compare in BOTH:
        rgba, _ = composed(scene, alone, compare=compare)
        np.testing.assert_array_equal(rgba, plain)


def test_a_mix_of_transparent_pictures_weights_colours_by_their_alpha():
    first, second = np.zeros((1, 2, 4), np.float32), np.zeros((1, 2, 4), np.float32)
    first[0, 0] = (1.0, 0.0, 0.0, 1.0)
    second[0, 0, :3] = (0.0, 1.0, 0.0)
    rgba = mixed(first, second, ViewSettings(compare_as=CompareAs.BLEND, blend=0.25))
    np.testing.assert_allclose(rgba[0, 0], (1.0, 0.0, 0.0, 0.75), atol=1e-6)
    assert (rgba[0, 1] == 0.0).all()


@pytest.mark.parametrize("divider", [0.0, 0.4, 1.0])
def test_a_saved_picture_has_a_thin_line_at_its_divider(scene, request_, divider):
    asked = dataclasses.replace(
        request_,
        width=100,
        height=75,
        view=dataclasses.replace(request_.view, compare=Compare.SETTINGS, divider=divider),
    )
    saved = compose.make_picture(scene.trainer, asked, scene.info)
    rendered = render.render_request(scene.trainer, asked, (100, 75))
    bare, _ = compose.compose(rendered, asked.pose, asked.view, scene.info)
    changed = np.flatnonzero((saved != bare).any((0, 2)))
    assert len(changed) <= 4 and np.abs(changed + 0.5 - 100 * divider).max() <= 2.0
    blended = dataclasses.replace(asked, view=dataclasses.replace(asked.view, compare_as=CompareAs.BLEND))
    rendered = render.render_request(scene.trainer, blended, (100, 75))
    bare, _ = compose.compose(rendered, blended.pose, blended.view, scene.info)
    np.testing.assert_array_equal(compose.make_picture(scene.trainer, blended, scene.info), bare)


def test_the_line_is_visible_on_any_picture():
    for value in (0.0, 0.5, 1.0):
        line = with_divider(np.full((9, 40, 4), value, np.float32), 0.5)
        assert np.ptp(line[..., :3]) >= 0.49
        assert (line[..., 3] == value).all() or line[:, 20, 3].max() == 1.0


def test_the_end_of_a_scale_is_round_and_not_below_the_values():
    for top in (1e-5, 0.0123, 0.3, 1.0, 5.1, 99.0, 100.0):
        assert top <= rounded_up(top) * (1.0 + 1e-6) <= 2.01 * top
    assert rounded_up(0.0) == 1.0


def test_a_ray_through_picture_a_is_covered_by_the_surfaces_of_a(scene, request_):
    """A shows nothing, because its far plane lies before the ball; the present picture hides what lies in the ball."""
    request = dataclasses.replace(request_, other=dataclasses.replace(request_.march, far_plane=0.1))
    request = dataclasses.replace(request, view=ViewSettings(compare=Compare.SETTINGS, divider=1.0))
    rendered = render.render_request(scene.trainer, request, SIZE)
    bare, _ = compose.compose(rendered, request.pose, request.view, scene.info)
    drawn = []
    for of_a in (False, True):
        ray = SceneRay((-1.0, 0.0, 0.0), (1.0, 0.0, 0.0), 0.0, 2.0, 2.0, (), of_a)
        rgba, _ = compose.compose(rendered, request.pose, request.view, scene.info, ray=ray)
        drawn.append(np.abs(rgba - bare).sum())
    assert drawn[1] > 1.2 * drawn[0] > 0.0
