"""What the worker does for panels beside training and rendering views, a slice at a time. Imports `scene` and what
stands above it.

A tool is one file, which ends with its `TOOL`, and its name in `NAMES`.
"""

NAMES = (
    "check",
    "emptied",
    "reference",
    "sweep",
    "photo",
    "images",
    "occupancy",
    "fit",
    "inspector",
    "method",
)
"""Modules of this folder that are tools, in the order in which they take their first turns."""
