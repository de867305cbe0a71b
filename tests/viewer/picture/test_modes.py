import numpy as np
import pytest

from viewer.picture.colors import COLORMAPS, apply_colormap, blend
from viewer.picture.display import tinted, to_rgba
from viewer.picture.modes.depth import depth_range
from viewer.picture.modes.samples import samples_limit
from viewer.picture.pixels import PixelArrays
from viewer.protocol.view_settings import Mode, Tint, ViewSettings


def output(height=6, width=8, background=(1.0, 1.0, 1.0), seed=0) -> tuple[PixelArrays, np.ndarray]:
    """A random picture over a background, and its straight colours. The first row is empty."""
    rng = np.random.default_rng(seed)
    straight = rng.random((height, width, 3), np.float32)
    opacities = rng.uniform(0.2, 1.0, (height, width)).astype(np.float32)
    opacities[0] = 0.0
    colors = straight * opacities[..., None] + np.float32(background) * (1.0 - opacities[..., None])
    depths = np.where(opacities > 0.0, rng.uniform(2.0, 5.0, (height, width)), np.inf).astype(np.float32)
    n_kept = np.where(opacities > 0.0, rng.integers(1, 30, (height, width)), 0).astype(np.int32)
    stopped = np.zeros((height, width), bool)
    medians = np.where(opacities > 0.5, depths + 0.1, np.inf).astype(np.float32)
    counts = n_kept * 8, n_kept * 2, n_kept
    return PixelArrays(colors, opacities, depths, medians, 1.0 - opacities, *counts, stopped), straight


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("transparent", [False, True])
def test_every_mode_gives_an_uploadable_picture(mode, transparent):
    rendered, _ = output()
    rgba, legend = to_rgba(rendered, ViewSettings(mode=mode), transparent)
    assert rgba.shape == (6, 8, 4)
    assert rgba.dtype == np.float32
    assert rgba.flags.c_contiguous
    assert np.isfinite(rgba).all()
    assert rgba.min() >= 0.0 and rgba.max() <= 1.0
    assert (legend is None) == (mode == Mode.COLOR)
    if not transparent:
        assert (rgba[..., 3] == 1.0).all()


def test_colour_is_passed_through():
    rendered, _ = output()
    rgba, _ = to_rgba(rendered, ViewSettings())
    np.testing.assert_array_equal(rgba[..., :3], rendered.colors)


def test_a_transparent_picture_over_its_background_is_the_opaque_one():
    background = (0.2, 0.5, 0.9)
    rendered, straight = output(background=background)
    rgba, _ = to_rgba(rendered, ViewSettings(background=background), transparent=True)
    alpha = rgba[..., 3:]
    np.testing.assert_allclose(rgba[..., :3] * alpha + np.float32(background) * (1 - alpha), rendered.colors, atol=1e-6)
    np.testing.assert_allclose(rgba[1:, :, :3], straight[1:], atol=1e-5)
    assert (rgba[0] == 0.0).all()


def test_depth_shows_the_background_where_nothing_was_hit():
    rendered, _ = output(background=(0.1, 0.2, 0.3))
    rgba, legend = to_rgba(rendered, ViewSettings(mode=Mode.DEPTH, background=(0.1, 0.2, 0.3)))
    np.testing.assert_allclose(rgba[0, :, :3], np.broadcast_to(np.float32([0.1, 0.2, 0.3]), (8, 3)), atol=1e-6)
    assert legend.unit == "units"
    assert legend.high < legend.low, "the map's first colour stands for far, its last for near"


def test_nearer_is_brighter():
    rendered, _ = output()
    depths = np.broadcast_to(np.linspace(1.0, 2.0, 8, dtype=np.float32), (6, 8))
    solid = rendered._replace(depths=depths, opacities=np.ones((6, 8), np.float32))
    rgba, legend = to_rgba(solid, ViewSettings(mode=Mode.DEPTH))
    assert (np.diff(rgba[0, :, :3].mean(-1)) < 0.0).all()
    assert legend.high == pytest.approx(1.0, abs=0.05)
    assert legend.low == pytest.approx(2.0, abs=0.05)


def test_depth_range_ignores_almost_transparent_pixels_and_outliers():
    depths = np.full(1000, 3.0, np.float32)
    depths[:500] = 4.0
    opacities = np.ones(1000, np.float32)
    depths[0], depths[1], opacities[1] = 500.0, 0.001, 0.01
    low, high = depth_range(depths, opacities)
    assert 2.5 < low <= 3.0
    assert 4.0 <= high < 4.5


def test_depth_range_leaves_out_an_endless_sky():
    depths = np.linspace(3.0, 30.0, 1000).astype(np.float32)
    opaque = np.ones(1000, np.float32)
    _, without = depth_range(depths, opaque, endless=True)
    depths[700:] = 5e4
    low, high = depth_range(depths, opaque, endless=True)
    assert depth_range(depths, opaque)[1] >= 5e4, "a scene with an end has no sky"
    assert 1.5 < low <= 3.1 and 20.0 < high < without


