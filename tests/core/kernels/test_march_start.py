"""Marches whose rays have near and far planes of their own."""

from dataclasses import replace

import pytest
import torch

from core.config.march import MarchSettings
from core.kernels.marching import March
from tests.core.kernels.test_marching import grid, random_rays

N_RAYS = 40
SETTINGS = MarchSettings(render_step_size=0.05, cone_angle=0.01)


def all_samples(march):
    return march.round(torch.arange(N_RAYS, dtype=torch.int32), 1000)


def planes():
    generator = torch.Generator().manual_seed(5)
    near = torch.rand(N_RAYS, generator=generator)
    return near, near + 2.0 * torch.rand(N_RAYS, generator=generator)


def test_each_ray_is_marched_as_if_its_planes_were_those_of_all():
    rays, state, (near, far) = random_rays(N_RAYS), grid(2, 0.5), planes()
    own = all_samples(March(state, rays, SETTINGS, planes=(near, far)))
    assert own.n_samples > 100
    for ray in range(N_RAYS):
        settings = replace(SETTINGS, near_plane=float(near[ray]), far_plane=float(far[ray]))
        alone = all_samples(March(state, rays, settings))
        for name in ("t_starts", "t_ends"):
            ours, theirs = (getattr(x, name)[x.ray_indices == ray] for x in (own, alone))
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0.0)


def test_rays_whose_planes_are_crossed_or_not_numbers_miss():
    rays, state, (near, far) = random_rays(N_RAYS), grid(2, 1.0), planes()
    near[0], far[0] = 1.0, 0.5
    near[1] = torch.nan
    march = March(state, rays, SETTINGS, planes=(near, far))
    assert not set(all_samples(march).ray_indices.tolist()) & {0, 1}


def test_planes_of_other_rays_are_refused():
    near, far = planes()
    with pytest.raises(ValueError, match=r"of each ray, \(40,\), found \(40,\) and \(3,\)"):
        March(grid(2, 1.0), random_rays(N_RAYS), SETTINGS, planes=(near, far[:3]))
