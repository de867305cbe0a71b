import dataclasses
import math
from dataclasses import replace

import numpy as np
import pytest

from core.config.training import TrainSettings
from core.geometry.cameras import look_at
from tests.viewer.grid_cells import no_cells, some_cells
from viewer.picture.overlays.cameras import camera_segments
from viewer.picture.overlays.drawing import draw_overlays
from viewer.picture.overlays.grid_cells import GridLayers
from viewer.picture.overlays.lines import Occluder, clip_to_rectangle, draw_lines, project
from viewer.picture.overlays.ray import RAY_COLOR, with_ray
from viewer.picture.projection import Projection
from viewer.protocol.requests import Pose, SceneRay
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import ViewSettings

WIDTH, HEIGHT = 40, 30
FOV = math.radians(60.0)
RED = np.float32([1.0, 0.0, 0.0])
POSE = Pose(tuple(look_at((0.0, -4.0, 0.0), (0.0, 0.0, 0.0)).double().ravel().tolist()), FOV)
"""Four units from the origin, looking along +y."""


def blank() -> np.ndarray:
    return np.ones((HEIGHT, WIDTH, 4), np.float32)


def surface(depth=math.inf, opacity=0.0) -> tuple[np.ndarray, np.ndarray]:
    return np.full((HEIGHT, WIDTH), depth, np.float32), np.full((HEIGHT, WIDTH), opacity, np.float32)


def scene(position=(0.5, 0.0, 0.5)) -> SceneInfo:
    return SceneInfo(
        name="s", path="s", format="f", notes=(), n_train=1, n_test=0, image_width=4, image_height=3,
        cameras=look_at(position, (0.0, 0.0, 0.0)).numpy()[None], camera_fov_y=np.array([0.7]),
        view_names=(), test_cameras=np.zeros((0, 4, 4)), test_fov_y=np.zeros(0), test_names=(),
        box=(-1.0, -1.0, -1.0, 1.0, 1.0, 1.0), method=None, sampler=None,
        train=TrainSettings(grid_resolution=32), background=(1.0, 1.0, 1.0),
    )  # fmt: skip


def test_a_camera_is_drawn_with_the_aspect_of_its_own_picture():
    one = scene()
    pair = dataclasses.replace(
        one,
        n_train=2,
        cameras=one.cameras.repeat(2, 0),
        camera_fov_y=one.camera_fov_y.repeat(2),
        sizes=np.array([[4, 3], [3, 6]]),
    )

    def aspect(segments):
        lower_side, right_side = (np.linalg.norm(np.subtract(*segment)) for segment in segments[4:6])
        return lower_side / right_side

    first, second = np.split(camera_segments(pair), 2)
    assert (aspect(first), aspect(second)) == (pytest.approx(4 / 3), pytest.approx(3 / 6))


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (np.abs(after - before) > 0.02).any(axis=-1)


def test_points_are_drawn_when_asked_for_and_known():
    known = replace(scene(), points=np.zeros((1, 3), np.float32), point_colors=np.float32([[1.0, 0.0, 0.0]]))
    rgba = blank()
    assert draw_overlays(rgba, ViewSettings(), POSE, *surface(), known) is rgba
    assert draw_overlays(rgba, ViewSettings(show_points=True), POSE, *surface(), scene()) is rgba
    assert changed(rgba, draw_overlays(rgba, ViewSettings(show_points=True), POSE, *surface(), known)).sum() == 1


def test_without_overlays_the_picture_is_unchanged():
    rgba = blank()
    assert (
        draw_overlays(rgba, ViewSettings(), POSE, *surface(), scene(), GridLayers(some_cells(), some_cells())) is rgba
    )


def test_a_point_projects_where_its_ray_goes():
    point = np.array([[[0.7, 1.0, -0.4], [0.0, 0.0, 0.0]]])
    x, y, inverse = project(point, Projection(POSE, WIDTH, HEIGHT))[0, 0]
    focal = 0.5 * HEIGHT / math.tan(0.5 * FOV)
    assert x == pytest.approx(WIDTH / 2 + focal * 0.7 / 5.0)
    assert y == pytest.approx(HEIGHT / 2 + focal * 0.4 / 5.0)
    assert 1.0 / inverse == pytest.approx(5.0)