@pytest.mark.parametrize("value", [np.inf, 3.0])
def test_depth_range_of_an_empty_or_flat_picture_has_an_extent(value):
    low, high = depth_range(np.full(9, value, np.float32), np.zeros(9, np.float32))
    assert low < high


def test_samples_scale_grows_in_round_steps():
    assert samples_limit(np.zeros(10, np.int32)) == 1.0
    assert samples_limit(np.array([], np.int32)) == 1.0
    assert samples_limit(np.full(10, 8, np.int32)) == 8.0
    assert samples_limit(np.full(10, 9, np.int32)) == 10.0
    assert samples_limit(np.full(10, 130, np.int32)) == 200.0


def test_more_samples_are_brighter():
    rendered, _ = output()
    n_kept = np.broadcast_to(np.arange(8, dtype=np.int32), (6, 8))
    rgba, legend = to_rgba(rendered._replace(n_kept=n_kept), ViewSettings(mode=Mode.SAMPLES))
    assert (np.diff(rgba[0, :, :3].sum(-1)) > 0.0).all()
    assert (legend.low, legend.high) == (0.0, 8.0)


@pytest.mark.parametrize("name", [name for name, table in COLORMAPS.items() if len(table) > 2])
def test_colormaps_grow_lighter_evenly(name):
    luminance = COLORMAPS[name] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luminance) > -2e-3).all()
    assert luminance[-1] - luminance[0] > 0.5
    assert np.abs(np.diff(COLORMAPS[name], axis=0)).max() < 0.05, "a step that would be visible as an edge"


def test_values_beyond_a_colormap_have_the_colours_of_its_ends():
    colors = apply_colormap(np.array([-1.0, 2.0, np.inf, -np.inf, np.nan]), "depth")
    table = COLORMAPS["depth"]
    np.testing.assert_array_equal(colors, np.stack([table[0], table[-1], table[-1], table[0], table[0]]))


def test_blend_over_opaque_is_a_mix_and_over_nothing_is_the_colour():
    rgba = np.zeros((1, 3, 4), np.float32)
    rgba[0, 0] = [0.0, 0.0, 1.0, 1.0]
    red = np.float32([1.0, 0.0, 0.0])
    colors = blend(rgba, red, np.array([[0.25, 0.25, 0.0]]))
    np.testing.assert_allclose(colors[0, 0], [0.25, 0.0, 0.75, 1.0], atol=1e-6)
    np.testing.assert_allclose(colors[0, 1], [1.0, 0.0, 0.0, 0.25], atol=1e-6)
    np.testing.assert_array_equal(colors[0, 2], rgba[0, 2])


def test_lower_transmittance_is_darker_on_a_logarithmic_scale():
    rendered, _ = output()
    trans = np.broadcast_to(np.float32([1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 0.0, 0.0]), (6, 8))
    rgba, legend = to_rgba(rendered._replace(trans=trans), ViewSettings(mode=Mode.TRANSMITTANCE))
    brightness = rgba[0, :, :3].sum(-1)
    assert (np.diff(brightness[:5]) < -0.1).all() and np.ptp(brightness[4:]) == 0.0
    assert (legend.low, legend.high) == (1e-4, 1.0)


def test_half_depth_shows_the_background_where_transmittance_stays_above_half():
    rendered, _ = output(background=(0.1, 0.2, 0.3))
    rgba, legend = to_rgba(rendered, ViewSettings(mode=Mode.HALF_DEPTH, background=(0.1, 0.2, 0.3)))
    never = ~np.isfinite(rendered.median_depths)
    assert never.any() and (~never).any()
    np.testing.assert_allclose(rgba[never][:, :3], np.tile(np.float32([0.1, 0.2, 0.3]), (never.sum(), 1)), atol=1e-6)
    assert legend.unit == "units"


@pytest.mark.parametrize("tint", list(Tint))
def test_a_tint_at_full_strength_has_the_colours_of_its_mode(tint):
    rendered, _ = output()
    plain, _ = to_rgba(rendered, ViewSettings())
    over, _ = tinted(plain, rendered, ViewSettings(tint=tint, tint_strength=1.0))
    none, _ = tinted(plain, rendered, ViewSettings(tint=tint, tint_strength=0.0))
    np.testing.assert_allclose(none, plain, atol=1e-6)
    shown, _ = to_rgba(rendered, ViewSettings(mode=Mode(tint.value)))
    where = np.isfinite(rendered.median_depths)
    if tint is not Tint.OPACITY:
        np.testing.assert_allclose(over[where], shown[where], atol=1e-6)
    else:
        assert (over[0] == plain[0]).all(), "nothing is opaque there"
    assert np.abs(over[where] - plain[where]).max() > 0.1
