"""The panels there are."""

from importlib import import_module

from viewer.widgets.panel import Panel

PANELS: list[type[Panel]] = []
"""In the order of their tabs and of the menu Panels. The first one that wants a press of the mouse gets it: the ray
inspector before the box's handles."""


def register(module: str) -> None:
    """Add the panel that a module defines as `PANEL`."""
    PANELS.append(import_module(module).PANEL)


register("viewer.panels.training")
register("viewer.panels.thresholds")
register("viewer.panels.view")
register("viewer.panels.occupancy")
register("viewer.panels.inspector")
register("viewer.panels.scene")
register("viewer.panels.sweep")
register("viewer.panels.compare")
register("viewer.panels.images")
register("viewer.panels.method")
register("viewer.panels.dataset")
