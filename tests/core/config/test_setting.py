"""Settings survive a round trip through JSON, and JSON that fits no setting is refused."""

import json
from dataclasses import asdict, dataclass, replace

import pytest

from core.config.march import MarchSettings
from core.config.read_options import ReadOptions
from core.config.setting import from_json
from core.config.training import TrainSettings
from viewer.protocol.view_settings import Mode, ViewSettings

CROPPED = MarchSettings(crop=(0.0, 0.0, 0.0, 1.0, 1.0, 2.0), alpha_thre=0.1)


@dataclass(frozen=True)
class Spans:
    spans: tuple[tuple[float, float], ...]
    name: str | None = None


@pytest.mark.parametrize(
    "settings",
    [
        CROPPED,
        MarchSettings(),
        TrainSettings(march=CROPPED, horizon_steps=100, contraction="sphere"),
        TrainSettings(horizon_seconds=2.5),
        ReadOptions(2, "opencv", True),
        replace(ViewSettings(), mode=Mode.DEPTH, background=(0.0, 0.5, 1.0)),
        Spans(((0.0, 1.0), (2.0, 3.0))),
        Spans((), "none"),
    ],
)
def test_settings_survive_json(settings):
    assert from_json(type(settings), json.loads(json.dumps(asdict(settings)))) == settings


def test_absent_entries_take_their_defaults_and_former_names_are_accepted():
    assert from_json(MarchSettings, {"occ_thre": 0}) == MarchSettings(occ_thre=0)
    assert from_json(MarchSettings, {"alpha": 0.2}, {"alpha": "alpha_thre"}) == MarchSettings(alpha_thre=0.2)


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (MarchSettings, {"alpha": 0.1}, "MarchSettings has no entry 'alpha'"),
        (MarchSettings, {"alpha_thre": 7.0}, "alpha_thre must be"),
        (MarchSettings, {"alpha_thre": "much"}, "alpha_thre: expected float, found 'much'"),
        (MarchSettings, {"alpha_thre": True}, "alpha_thre: expected float, found True"),
        (MarchSettings, {"crop": [0.0, 1.0]}, r"crop: expected tuple\[.*, found \[0.0, 1.0\]"),
        (MarchSettings, [1, 2], "MarchSettings: expected an object"),
        (TrainSettings, {"max_rays": 1.5}, "max_rays: expected int, found 1.5"),
        (TrainSettings, {"march": {"occ_thre": None}}, "occ_thre: expected float, found None"),
        (TrainSettings, {"contraction": "cube"}, "contraction: expected .*'cube'"),
        (ViewSettings, {"mode": "pretty"}, "pretty"),
        (Spans, {}, "missing 1 required .*spans"),
    ],
)
def test_json_that_fits_no_setting_is_refused_by_name(cls, values, message):
    with pytest.raises(ValueError, match=message):
        from_json(cls, values)
