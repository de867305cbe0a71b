"""The command line that opens the open scene with the window's settings. Pure."""

import math
import shlex
import subprocess
import sys
from dataclasses import replace
from enum import Enum
from typing import Any

from core.config.march import MarchSettings
from core.config.read_options import AS_STORED
from core.config.setting import settings_of
from core.fields import is_own
from core.geometry.placement import Place, axis_name
from core.training.build import is_snapshot
from core.training.methods import default_method
from viewer.input.orbit import home_view, photo_view
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.scene_info import SceneInfo
from viewer.protocol.view_settings import ViewSettings


def command(scene: SceneInfo, march: MarchSettings, view: ViewSettings) -> str:
    """`run_viewer.py SCENE` with a flag for each threshold, view setting and part of place and method that differs from
    what the scene opens with.

    Quoted for this system's shell.
    """
    words = ["run_viewer.py", scene.opened, *_flags(scene.reading, AS_STORED), *_place_flags(scene)]
    words += [*_method_flags(scene), *_flags(march, scene.train.march), *_flags(view, opened_view(scene))]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def opened_view(scene: SceneInfo) -> ViewSettings:
    """The view settings that a scene opens with: the defaults, and the field of view of the camera it starts at."""
    camera = photo_view(scene, PhotoId(Split.TRAIN, home_view(scene)))
    return replace(ViewSettings(), fov=math.degrees(camera.fov_y))


def place_overrides(place: Place, opened: Place | None) -> dict[str, Any]:
    """The overrides with which a scene opens in a place again: values of `PlaceOverrides` by name. They have no near
    plane and no up that isn't an axis: both are found again.

    Args:
        opened: the place that it opens in by default, which needs no flags; None: unknown.
    """
    values: dict[str, Any] = {}
    if opened is None or place.box != opened.box:
        values["box"] = place.box
    if opened is None or place.n_levels != opened.n_levels:
        values["levels"] = place.n_levels
    if (opened is None or place.up != opened.up) and axis_name(place.up):
        values["up"] = axis_name(place.up)
    return values


def _place_flags(scene: SceneInfo) -> list[str]:
    words = []
    for name, value in place_overrides(scene.place, scene.opened_place).items():
        words += [f"--{name}", *(_word(x) for x in (value if isinstance(value, tuple) else (value,)))]
    return words


def _method_flags(scene: SceneInfo) -> list[str]:
    """The kinds that a scene doesn't open with by default, and their settings that differ from the defaults. A snapshot
    contains everything but the code of a user's own field."""
    if is_snapshot(scene.opened):
        field = scene.method.method["field"]
        return ["--field", field] if is_own(field) else []
    usual = default_method(scene.times is not None)
    values = {name: chosen for name, chosen in scene.method.method.items() if chosen != usual.get(name)}
    values |= {**scene.method.field, **scene.method.sampler}
    return [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", _word(value))]


def _flags(settings: Any, opened: Any) -> list[str]:
    """The flags of the settings that differ. A removed crop box has none: it is None where the flag is missing."""
    words = []
    for name in settings_of(type(settings)):
        value = getattr(settings, name)
        if value is None or _same(value, getattr(opened, name)):
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{flag}", *(_word(x) for x in values)]
    return words


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9)
    return a == b


def _word(value: Any) -> str:
    """A value as it is typed, a number with all its digits."""
    if isinstance(value, Enum):
        return str(value.value)
    return repr(float(value)) if isinstance(value, float) else str(value)
