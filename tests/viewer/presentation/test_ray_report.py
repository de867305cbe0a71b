"""An inspected ray as text, as arrays, as a line and as a table, for rays whose samples are known."""

import csv
import dataclasses

import numpy as np
import pytest
import torch

from core.config.march import MarchSettings
from core.geometry.rays import Rays
from core.kernels.contraction import Space
from core.rendering.ray_trace import CellSpans, Fate, Stop, inspect_ray
from core.samplers import make_sampler
from core.samplers.base import GuideKind, SamplerInputs
from core.samplers.hierarchical import HierarchicalSettings
from core.samplers.occupancy import OccupancySettings
from core.samplers.occupancy_grid import OccupancyGrid
from core.samplers.proposal import ProposalSettings
from core.samplers.rvs import RVSSettings
from tests.scenes import BOX, SMALL_FIELD, Ball
from viewer.presentation.ray_report import (
    LEAST_SHARE,
    cell_bands,
    color_strip,
    density_lines,
    ray_text,
    scene_ray,
    spans,
    steps,
    stop_text,
    ticks,
    to_csv,
    transmittance_line,
    weight_lines,
)
from viewer.protocol.view_settings import Compare
from viewer.tools.inspector import Inspection, PhotoColor, RayQuestion

WHITE = (1.0, 1.0, 1.0)


def inspection(sigma=30.0, y=0.0, photo=None, settings=OccupancySettings(), **thresholds) -> Inspection:
    """A ray along x past a ball of radius 0.6; it is in the box from t = 2 to t = 4 and meets the ball at t = 2.4."""
    march = MarchSettings(render_step_size=0.02, **({"occ_thre": 0.0, "early_stop_eps": 0.01} | thresholds))
    cells = OccupancyGrid(BOX, 8)
    inputs = SamplerInputs(cells, BOX, Space(BOX), SMALL_FIELD, torch.Generator().manual_seed(0))
    sampler = make_sampler(settings, inputs)
    rays = Rays(torch.tensor([[-3.0, y, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]]))
    report = inspect_ray(Ball(sigma), sampler, rays, march, torch.ones(3), cells=cells)
    return Inspection(RayQuestion(report.origin, report.direction, march, WHITE, 1), report, photo, 7, settings)


def test_the_text_says_where_and_why_the_ray_ended():
    def words(**changes) -> str:
        return stop_text(inspection(**changes).report)

    assert words() == "Opaque: stopped at 2.56 units; transmittance fell below early stop, 0.01."
    assert words(y=0.9) == "Left the box at 4 units with 100 % of the light left."
    assert words(y=0.9, far_plane=3.0) == "Reached the far plane at 3 units with 100 % of the light left."
    assert "between 2 and 4 units" in words(occ_thre=0.5)
    assert words(y=1.5).startswith("Missed the box")
    assert {inspection(occ_thre=0.5).report.stop, inspection(y=1.5).report.stop} == {Stop.NOTHING, Stop.MISSED}


@pytest.mark.parametrize(
    ("of", "whose"), [(Compare.SETTINGS, "A, the kept settings"), (Compare.RUN, "A, the former run")]
)
def test_the_text_and_the_table_say_which_picture_the_ray_belongs_to(of, whose):
    found = inspection()
    assert ray_text(found) == stop_text(found.report) and "# ray of: the present picture\n" in to_csv(found, "")
    found = dataclasses.replace(found, question=dataclasses.replace(found.question, of=of))
    assert ray_text(found) == f"Ray of {whose}. {stop_text(found.report)}"
    assert f"# ray of: {whose}\n" in to_csv(found, "")


def test_steps_hold_values_and_fall_to_zero_in_gaps():
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


def test_areas_under_weights_are_shares_of_the_light():
    report = inspection(early_stop_eps=0.0, settings=ProposalSettings(2)).report
    lines = weight_lines(report)
    assert [line.label for line in lines] == ["weight, 1/units", "first proposal", "second proposal", "samples"]
    shares = [report.opacity, *(float(guide.heights.sum()) for guide in report.guides)]
    for line, share in zip(lines, shares, strict=False):
        assert np.sum(np.diff(line.xs) * 0.5 * (line.ys[1:] + line.ys[:-1])) == pytest.approx(share, abs=1e-4)
    assert density_lines(report) == ()


def test_ticks_stand_where_samples_and_added_edges_lie():
    report = inspection(settings=HierarchicalSettings(8, 4)).report
    *_, samples, added = weight_lines(report)
    assert (samples.label, added.label, added.kind) == ("samples", "added", GuideKind.PLACES)
    assert len(samples.xs) == 3 * (8 + 4 + 1) and samples.xs[[0, -1]].tolist() == pytest.approx([2.0, 4.0])
    assert added.xs[1::3].tolist() == report.guides[1].ts.tolist()
    assert added.ys.max() > samples.ys.max() > 0.0 == added.ys[::3].max()
    assert [x.tolist() for x in ticks(np.array([1.0, 3.0]), 0.5)] == [[1, 1, 1, 3, 3, 3], [0, 0.5, 0, 0, 0.5, 0]]


def test_samples_of_zero_length_are_visible():
    found = inspection(settings=RVSSettings(n_bins=32, n_samples=4))
    report = found.report
    (spline,), lines = density_lines(report), weight_lines(report)
    assert len(spline.xs) == len(spline.ys) == 33 and spline.ys.max() == 30.0
    assert [line.label for line in lines] == ["spline, 1/units", "samples"]
    colored = color_strip(report.samples, 2.0, 4.0, 3000)[:, 3] > 0.0
    assert colored.sum() == pytest.approx(4 * 3000 * LEAST_SHARE, abs=4)
    assert [b > a for a, b in scene_ray(found).kept] == [True] * 4


def test_transmittance_falls_from_one_to_its_final_value():
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


def test_bands_distinguish_visited_cells_from_skipped_and_unreached_ones():
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


def test_the_table_can_be_read_back():
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
    assert notes["sampler"] == "occupancy" and not any("weights" in name for name in notes)
    empty = to_csv(inspection(y=1.5), "x").splitlines()
    assert empty[-1].startswith("t_start") and "# photo colour, 0 to 1: none" in empty


def test_the_table_contains_what_guided_the_sampler():
    found = inspection(settings=RVSSettings(spline="constant", n_bins=6, n_samples=2))
    lines = to_csv(found, "some/scene").splitlines()
    notes = dict(line[2:].split(": ", 1) for line in lines if line.startswith("#"))
    assert notes["sampler"] == "rvs use=color spline=constant n_bins=6 n_samples=2"
    density, weights = found.report.guides
    for name, values in (
        ("spline, edges of density [units]", density.ts),
        ("spline, densities [1/units]", density.heights),
        ("spline, weights", weights.heights),
    ):
        np.testing.assert_array_equal(np.float32(notes[name].split()), values)
    assert sum(not line.startswith("#") for line in lines) == 1 + 2
    added = to_csv(inspection(settings=HierarchicalSettings(4, 3)), "x")
    assert "\n# added, places [units]: " in added and "\n# coarse field, weights: " in added
