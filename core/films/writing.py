"""Opens a film to write into, so that only a whole one gets its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import FirstlightError
from core.files import check_new_file, new_path
from core.films import kind_of
from core.films.base import Film, FilmInfo, explained


def check_film(path: str | Path, info: FilmInfo) -> Path:
    """The path of a film that is going to be written; call it before long work.

    Raises:
        FirstlightError: it exists, and is no folder.
        ValueError: an unknown suffix, or a size or length that this kind of film can't have.
    """
    kind = kind_of(path)
    path = Path(path).expanduser()
    kind.check(path, info)
    if kind.folder:
        if path.exists() and not path.is_dir():
            raise FirstlightError(f"{path} exists already and is no folder: choose another name")
        return path
    return check_new_file(path)


@contextmanager
def new_film(path: Path, info: FilmInfo) -> Iterator[Film]:
    """A film to add frames to. It is finished and gets its name when the block ends; after a failure nothing is left of
    it, but for the frames of a folder.

    Raises:
        FirstlightError: it exists or can't be written.
    """
    kind = kind_of(path)
    if kind.folder:
        film = kind.create(path, info)
        yield film
        film.finish()
        return
    with new_path(path) as unfinished, explained(path, OSError, *kind.failures):
        film = kind.create(unfinished, info)
        try:
            yield film
        except BaseException:
            film.drop()
            raise
        film.finish()
