import math

import numpy as np
import pytest
from PIL import Image

from core.commands.plots import save_sweep
from core.config.march import MarchSettings
from core.config.scale import Scale
from core.config.setting import Setting, settings_of
from core.errors import FirstlightError
from core.rendering.sweep_curve import SweepCurve, SweepPoint

EARLY_STOP = Scale(settings_of(MarchSettings)["early_stop_eps"])


def points(*decibels):
    values = EARLY_STOP.spread(max(2, len(decibels)))
    return tuple(SweepPoint(v, 9.0 - i, 5.0, 900, 500, d) for i, (v, d) in enumerate(zip(values, decibels)))  # noqa: B905


@pytest.mark.parametrize(
    "curve",
    [
        SweepCurve("early_stop_eps", EARLY_STOP, 0.01, 100, points(math.inf, 60.0, 45.0, 30.0, 12.0)),
        SweepCurve("early_stop_eps", EARLY_STOP, 0.01, 100, points(math.inf, math.inf)),
        SweepCurve("early_stop_eps", EARLY_STOP, 0.01, 100, points(20.0)),
        SweepCurve("near_plane", Scale(Setting("", label="Near", low=2.6, high=5.5)), 0.0, 1, points(30.0, 20.0)),
    ],
    ids=["usual", "all-equal", "one-point-no-knee", "linear"],
)
def test_a_sweeps_figure_is_drawn(curve, tmp_path):
    save_sweep(tmp_path / "sweep.png", curve, "ball, 24x24")
    with Image.open(tmp_path / "sweep.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert (pixels.max(axis=-1) - pixels.min(axis=-1) > 60).sum() > 200, "the figure has no coloured curve"


def test_a_figure_overwrites_nothing(tmp_path):
    (tmp_path / "sweep.png").write_bytes(b"mine")
    with pytest.raises(FirstlightError, match="exists already"):
        save_sweep(tmp_path / "sweep.png", SweepCurve("a", EARLY_STOP, 0.01, 1, points(20.0, 30.0)), "ball")
    assert (tmp_path / "sweep.png").read_bytes() == b"mine"
