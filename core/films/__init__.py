"""Films in files: one kind of file per module here, which ends with its `FILM`, and a line for each below.

Imports `core.files` and what stands above it. A kind's module is imported when a film of that kind is written.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from core.config.registry import Registry

if TYPE_CHECKING:
    from core.films.base import FilmKind

FILMS: "Registry[FilmKind]" = Registry("FILM")
"""By the suffix of their files; "" is a folder."""

FILMS.register(".mp4", "core.films.mp4")
FILMS.register(".webm", "core.films.webm")
FILMS.register(".webp", "core.films.webp")
FILMS.register(".gif", "core.films.gif")
FILMS.register("", "core.films.png_folder")


def kind_of(path: str | Path) -> "FilmKind":
    """What a film of this name is.

    Raises:
        ValueError: its suffix is unknown.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in FILMS:
        known = ", ".join(name for name in FILMS if name)
        raise ValueError(f"expected a film that ends in {known}, or a folder for PNGs, got {path}: correct it")
    return FILMS[suffix]
