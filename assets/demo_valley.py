"""The unbounded demo scene as data: a still life on a garden table, and a valley around it as far as the sky.
`make_demo_unbounded.py` turns it into pictures.

What stands on the table are parts as in `demo_orrery.py`. All else has closed forms: a meadow without end, trees and
balloons (ellipsoids), hills (walls in rings about the origin, cut along their ridges, each behind the other) and a sky
with clouds and the sun. Units, axes and colours are those of `demo_orrery.py`; the nearest tree stands 6 units away,
the farthest mountains 420.
"""

import math
from functools import partial
from typing import NamedTuple

import demo_orrery as toy
import numpy as np
from demo_orrery import (
    GLOSSY,
    SATIN,
    Part,
    Profile,
    ball,
    disc,
    mix,
    plain,
    polar,
    smoothstep,
    srgb,
    turned,
    unit,
)

GROUND = -1.15  # z of the meadow
TOP = -0.22  # z of the table's top
TO_SUN = unit(np.array([[0.62], [-0.66], [0.30]]))
SUN_RADIUS = 0.045  # radians
SUNLIGHT, SKYLIGHT = np.array([[1.55], [1.32], [0.98]]), np.array([[0.36], [0.42], [0.55]])
HAZE, ZENITH = np.array([[0.72], [0.78], [0.86]]), np.array([[0.13], [0.30], [0.66]])
HAZE_LENGTH = 450.0  # units over which haze hides all but 1/e
CLOUDS = 90.0  # z of the clouds
GRASS, HAY, SAND = srgb("5f8f3a"), srgb("c9b458"), srgb("d8c49a")


class Ellipsoid(NamedTuple):
    """A tree or a balloon."""

    centre: np.ndarray  # (3, 1)
    halves: np.ndarray  # (3, 1) half axes
    paint: toy.Paint


class Ridge(NamedTuple):
    """A wall about the origin, as high as its ridge."""

    radius: float
    height: float  # of the ridge over the meadow, in the mean
    waves: tuple  # (waves a turn, share of the height, phase) each
    low: np.ndarray  # (3, 1) colours at the foot and at the ridge
    high: np.ndarray
    snow: bool = False


def still_life() -> list[Part]:
    """The table and what stands on it; all of it within 1.4 of the origin."""
    cup, globe, vase = polar(0.5, 75, TOP), polar(0.34, 318, TOP), polar(0.36, 195, TOP)
    fruits = (
        (0.62, 20, 0.13, "f08a1d"),
        (0.44, 0, 0.12, "e8531f"),
        (0.66, 352, 0.1, "c3d136"),
        (0.7, 140, 0.12, "d42a2f"),
    )
    return [
        disc(TOP, 0.95, 0.09, 0.02, toy.plinth_paint, SATIN),
        turned(Profile(0, 0, 0.38, 0.07), (0, 0, 0.5 * (TOP + GROUND)), toy.column_paint, GLOSSY),
        disc(GROUND + 0.1, 0.5, 0.1, 0.04, toy.foot_paint, SATIN),
        turned(Profile(0, 0.06, 0.08, 0.14), raised(vase, 0.22), _vase_paint, GLOSSY),
        turned(Profile(0, 0, 0.12, 0.065), raised(vase, 0.45), plain(toy.CREAM), GLOSSY),
        toy.torus(raised(vase, 0.6), 0.075, 0.026, plain(toy.NAVY), (0, 0, 1)),
        disc_at(raised(cup, 0.015), 0.2, 0.012, plain(toy.CREAM)),
        turned(Profile(0.115, 0.003, 0.1, 0.012), raised(cup, 0.14), _cup_paint, GLOSSY),
        disc_at(raised(cup, 0.18), 0.11, 0.01, plain(toy.EBONY)),
        toy.torus(raised(cup, 0.14) + np.array([0.17, 0.02, 0]), 0.06, 0.016, plain(toy.CREAM), (-0.12, 1, 0)),
        disc_at(raised(globe, 0.02), 0.13, 0.02, toy.foot_paint),
        toy.rod(globe, raised(globe, 0.2), 0.02),
        ball(raised(globe, 0.4), 0.22, toy.earth_paint, axis=(0.35, 0.15, 1)),
        toy.torus(raised(globe, 0.4), 0.26, 0.014, plain(toy.BRASS), (0.9, 0.5, -0.3)),
        *(ball(polar(r, a, TOP + size), size, plain(srgb(color))) for r, a, size, color in fruits),
    ]


