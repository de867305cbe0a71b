"""What a film is while it is written, and what a kind of film is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from core.errors import FirstlightError


@dataclass(frozen=True)
class FilmInfo:
    """What a film needs to know before its first frame.

    Attributes:
        n_frames: at most so many follow.
        panorama: each frame is a whole sphere, equirectangular; `stereo`: two of them, the left eye's above.
        identity: names all that its frames depend on, so that a folder with some of them can be filled up.
    """

    width: int
    height: int
    fps: float
    n_frames: int
    panorama: bool = False
    stereo: bool = False
    identity: str = ""


class Film(Protocol):
    """A film that is being written."""

    def has(self, index: int) -> bool:
        """Whether a frame is there already, so that it need not be rendered."""
        ...

    def add(self, index: int, pixels: np.ndarray, note: str) -> None:
        """Add the next frame.

        Args:
            pixels: (height, width, 3) uint8.
            note: what a still of it should remember, as JSON.
        """
        ...

    def finish(self) -> None:
        """Write what remains; a film of fewer frames than planned is one too."""
        ...

    def drop(self) -> None:
        """Close what is open: the film won't be finished."""
        ...


@dataclass(frozen=True)
class FilmKind:
    """A kind of film.

    Attributes:
        label: in lists.
        create: makes a film at a path that doesn't exist yet; for a folder, the folder itself.
        even: its sides must be even numbers.
        spherical: players are told about panoramas.
        folder: it is a folder, which may exist and be filled up.
        most_bytes: of all frames together, uncompressed: it is written only when they are all there. None: any.
        failures: what writing it raises beside OSError.
    """

    label: str
    create: Callable[[Path, FilmInfo], Film]
    even: bool = False
    spherical: bool = False
    folder: bool = False
    most_bytes: int | None = None
    failures: tuple[type[Exception], ...] = ()

    def check(self, path: Path, info: FilmInfo) -> None:
        """Raise ValueError if such a film can't be written as this kind."""
        if self.even and (info.width % 2 or info.height % 2):
            even = f"{info.width + info.width % 2}x{info.height + info.height % 2}"
            raise ValueError(f"{path}: a film's sides must be even, got {info.width}x{info.height}: choose {even}")
        if info.panorama and not self.spherical:
            raise ValueError(f"{path}: players know panoramas in .mp4 or as PNGs in a folder: choose one of them")
        n_bytes = 4 * info.width * info.height * info.n_frames
        if self.most_bytes is not None and n_bytes > self.most_bytes:
            raise ValueError(
                f"{path}: {info.n_frames} frames of {info.width}x{info.height} are too many for a {self.label}: "
                "choose .mp4, a smaller size or fewer frames"
            )


def durations(n: int, fps: float, unit: float) -> list[int]:
    """How long each of n frames is shown, in units of so many seconds, so that rounding doesn't add up."""
    ends = np.rint(np.arange(n + 1) / (fps * unit)).astype(int)
    return np.maximum(np.diff(ends), 1).tolist()


@contextmanager
def explained(path: Path, *reasons: type[BaseException]) -> Iterator[None]:
    """Raise what a library raises while it writes as one of our own errors."""
    try:
        yield
    except reasons as reason:
        text = getattr(reason, "strerror", None) or str(reason)
        raise FirstlightError(f"{path} can't be written ({text}): free space, or choose another folder") from reason
