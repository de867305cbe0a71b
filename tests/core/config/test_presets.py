"""Presets: the settings that follow from the device and the scene's size."""

import math

import pytest

from core.config.presets import gpu_sizes, train_preset
from tests.scenes import BOX


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_lengths_scale_with_the_scene_and_steps_grow_only_with_nested_boxes(device):
    small, large = (train_preset(device, tuple(size * x for x in BOX)) for size in (1.0, 10.0))
    ratio = large.march.render_step_size / small.march.render_step_size
    assert math.isclose(ratio, 10.0, rel_tol=0.05) and large.march.far_plane == 10.0 * small.march.far_plane
    nested = train_preset(device, BOX, n_levels=3, near_plane=0.2)
    assert small.march.cone_angle == 0.0 < nested.march.cone_angle
    assert (nested.grid_levels, nested.march.near_plane) == (3, 0.2)


def test_gpus_with_less_memory_get_smaller_tables_and_batches():
    cards = [gpu_sizes(free * 1e9) for free in (3.2, 5.2, 7.2, 23.0)]  # of 4, 6, 8 and 24 GB, beside a desktop
    assert [x.log2_hashmap_size for x in cards] == sorted(x.log2_hashmap_size for x in cards)
    assert cards[0].target_samples < cards[1].target_samples < cards[2].target_samples
    assert cards[2] == cards[3] == gpu_sizes(math.inf)
    for free, card in zip((3.2e9, 5.2e9, math.inf), cards, strict=False):
        train = train_preset("cuda", BOX, memory=free)
        assert train.target_samples == card.target_samples >= train.max_rays
    assert train_preset("cpu", BOX, memory=1.0) == train_preset("cpu", BOX)


@pytest.mark.parametrize("n_levels", [1, 5])
def test_a_cell_is_marched_only_if_its_densest_sample_could_pass_the_alpha_threshold(n_levels):
    """On a CPU, at the step's length there; with several levels at half the diagonal from the camera."""
    march, diagonal = train_preset("cpu", BOX, n_levels).march, math.dist(BOX[:3], BOX[3:])
    step = max(march.render_step_size, march.cone_angle * 0.5 * diagonal)
    alpha = -math.expm1(-march.occ_thre * step / march.render_step_size)
    assert alpha == pytest.approx(march.alpha_thre, rel=0.05)


def test_only_the_surroundings_of_photos_are_thinned():
    alone, nested = (train_preset("cpu", BOX, n_levels).weight_entropy for n_levels in (1, 5))
    assert alone == 0.0 < nested
