"""The demo scene as data: a toy orrery, its shapes and its paint. `make_demo.py` turns it into pictures.

A round wooden plinth with marquetry carries a striped column with a golden sun, four planets and a moon on thin brass
wires, and a tilted enamel ring on three posts.

Every part is a rounded rectangle turned about an axis: ball, rod, disc, torus and flat ring are one formula with four
numbers (`Profile`). z is up, lengths are in scene units, everything lies inside `AABB`. Points are `(3, n)` in the
frame of their part (the third coordinate runs along its axis); colours are `(3, n)` or `(3, 1)` in linear light.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

AABB = (-0.98, -0.98, -0.76, 0.98, 0.98, 0.87)
FLOOR = -0.53  # z of the plinth's top
WIRE = 0.013  # radius of the planets' wires

Paint = Callable[[np.ndarray], np.ndarray]  # points in the part's frame -> colours


class Profile(NamedTuple):
    """A rectangle in the half-plane (r, z) about the part's axis, grown by `rounding` > 0."""

    ring: float  # r of the rectangle's centre: 0 for solid parts, the large radius for rings
    half_width: float
    half_height: float
    rounding: float


class Finish(NamedTuple):
    """How a surface reflects."""

    reflectance: float  # at normal incidence; metals tint it with their colour
    sharpness: float  # of the highlight's spherical Gaussian
    rim: float  # how much of Fresnel's rise towards grazing angles is left: rough surfaces lose it
    diffuse: float  # share of the paint that shows by scattered light


class Part(NamedTuple):
    profile: Profile
    origin: np.ndarray  # (3,)
    frame: np.ndarray  # (3, 3) rows: the part's own x, y and axis in world coordinates
    paint: Paint
    finish: Finish


def srgb(code: str) -> np.ndarray:
    """`"rrggbb"` as linear light, (3, 1)."""
    v = np.frombuffer(bytes.fromhex(code), np.uint8)[:, None] / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


CREAM, NAVY, TEAL, CORAL, CRIMSON = srgb("fff1d0"), srgb("1d3f8f"), srgb("16a39a"), srgb("ee4a32"), srgb("d01f2e")
MAPLE, HONEY, WALNUT, EBONY, FELT = srgb("d89c5e"), srgb("b87a40"), srgb("6b3a1e"), srgb("42210f"), srgb("1f6b4a")
BRASS = srgb("f7cb62")

GLOSSY = Finish(reflectance=0.07, sharpness=85, rim=1.0, diffuse=1.0)
SATIN = Finish(reflectance=0.014, sharpness=40, rim=0.2, diffuse=1.0)
METAL = Finish(reflectance=0.85, sharpness=70, rim=1.0, diffuse=0.3)


