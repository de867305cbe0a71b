"""Presets: the settings that follow from the device and the scene's size."""

import math

import pytest

from core.config.presets import train_preset
from tests.scenes import BOX


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_lengths_scale_with_the_scene_and_steps_grow_only_with_nested_boxes(device):
    small, large = (train_preset(device, tuple(size * x for x in BOX)) for size in (1.0, 10.0))
    ratio = large.march.render_step_size / small.march.render_step_size
    assert math.isclose(ratio, 10.0, rel_tol=0.05) and large.march.far_plane == 10.0 * small.march.far_plane
    nested = train_preset(device, BOX, n_levels=3, near_plane=0.2)
    assert small.march.cone_angle == 0.0 < nested.march.cone_angle
    assert (nested.grid_levels, nested.march.near_plane) == (3, 0.2)