def raised(place: np.ndarray, height: float) -> np.ndarray:
    """The point (3,) that lies `height` units above another."""
    return place + np.array([0, 0, height])


def disc_at(origin: np.ndarray, radius: float, half_height: float, paint: toy.Paint) -> Part:
    """A glossy disc about an upright axis; lengths in units."""
    return turned(Profile(0, radius - half_height, 0.002, half_height), origin, paint, GLOSSY)


def _vase_paint(q: np.ndarray) -> np.ndarray:
    wave = 0.03 * np.sin(2 * np.pi * toy.turn(q) * 9)
    return np.where(np.abs((q[2] + wave) * 9 % 1 - 0.5) < 0.22, toy.NAVY, toy.CREAM)


def _cup_paint(q: np.ndarray) -> np.ndarray:
    return np.where((toy.turn(q) * 14 % 1 < 0.5) & (np.abs(q[2]) < 0.06), toy.TEAL, toy.CREAM)


def _leaves(light: str, dark: str) -> toy.Paint:
    def paint(q: np.ndarray) -> np.ndarray:
        x, y, z = 9 * q
        return mix(srgb(dark), srgb(light), smoothstep(-0.8, 0.9, np.sin(x + 2 * np.sin(y)) + np.sin(1.3 * z + y)))

    return paint


def _stripes(a: np.ndarray, b: np.ndarray) -> toy.Paint:
    return lambda q: np.where(np.floor(toy.turn(q) * 12) % 2 == 0, a, b)


def _cypress(radius: float, degrees: float, height: float) -> Ellipsoid:
    halves = np.array([[0.17 * height], [0.17 * height], [0.5 * height]])
    return Ellipsoid(polar(radius, degrees, GROUND + 0.47 * height)[:, None], halves, _leaves("4d7a35", "1f4020"))


def _bush(radius: float, degrees: float, size: float, light: str, dark: str) -> Ellipsoid:
    halves = np.array([[size], [size], [0.8 * size]])
    return Ellipsoid(polar(radius, degrees, GROUND + 0.5 * size)[:, None], halves, _leaves(light, dark))


def _balloon(radius: float, degrees: float, z: float, size: float, color: np.ndarray) -> Ellipsoid:
    halves = np.array([[size], [size], [1.15 * size]])
    return Ellipsoid(polar(radius, degrees, z)[:, None], halves, _stripes(color, toy.CREAM))


SHAPES = [
    *(_cypress(6.5 + 0.45 * (i * 5 % 7), 20 + 9 * i, 2.1 + 0.35 * (i * 3 % 4)) for i in range(7)),
    *(_cypress(9.0 + 0.9 * (i * 4 % 5), 205 + 13 * i, 2.6 + 0.4 * (i * 2 % 3)) for i in range(6)),
    *(_bush(7.0 + 0.8 * (i * 3 % 5), 110 + 15 * i, 0.5 + 0.12 * (i % 4), "8fae3c", "3c6420") for i in range(6)),
    _bush(6.2, 305, 0.75, "e0607a", "7a2440"),
    _bush(7.4, 322, 0.55, "e8b2c8", "93446c"),
    _bush(8.8, 340, 0.9, "8fae3c", "3c6420"),
    _balloon(26, 72, 3.4, 1.5, toy.CRIMSON),
    _balloon(34, 188, 6.0, 1.9, toy.TEAL),
    _balloon(55, 262, 9.0, 2.4, toy.CORAL),
    _balloon(24, 350, 4.2, 1.1, toy.NAVY),
]

