import dataclasses
import math

import numpy as np
import pytest

from core.flights.curve import Flight, eased, frame_times
from core.flights.path import CameraPath, Key, pose_values
from core.geometry.cameras import look_at

SPOTS = ((4.0, 0.0, 1.0), (0.5, 3.5, 1.5), (-3.0, 0.2, 0.5), (-1.0, -2.5, 2.5), (2.0, -2.0, 1.2))


def key(position, target=(0.0, 0.0, 0.3), fov=40.0, **more) -> Key:
    return Key(pose_values(look_at(position, target).numpy()), math.radians(fov), **more)


def path(closed=False, n=5, **more) -> CameraPath:
    return CameraPath(tuple(key(spot) for spot in SPOTS[:n]), closed=closed, **more)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("even", [True, False])
def test_a_flight_passes_through_its_keys_at_their_arrivals(closed, even):
    fovs = (30.0, 50.0, 45.0, 60.0, 35.0)
    keys = [key(spot, fov=fov, time=i / 5, at=1.1 * i) for i, (spot, fov) in enumerate(zip(SPOTS, fovs, strict=True))]
    flight = Flight(CameraPath(tuple(keys), seconds=6.0, closed=closed, even=even))
    shots = flight.at(flight.arrivals)
    np.testing.assert_allclose(shots.c2w, [k.matrix for k in keys], atol=2e-4)
    np.testing.assert_allclose(np.degrees(shots.fov_y), fovs, atol=1e-3)
    np.testing.assert_allclose(shots.times, np.arange(5) / 5, atol=1e-4)
    if not even:
        np.testing.assert_allclose(flight.arrivals, 1.1 * np.arange(5))


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("even", [True, False])
def test_positions_and_orientations_are_c1(closed, even):
    keys = tuple(dataclasses.replace(key(spot), at=1.3 * i) for i, spot in enumerate(SPOTS))
    flight = Flight(CameraPath(keys, seconds=6.5, closed=closed, even=even))
    step = 1e-4
    times = flight.arrivals[1:-1]
    before, here, after = (flight.at(times + shift).c2w[:, :3] for shift in (-step, 0.0, step))
    largest = np.abs(np.diff(flight.at(np.linspace(0.0, flight.seconds, 400)).c2w[:, :3], axis=0)).max()
    largest *= 400 / flight.seconds
    np.testing.assert_allclose((here - before) / step, (after - here) / step, atol=0.02 * largest)


def test_a_closed_flight_meets_itself_in_place_and_in_velocity():
    flight = Flight(path(closed=True))
    step = 1e-4
    start, begun, end, ending = flight.at(np.array([0.0, step, flight.seconds, flight.seconds - step])).c2w
    np.testing.assert_allclose(start, end, atol=1e-9)
    np.testing.assert_allclose((begun - start) / step, (end - ending) / step, atol=2e-2)


@pytest.mark.parametrize("closed", [False, True])
def test_the_speed_is_even_within_a_percent(closed):
    positions = Flight(path(closed)).at(np.linspace(0.0, 6.0, 3001)).c2w[:, :3, 3]
    speeds = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    assert speeds.std() / speeds.mean() < 0.01
    np.testing.assert_allclose(speeds, speeds.mean(), rtol=0.01)


def test_level_keys_give_level_pictures():
    shots = Flight(path(closed=True)).at(np.linspace(0.0, 6.0, 500))
    np.testing.assert_allclose(shots.c2w[:, 2, 0], 0.0, atol=1e-6)  # the camera's right has no height
    assert (shots.c2w[:, 2, 1] > 0.0).all()


def test_a_roll_lies_between_those_of_its_keys():
    level, turned = look_at(SPOTS[0], (0.0, 0.0, 0.0)).numpy(), look_at(SPOTS[1], (0.0, 0.0, 0.0)).numpy()
    angle = math.radians(30.0)
    turn = np.eye(4)
    turn[:2, :2] = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    keys = Key(pose_values(level), 0.7), Key(pose_values(turned @ turn), 0.7)
    shots = Flight(CameraPath(keys)).at(np.linspace(0.0, 6.0, 100)).c2w
    rights = shots[:, 2, 0]
    assert (np.diff(rights) > -1e-9).all() and rights[0] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(shots[-1], turned @ turn, atol=1e-6)


