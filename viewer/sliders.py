"""How a setting's value lies on its slider and reads as text. Pure; built from the setting's metadata."""

import math
from dataclasses import dataclass

from core.settings import Setting

DECADES = 5
"""A logarithmic slider whose range starts at 0 covers this many powers of ten below its upper end."""
ZERO_ZONE = 0.04
"""This share of such a slider, at its left end, stands for 0."""


@dataclass(frozen=True)
class Scale:
    """The way from a setting's value to its slider's position, 0 to 1, and back."""

    setting: Setting

    def position(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        s = self.setting
        if not s.log:
            return _clip((value - s.low) / (s.high - s.low))
        if value <= 0.0:
            return 0.0
        share = math.log(value / self._floor) / math.log(s.high / self._floor)
        return _clip(self._start + (1.0 - self._start) * share)

    def value(self, position: float) -> float:
        """The value at a position, rounded to three digits as a hand on a slider means it."""
        s = self.setting
        if not s.log:
            return _rounded(s.low + (s.high - s.low) * position, s.low, s.high)
        if s.low == 0.0 and position < ZERO_ZONE:
            return 0.0
        share = _clip((position - self._start) / (1.0 - self._start))
        return _rounded(self._floor * (s.high / self._floor) ** share, s.low, s.high)

    def text(self, value: float) -> str:
        """The value as the window writes it; 0 of a pure number on a log scale switches something off."""
        if value == 0.0 and self.setting.log and not self.setting.unit:
            return "off"
        return f"{value:.4g}"

    def parse(self, text: str) -> float:
        """The number in a text, with or without its unit, or "off" for 0.

        Raises:
            ValueError: no number, or out of range; the message says what would do.
        """
        s, words = self.setting, text.replace(self.setting.unit, "").strip() if self.setting.unit else text.strip()
        try:
            value = 0.0 if words.lower() == "off" else float(words)
        except ValueError:
            raise ValueError(f"{s.label}: {text!r} is no number; type one from {s.low:g} to {s.high:g}") from None
        if not s.low <= value <= s.high:
            raise ValueError(f"{s.label}: {value:g} is out of range; type a number from {s.low:g} to {s.high:g}")
        return value

    @property
    def _floor(self) -> float:
        """The smallest value above 0 that the slider reaches."""
        return self.setting.low if self.setting.low > 0.0 else self.setting.high * 10.0**-DECADES

    @property
    def _start(self) -> float:
        return 0.0 if self.setting.low > 0.0 else ZERO_ZONE


def _clip(share: float) -> float:
    return min(1.0, max(0.0, share))


def _rounded(value: float, low: float, high: float) -> float:
    return min(high, max(low, float(f"{value:.3g}")))
