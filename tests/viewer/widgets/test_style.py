"""Contrast of the window's colours, by the ratio of WCAG 2.2: 1 for equal colours, 21 for black and white."""

import pytest

style = pytest.importorskip(
    "viewer.widgets.style", reason="the window's colours need Dear PyGui, which needs libGL", exc_type=ImportError
)

READABLE, SEEN = 4.5, 3.0
"""The contrast that WCAG requires of small text and of a widget's parts."""


def luminance(color) -> float:
    parts = (c / 255.0 for c in color[:3])
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second) -> float:
    dark, light = sorted(luminance(color) + 0.05 for color in (first, second))
    return light / dark


def test_on_a_slider_text_is_readable_beside_and_on_the_grip_and_the_grip_is_seen():
    assert contrast(style.TEXT, style.BACKDROP) > READABLE and contrast(style.TEXT, style.GRIP) > READABLE
    assert contrast(style.GRIP, style.BACKDROP) > SEEN
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21.0)


def test_on_a_slider_that_is_not_used_the_reason_is_readable_too():
    assert contrast(style.DIM, style.PANEL) > READABLE and contrast(style.DIM, style.FRAME) > READABLE
