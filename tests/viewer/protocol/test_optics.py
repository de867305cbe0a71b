import numpy as np
import pytest

from viewer.protocol.optics import CameraModel, Optics, RayOffset, ray_offsets


def test_a_single_ray_passes_through_the_middle_of_everything():
    assert ray_offsets(1) == (RayOffset(0.0, 0.0, 0.0, 0.0, 0.5),)


@pytest.mark.parametrize("n", [2, 4, 16, 64])
def test_many_rays_fill_the_pixel_the_lens_and_the_time_evenly(n):
    offsets = np.array(ray_offsets(n))
    assert ray_offsets(n) == ray_offsets(n)
    pixel, lens, moments = offsets[:, :2], offsets[:, 2:4], offsets[:, 4]
    assert (np.abs(pixel) <= 0.5).all() and (np.hypot(*lens.T) <= 1.0).all()
    assert np.abs(pixel.mean(0)).max() < 0.8 / np.sqrt(n) and np.abs(lens.mean(0)).max() < 0.8 / np.sqrt(n)
    np.testing.assert_allclose(np.sort(moments), (np.arange(n) + 0.5) / n)
    if n >= 16:
        quarters = (pixel > 0.0) @ [1, 2]
        assert np.bincount(quarters, minlength=4).min() >= n // 8
        assert abs(np.corrcoef(moments, pixel[:, 0])[0, 1]) < 0.5


@pytest.mark.parametrize(
    "values",
    [{"samples_per_pixel": 0}, {"aperture": -0.1}, {"aperture": 0.1}, {"focus": float("nan")},
     {"aperture": 0.1, "samples_per_pixel": 8, "camera_model": CameraModel.PANORAMA}],
)  # fmt: skip
def test_optics_that_do_not_go_together_are_refused(values):
    with pytest.raises(ValueError):
        Optics(**values)
