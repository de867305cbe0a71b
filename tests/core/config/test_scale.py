from itertools import pairwise

import pytest

from core.config.march import MarchSettings
from core.config.scale import Scale
from core.config.setting import Setting, settings_of

SCALES = {name: Scale(s) for name, s in settings_of(MarchSettings).items() if name != "crop"}


@pytest.mark.parametrize("name", list(SCALES))
def test_ends_and_order(name):
    scale = SCALES[name]
    assert (scale.value(0.0), scale.value(1.0)) == scale.ends
    values = [scale.value(i / 200) for i in range(201)]
    assert values == sorted(values)
    assert len(set(values)) > 100


@pytest.mark.parametrize("name", list(SCALES))
def test_position_and_value_are_inverse_up_to_rounding(name):
    scale = SCALES[name]
    for i in range(10, 101):
        assert scale.position(scale.value(i / 100)) == pytest.approx(i / 100, abs=2e-3)


@pytest.mark.parametrize("name", list(SCALES))
def test_text_reads_back(name):
    scale = SCALES[name]
    for position in (0.0, 0.3, 0.77, 1.0):
        value = scale.value(position)
        assert scale.parse(scale.text(value)) == pytest.approx(value)


def test_zero_means_off_only_for_settings_without_a_unit():
    assert SCALES["alpha_thre"].text(0.0) == "off"
    assert SCALES["near_plane"].text(0.0) == "0"
    assert SCALES["alpha_thre"].parse(" OFF ") == 0.0


def test_a_unit_may_be_typed():
    assert SCALES["near_plane"].parse("2.5 units") == 2.5


@pytest.mark.parametrize("text", ["", "much", "-1", "nan", "1e9"])
def test_text_out_of_range_is_refused_with_the_range(text):
    with pytest.raises(ValueError, match=r"Alpha threshold.*from 0 to 1"):
        SCALES["alpha_thre"].parse(text)


@pytest.mark.parametrize("name", ["render_step_size", "near_plane", "far_plane"])
@pytest.mark.parametrize("diagonal", [1e-3, 3.4, 5e5])
def test_length_scales_follow_the_scenes_size_and_typed_lengths_may_exceed_them(name, diagonal):
    scale = Scale(SCALES[name].setting, diagonal)
    low, high = scale.ends
    assert (low, high) == pytest.approx([share * diagonal for share in scale.setting.span], rel=0.05, abs=1e-9)
    assert scale.position(scale.value(0.7)) == pytest.approx(0.7, abs=2e-3)
    assert scale.parse(f"{20.0 * high:g}") == pytest.approx(20.0 * high)
    assert scale.position(20.0 * high) == 1.0


def test_a_linear_scale_is_uniform():
    scale = Scale(Setting("", low=10.0, high=20.0))
    assert scale.value(0.5) == 15.0
    assert scale.position(12.5) == 0.25


@pytest.mark.parametrize("name", list(SCALES))
def test_values_spread_over_a_slider_are_evenly_spaced_and_reach_both_ends(name):
    scale = SCALES[name]
    values = scale.spread(12)
    assert len(values) == 12
    assert (values[0], values[-1]) == scale.ends
    positions = [scale.position(value) for value in values[1:]]
    gaps = [b - a for a, b in pairwise(positions)]
    assert gaps == pytest.approx([gaps[0]] * 10, abs=4e-3)


def test_a_range_too_narrow_for_that_many_values_gives_each_value_once():
    assert Scale(Setting("", low=1.0, high=1.01)).spread(5) == (1.0, 1.01)


@pytest.mark.parametrize("setting", [*(s.setting for s in SCALES.values()), Setting("", low=2.61, high=5.48),
                                     Setting("", low=0.0024, high=0.3, log=True)])  # fmt: skip
def test_ticks_are_at_the_values_they_show_and_do_not_overlap(setting):
    scale = Scale(setting)
    ticks = scale.ticks()
    assert 3 <= len(ticks) <= 9
    for position, text in ticks:
        assert position == pytest.approx(scale.position(scale.parse(text)), abs=1e-3)
    assert min(b - a for (a, _), (b, _) in pairwise(ticks)) > 0.05