def mix(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return a + (b - a) * weight


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    u = np.clip((x - low) / (high - low), 0, 1)
    return u * u * (3 - 2 * u)


def turn(q: np.ndarray) -> np.ndarray:
    """Angle about the part's axis in turns, 0 to 1."""
    return np.arctan2(q[1], q[0]) / (2 * np.pi) % 1


def unit(q: np.ndarray) -> np.ndarray:
    return q / np.linalg.norm(q, axis=0)


def plain(color: np.ndarray) -> Paint:
    return lambda q: np.broadcast_to(color, q.shape)


def wood(q: np.ndarray, light: np.ndarray, dark: np.ndarray) -> np.ndarray:
    """Growth rings of a trunk whose heart lies beside the part and leans a little."""
    x, y, z = q
    radius = np.hypot(x + 0.55 + 0.3 * z, y - 0.25 + 0.04 * np.sin(5 * x)) + 0.012 * np.sin(9 * y + 4 * x)
    year = radius * 11 % 1
    return mix(light, dark, smoothstep(0.1, 0.85, year) * (1 - smoothstep(0.88, 1.0, year)))


def plinth_paint(q: np.ndarray) -> np.ndarray:
    """Maple with a compass star, a ring of checkers and a scale of degrees; brass round the side, green felt below."""
    r, angle = np.hypot(q[0], q[1]), turn(q)
    color = wood(q, MAPLE, HONEY)
    reach = np.where((angle * 8 + 0.5) % 2 < 1, 0.52, 0.42) / (1 + 2.2 * (1 - 2 * np.abs(angle * 8 % 1 - 0.5)))
    color = np.where(r < reach, np.where(angle * 16 % 2 < 1, CRIMSON, CREAM), color)
    checkers = (np.floor(angle * 48) + np.floor((r - 0.60) / 0.06)) % 2 == 0
    color = np.where((r > 0.60) & (r < 0.72), np.where(checkers, NAVY, CREAM), color)
    tick_width = np.where(np.floor(angle * 72) % 6 == 0, 0.3, 0.15)
    color = np.where((np.abs(angle * 72 % 1 - 0.5) < tick_width) & (r > 0.80) & (r < 0.86), WALNUT, color)
    color = np.where((np.abs(q[2]) < 0.012) & (r > 0.95), BRASS, color)
    return np.where(q[2] < -0.045, FELT, color)


def foot_paint(q: np.ndarray) -> np.ndarray:
    return np.where(q[2] < -0.055, FELT, wood(3 * q, WALNUT, EBONY))


def column_paint(q: np.ndarray) -> np.ndarray:
    return np.where((turn(q) + 5 * q[2]) % 1 < 0.5, CREAM, TEAL)


def ring_paint(q: np.ndarray) -> np.ndarray:
    place = turn(q) * 24
    color = np.where(np.floor(place) % 2 == 0, NAVY, CREAM)
    return np.where(np.abs(place % 1 - 0.5) > 0.42, BRASS, color)


def sun_paint(q: np.ndarray) -> np.ndarray:
    x, y, z = unit(q)
    flow = z + 0.16 * np.sin(4 * x + 3 * z) * np.cos(5 * y) + 0.06 * np.sin(9 * y - 6 * x)
    return mix(srgb("ffc21f"), srgb("f2650a"), smoothstep(-0.3, 0.6, np.sin(13 * flow)))


def earth_paint(q: np.ndarray) -> np.ndarray:
    x, y, z = unit(q)
    height = np.sin(3 * x + 1.5 * z + 1) * np.cos(2.6 * y - z) + 0.5 * np.sin(5 * y + 4 * z) * np.cos(4 * x)
    color = mix(srgb("1c6fd6"), srgb("3fae49"), smoothstep(-0.02, 0.06, height))
    return mix(color, CREAM, smoothstep(0.88, 0.93, np.abs(z) + 0.05 * np.sin(7 * x)))


def jupiter_paint(q: np.ndarray) -> np.ndarray:
    """Bands and the red spot."""
    x, y, z = unit(q)
    bands = np.sin(11 * z + 0.5 * np.sin(4 * x + 2) * np.cos(3 * y))
    color = mix(srgb("f6d9a8"), srgb("c8552b"), smoothstep(-0.25, 0.45, bands))
    from_spot = np.where(y < 0, (x - 0.35) ** 2 + 2.5 * (z + 0.24) ** 2, 1.0)
    return mix(srgb("a8201a"), color, smoothstep(0.05, 0.09, from_spot))


def saturn_paint(q: np.ndarray) -> np.ndarray:
    return mix(srgb("b98be0"), srgb("7a45b8"), smoothstep(-0.3, 0.3, np.sin(14 * unit(q)[2])))


def saturn_ring_paint(q: np.ndarray) -> np.ndarray:
    return mix(srgb("ffe2a0"), srgb("e08a3c"), smoothstep(-0.4, 0.4, np.sin(170 * np.hypot(q[0], q[1]))))


def mars_paint(q: np.ndarray) -> np.ndarray:
    latitude = np.arccos(np.clip(unit(q)[2], -1, 1)) / np.pi
    return np.where((np.floor(turn(q) * 12) + np.floor(latitude * 6)) % 2 == 0, CRIMSON, CREAM)


def frame_about(axis: np.ndarray) -> np.ndarray:
    """A right-handed frame whose third row is along `axis`."""
    w = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    u = np.cross((0, 1, 0) if abs(w[1]) < 0.9 else (1, 0, 0), w)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(w, u), w])