def test_a_line_is_drawn_where_it_is_and_nowhere_else():
    line = np.array([[[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    after = draw_lines(blank(), line, RED, POSE)
    rows, columns = np.nonzero(changed(blank(), after))
    half = 0.5 * HEIGHT / math.tan(0.5 * FOV) / 4.0
    assert set(rows) <= {HEIGHT // 2 - 1, HEIGHT // 2}
    assert columns.min() == pytest.approx(WIDTH / 2 - half, abs=1.5)
    assert columns.max() == pytest.approx(WIDTH / 2 + half, abs=1.5)


@pytest.mark.parametrize("far_end", [-4.0, -9.0, -1000.0])
def test_a_line_through_the_camera_is_cut_at_the_near_plane(far_end):
    """It starts in the picture and ends beside or behind the camera: it must leave the picture on the right side."""
    line = np.array([[[0.0, 0.0, 0.0], [0.5, far_end, 0.0]]])
    after = draw_lines(blank(), line, RED, POSE)
    columns = np.nonzero(changed(blank(), after))[1]
    assert columns.min() >= WIDTH // 2 - 1
    assert columns.max() == WIDTH - 1


def test_a_line_behind_the_camera_is_not_drawn():
    line = np.array([[[-1.0, -5.0, 0.0], [1.0, -6.0, 0.2]]])
    assert not changed(blank(), draw_lines(blank(), line, RED, POSE)).any()


def test_clipping_keeps_the_parts_inside():
    ends = np.array(
        [
            [[-10.0, 15.0, 1.0], [50.0, 15.0, 2.0]],
            [[5.0, 5.0, 1.0], [6.0, 7.0, 1.0]],
            [[-5.0, -5.0, 1.0], [50.0, -1.0, 1.0]],
            [[-5.0, 29.0, 1.0], [4.0, 40.0, 1.0]],
        ]
    )
    clipped = clip_to_rectangle(ends, WIDTH, HEIGHT)
    np.testing.assert_allclose(clipped[0], [[0.0, 15.0, 1.0 + 1 / 6], [40.0, 15.0, 2.0 - 1 / 6]])
    np.testing.assert_allclose(clipped[1], ends[1])
    assert len(clipped) == 2


@pytest.mark.parametrize(("depth", "opacity", "seen"), [(3.0, 1.0, 0.0), (3.0, 0.6, 0.4), (5.0, 1.0, 1.0)])
def test_a_line_is_hidden_by_the_opacity_in_front_of_it(depth, opacity, seen):
    line = np.array([[[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    free = draw_lines(blank(), line, RED, POSE)
    hidden = draw_lines(blank(), line, RED, POSE, [Occluder(*surface(depth, opacity))])
    middle = (HEIGHT // 2, WIDTH // 2)
    np.testing.assert_allclose(1.0 - hidden[middle], seen * (1.0 - free[middle]), atol=1e-5)


def test_depth_along_a_slanted_line_is_perspective_correct():
    """A line runs away from the camera through a wall: it disappears exactly where it passes behind."""
    line = np.array([[[-1.0, -2.0, 0.0], [1.0, 6.0, 0.0]]])
    after = draw_lines(blank(), line, RED, POSE, [Occluder(*surface(4.0, 1.0))])
    columns = np.nonzero(changed(blank(), after))[1]
    focal = 0.5 * HEIGHT / math.tan(0.5 * FOV)
    share = np.linspace(0.0, 1.0, 10_000)[:, None]
    points = line[0, 0] + share * (line[0, 1] - line[0, 0]) - np.array([0.0, -4.0, 0.0])
    passes = points[np.argmax(np.linalg.norm(points, axis=1) > 1.01 * 4.0)]
    assert columns.max() == pytest.approx(WIDTH / 2 + focal * passes[0] / passes[1], abs=1.5)


def test_overlays_show_up_in_a_transparent_picture():
    clear = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    after = draw_overlays(clear, ViewSettings(show_box=True), POSE, *surface(), scene())
    assert after[..., 3].max() > 0.2
    assert (after[after[..., 3] == 0.0] == 0.0).all()


def test_box_and_cameras_are_drawn():
    for view in (ViewSettings(show_box=True), ViewSettings(show_cameras=True)):
        assert changed(blank(), draw_overlays(blank(), view, POSE, *surface(), scene())).sum() > 3


def test_a_training_camera_opens_towards_what_it_sees():
    segments = camera_segments(scene(position=(0.0, -4.0, 0.0)))
    apex = np.array([0.0, -4.0, 0.0])
    spokes = segments[np.isclose(segments[:, 0], apex).all(axis=1)]
    assert len(spokes) == 4
    assert (spokes[:, 1, 1] > -4.0).all()


def test_overlays_of_an_unusual_scene_stay_finite():
    lonely = scene()
    inside = Pose(tuple(np.eye(4).ravel()), FOV)
    view = ViewSettings(show_box=True, show_cameras=True, cells_opacity=0.5, slice_axis="x", tint_strength=0.5)
    after = draw_overlays(blank(), view, inside, *surface(), lonely, GridLayers(no_cells(), no_cells()))
    assert np.isfinite(after).all()
    assert after.min() >= 0.0 and after.max() <= 1.0


RAY = SceneRay((-3.0, 0.0, 0.0), (1.0, 0.0, 0.0), 1.0, 3.0, 5.0, ((2.0, 2.4), (2.8, 3.0)))
"""It crosses the picture through its centre, from left to right, and stops in the middle."""


def along_ray(rgba: np.ndarray, t: float) -> tuple[float, float]:
    """How strongly the ray is drawn in the pixel column at t: its strongest pixel, 0 to 1, and the column's sum."""
    x, _, _ = project(np.array([[[t - 3.0, 0.0, 0.0], [9.0, 0.0, 0.0]]]), Projection(POSE, WIDTH, HEIGHT))[0, 0]
    column = (1.0 - rgba[:, int(x), :3]) @ (1.0 - RAY_COLOR) / ((1.0 - RAY_COLOR) @ (1.0 - RAY_COLOR))
    return column.max(), column.sum()


def test_a_ray_is_thick_where_samples_were_composited_and_dim_behind_the_stop():
    after = with_ray(blank(), RAY, ViewSettings(), POSE, *surface())
    (kept, kept_sum), (free, free_sum), (behind, behind_sum) = (along_ray(after, t) for t in (2.2, 2.6, 4.0))
    assert kept > free > behind > 0.05
    assert kept_sum > 2.0 * free_sum > 3.0 * behind_sum > 0.0
    assert along_ray(after, 0.5)[0] < free


def test_a_surface_before_a_ray_hides_it_but_composited_samples_shine_through():
    free = with_ray(blank(), RAY, ViewSettings(), POSE, *surface())
    hidden = with_ray(blank(), RAY, ViewSettings(), POSE, *surface(3.0, 1.0))
    for t in (0.5, 2.6, 4.0):
        assert along_ray(hidden, t)[0] == 0.0
    assert 0.0 < along_ray(hidden, 2.2)[0] < 0.6 * along_ray(free, 2.2)[0]
    behind = with_ray(blank(), RAY, ViewSettings(), POSE, *surface(9.0, 1.0))
    np.testing.assert_array_equal(behind, free)


def test_cells_cover_a_ray_by_their_opacity():
    free, half, hidden = (
        with_ray(blank(), RAY, ViewSettings(cells_opacity=opacity), POSE, *surface(), GridLayers(some_cells(t=2.0)))
        for opacity in (0.0, 0.5, 1.0)
    )
    assert along_ray(free, 2.6)[0] > along_ray(half, 2.6)[0] > along_ray(hidden, 2.6)[0] == 0.0