def test_a_camera_that_looks_straight_down_on_its_way_flies_on():
    keys = tuple(key((x, 0.0, 3.0), target=(0.0, 0.0, 0.0)) for x in (-2.0, 1e-3, 2.0))
    shots = Flight(CameraPath(keys)).at(np.linspace(0.0, 6.0, 200)).c2w
    assert np.isfinite(shots).all()
    np.testing.assert_allclose(np.linalg.det(shots[:, :3, :3]), 1.0, atol=1e-9)


def test_a_camera_that_only_turns_turns_evenly():
    headings = (0.0, 0.5, 1.5, 2.0)
    keys = tuple(key((0.0, 0.0, 0.0), target=(math.cos(a), math.sin(a), 0.0)) for a in headings)
    shots = Flight(CameraPath(keys)).at(np.linspace(0.0, 6.0, 301)).c2w
    angles = np.unwrap(np.arctan2(-shots[:, 1, 2], -shots[:, 0, 2]))
    np.testing.assert_allclose(np.diff(angles), 2.0 / 300, rtol=0.02)


def test_a_hold_stands_still_and_is_left_and_reached_smoothly():
    keys = [key(spot) for spot in SPOTS]
    keys[2] = dataclasses.replace(keys[2], hold=1.5)
    flight = Flight(CameraPath(tuple(keys), seconds=8.0))
    arrival = flight.arrivals[2]
    held = flight.at(np.linspace(arrival, arrival + 1.5, 20)).c2w
    np.testing.assert_allclose(held, np.broadcast_to(keys[2].matrix, held.shape), atol=2e-4)
    for moment, side in ((arrival, -1e-3), (arrival + 1.5, 1e-3)):
        moved = np.linalg.norm(flight.at(np.array([moment + side])).c2w[0, :3, 3] - keys[2].position)
        assert moved / 1e-3 < 0.05 * 20.0 / 6.5


def test_ease_starts_and_ends_at_rest_and_changes_no_duration():
    flight = Flight(path(ease=0.3))
    positions = flight.at(np.linspace(0.0, flight.seconds, 2001)).c2w[:, :3, 3]
    speeds = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    assert max(speeds[0], speeds[-1]) < 0.02 * speeds.max()
    np.testing.assert_allclose(positions[[0, -1]], [SPOTS[0], SPOTS[-1]], atol=1e-6)


@pytest.mark.parametrize("ease_in", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("ease_out", [0.0, 0.3, 0.5])
def test_ease_goes_from_0_to_1_without_turning_back(ease_in, ease_out):
    shares = np.linspace(0.0, 1.0, 201)
    ways = eased(shares, np.full(201, ease_in), np.full(201, ease_out))
    assert ways[0] == 0.0 and ways[-1] == pytest.approx(1.0)
    assert (np.diff(ways) >= -1e-12).all()


def test_frames_cover_an_open_flight_and_do_not_repeat_a_closed_ones_first():
    opened, closed = frame_times(Flight(path()), 10.0), frame_times(Flight(path(closed=True)), 10.0)
    assert len(opened) == len(closed) == 60
    assert opened[-1] == 6.0 and closed[-1] == pytest.approx(5.9)


def test_turning_the_scene_turns_the_flight():
    turn = np.eye(4)
    turn[:3, :3] = [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    turned = tuple(dataclasses.replace(k, c2w=pose_values(turn @ k.matrix)) for k in path().keys)
    times = np.linspace(0.0, 6.0, 50)
    np.testing.assert_allclose(Flight(CameraPath(turned)).at(times).c2w, turn @ Flight(path()).at(times).c2w, atol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (path(n=1), "at least two keys"),
        (CameraPath((key(SPOTS[0]), key(SPOTS[0]), key(SPOTS[1]))), "keys 1 and 2 are equal"),
        (CameraPath((key(SPOTS[0]), key(SPOTS[1]), key(SPOTS[0])), closed=True), "keys 3 and 1 are equal"),
        (CameraPath((key(SPOTS[0], hold=4.0), key(SPOTS[1], hold=2.0))), "no time to fly"),
        (CameraPath((key(SPOTS[0]), key(SPOTS[1])), even=False), "need times"),
        (CameraPath((key(SPOTS[0], at=0.0, hold=2.0), key(SPOTS[1], at=1.5)), even=False), "let it begin later"),
    ],
)
def test_what_cannot_be_flown_says_why(wrong, words):
    with pytest.raises(ValueError, match=words):
        Flight(wrong)
