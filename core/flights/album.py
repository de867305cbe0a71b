"""What a user keeps of a scene: bookmarks and the camera path. It goes into a snapshot, and into a file of its own."""

from dataclasses import asdict, dataclass
from typing import Any

from core.config.march import MarchSettings
from core.config.setting import from_json
from core.flights.path import CameraPath, Key

NO_PATH = CameraPath()


@dataclass(frozen=True)
class Bookmark:
    """A place to come back to.

    Attributes:
        key: the camera, with its field of view, time and name.
        march: the thresholds to see it with; None: those of the moment.
        thumbnail: a small WebP picture in base64; "": none.
    """

    key: Key
    march: MarchSettings | None = None
    thumbnail: str = ""


@dataclass(frozen=True)
class Album:
    """Bookmarks, and a path that may still be empty."""

    bookmarks: tuple[Bookmark, ...] = ()
    path: CameraPath = NO_PATH


def album_to_json(album: Album) -> dict[str, Any]:
    """An album as JSON types."""
    return asdict(album)


def album_from_json(values: Any) -> Album:
    """An album from what `album_to_json` returned.

    Raises:
        ValueError: an entry is unknown, missing or out of range.
    """
    return from_json(Album, values)
