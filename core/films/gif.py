"""Animated GIF: 256 colours to a frame, and at most 50 frames per second."""

from functools import partial

from core.films.animation import MOST_BYTES, Animation
from core.films.base import FilmKind

FILM = FilmKind(
    "GIF animation", partial(Animation, unit=1e-2, format="GIF", options={}, colors=256), most_bytes=MOST_BYTES
)
