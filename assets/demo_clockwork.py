"""The dynamic demo scene as data: a clockwork toy at each moment of a turn that ends as it began.
`make_demo_dynamic.py` turns it into pictures.

On the orrery's plinth three planets swing to and fro on their wires, a moon circles one of them, the ring of another
wobbles, the sun breathes, a ball bounces and is squashed as it lands, and a wave runs through seven pillars at the rim.

Time runs from 0 to 1. Parts, units and colours are those of `demo_orrery.py`.
"""

import math

import demo_orrery as toy
import numpy as np
from demo_orrery import FLOOR, GLOSSY, METAL, SATIN, Part, Profile, ball, disc, plain, planet, polar, rod, turned

AABB = (-0.98, -0.98, -0.76, 0.98, 0.98, 0.64)
BALL_RADIUS, JUMP = 0.12, 0.55
LANDING = 0.12  # the part of the turn that the ball spends on the ground
PILLARS = 7


def swing(time: float) -> float:
    """To and fro: 0 at the turn's ends, 1 in its middle, at rest at both."""
    return 0.5 - 0.5 * math.cos(2 * math.pi * time)


def ball_paint(q: np.ndarray) -> np.ndarray:
    return np.where(np.floor(toy.turn(q) * 6) % 2 == 0, toy.CORAL, toy.CREAM)


def jumping_ball(time: float) -> Part:
    """On the ground in the middle of the turn, pressed flat and wide; stretched where it flies fast."""
    off_ground = abs((time % 1) - 0.5)
    if off_ground < LANDING / 2:
        pressed, height, stretched = 0.5 + 0.5 * math.cos(2 * math.pi * off_ground / LANDING), 0.0, 0.0
    else:
        flight = (off_ground - LANDING / 2) / (0.5 - LANDING / 2)  # 0 where it leaves the ground, 1 at the top
        pressed, height, stretched = 0.0, JUMP * (1 - (1 - flight) ** 2), 0.045 * (1 - flight) * min(1, 6 * flight)
    rounding = BALL_RADIUS - 0.05 * pressed - 0.4 * stretched
    profile = Profile(0, 0.065 * pressed, stretched, rounding)
    return turned(profile, polar(0.58, 108, FLOOR + height + stretched + rounding), ball_paint, GLOSSY)


def pillar(index: int, time: float) -> Part:
    degrees, height = 360 * (index + 0.5) / PILLARS, 0.05 + 0.2 * swing(time + index / PILLARS)
    color = (toy.TEAL, toy.NAVY, toy.CORAL)[index % 3]
    return rod(polar(0.86, degrees, FLOOR), polar(0.86, degrees, FLOOR + height), 0.034, color)


def clockwork(time: float) -> list[Part]:
    """All parts at a time."""
    sun = np.array([0, 0, 0.29])
    earth, jupiter = polar(0.56, 165 + 60 * swing(time), 0.23), polar(0.66, 325 - 55 * swing(time + 0.2), 0.13)
    saturn, wobble = polar(0.62, 10 + 55 * swing(time - 0.2), 0.35), 2 * math.pi * time
    saturn_axis = (0.35 * math.cos(wobble), 0.35 * math.sin(wobble), 1)
    moon = earth + polar(0.2, 360 * time, 0.16)
    return [
        disc(FLOOR, 0.96, 0.10, 0.02, toy.plinth_paint, SATIN),
        disc(FLOOR - 0.09, 0.88, 0.12, 0.03, toy.foot_paint, SATIN),
        disc(FLOOR + 0.045, 0.17, 0.05, 0.012, plain(toy.BRASS), METAL),
        disc(FLOOR + 0.085, 0.11, 0.05, 0.02, plain(toy.NAVY), GLOSSY),
        turned(Profile(0, 0, 0.40, 0.045), (0, 0, FLOOR + 0.41), toy.column_paint, GLOSSY),
        ball(sun, 0.22 + 0.05 * swing(2 * time), toy.sun_paint),
        *planet(ball(earth, 0.12, toy.earth_paint, axis=(0.3, 0.1, 1)), -0.09),
        rod(earth, moon, 0.009),
        ball(moon, 0.05, plain(toy.CREAM), SATIN),
        *planet(ball(jupiter, 0.155, toy.jupiter_paint, axis=(0.05, -0.1, 1)), -0.31),
        *planet(ball(saturn, 0.10, toy.saturn_paint, axis=saturn_axis), -0.20),
        turned(Profile(0.17, 0.035, 0.002, 0.008), saturn, toy.saturn_ring_paint, SATIN, saturn_axis),
        jumping_ball(time),
        *(pillar(index, time) for index in range(PILLARS)),
    ]
