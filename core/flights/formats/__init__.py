"""Camera paths in files: one format per file here, which ends with its `FORMAT`, and a line for each below."""

from typing import TYPE_CHECKING

from core.config.registry import Registry

if TYPE_CHECKING:
    from core.flights.formats.base import PathFormat

PATH_FORMATS: "Registry[PathFormat]" = Registry("FORMAT")
"""In the order in which a file is tried."""

PATH_FORMATS.register("firstlight", "core.flights.formats.firstlight")
PATH_FORMATS.register("nerfstudio", "core.flights.formats.nerfstudio")
PATH_FORMATS.register("instant-ngp", "core.flights.formats.instant_ngp")
