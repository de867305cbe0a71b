import csv
import math
from dataclasses import astuple

import pytest

from core.config.march import MARCH_NUMBERS, MarchSettings
from core.config.scale import Scale
from core.config.setting import settings_of
from core.errors import FirstlightError
from core.rendering.sweep_curve import SweepCurve, SweepPoint, swept_names, swept_setting, write_csv
from core.samplers.occupancy import OccupancySettings
from core.samplers.rvs import RVSSettings
from core.samplers.stratified import StratifiedSettings
from tests.scenes import BOX

MARCH = MarchSettings()
OUTSIDE, INSIDE = (4.0, 0.0, 0.0), (0.0, 0.5, 0.0)


def point(value, density, color, psnr):
    return SweepPoint(value, 10.0, color / 100, density, color, psnr)


def curve(*points):
    scale = Scale(settings_of(MarchSettings)["early_stop_eps"])
    return SweepCurve("early_stop_eps", scale, 0.01, 100, points)


def test_the_knee_has_the_fewest_evaluations_among_points_of_at_least_40_decibels():
    points = [point(0.0, 1000, 900, math.inf), point(0.01, 600, 300, 52.0), point(0.1, 500, 200, 40.0),
              point(0.3, 400, 100, 39.9)]  # fmt: skip
    assert curve(*points).knee is points[2]
    assert curve(*reversed(points)).knee is points[2]


def test_among_knees_with_equal_evaluations_the_most_faithful_is_taken():
    points = [point(0.001, 500, 300, 44.0), point(0.01, 400, 400, 47.0), point(0.1, 300, 500, 45.0)]
    assert curve(*points).knee is points[1]


def test_without_a_faithful_point_there_is_no_knee():
    assert curve(point(0.1, 5, 5, 39.0)).knee is None
    assert curve().knee is None


def test_an_image_with_nan_is_no_knee():
    broken, good = point(0.01, 10, 10, math.nan), point(0.1, 500, 200, 45.0)
    assert curve(broken, good).knee is good and curve(good, broken).knee is good
    assert curve(broken).knee is None


def test_a_threshold_is_swept_over_its_slider():
    for name in ("alpha_thre", "early_stop_eps", "cone_angle", "occ_thre"):
        assert swept_setting(name, MARCH, BOX, OUTSIDE) is settings_of(MarchSettings)[name]


def test_the_step_is_swept_between_fractions_of_the_scenes_diagonal():
    for scale in (0.1, 1.0, 3.0):
        box = tuple(scale * x for x in BOX)
        setting = swept_setting("render_step_size", MARCH, box, OUTSIDE)
        diagonal = scale * math.sqrt(12.0)
        assert setting.log
        assert (setting.low, setting.high) == pytest.approx((diagonal / 1536, diagonal / 12), rel=3e-3)


def test_the_planes_are_swept_from_the_boxs_nearest_to_its_farthest_point():
    for name in ("near_plane", "far_plane"):
        setting = swept_setting(name, MARCH, BOX, OUTSIDE)
        assert not setting.log
        assert (setting.low, setting.high) == pytest.approx((3.0, math.sqrt(25.0 + 2.0)), rel=3e-3)
    assert swept_setting("near_plane", MARCH, BOX, INSIDE).low == 0.0
    assert swept_setting("far_plane", MARCH, BOX, INSIDE).low == settings_of(MarchSettings)["far_plane"].low


@pytest.mark.parametrize("name", MARCH_NUMBERS)
@pytest.mark.parametrize("position", [OUTSIDE, INSIDE])
@pytest.mark.parametrize("march", [MARCH, MarchSettings(near_plane=0.6, far_plane=4.0)])
def test_every_swept_value_is_a_valid_setting(name, position, march):
    values = Scale(swept_setting(name, march, BOX, position)).spread(12)
    assert len(values) == 12
    for value in values:
        MarchSettings(**{"near_plane": march.near_plane, "far_plane": march.far_plane, name: value})


def test_planes_that_exclude_the_whole_box_are_reported():
    with pytest.raises(ValueError, match=r"near_plane has no range.*far plane \(2\)"):
        swept_setting("near_plane", MarchSettings(far_plane=2.0), BOX, OUTSIDE)


@pytest.mark.parametrize("name", ["crop", "speed"])
def test_a_name_that_cannot_be_swept_is_refused_with_the_possible_ones(name):
    with pytest.raises(ValueError, match=rf"{name}.*alpha_thre, early_stop_eps, render_step_size"):
        swept_setting(name, MARCH, BOX, OUTSIDE)


def test_a_threshold_that_the_sampler_ignores_is_refused_with_those_it_uses():
    assert swept_names(OccupancySettings()) == MARCH_NUMBERS
    assert swept_names(RVSSettings()) == ("alpha_thre", "near_plane", "far_plane")
    for name in ("render_step_size", "cone_angle", "occ_thre"):
        with pytest.raises(ValueError, match=rf"stratified doesn't use {name}: sweep one of alpha_thre, early_stop"):
            swept_setting(name, MARCH, BOX, OUTSIDE, StratifiedSettings())
    assert swept_setting("alpha_thre", MARCH, BOX, OUTSIDE, StratifiedSettings()).label == "Alpha threshold"


def test_points_survive_csv_exactly(tmp_path):
    points = [point(0.0, 1000, 900, math.inf), point(2.85e-5, 600, 333, 1 / 3), point(0.9, 0, 0, 11.25)]
    write_csv(tmp_path / "sweep.csv", points)
    header, *rows = csv.reader((tmp_path / "sweep.csv").open(newline=""))
    assert header == ["value", "ms", "samples_per_ray", "density_evaluations", "color_evaluations", "psnr_vs_off"]
    assert [tuple(float(cell) for cell in row) for row in rows] == [astuple(p) for p in points]
    with pytest.raises(FirstlightError, match="exists already"):
        write_csv(tmp_path / "sweep.csv", points)


def test_a_click_near_a_point_selects_its_value_and_elsewhere_the_clicked_one():
    points = curve(point(0.0285, 5, 5, 50.0), point(0.09, 4, 4, 40.0))
    at = points.scale.position
    assert points.value_at(at(0.0285) + 0.015) == 0.0285
    assert points.value_at(at(0.01)) == 0.01
    assert points.value_at(-0.2) == 0.0
    assert points.value_at(1.2) == 0.9
    assert curve().value_at(at(0.0285)) == 0.0285


def test_points_of_equal_images_are_drawn_above_all_others():
    heights, low, high = curve(
        point(0.0, 5, 5, math.inf), point(0.1, 4, 4, 61.0), point(0.3, 3, 3, 20.0)
    ).drawn_decibels()
    assert heights[1:] == [61.0, 20.0]
    assert low < 20.0 and 61.0 < heights[0] < high
    heights, low, high = curve(point(0.0, 5, 5, math.inf)).drawn_decibels()
    assert low < 40.0 < heights[0] < high
