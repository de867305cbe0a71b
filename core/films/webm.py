"""VP9 in WebM."""

from functools import partial

from core.films.base import FilmKind
from core.films.stream import FAILURES, StreamFilm

OPTIONS = {"crf": "24", "b": "0", "cpu-used": "3"}

FILM = FilmKind(
    "WebM film",
    partial(StreamFilm, container="webm", codec="libvpx-vp9", options=OPTIONS),
    even=True,
    failures=FAILURES,
)
