"""What the worker does for panels beside training and rendering views, a slice at a time. Imports `scene` and what
stands above it.

A tool is one file, which ends with its `TOOL`, and a line below. The files are imported when a session is made.
"""

from typing import TYPE_CHECKING, Any

from core.config.registry import Registry

if TYPE_CHECKING:
    from viewer.tools.base import ToolKind

TOOLS: "Registry[ToolKind[Any, Any]]" = Registry("TOOL")
"""In the order in which they take their first turns."""

TOOLS.register("check", "viewer.tools.check")
TOOLS.register("emptied", "viewer.tools.emptied")
TOOLS.register("reference", "viewer.tools.reference")
TOOLS.register("sweep", "viewer.tools.sweep")
TOOLS.register("photo", "viewer.tools.photo")
TOOLS.register("images", "viewer.tools.images")
TOOLS.register("grid", "viewer.tools.occupancy")
TOOLS.register("fit", "viewer.tools.fit")
TOOLS.register("inspector", "viewer.tools.inspector")
TOOLS.register("method", "viewer.tools.method")
TOOLS.register("focus", "viewer.tools.focus")
TOOLS.register("export", "viewer.tools.export")