RIDGES = [
    Ridge(15, 0.55, ((7, 0.7, 0.4), (17, 0.5, 2.0), (41, 0.12, 0.3)), srgb("4e7a2e"), srgb("8fa845")),
    Ridge(34, 2.3, ((5, 0.55, 1.9), (11, 0.3, 0.2), (47, 0.05, 1.0)), srgb("5d8238"), srgb("a9a552")),
    Ridge(75, 7.0, ((4, 0.45, 0.7), (9, 0.3, 2.9), (61, 0.04, 0.5)), srgb("2f5a34"), srgb("55803f")),
    Ridge(170, 24.0, ((3, 0.4, 2.4), (8, 0.25, 0.9), (29, 0.06, 2.0)), srgb("35584a"), srgb("4f7160")),
    Ridge(
        420,
        88.0,
        ((5, 0.3, 0.2), (12, 0.22, 1.7), (31, 0.09, 0.4), (67, 0.04, 1.1)),
        srgb("4b5a70"),
        srgb("7d7f8c"),
        snow=True,
    ),
]


def background(origin: np.ndarray, dirs: np.ndarray, shadow) -> np.ndarray:
    """Radiance (3, n) along unit directions (3, n) from a point (3,) over the meadow, where no part is met.

    Args:
        shadow: gives the share of sunlight that parts let through to points (3, n) of the meadow.
    """
    color, nearest = sky(origin, dirs), np.full(dirs.shape[1], np.inf)
    with np.errstate(divide="ignore"):
        to_meadow = np.where(dirs[2] < 0, (GROUND - origin[2]) / dirs[2], np.inf)
    surfaces = [(to_meadow, partial(_meadow, shadow=shadow))]
    surfaces += [(_to_wall(origin, dirs, ridge.radius), partial(_ridge_color, ridge)) for ridge in RIDGES]
    surfaces += [(_to_ellipsoid(shape, origin[:, None], dirs), partial(_shape_color, shape)) for shape in SHAPES]
    for t, paint in surfaces:
        met = np.flatnonzero(t < nearest)
        found = paint(origin[:, None] + t[met] * dirs[:, met], t[met])
        there = ~np.isnan(found[0])  # a ridge has gaps
        met, found = met[there], found[:, there]
        color[:, met] = mix(HAZE, found, np.exp(-t[met] / HAZE_LENGTH))
        nearest[met] = t[met]
    return color


def sky(origin: np.ndarray, dirs: np.ndarray) -> np.ndarray:
    """The gradient from haze to zenith, clouds on their plane, and the sun with its glow."""
    height = np.clip(dirs[2], 0, 1)
    color = mix(HAZE, ZENITH, 1 - (1 - height) ** 3)
    to_sun = (dirs * TO_SUN).sum(0)
    color = color + np.array([[0.55], [0.40], [0.20]]) * np.exp(9 * (to_sun - 1)) ** 2
    with np.errstate(divide="ignore"):
        x, y = (origin[:2, None] + (CLOUDS - origin[2]) / np.maximum(dirs[2], 1e-3) * dirs[:2]) / 42
    puffs = sum(
        share * np.sin(k * x + 1.7 * np.sin(0.9 * k * y + k)) * np.cos(k * y + 1.3 * np.sin(0.8 * k * x))
        for k, share in ((0.8, 0.5), (1.7, 0.33), (3.9, 0.17), (8.3, 0.08))
    )
    color = mix(
        color, np.array([[0.98], [0.96], [0.93]]), 0.9 * smoothstep(0.1, 0.55, puffs) * smoothstep(0.04, 0.2, dirs[2])
    )
    off_sun = np.arccos(np.clip(to_sun, -1, 1))
    return mix(color, np.array([[4.0], [3.6], [2.8]]), smoothstep(1.25 * SUN_RADIUS, 0.9 * SUN_RADIUS, off_sun))


def _to_wall(origin: np.ndarray, dirs: np.ndarray, radius: float) -> np.ndarray:
    """t at which rays from inside hit an upright wall of this radius about the origin."""
    a = np.maximum((dirs[:2] ** 2).sum(0), 1e-12)
    b, c = (origin[:2, None] * dirs[:2]).sum(0), (origin[:2] ** 2).sum() - radius**2
    return (-b + np.sqrt(b * b - a * c)) / a


def _to_ellipsoid(shape: Ellipsoid, origins: np.ndarray, dirs: np.ndarray) -> np.ndarray:
    """t at which rays from outside first hit an ellipsoid, inf where they miss it."""
    o, d = (origins - shape.centre) / shape.halves, dirs / shape.halves
    a, b, c = (d * d).sum(0), (o * d).sum(0), (o * o).sum(0) - 1
    root = b * b - a * c
    t = (-b - np.sqrt(np.maximum(root, 0))) / a
    return np.where((root > 0) & (t > 0), t, np.inf)