def turned(profile: Profile, origin: np.ndarray, paint: Paint, finish: Finish, axis=(0, 0, 1)) -> Part:
    return Part(profile, np.asarray(origin, np.float64), frame_about(axis), paint, finish)


def ball(origin: np.ndarray, radius: float, paint: Paint, finish: Finish = GLOSSY, axis=(0, 0, 1)) -> Part:
    return turned(Profile(0, 0, 0, radius), origin, paint, finish, axis)


def disc(top: float, radius: float, height: float, rounding: float, paint: Paint, finish: Finish) -> Part:
    profile = Profile(0, radius - rounding, height / 2 - rounding, rounding)
    return turned(profile, (0, 0, top - height / 2), paint, finish)


def torus(origin: np.ndarray, radius: float, tube: float, paint: Paint, axis: tuple) -> Part:
    return turned(Profile(radius, 0, 0, tube), origin, paint, GLOSSY, axis)


def rod(start: np.ndarray, end: np.ndarray, radius: float, color: np.ndarray = BRASS) -> Part:
    along = np.subtract(end, start)
    profile = Profile(0, 0, float(np.linalg.norm(along)) / 2, radius)
    return turned(profile, start + along / 2, plain(color), METAL, along)


def polar(radius: float, degrees: float, z: float) -> np.ndarray:
    angle = math.radians(degrees)
    return np.array([radius * math.cos(angle), radius * math.sin(angle), z])


def planet(body: Part, arm: float) -> list[Part]:
    """A planet on its wire: from the column at height `arm` outwards, then up to the body."""
    elbow = np.array([body.origin[0], body.origin[1], arm])
    wires = [rod((0, 0, arm), elbow, WIRE), rod(elbow, body.origin, WIRE)]
    return [body, *wires, ball(elbow, 0.024, plain(BRASS), METAL)]


def orrery() -> list[Part]:
    """All parts of the scene."""
    sun, ring, ring_axis = np.array([0, 0, 0.29]), np.array([0, 0, 0.18]), (0.30, -0.16, 1)
    earth, jupiter = polar(0.56, 200, 0.23), polar(0.66, 285, 0.13)
    saturn, saturn_axis, mars = polar(0.62, 40, 0.35), (-0.3, -0.35, 1), polar(0.44, 120, 0.43)
    moon, finial = earth + np.array([-0.11, 0.07, 0.18]), np.array([0, 0, 0.80])
    ring_rests = [ring + polar(0.9, degrees, 0) @ frame_about(ring_axis) for degrees in (90, 210, 330)]
    column = turned(Profile(0, 0, 0.40, 0.045), (0, 0, FLOOR + 0.41), column_paint, GLOSSY)
    return [
        disc(FLOOR, 0.96, 0.10, 0.02, plinth_paint, SATIN),
        disc(FLOOR - 0.09, 0.88, 0.12, 0.03, foot_paint, SATIN),
        disc(FLOOR + 0.045, 0.17, 0.05, 0.012, plain(BRASS), METAL),
        disc(FLOOR + 0.085, 0.11, 0.05, 0.02, plain(NAVY), GLOSSY),
        column,
        ball(sun, 0.25, sun_paint),
        rod(sun, finial, 0.012),
        ball(finial, 0.045, plain(CORAL)),
        torus(ring, 0.9, 0.032, ring_paint, ring_axis),
        *(rod((x, y, FLOOR), (x, y, z), 0.014) for x, y, z in ring_rests),
        *planet(ball(earth, 0.12, earth_paint, axis=(0.3, 0.1, 1)), -0.09),
        rod(earth, moon, 0.008),
        ball(moon, 0.04, plain(CREAM), SATIN),
        *planet(ball(jupiter, 0.155, jupiter_paint, axis=(0.05, -0.1, 1)), -0.31),
        *planet(ball(saturn, 0.10, saturn_paint, axis=saturn_axis), -0.20),
        turned(Profile(0.17, 0.035, 0.002, 0.005), saturn, saturn_ring_paint, SATIN, saturn_axis),
        *planet(ball(mars, 0.085, mars_paint), 0.01),
    ]
