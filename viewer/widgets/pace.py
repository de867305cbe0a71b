"""How fast the window's frames follow one another: training needs the processor too."""

import time
from collections.abc import Callable

FASTEST, SLOWEST = 1 / 60, 1 / 36
"""Seconds per frame of the window. It sleeps twice as long as it works, within these limits: without a GPU, drawing the
window takes the cores that training needs."""

IDLE, IDLE_AFTER = 1 / 10, 1.0
"""Seconds per frame once nobody has used mouse or keys for `IDLE_AFTER` seconds and no new picture comes: there is
little to see, and without a GPU a window of this size takes half a core at full rate."""


class Pace:
    """The main loop's clock.

    Attributes:
        fps: frames of the window per second, smoothed.
    """

    def __init__(self) -> None:
        self.fps = 0.0
        self._work = FASTEST / 2
        self._began = time.perf_counter()
        self._used_at = 0.0

    def begin(self) -> tuple[float, float]:
        """Begin a frame: the time now, and the seconds since the frame before began."""
        began = time.perf_counter()
        elapsed, self._began = began - self._began, began
        self.fps += 0.05 * (1.0 / max(elapsed, 1e-3) - self.fps)
        return began, elapsed

    def rest(self, used: bool, news: Callable[[], bool]) -> None:
        """Sleep until the next frame is due.

        Args:
            used: somebody uses the window now.
            news: whether there is something new to show; it ends the longer sleep of an idle window.
        """
        began = self._began
        self._work += 0.1 * (time.perf_counter() - began - self._work)
        ends = began + min(SLOWEST, max(FASTEST, 3.0 * self._work))
        time.sleep(max(0.0, ends - time.perf_counter()))
        if used:
            self._used_at = began
        if began - self._used_at >= IDLE_AFTER:
            while not news() and time.perf_counter() < began + IDLE:
                time.sleep(FASTEST)
