import math
from dataclasses import replace

import pytest
import torch

from core.config.march import MARCH_NUMBERS, MarchSettings
from core.config.training import TrainSettings
from core.geometry.boxes import crop_box
from core.geometry.rays import Rays
from core.kernels.grid import GridState
from core.kernels.marching import March
from core.samplers.occupancy import OccupancySettings
from core.samplers.rvs import RVSSettings
from core.samplers.stratified import StratifiedSettings
from tests.viewer.input.test_orbit import scene
from viewer.presentation.effective import effects, reach

BOX = (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0)
OUTSIDE = (0.0, -4.0, 0.0)
GRID = OccupancySettings()


def texts(march=None, position=OUTSIDE, box=BOX, training_step=0.01, **changes):
    march = march or MarchSettings(**changes)
    return {name: effect.short for name, effect in effects(march, position, box, training_step, GRID).items()}


def samples(march, position, direction, box=BOX):
    """t of the samples that a ray takes where every cell is occupied."""
    rays = Rays(torch.tensor([position]), torch.nn.functional.normalize(torch.tensor([direction]), dim=-1))
    march = March(GridState(box, torch.ones(1, 4, 4, 4, dtype=torch.bool)), rays, march)
    taken = march.round(torch.zeros(1, dtype=torch.int32), 10_000)
    return taken.t_starts, taken.t_ends


def test_the_stated_reach_of_the_box_is_that_of_the_samples():
    corner = (1.0, 5.0, 1.0)  # towards the farthest corner
    nearest, farthest = reach(BOX, OUTSIDE)
    starts, _ = samples(MarchSettings(), OUTSIDE, (0.0, 1.0, 0.0))
    _, ends = samples(MarchSettings(), OUTSIDE, corner)
    assert float(starts[0]) == pytest.approx(nearest, abs=0.01) == pytest.approx(3.0, abs=0.01)
    assert float(ends[-1]) == pytest.approx(farthest, abs=0.01)
    assert texts() == {"near_plane": "box at 3", "far_plane": "box to 5.2", "early_stop_eps": "opacity 99.9 %",
                       "occ_thre": "density 1 /unit"}  # fmt: skip


def test_planes_inside_the_box_need_no_remark():
    assert not {"near_plane", "far_plane"} & set(texts(near_plane=3.5, far_plane=4.5))


def test_a_camera_inside_the_box_needs_no_remark_on_the_near_plane():
    assert "near_plane" not in texts(position=(0.2, 0.1, 0.0))


@pytest.mark.parametrize(
    ("changes", "name"), [({"near_plane": 6.0}, "near_plane"), ({"near_plane": 0.0, "far_plane": 2.0}, "far_plane")]
)
def test_planes_that_leave_nothing_say_so(changes, name):
    assert texts(**changes)[name] == "nothing left"
    assert samples(MarchSettings(**changes), OUTSIDE, (0.0, 1.0, 0.0))[0].numel() == 0


def test_a_crop_box_moves_the_ends():
    march = MarchSettings(crop=(-1.0, 0.0, -1.0, 1.0, 0.5, 1.0))
    starts, ends = samples(march, OUTSIDE, (0.0, 1.0, 0.0))
    nearest, farthest = reach(crop_box(BOX, march.crop), OUTSIDE)
    assert float(starts[0]) == pytest.approx(nearest, abs=0.01)
    assert float(ends[-1]) <= farthest < reach(BOX, OUTSIDE)[1]


def test_a_crop_box_beside_the_scene_leaves_nothing():
    march = MarchSettings(crop=(5.0, 5.0, 5.0, 6.0, 6.0, 6.0))
    assert reach(crop_box(BOX, march.crop), OUTSIDE) == (math.inf, 0.0)
    shown = texts(march)
    assert shown["near_plane"] == "nothing left"
    assert "inf" not in "".join(shown.values()) and "nan" not in "".join(shown.values())


def test_the_stated_steps_are_those_of_the_marcher():
    march = MarchSettings(render_step_size=0.01, cone_angle=0.005)
    starts, ends = samples(march, OUTSIDE, (1.0, 5.0, 1.0))
    shown = texts(march)["render_step_size"].split(" to ")
    steps = ends - starts
    assert [float(x) for x in shown] == pytest.approx([0.005 * 3.0, float(steps.max())], rel=0.05)
    assert texts(march)["cone_angle"] == "from 2 units"


