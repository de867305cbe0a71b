import math
import random

import pytest

from viewer.session.resolution import (
    COARSEST,
    REFRESH_SHARE,
    SMALLEST_FRACTION,
    STEP_SHARE,
    VIEW_PERIOD,
    ViewController,
    refresh_period,
    scaled_size,
)

WIDTH, HEIGHT = 1000, 760
STEP = 0.03


def fly(controller, cost, n_views, now=0.0, step=STEP, noise=0.0, seed=0):
    """Moving views with a training step after each; returns the plans and the clock at the end."""
    draw, plans = random.Random(seed), []
    for _ in range(n_views):
        plan = controller.plan_moving(WIDTH, HEIGHT, 10.0, now)
        seconds = plan.cost * cost * (1.0 + draw.uniform(-noise, noise))
        now += seconds
        controller.shown(plan, seconds, 10.0, now)
        fraction = controller.step_fraction(moving=True)
        controller.stepped(step * fraction, fraction)
        now += step * fraction
        plans.append(plan)
    return plans, now


def rest(controller, cost, seconds, training=0.0, step=STEP):
    """A camera that has come to rest while training runs; returns the pictures as (plan, completion time)."""
    now, shown = 0.0, []
    plan = controller.plan_rest(WIDTH, HEIGHT, training, now)
    while now < seconds:
        if plan is not None:
            took = plan.cost * cost
            now += took
            controller.shown(plan, took, training, now)
            shown.append((plan, now))
        now, training = now + step, training + step
        controller.stepped(step, 1.0)
        plan = controller.plan_refresh(WIDTH, HEIGHT, training, now)
    return shown


@pytest.mark.parametrize("cost", [1e-8, 1e-7, 5e-7, 1e-6, 2e-6, 3.3e-6, 1e-5, 1e-4])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_resolution_is_constant_while_the_cost_is(cost, noise):
    plans, _ = fly(ViewController(), cost, 300, noise=noise)
    levels = [plan.level for plan in plans[20:]]
    assert len(set(levels)) == 1 or (noise and levels == sorted(levels, reverse=True)), (
        "it may become finer but never alternates"
    )


@pytest.mark.parametrize("cost", [1e-8, 1e-7, 1e-6, 2e-6, 5e-6, 1e-5])
@pytest.mark.parametrize("step", [0.005, 0.03, 0.2, 1.0])
def test_a_moving_camera_keeps_its_frame_rate_with_a_step_between_any_two_views(cost, step):
    controller = ViewController()
    _, started = fly(controller, cost, 60, step=step)
    _, ended = fly(controller, cost, 60, started, step=step)
    assert 60 / (ended - started) >= 0.75 / VIEW_PERIOD


@pytest.mark.parametrize("cost", [1e-7, 1e-6, 3e-6, 1e-5])
def test_resolution_is_not_lower_than_needed(cost):
    plans, _ = fly(ViewController(), cost, 60)
    finer = plans[-1].cost * 2**0.5 * cost
    assert plans[-1].level == 0 or finer > 0.7 * (VIEW_PERIOD - STEP)


def test_resolution_drops_within_a_few_views_once_they_cost_more():
    controller = ViewController()
    cheap, now = fly(controller, 2e-7, 50)
    dear, _ = fly(controller, 1e-5, 50, now)
    assert dear[10].level > cheap[-1].level
    assert dear[10].cost * 1e-5 <= 1.2 * VIEW_PERIOD


@pytest.mark.parametrize("cost", [1e-7, 1e-6, 3e-6])
def test_comparing_two_settings_keeps_the_frame_rate(cost):
    controller = ViewController()
    alone, started = fly(controller, cost, 60)
    controller.n_marches = 2
    both, ended = fly(controller, cost, 60, started)
    assert 60 / (ended - started) >= 0.75 / VIEW_PERIOD
    assert all(plan.n_marches == 2 and plan.cost * cost <= 1.2 * VIEW_PERIOD for plan in both)
    controller.n_marches = 1
    again, _ = fly(controller, cost, 60, ended)
    assert again[-1].level == alone[-1].level


