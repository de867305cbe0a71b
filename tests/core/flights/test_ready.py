import math

import numpy as np
import pytest

from core.flights.curve import Flight
from core.flights.ready import READY, Surroundings
from core.geometry.cameras import look_at

BOX = (-1.0, -1.0, -0.5, 1.0, 1.0, 1.5)
MIDDLE = np.array([0.0, 0.0, 0.5])


def ring(n=12, radius=4.0, height=2.0, outwards=False, shuffled=False) -> np.ndarray:
    angles = np.random.default_rng(0).permutation(n) if shuffled else np.arange(n)
    places = [(radius * math.cos(a), radius * math.sin(a), height) for a in 2.0 * math.pi / n * angles]
    return np.stack([look_at(p, (2.0 * p[0], 2.0 * p[1], p[2]) if outwards else MIDDLE).numpy() for p in places])


def surroundings(cameras) -> Surroundings:
    return Surroundings(BOX, (0.0, 0.0, 1.0), cameras, np.full(len(cameras), 0.7), (cameras[0], 0.7))


def shots(name, cameras, n=240):
    flight = Flight(READY[name].make(surroundings(cameras)))
    return flight.at(np.linspace(0.0, flight.seconds, n))


def test_a_turntable_goes_round_at_the_starts_distance_and_looks_at_the_middle():
    c2w = shots("turntable", ring()).c2w
    offsets = c2w[:, :3, 3] - MIDDLE
    np.testing.assert_allclose(np.linalg.norm(offsets[:, :2], axis=1), 4.0, rtol=1e-3)
    np.testing.assert_allclose(offsets[:, 2], 1.5, atol=1e-6)
    towards = -offsets / np.linalg.norm(offsets, axis=1, keepdims=True)
    assert ((-c2w[:, :3, 2] * towards).sum(1) > 0.9999).all()
    turned = np.unwrap(np.arctan2(offsets[:, 1], offsets[:, 0]))
    assert turned[-1] - turned[0] == pytest.approx(2.0 * math.pi, abs=0.01)


def test_a_turntable_from_straight_above_comes_down():
    above = look_at((0.0, 0.0, 5.0), MIDDLE).numpy()
    c2w = shots("turntable", np.stack([above, above])).c2w
    assert np.ptp(c2w[:, 0, 3]) > 2.0 and np.isfinite(c2w).all()


@pytest.mark.parametrize("outwards", [False, True])
def test_the_orbit_has_the_cameras_mean_circle_and_direction(outwards):
    cameras = ring(outwards=outwards, shuffled=True)
    c2w = shots("orbit", cameras).c2w
    np.testing.assert_allclose(np.linalg.norm(c2w[:, :2, 3], axis=1), 4.0, rtol=1e-3)
    np.testing.assert_allclose(c2w[:, 2, 3], 2.0, atol=1e-5)
    facing = (-c2w[:, :2, 2] * c2w[:, :2, 3]).sum(1)
    assert (facing > 0.0).all() if outwards else (facing < 0.0).all()


def test_the_path_through_shuffled_photos_is_short_and_stays_near_them():
    c2w = shots("photos", ring(40, shuffled=True)).c2w
    length = np.linalg.norm(np.diff(c2w[:, :3, 3], axis=0), axis=1).sum()
    assert length < 1.1 * 2.0 * math.pi * 4.0
    np.testing.assert_allclose(np.linalg.norm(c2w[:, :2, 3], axis=1), 4.0, rtol=0.1)


def test_a_spiral_stays_among_cameras_that_face_one_way_and_looks_at_one_point():
    places = [(x, y, 6.0) for x in (-1.0, 0.0, 1.0) for y in (-0.5, 0.5)]
    cameras = np.stack([look_at(p, (p[0], p[1], 0.0), up=(0.0, 1.0, 0.0)).numpy() for p in places])
    c2w = shots("spiral", cameras).c2w
    assert np.abs(c2w[:, 0, 3]).max() <= 1.01 and np.abs(c2w[:, 1, 3]).max() <= 0.51
    to_middle = MIDDLE - c2w[:, :3, 3]
    to_middle /= np.linalg.norm(to_middle, axis=1, keepdims=True)
    assert ((-c2w[:, :3, 2] * to_middle).sum(1) > 0.999).all()


def test_a_dolly_keeps_the_middle_as_large_as_it_was():
    flown = shots("dolly", ring())
    distances = np.linalg.norm(flown.c2w[:, :3, 3] - MIDDLE, axis=1)
    assert distances[-1] < 0.6 * distances[0]
    framed = distances * np.tan(0.5 * flown.fov_y)
    np.testing.assert_allclose(framed, framed[0], rtol=0.01)


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("n", [2, 3])
def test_few_cameras_suffice(name, n):
    assert np.isfinite(shots(name, ring(n)).c2w).all()
