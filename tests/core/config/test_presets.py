"""The presets: what follows from the device, the scene's size and the size of its pictures."""

import math

import pytest

from core.config.presets import finest_resolution, presets
from tests.scenes import BOX


def test_the_finest_level_has_a_cell_a_pixel_within_its_range():
    found = [finest_resolution(pixels, 512) for pixels in (0.0, 50.0, 91.2, 176.9, 400.0, 600.0, math.inf)]
    assert found == [64, 64, 91, 177, 400, 512, 512]


@pytest.mark.parametrize(("n_levels", "most"), [(1, 512), (4, 1024)])
def test_on_a_cpu_only_the_finest_level_follows_the_pictures(n_levels, most):
    small, large = (presets("cpu", BOX, n_levels=n_levels, pixels=pixels) for pixels in (100.0, 1e6))
    assert (small[0].max_resolution, large[0].max_resolution) == (100, most)
    assert large == presets("cpu", BOX, n_levels=n_levels) and small[1] == large[1]


def test_cuda_keeps_instant_ngps_finest_level():
    assert presets("cuda", BOX, pixels=100.0) == presets("cuda", BOX)
