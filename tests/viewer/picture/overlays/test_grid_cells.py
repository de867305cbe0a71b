import math

import numpy as np

from tests.viewer.grid_cells import HEIGHT, no_cells, some_cells
from tests.viewer.picture.overlays.test_drawing import FOV, POSE, blank, changed, scene, surface
from viewer.picture.colors import COLORMAPS
from viewer.picture.overlays.drawing import draw_overlays
from viewer.picture.overlays.grid_cells import (
    SLICE_SHINES_THROUGH,
    VALUE_RANGE,
    GridLayers,
    cell_colors,
    pixels_on_cells,
    same_layers,
    shade,
)
from viewer.protocol.view_settings import CellsColor, SliceAxis, ViewSettings


def drawn(view, cells=None, plane=None, behind=None):
    return draw_overlays(blank(), view, POSE, *(behind or surface()), None, GridLayers(cells, plane))


def shaded(cells, opacity, pixel=0.0):
    return shade(cells, cell_colors(cells, CellsColor.LEVEL, 1), opacity, pixel)


def test_cells_cover_by_their_opacity():
    half = drawn(ViewSettings(cells_opacity=0.5), some_cells())
    full = drawn(ViewSettings(cells_opacity=1.0), some_cells())
    np.testing.assert_allclose(half, 0.5 * (blank() + full), atol=1e-5)
    np.testing.assert_array_equal(drawn(ViewSettings(cells_opacity=1.0), no_cells()), blank())


def test_only_pixels_that_see_a_cell_change():
    few = type(no_cells())(*(column[100:200] for column in some_cells()))
    where = np.flatnonzero(changed(blank(), drawn(ViewSettings(cells_opacity=0.8), few)))
    assert where.tolist() == list(range(100, 200))


def test_cell_edges_are_darker_and_more_opaque_than_faces():
    face, face_alpha = shaded(some_cells(edge=0.3), 0.4)
    edge, edge_alpha = shaded(some_cells(edge=0.0), 0.4)
    assert edge.sum() < face.sum()
    assert edge_alpha.min() > face_alpha.max()


def test_faces_differ_in_brightness_by_their_direction():
    assert len({round(float(shaded(some_cells(axis=axis), 0.4)[0].sum()), 3) for axis in range(3)}) == 3


def test_edges_fade_where_cells_are_smaller_than_pixels():
    near, _ = shaded(some_cells(edge=0.0), 0.5, 0.01)
    far, _ = shaded(some_cells(edge=0.0), 0.5, 2.0)
    face, _ = shaded(some_cells(edge=0.3), 0.5, 0.01)
    np.testing.assert_allclose(far, face, rtol=0.1)
    assert near.mean() < 0.6 * face.mean()


def test_a_pixels_size_on_a_cell():
    """Half the picture's height spans tan(30 degrees) at distance 1; the scene's cells are 2/32 wide."""
    expected = 2.0 * 2.0 * math.tan(0.5 * FOV) / HEIGHT / (2.0 * 2.0 / 32.0)
    np.testing.assert_allclose(pixels_on_cells(some_cells(t=2.0, level=1), POSE, scene(), HEIGHT), expected, rtol=1e-6)


def test_a_surface_hides_the_cells_behind_it():
    view = ViewSettings(cells_opacity=0.8)
    assert not changed(blank(), drawn(view, some_cells(t=2.0), behind=surface(1.0, 1.0))).any()
    assert changed(blank(), drawn(view, some_cells(t=2.0), behind=surface(3.0, 1.0))).all()


def test_a_slice_shines_faintly_through_what_hides_it():
    view, plane = ViewSettings(slice_axis=SliceAxis.X), some_cells(t=2.0, value=1e-3)
    free, hidden = (blank() - drawn(view, None, plane, behind=surface(t, 1.0)) for t in (3.0, 1.0))
    np.testing.assert_allclose(hidden, SLICE_SHINES_THROUGH * free, atol=1e-6)
    assert changed(blank(), blank() - hidden).all()


def test_a_slice_and_cells_cover_each_other_by_their_distance():
    view = ViewSettings(cells_opacity=1.0, slice_axis=SliceAxis.X)
    near, far = (drawn(view, some_cells(t=2.0), some_cells(t=t, value=1e-3)) for t in (1.0, 3.0))
    cells_alone, slice_alone = drawn(view, some_cells(t=2.0)), drawn(view, None, some_cells(t=1.0, value=1e-3))
    assert np.abs(near - slice_alone).max() < np.abs(far - slice_alone).max()
    assert np.abs(far - cells_alone).max() < np.abs(near - cells_alone).max()


def test_each_level_has_its_own_colour():
    view = ViewSettings(cells_opacity=1.0)
    assert changed(drawn(view, some_cells(level=0)), drawn(view, some_cells(level=1))).all()


def test_values_are_coloured_on_a_log_scale():
    low, high = VALUE_RANGE
    middle = math.sqrt(low * high)
    for value, place in ((low, 0), (0.0, 0), (-1.0, 0), (high, -1), (math.inf, -1), (1.001 * middle, 128)):
        color = cell_colors(some_cells(value=value), CellsColor.VALUE, 1)[0]
        np.testing.assert_array_equal(color, COLORMAPS["heat"][place])


def test_cells_that_became_occupied_or_empty_have_colours_of_their_own():
    lost, gained = (cell_colors(some_cells(value=v), CellsColor.CHANGED, 1)[0] for v in (-1.0, 1.0))
    assert lost[0] > lost[1] and gained[1] > gained[0]


def test_the_colour_scale_of_cameras_ends_at_their_number():
    none, all_of_them = (cell_colors(some_cells(value=v), CellsColor.CAMERAS, 7)[0] for v in (0.0, 7.0))
    np.testing.assert_array_equal(none, COLORMAPS["depth"][0])
    np.testing.assert_array_equal(all_of_them, COLORMAPS["depth"][-1])


def test_settings_that_only_change_the_drawing_need_no_new_cells():
    shown = ViewSettings(cells_opacity=0.3, slice_axis=SliceAxis.X)
    same = (ViewSettings(cells_opacity=0.9, slice_axis=SliceAxis.X, tint_strength=0.5),)
    others = (
        ViewSettings(slice_axis=SliceAxis.X),
        ViewSettings(cells_opacity=0.3, slice_axis=SliceAxis.Y),
        ViewSettings(cells_opacity=0.3, slice_axis=SliceAxis.X, slice_position=0.2),
        ViewSettings(cells_opacity=0.3, slice_axis=SliceAxis.X, cells_color=CellsColor.CHANGED),
        ViewSettings(cells_opacity=0.3, slice_axis=SliceAxis.X, cells_level=0),
    )
    assert all(same_layers(shown, view) for view in same)
    assert not any(same_layers(shown, view) for view in others)
    assert same_layers(ViewSettings(cells_level=0, slice_position=0.1), ViewSettings())
