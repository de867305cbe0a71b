import csv
import math
from dataclasses import replace
from io import StringIO
from itertools import pairwise

import pytest
import torch
from PIL import Image
from rich.console import Console

from core.datasets import open_dataset
from core.errors import FirstlightError, SnapshotError
from core.evaluation import psnr
from core.rendering import render_image
from core.samplers.occupancy import OccupancySampler
from core.settings import MARCH_NUMBERS, THRESHOLDS_OFF, MarchSettings
from core.snapshot import save_snapshot
from core.sweep import Sweep, sweep_snapshot
from core.sweep_curve import swept_setting
from tests.scenes import BOX, Ball, Fog, camera
from tests.viewer.live import tiny_trainer, write_quick_ball

VIEW, WHITE = camera(size=24), torch.ones(3)
MARCH = MarchSettings(render_step_size=0.05, alpha_thre=0.01, early_stop_eps=0.05)


@pytest.fixture(scope="module")
def sampler():
    sampler = OccupancySampler(BOX, 16)
    sampler.start(0.01, 0.95)
    return sampler


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    trainer = tiny_trainer(open_dataset(write_quick_ball(folder / "ball")))
    for _ in range(20):
        trainer.step()
    save_snapshot(folder / "ball.safetensors", trainer)
    return folder / "ball.safetensors"


def sweep_of(name, sampler, field=None, march=MARCH, **options):
    setting = swept_setting(name, march, BOX, VIEW.c2w[:3, 3].tolist())
    return Sweep(field or Fog(), sampler, VIEW, march, WHITE, name, setting, **options)


def finished(sweep):
    while sweep.advance():
        pass
    return sweep.curve


@pytest.mark.parametrize("name", MARCH_NUMBERS)
def test_a_point_is_the_picture_at_its_value(name, sampler):
    off = render_image(Fog(), sampler, VIEW, replace(MARCH, **THRESHOLDS_OFF), WHITE).colors.clamp(0, 1)
    curve = finished(sweep_of(name, sampler, n_values=4))
    assert len(curve.points) == 4
    for point in curve.points:
        out = render_image(Fog(), sampler, VIEW, replace(MARCH, **{name: point.value}), WHITE)
        assert point.density_evaluations == int(out.n_marched.sum())
        assert point.color_evaluations == int(out.n_kept.sum())
        assert point.samples_per_ray == pytest.approx(float(out.n_kept.float().mean()))
        assert point.psnr_vs_off == pytest.approx(psnr(out.colors.clamp(0, 1), off), abs=1e-3)
        assert point.ms > 0.0


@pytest.mark.parametrize("field", [Ball(sigma=400.0), Ball(sigma=8.0), Fog()])
def test_the_earlier_rays_stop_the_less_is_evaluated(field, sampler):
    points = finished(
        sweep_of("early_stop_eps", sampler, field, replace(MARCH, alpha_thre=0.0, render_step_size=0.01))
    ).points
    for a, b in pairwise(points):
        assert a.value < b.value
        assert a.density_evaluations >= b.density_evaluations
        assert a.color_evaluations >= b.color_evaluations
    assert points[-1].evaluations < 0.9 * points[0].evaluations


@pytest.mark.parametrize("name", list(THRESHOLDS_OFF))
def test_off_is_the_reference_itself(name, sampler):
    points = finished(sweep_of(name, sampler, march=replace(MARCH, **THRESHOLDS_OFF))).points
    assert (points[0].value, points[0].psnr_vs_off) == (0.0, math.inf)
    assert points[-1].psnr_vs_off < 30.0


def test_a_sweep_in_slices_is_the_same_sweep(sampler):
    whole = finished(sweep_of("alpha_thre", sampler, n_values=3))
    sliced = sweep_of("alpha_thre", sampler, n_values=3, repeats=2, chunk=100)
    shares, n_points = [sliced.share], [0]
    while sliced.advance():
        shares.append(sliced.share)
        n_points.append(len(sliced.curve.points))
    assert shares[0] == 0.0 and shares[-1] == 1.0
    assert all(a < b for a, b in pairwise(shares))
    assert len(shares) - 1 == (1 + 3 * 2) * 6, "24x24 rays in chunks of 100: six a picture"
    assert sorted(n_points) == n_points and {0, 1, 2} <= set(n_points)
    for a, b in zip(whole.points, sliced.curve.points, strict=True):
        assert (a.value, a.color_evaluations) == (b.value, b.color_evaluations)
        assert a.psnr_vs_off == pytest.approx(b.psnr_vs_off, abs=1e-2)


def test_a_finished_sweep_stays_finished(sampler):
    sweep = sweep_of("alpha_thre", sampler, n_values=2)
    curve = finished(sweep)
    assert not sweep.advance()
    assert sweep.curve is curve


def test_a_snapshots_sweep_writes_its_folder(snapshot, tmp_path):
    text = StringIO()
    curve = sweep_snapshot(str(snapshot), "early-stop-eps", tmp_path / "out", 4, 1, "30x20", "cpu",
                           {"alpha_thre": 0.02}, Console(file=text, width=200))  # fmt: skip
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"sweep.csv", "sweep.png"}
    rows = list(csv.DictReader((tmp_path / "out" / "sweep.csv").open(newline="")))
    assert [float(row["value"]) for row in rows] == [point.value for point in curve.points]
    assert len(rows) == 4 and rows[0]["value"] == "0.0"
    with Image.open(tmp_path / "out" / "sweep.png") as picture:
        assert min(picture.size) > 500
    assert curve.n_rays == 600
    for words in ("early_stop_eps: ball, 30x20, training view 1, step 20", "off", f"{curve.points[0].ms:.1f}"):
        assert words in text.getvalue()


def test_without_a_size_it_is_the_datasets(snapshot, tmp_path):
    curve = sweep_snapshot(str(snapshot), "occ_thre", tmp_path / "out", 2, console=Console(file=StringIO()))
    assert curve.n_rays == 24 * 24


def test_mistakes_are_told_before_anything_is_written(snapshot, tmp_path):
    def sweep(path=snapshot, over="alpha_thre", output="out", **options):
        sweep_snapshot(str(path), over, tmp_path / output, **options)

    with pytest.raises(ValueError, match=r"one of alpha_thre, early_stop_eps.*got 'speed'"):
        sweep(over="speed")
    with pytest.raises(ValueError, match="at least 2 values, got 1"):
        sweep(n_values=1)
    with pytest.raises(ValueError, match="1280x800"):
        sweep(size="large")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="from 0 to 8, got 9"):
        sweep(camera=9)
    with pytest.raises(SnapshotError, match="found no file"):
        sweep(path="gone.safetensors")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(FirstlightError, match="not empty"):
        sweep(output="full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