def _ridge_color(ridge: Ridge, points: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The colour of a ridge at points (3, n) of its wall; NaN above the ridge."""
    angle = np.arctan2(points[1], points[0])
    top = 1 + sum(share * np.sin(n * angle + phase) for n, share, phase in ridge.waves)
    slope = sum(n * share * np.cos(n * angle + phase) for n, share, phase in ridge.waves[:2])
    up = (points[2] - GROUND) / (ridge.height * np.maximum(top, 1e-6))  # 0 at the foot, 1 at the ridge
    n = ridge.waves[-1][0]
    patches = np.sin(n * angle + 5 * up) * np.sin(9 * up + 3 * np.sin(0.4 * n * angle)) + 0.6 * np.sin(2.3 * n * angle)
    color = mix(ridge.low, ridge.high, np.clip(up + 0.22 * patches, 0, 1))
    if ridge.snow:
        color = mix(color, srgb("f4f6fb"), smoothstep(0.02, 0.12, up - 0.62 - 0.1 * patches))
    # a ridge that falls off towards the sun's side is in the light
    facing = np.cos(angle - math.atan2(TO_SUN[1, 0], TO_SUN[0, 0]))
    light = np.clip(0.75 - 0.45 * facing + 0.09 * slope, 0.25, 1.3)
    lit = color * (SKYLIGHT + 0.62 * light * SUNLIGHT)
    return np.where((up < 1) & (top > 0), lit, np.nan)


def _meadow(points: np.ndarray, t: np.ndarray, shadow) -> np.ndarray:
    x, y = points[:2]
    tufts = _left_of(0.5, t) * np.sin(9 * x + 3 * np.sin(5 * y)) * np.sin(8 * y + 2 * np.sin(6 * x))
    patches = _left_of(5.0, t) * np.sin(0.9 * x + np.sin(0.7 * y)) * np.sin(0.8 * y - 1.2 * np.sin(0.5 * x))
    color = mix(GRASS, HAY, np.clip(0.32 + 0.28 * patches + 0.2 * tufts, 0, 1))
    flowers = _left_of(0.3, t) * smoothstep(0.86, 0.95, np.sin(7.1 * x + 1.3 * y) * np.sin(6.3 * y - 2.2 * x))
    color = mix(color, mix(toy.CREAM, toy.CORAL, np.sin(2 * x + y) > 0), 0.8 * flowers)
    path = np.abs(x - 0.9 * np.sin(0.35 * y) - 1.1)
    color = mix(color, SAND * (1 + 0.12 * tufts), smoothstep(0.75, 0.55, path))
    around = np.hypot(x, y)  # flagstones below the table
    ring = np.floor(around / 0.48)
    joints = np.minimum(around / 0.48 % 1, np.arctan2(y, x) / (2 * np.pi) * (6 + 6 * ring) % 1)
    stones = mix(srgb("8d8a80"), srgb("b6afa0"), 0.5 + 0.5 * np.sin(5 * ring + 3 * np.floor(np.arctan2(y, x) * 3)))
    color = mix(color, np.where(joints < 0.07, 0.6 * SAND, stones), smoothstep(1.94, 1.9, around))
    sun = shadow(points)
    lit = np.flatnonzero((sun > 0) & (around < 40))
    for shape in SHAPES:
        sun[lit] *= ~np.isfinite(_to_ellipsoid(shape, points[:, lit], TO_SUN))
    return color * (SKYLIGHT + sun * TO_SUN[2, 0] * SUNLIGHT)


def _left_of(wavelength: float, t: np.ndarray) -> np.ndarray:
    """The share of a pattern's contrast that is left at a distance t: what is finer than a pixel fades."""
    return np.exp(-((0.02 * t / wavelength) ** 2))


def _shape_color(shape: Ellipsoid, points: np.ndarray, t: np.ndarray) -> np.ndarray:
    local = points - shape.centre
    normals = unit(local / shape.halves**2)
    sun = np.clip((normals * TO_SUN).sum(0), 0, 1)
    return shape.paint(local) * (SKYLIGHT * (0.7 + 0.3 * normals[2]) + sun * SUNLIGHT)
