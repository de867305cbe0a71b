"""The timeline of a flight: where times lie on it, and what a press on it takes. Pure."""

import math
from dataclasses import dataclass

REACH = 7.0
"""A key is grabbed from within this many pixels, at scale 1."""


@dataclass(frozen=True)
class Timeline:
    """A line of some width that stands for a duration, with a margin at both ends, all in pixels."""

    seconds: float
    width: float
    margin: float

    def x_of(self, seconds: float) -> float:
        """Where a time lies, from the left."""
        return self.margin + seconds / max(self.seconds, 1e-9) * (self.width - 2.0 * self.margin)

    def seconds_at(self, x: float) -> float:
        """The time at a place; beyond the ends that of the end."""
        share = (x - self.margin) / max(self.width - 2.0 * self.margin, 1.0)
        return self.seconds * min(1.0, max(0.0, share))

    def dragged_to(self, x: float) -> float:
        """The time to which a drag moves a key. Beyond the right end it goes on: the flight gets longer."""
        share = (x - self.margin) / max(self.width - 2.0 * self.margin, 1.0)
        return self.seconds * max(0.0, share)

    def key_at(self, x: float, arrivals: tuple[float, ...], reach: float = REACH) -> int | None:
        """The index of the key nearest to a place, within reach; None without one."""
        near = [(abs(self.x_of(arrival) - x), i) for i, arrival in enumerate(arrivals)]
        distance, index = min(near, default=(math.inf, 0))
        return index if distance <= reach else None

    def ticks(self, most: int = 12) -> tuple[float, ...]:
        """Round times, at most so many and a few more."""
        steps = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
        step = next((s for s in steps if self.seconds / s <= most), steps[-1])
        return tuple(step * i for i in range(int(self.seconds / step + 1e-6) + 1))
