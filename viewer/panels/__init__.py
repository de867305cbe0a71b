"""One file per panel of the window, which ends with its `PANEL`, and a line for each below. Imports `widgets` and every
part above it. The files are imported when the window is built.
"""

from typing import TYPE_CHECKING

from core.config.registry import Registry

if TYPE_CHECKING:
    from viewer.widgets.panel import Panel

PANELS: "Registry[type[Panel]]" = Registry("PANEL")
"""Panels by tag, in the order of their tabs and of the menu Panels. The first one that wants a press of the mouse gets
it: the ray inspector before the handles of the scene's box."""

PANELS.register("training", "viewer.panels.training")
PANELS.register("thresholds", "viewer.panels.thresholds")
PANELS.register("view", "viewer.panels.view")
PANELS.register("grid", "viewer.panels.occupancy")
PANELS.register("sweep", "viewer.panels.sweep")
PANELS.register("compare", "viewer.panels.compare")
PANELS.register("images", "viewer.panels.images")
PANELS.register("inspector", "viewer.panels.inspector")
PANELS.register("place", "viewer.panels.scene")
PANELS.register("dataset", "viewer.panels.dataset")
PANELS.register("method", "viewer.panels.method")
PANELS.register("flight", "viewer.panels.flight")
