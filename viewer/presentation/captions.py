"""The names of compared pictures, the settings in which they differ, and by how much they differ. Text only."""

import math
from typing import Any, NamedTuple

from core.config.march import MarchSettings
from core.config.scale import Scale
from core.config.setting import Setting, differences, settings_of
from viewer.protocol.requests import ViewRequest
from viewer.protocol.view_settings import Compare, CompareAs


class Differing(NamedTuple):
    """A setting whose values differ, as texts with units."""

    setting: Setting
    first: str
    second: str


class Caption(NamedTuple):
    """The text on a compared picture: its name, and lines of settings."""

    name: str
    lines: tuple[str, ...] = ()


def differing(first: MarchSettings, second: MarchSettings) -> tuple[Differing, ...]:
    """The settings that differ, in the order of `MarchSettings`."""
    settings = settings_of(MarchSettings)
    return tuple(
        Differing(settings[name], _text(settings[name], getattr(first, name)), _text(settings[name], value))
        for name, value in differences(second, first).items()
    )


def captions(request: ViewRequest, with_a: bool) -> tuple[Caption, ...]:
    """The captions of the first and the second picture, as far as the request shows them; () if nothing is compared.

    Args:
        with_a: A was rendered; a former run may be gone by then.
    """
    view = request.view
    if view.compare in (Compare.SETTINGS, Compare.RUN) and not with_a:
        return ()
    if view.compare is Compare.SETTINGS and request.other is not None:
        settings = differing(request.other, request.march)
        sides = [tuple(f"{_name(s.setting)} {s[i]}" for s in settings) for i in (1, 2)]
        pair = [Caption(name, lines or ("same settings",)) for name, lines in zip("AB", sides, strict=True)]
    elif view.compare is Compare.RUN and request.runs:
        pair = [Caption(name, (title,)) for name, title in zip("AB", request.runs, strict=True)]
    elif view.compare is Compare.PHOTO and request.photo is not None:
        pair = [Caption("Photo"), Caption("Render")]
    else:
        return ()
    if view.compare_as is CompareAs.BLEND:
        shares = (1.0 - view.blend, view.blend)
        pair = [Caption(f"{c.name} {100.0 * share:.0f} %", c.lines) for c, share in zip(pair, shares, strict=True)]
    return tuple(pair[:1] if view.compare_as is CompareAs.FIRST else pair)


def errors_text(psnr: float, largest: float, digits: int) -> str:
    """By how much two pictures differ.

    Args:
        psnr: in dB; NaN if a colour is NaN.
        largest: the largest absolute difference of a channel, 0 to 1; shown in 255ths.
        digits: decimals of `largest`.
    """
    if math.isnan(psnr):
        return "PSNR and largest error are NaN"
    return f"PSNR {psnr:.2f} dB, largest error {255.0 * largest:.{digits}f} of 255"


def _name(setting: Setting) -> str:
    return setting.label[:1].lower() + setting.label[1:] if setting.label else "crop box"


def _text(setting: Setting, value: Any) -> str:
    if isinstance(value, int | float):
        unit = f" {setting.unit}" if setting.unit else ""
        return Scale(setting).text(value) + unit
    return "none" if value is None else " ".join(f"{v:.3g}" for v in value)
