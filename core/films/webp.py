"""Animated WebP."""

from functools import partial

from core.films.animation import MOST_BYTES, Animation
from core.films.base import FilmKind

OPTIONS = {"quality": 80, "method": 4}

FILM = FilmKind("WebP animation", partial(Animation, unit=1e-3, format="WEBP", options=OPTIONS), most_bytes=MOST_BYTES)
