"""Maps a setting's values to positions on a slider or a plot's axis, and to text, by the setting's metadata."""

import math
from dataclasses import dataclass

from core.config.setting import Setting

DECADES = 5
"""Powers of ten that a logarithmic slider covers below its upper end if its range starts at 0."""
ZERO_ZONE = 0.04
"""The share of such a slider, at its left end, that stands for 0."""


@dataclass(frozen=True)
class Scale:
    """The mapping between a setting's values and positions on its slider, 0 to 1.

    Attributes:
        diagonal: of the scene's box, in scene units; it scales the range of a setting that has a `span`.
    """

    setting: Setting
    diagonal: float = 1.0

    @property
    def ends(self) -> tuple[float, float]:
        """The values at the slider's ends. Typed values may lie beyond them, within the setting's own range."""
        s = self.setting
        if s.span is None:
            return s.shown or (s.low, s.high)
        low, high = (float(f"{share * self.diagonal:.2g}") for share in s.span)
        return max(s.low, low), min(s.high, high)

    def position(self, value: float) -> float:
        """The position of a value, 0 to 1; values beyond the ends lie at the ends."""
        low, high = self.ends
        if not self.setting.log:
            return _clip((value - low) / (high - low))
        if value <= 0.0:
            return 0.0
        share = math.log(value / self._floor) / math.log(high / self._floor)
        return _clip(self._start + (1.0 - self._start) * share)

    def value(self, position: float) -> float:
        """The value at a position, rounded to three digits, which is as precisely as a hand moves a slider."""
        low, high = self.ends
        if not self.setting.log:
            return _rounded(low + (high - low) * position, low, high)
        if low == 0.0 and position < ZERO_ZONE:
            return 0.0
        share = _clip((position - self._start) / (1.0 - self._start))
        return _rounded(self._floor * (high / self._floor) ** share, low, high)

    def spread(self, n: int) -> tuple[float, ...]:
        """At most n distinct values, evenly spaced on the slider; the first is 0 if the left end stands for 0."""
        zero = self.setting.log and self.ends[0] == 0.0
        first, n_above = (self._start, n - 1) if zero else (0.0, n)
        above = [self.value(first + (1.0 - first) * i / max(1, n_above - 1)) for i in range(n_above)]
        return tuple(dict.fromkeys([0.0, *above] if zero else above))

    def ticks(self) -> list[tuple[float, str]]:
        """Ticks at round values for an axis over the slider's range, as pairs (position, text)."""
        low, high = self.ends
        if not self.setting.log:
            step = _round_step(high - low)
            values = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
            return [(self.position(v), f"{v:.4g}") for v in values]
        powers = range(math.floor(math.log10(self._floor)), math.ceil(math.log10(high)) + 1)
        digits = (1, 2, 5) if high / self._floor < 1e3 else (1,)
        values = [digit * 10.0**power for power in powers for digit in digits]
        ticks = [(self.position(v), f"{v:.4g}") for v in values if self._floor <= v * (1 + 1e-9) <= high * (1 + 1e-6)]
        if low > 0.0:
            return ticks
        return [(0.0, self.text(0.0)), *(tick for tick in ticks if tick[0] > 2.0 * ZERO_ZONE)]

    def text(self, value: float) -> str:
        """The value as the window writes it: "off" for 0 if the setting has no unit and a log scale."""
        if value == 0.0 and self.setting.log and not self.setting.unit:
            return "off"
        return f"{value:.4g}"

    def parse(self, text: str) -> float:
        """The number in a text, with or without its unit, or "off" for 0.

        Raises:
            ValueError: it isn't a number, or is out of range; the message says the range.
        """
        s, words = self.setting, text.replace(self.setting.unit, "").strip() if self.setting.unit else text.strip()
        try:
            value = 0.0 if words.lower() == "off" else float(words)
        except ValueError:
            raise ValueError(f"{s.label}: {text!r} is not a number: type one from {s.low:g} to {s.high:g}") from None
        if not s.low <= value <= s.high:
            raise ValueError(f"{s.label}: {value:g} is out of range; type a number from {s.low:g} to {s.high:g}")
        return value

    @property
    def _floor(self) -> float:
        """The smallest value above 0 that the slider reaches."""
        low, high = self.ends
        return low if low > 0.0 else high * 10.0**-DECADES

    @property
    def _start(self) -> float:
        return 0.0 if self.ends[0] > 0.0 else ZERO_ZONE


def _clip(share: float) -> float:
    return min(1.0, max(0.0, share))


def _rounded(value: float, low: float, high: float) -> float:
    return min(high, max(low, float(f"{value:.3g}")))


def _round_step(span: float) -> float:
    """1, 2 or 5 times a power of ten that divides a span into about five steps."""
    power = 10.0 ** math.floor(math.log10(span / 5.0))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power * 7.0 > span)