def test_an_alpha_threshold_corresponds_to_lower_densities_where_steps_are_longer():
    march = MarchSettings(render_step_size=0.01, cone_angle=0.005, alpha_thre=0.1)
    starts, ends = samples(march, OUTSIDE, (1.0, 5.0, 1.0))
    low, _, high, _ = texts(march)["alpha_thre"].split()
    assert float(low) == pytest.approx(-math.log(0.9) / float((ends - starts).max()), rel=0.05)
    assert float(high) == pytest.approx(-math.log(0.9) / (0.005 * 3.0), rel=0.05)


def test_a_cone_that_begins_behind_the_scene_has_no_effect():
    march = MarchSettings(render_step_size=0.01, cone_angle=1e-4)
    starts, ends = samples(march, OUTSIDE, (1.0, 5.0, 1.0))
    torch.testing.assert_close(ends - starts, torch.full_like(starts, 0.01), rtol=0, atol=1e-5)
    assert texts(march)["cone_angle"] == "no effect"
    assert "render_step_size" not in texts(march)


def test_from_far_away_the_spacing_of_float32_sets_the_steps():
    march = MarchSettings(render_step_size=1e-4, far_plane=1e9)
    effect = effects(march, (0.0, -1e4, 0.0), BOX, 0.01, GRID)["render_step_size"]
    starts, _ = samples(march, (0.0, -1e4, 0.0), (0.0, 1.0, 0.0))
    shortest = float(effect.short.split(" to ")[0])
    assert 0.5 * shortest < float(starts.diff().min()) <= shortest
    assert "float32" in effect.sentence


def test_thresholds_are_given_as_densities():
    shown = texts(alpha_thre=0.5, render_step_size=0.02, occ_thre=0.1, training_step=0.005)
    assert shown["alpha_thre"] == f"density {math.log(2) / 0.02:.3g} /unit"
    assert shown["occ_thre"] == "density 20 /unit"


@pytest.mark.parametrize("sampler", [StratifiedSettings(), RVSSettings(), RVSSettings("hierarchical")])
def test_settings_that_the_sampler_does_not_use_say_so(sampler):
    march = MarchSettings(cone_angle=0.005, alpha_thre=0.02, early_stop_eps=0.1)
    found = effects(march, OUTSIDE, BOX, 0.01, sampler)
    unused = {name for name, effect in found.items() if effect.short.endswith("not used")}
    assert unused == set(MARCH_NUMBERS) - set(sampler.reads) and "occ_thre" in unused
    assert "panel Occupancy" in found["occ_thre"].sentence
    assert found["near_plane"].short == "box at 3"
    assert ("alpha_thre" in found) == (sampler == RVSSettings()), "only there it applies to a ray's opacity"
    assert "alpha_thre" not in found or found["alpha_thre"].sentence.endswith("get no samples.")


def test_where_rays_continue_behind_the_box_only_a_crop_ends_them():
    march, sampler = MarchSettings(far_plane=1e4), StratifiedSettings()
    assert not {"near_plane", "far_plane"} & set(effects(march, OUTSIDE, None, 0.01, sampler))
    march = MarchSettings(far_plane=1e4, crop=(-1.0, 0.0, -1.0, 1.0, 0.5, 1.0))
    assert effects(march, OUTSIDE, None, 0.01, sampler)["near_plane"].short == "box at 4"


@pytest.mark.parametrize(
    ("sampler", "contraction", "bounded"),
    [
        (StratifiedSettings(), "sphere", False),
        (StratifiedSettings(), "ndc", False),
        (StratifiedSettings(), "max", True),
        (StratifiedSettings(), None, True),
        (GRID, "sphere", True),
    ],
)
def test_rays_are_endless_only_where_no_grid_is_marched(sampler, contraction, bounded):
    info = replace(scene([OUTSIDE]), sampler=sampler, train=TrainSettings(grid_levels=2, contraction=contraction))
    assert info.bounds == ((-2.0, -2.0, -2.0, 2.0, 2.0, 2.0) if bounded else None)


def test_a_setting_that_is_off_has_no_remark():
    assert not {"alpha_thre", "early_stop_eps", "occ_thre", "cone_angle"} & set(
        texts(alpha_thre=0.0, early_stop_eps=0.0, occ_thre=0.0)
    )


def test_where_a_rule_bounds_trainings_occupancy_threshold_the_slider_says_what_it_is():
    march = MarchSettings(occ_thre=0.01)
    found = effects(march, OUTSIDE, BOX, 0.01, GRID, capped=0.0032)["occ_thre"]
    assert found.short == "training: 0.0032" and "the mean of the cells' values" in found.sentence
    assert effects(march, OUTSIDE, BOX, 0.01, GRID, capped=0.01) == effects(march, OUTSIDE, BOX, 0.01, GRID)
