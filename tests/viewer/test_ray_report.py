"""An inspected ray in words, as arrays, as a line and as a table, on rays whose samples are known."""

import csv

import numpy as np
import pytest
import torch

from core.inspection import CellSpans, Fate, Stop, inspect_ray
from core.rays import Rays
from core.samplers.occupancy import OccupancySampler
from core.settings import MarchSettings
from tests.scenes import BOX, Ball
from viewer.ray_report import cell_bands, color_strip, scene_ray, spans, steps, stop_text, to_csv, transmittance_line
from viewer.tools.inspector import Inspection, PhotoColor, RayQuestion

WHITE = (1.0, 1.0, 1.0)


def inspection(sigma=30.0, y=0.0, photo=None, **thresholds) -> Inspection:
    """A ray along x past a ball of radius 0.6; it is in the box from t = 2 to t = 4 and meets the ball at t = 2.4."""
    march = MarchSettings(render_step_size=0.02, **({"occ_thre": 0.0, "early_stop_eps": 0.01} | thresholds))
    sampler = OccupancySampler(BOX, 8)
    rays = Rays(torch.tensor([[-3.0, y, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]]))
    report = inspect_ray(Ball(sigma), sampler, rays, march, torch.ones(3))
    return Inspection(RayQuestion(report.origin, report.direction, march, WHITE, 1), report, photo, 7)


def test_words_say_where_and_why():
    assert stop_text(inspection()) == "Opaque: stopped at 2.56 units; transmittance fell below early stop, 0.01."
    assert stop_text(inspection(y=0.9)) == "Left the box at 4 units with 100 % of the light left."
    assert (
        stop_text(inspection(y=0.9, far_plane=3.0)) == "Reached the far plane at 3 units with 100 % of the light left."
    )
    assert "between 2 and 4 units" in stop_text(inspection(occ_thre=0.5))
    assert stop_text(inspection(y=1.5)).startswith("Missed the box")
    assert {inspection(occ_thre=0.5).report.stop, inspection(y=1.5).report.stop} == {Stop.NOTHING, Stop.MISSED}


def test_steps_hold_values_and_fall_to_nothing_in_gaps():
    t_starts, t_ends, values = np.array([[1.0, 2.0, 5.0], [2.0, 3.0, 6.0], [0.3, 0.7, 0.2]])
    assert spans(t_starts, t_ends).tolist() == [[0, 1], [2, 2]]
    xs, ys = steps(t_starts, t_ends, values)
    assert xs.tolist() == [1, 1, 2, 2, 3, 3, 5, 5, 6, 6]
    assert ys.tolist() == [0, 0.3, 0.3, 0.7, 0.7, 0, 0, 0.2, 0.2, 0]
    assert [x.tolist() for x in steps(*np.zeros((3, 0)))] == [[], []]


def test_the_area_under_the_density_is_the_optical_thickness():
    s = inspection(early_stop_eps=0.0).report.samples
    xs, ys = steps(s.t_starts, s.t_ends, s.sigmas)
    assert np.sum(np.diff(xs) * 0.5 * (ys[1:] + ys[:-1])) == pytest.approx(30.0 * 1.2, abs=1.0)


def test_transmittance_goes_from_all_to_what_is_left():
    found = inspection(sigma=0.5, early_stop_eps=0.0)
    ts, trans = transmittance_line(found.report.samples)
    assert (ts[0], trans[0]) == (2.0, 1.0)
    assert ts[-1] == pytest.approx(4.0, abs=1e-5) and trans[-1] == pytest.approx(found.report.trans, abs=1e-6)
    assert (np.diff(ts) > 0.0).all() and (np.diff(trans) <= 0.0).all()


def test_the_strip_has_the_samples_colours_where_they_are():
    found = inspection()
    report = found.report
    strip = color_strip(report.samples, report.t_min, report.t_max, 1000)
    ts = 2.0 + (np.arange(1000) + 0.5) / 500
    opaque = strip[:, 3] == 1.0
    assert opaque.any() and ((ts[opaque] > 2.38) & (ts[opaque] < report.t_stop)).all()
    np.testing.assert_allclose(strip[opaque, :3], np.float32([[0.8, 0.3, 0.1]]).repeat(opaque.sum(), 0))
    behind = (ts > report.t_stop + 0.01) & (ts < 3.58)
    assert (strip[behind, 3] < 0.5).all() and (strip[behind, 3] > 0.1).all()
    assert (strip[(ts < 2.38) | (ts > 3.62), 3] == 0.0).all()
    assert not color_strip(inspection(y=1.5).report.samples, 0.0, 1.0, 10).any()


def test_bands_tell_visited_from_skipped_and_from_what_lies_behind():
    cells = CellSpans(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 5.0]), np.zeros(3), np.array([False, True, True]))
    assert cell_bands(cells, 4.0, 1.0, 5.0, 8).tolist() == [0, 0, 1, 1, 1, 1, -1, -1]


def test_the_drawn_ray_has_a_span_for_composited_samples_only():
    found = inspection()
    ray = scene_ray(found)
    assert (ray.t_min, ray.t_max, ray.t_stop) == (2.0, 4.0, found.report.t_stop)
    assert len(ray.kept) == 1 and ray.kept[0][1] == pytest.approx(ray.t_stop)
    thresholded = scene_ray(inspection(alpha_thre=0.1))
    assert thresholded.kept[0][0] == pytest.approx(2.4, abs=0.03)
    assert scene_ray(inspection(y=1.5)) is None
    assert hash(ray) is not None and ray == scene_ray(found), "the window compares requests"


def test_the_table_reads_back():
    found = inspection(photo=PhotoColor((0.25, 0.5, 0.75), "r_1"), alpha_thre=0.1)
    lines = to_csv(found, "some/scene").splitlines()
    notes = dict(line[2:].split(": ", 1) for line in lines if line.startswith("#"))
    header, *rows = csv.reader(line for line in lines if not line.startswith("#"))
    s = found.report.samples
    table = np.float32([[float(x) for x in row[:-1]] for row in rows])
    np.testing.assert_array_equal(table[:, :6].T, [s.t_starts, s.t_ends, s.sigmas, s.alphas, s.trans, s.weights])
    np.testing.assert_array_equal(table[:, 6:], s.rgbs)
    assert [row[-1] == "composited" for row in rows] == (s.fates == Fate.COMPOSITED).tolist()
    assert header[:3] == ["t_start [units]", "t_end [units]", "density [1/units]"] and len(header) == len(rows[0])
    assert notes["photo colour, 0 to 1"] == "0.25 0.5 0.75" and "alpha_thre=0.1" in notes["thresholds"]
    assert notes["stop"].startswith("opaque at ") and notes["dataset"] == "some/scene"
    empty = to_csv(inspection(y=1.5), "x").splitlines()
    assert empty[-1].startswith("t_start") and "# photo colour, 0 to 1: none" in empty
