#!/usr/bin/env python3
"""Record README's animation of the window: python -m tests.benchmarks.window_film OUTPUT.webp

Drives the program on a virtual screen, as the window's tests do, in one take of about 15 seconds: the demo scene from
its first picture, an orbit, the near plane moved through the scene and back, a flight. The film plays at the speed at
which it was recorded, so record it on an otherwise idle machine, after a first run has compiled the kernels.
"""

import itertools
import math
import sys
import time
from pathlib import Path

from PIL import Image, ImageDraw

from tests.gui.app import App
from tests.gui.start import running, virtual_screen

WIDTH = 960
"""Pixels; the screen is wider."""

RATE = 12.0
"""Target frames per second; each frame is shown for as long as it took to record."""

QUALITY = 70
LARGEST = 3_000_000
"""Bytes: a larger file loads too slowly for a README."""

POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))
"""The mouse pointer's outline. The X server leaves the pointer out of screenshots."""


class Film:
    """Moves the mouse and records frames at the same time."""

    def __init__(self, app: App, pointer: tuple[int, int]):
        self._app, self._pointer, self._pressed = app, pointer, False
        self._shots: list[tuple[float, Image.Image, tuple[int, int], bool]] = []
        self._due = time.perf_counter()

    def rest(self, seconds: float) -> None:
        """Record without moving the mouse."""
        self.glide(self._pointer, seconds)

    def glide(self, goal: tuple[int, int], seconds: float) -> None:
        """Record while the mouse moves to a point on the screen, easing in and out."""
        start, began = self._pointer, self._due
        while self._due < began + seconds:
            share = min((self._due + 1.0 / RATE - began) / seconds, 1.0)
            eased = 0.5 - 0.5 * math.cos(math.pi * share)
            point = tuple(round(a + eased * (b - a)) for a, b in zip(start, goal, strict=True))
            if point != self._pointer:
                self._pointer = point
                self._app.xdotool("mousemove", *point)
            self._shoot()

    def hold(self) -> None:
        """Press the left button."""
        self._pressed = True
        self._app.xdotool("mousedown", 1)

    def release(self) -> None:
        self._pressed = False
        self._app.xdotool("mouseup", 1)

    def fly(self, seconds: float, key: str) -> None:
        """Record while a key is held."""
        self._app.xdotool("keydown", key)
        self.rest(seconds)
        self._app.xdotool("keyup", key)

    def save(self, path: Path) -> None:
        """Write an animated WebP; raises FileExistsError if the file exists."""
        times = [moment for moment, *_ in self._shots]
        durations = [round(1e3 * (b - a)) for a, b in itertools.pairwise(times)] + [1500]
        frames = [_drawn(*shot) for _, *shot in self._shots]
        with path.open("xb") as file:
            frames[0].save(
                file, format="WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0,
                quality=QUALITY, method=4, minimize_size=True,
            )  # fmt: skip

    def _shoot(self) -> None:
        time.sleep(max(0.0, self._due - time.perf_counter()))
        self._shots.append((time.perf_counter(), self._app.screen(), self._pointer, self._pressed))
        self._due = max(self._due + 1.0 / RATE, time.perf_counter())


def _drawn(screen: Image.Image, pointer: tuple[int, int], pressed: bool) -> Image.Image:
    """A frame at the film's size, with the pointer, which is orange while the button is down."""
    frame = screen.convert("RGB")
    outline = [(pointer[0] + x, pointer[1] + y) for x, y in POINTER]
    ImageDraw.Draw(frame).polygon(outline, fill="#e8a33d" if pressed else "white", outline="black")
    return frame.resize((WIDTH, round(WIDTH * frame.height / frame.width)), Image.Resampling.LANCZOS)


def take(app: App) -> Film:
    app.wait_for(lambda s: s.get("frame") is not None, "a first picture")
    app.next_state()
    left, top, width, height = app.widget("picture")

    def at(across: float, down: float) -> tuple[int, int]:
        return round(left + across * width), round(top + down * height)

    def on_slider(share: float) -> tuple[int, int]:
        x, y, slider, tall = app.widget("march.near_plane")
        return round(x + share * (slider - 1)), y + tall // 2

    start = at(0.3, 0.55)
    app.xdotool("mousemove", *start)
    film = Film(app, start)
    film.rest(2.0)
    film.hold()
    film.glide(at(0.75, 0.5), 3.0)
    film.release()
    film.rest(0.5)
    film.glide(on_slider(0.03), 0.7)
    film.hold()
    film.glide(on_slider(0.4), 1.6)
    film.glide(on_slider(0.0), 1.0)
    film.release()
    film.glide(at(0.65, 0.55), 0.5)
    for key, seconds in (("w", 0.6), ("d", 0.4), ("a", 0.4), ("s", 0.6)):
        film.fly(seconds, key)
    film.hold()
    film.glide(at(0.4, 0.6), 1.2)
    film.release()
    film.rest(1.6)
    return film


def main(path: Path) -> None:
    if path.exists():
        sys.exit(f"expected the name of a new file, found {path}: name another")
    with virtual_screen() as display, running(display, "demo") as app:
        film = take(app)
        print(f"{app.state()['step']} steps of training; writing {path}", flush=True)
    film.save(path)
    if (size := path.stat().st_size) > LARGEST:
        sys.exit(f"expected at most {LARGEST} bytes, got {size}: lower QUALITY or RATE")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