def test_a_cancelled_picture_lowers_the_next_ones_resolution():
    controller = ViewController()
    fly(controller, 2e-7, 50)
    before = controller.plan_moving(WIDTH, HEIGHT, None, 100.0)
    controller.cancelled(before, 1.0, 101.0)
    assert controller.plan_moving(WIDTH, HEIGHT, None, 101.0).level > before.level


def test_only_a_picture_that_can_get_coarser_is_ever_cancelled():
    controller = ViewController()
    slow, _ = fly(controller, 1e-3, 20)
    assert slow[-1].level == COARSEST
    assert slow[-1].late_after == math.inf
    quick, _ = fly(ViewController(), 1e-6, 50)
    assert VIEW_PERIOD < quick[-1].late_after < 1.0
    assert controller.plan_rest(WIDTH, HEIGHT, 10.0, 100.0).late_after == 0.0


@pytest.mark.parametrize("cost", [1e-8, 1e-6, 2e-6, 1e-5])
@pytest.mark.parametrize("training", [0.0, 20.0, 500.0])
def test_pictures_at_rest_leave_training_its_share(cost, training):
    shown = rest(ViewController(), cost, 120.0, training)
    *earlier, (last, ended) = shown
    assert len(earlier) > 3
    assert sum(plan.cost * cost for plan, _ in earlier) <= REFRESH_SHARE * (ended - last.cost * cost)


def test_pictures_at_rest_come_often_at_first_and_become_sharp():
    shown = rest(ViewController(), 2e-6, 120.0)
    early = [when for _, when in shown if when < 5.0]
    assert len(early) >= 8
    late = [plan for plan, when in shown if when > 60.0]
    assert late and all(plan.level == 0 and plan.reason == "" for plan in late)


def test_resolution_at_rest_does_not_flicker():
    levels = [plan.level for plan, _ in rest(ViewController(), 2e-6, 200.0)][3:]
    assert levels == sorted(levels, reverse=True)


@pytest.mark.parametrize(("cost", "n_pictures"), [(1e-7, 1), (1e-6, 2), (2e-6, 3), (1e-5, 4)])
def test_paused_it_shows_a_quick_picture_then_the_full_one_then_nothing(cost, n_pictures):
    controller = ViewController()
    fly(controller, cost, 50)
    plans, now = [controller.plan_rest(WIDTH, HEIGHT, None, 100.0)], 100.0
    while plans[-1] is not None:
        seconds = plans[-1].cost * cost
        now += seconds
        controller.shown(plans[-1], seconds, None, now)
        plans.append(controller.plan_refresh(WIDTH, HEIGHT, None, now))
    assert (plans[-2].width, plans[-2].height, plans[-2].reason) == (WIDTH, HEIGHT, "")
    assert len(plans) - 1 == n_pictures
    assert plans[0].cost * cost < 0.2


def test_new_weights_make_a_paused_picture_stale():
    controller = ViewController()
    while (plan := controller.plan_refresh(WIDTH, HEIGHT, None, 0.0)) is not None:
        controller.shown(plan, 1e-6 * plan.cost, None, 0.0)
    controller.stale()
    assert controller.plan_refresh(WIDTH, HEIGHT, None, 1.0).level == 0


def test_slow_steps_shrink_only_while_the_camera_moves():
    controller = ViewController()
    for _ in range(50):
        controller.stepped(0.2, 1.0)
    assert controller.step_fraction(moving=False) == 1.0
    assert controller.step_fraction(moving=True) == pytest.approx(STEP_SHARE * VIEW_PERIOD / 0.2, rel=1e-3)
    for _ in range(50):
        controller.stepped(1e4, 1.0)
    assert controller.step_fraction(moving=True) == SMALLEST_FRACTION


def test_two_levels_halve_the_pixels_and_keep_the_aspect():
    for level in range(COARSEST + 1):
        width, height = scaled_size(1600, 900, level)
        assert width * height == pytest.approx(1600 * 900 / 2 ** (level / 2), rel=0.05)
        assert width / height == pytest.approx(16 / 9, rel=0.05)
    assert scaled_size(3, 1, COARSEST) == (1, 1)


def test_the_refresh_period_grows_with_training():
    assert [refresh_period(t) for t in (0.0, 3.0, 20.0, 1000.0)] == pytest.approx([0.3, 0.3, 2.0, 5.0])
