"""Walks through COLMAP's binary files to check that they contain the records they announce.

COLMAP's own reader trusts each count: a wrong one makes it allocate all memory, or read for hours.
"""

import struct
from collections.abc import Callable
from pathlib import Path

from core.errors import DatasetError

_KEYPOINT, _SIGHTING, _DATA_ID = 24, 8, 16
"""Bytes of a picture's keypoint, of a point's sighting, and of a data id of a frame."""

_POSE = 56
_SMALLEST_CAMERA = 48


class _Reader:
    """Steps over the values of a file; raises struct.error at its end."""

    def __init__(self, content: bytes):
        self.content, self.at = content, 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from("<" + kind, self.content, self.at)
        self.at += struct.calcsize("<" + kind)
        return value

    def skip(self, n_bytes: int) -> None:
        self.at += n_bytes
        if self.at > len(self.content):
            raise struct.error("the file ends within a record")

    def text(self) -> None:
        end = self.content.find(b"\0", self.at)
        if end < 0:
            raise struct.error("a name has no end")
        self.at = end + 1


def _camera(reader: _Reader) -> None:
    reader.skip(_SMALLEST_CAMERA)


def _image(reader: _Reader) -> None:
    reader.skip(4 + _POSE + 4)
    reader.text()
    reader.skip(_KEYPOINT * reader.number("Q"))


def _point(reader: _Reader) -> None:
    reader.skip(8 + 24 + 3 + 8)
    reader.skip(_SIGHTING * reader.number("Q"))


def _rig(reader: _Reader) -> None:
    reader.skip(4)
    n_sensors = reader.number("I")
    if n_sensors:
        reader.skip(8)
    for _ in range(1, n_sensors):
        reader.skip(8)
        if reader.number("B"):
            reader.skip(_POSE)


def _frame(reader: _Reader) -> None:
    reader.skip(8 + _POSE)
    reader.skip(_DATA_ID * reader.number("I"))


_NEEDED: dict[str, Callable[[_Reader], None]] = {"cameras": _camera, "images": _image, "points3D": _point}
_OPTIONAL: dict[str, Callable[[_Reader], None]] = {"rigs": _rig, "frames": _frame}
"""How to step over one record of each file. The optional ones exist since COLMAP 3.12."""


def check_files(where: Path) -> None:
    """Raise DatasetError if files of the model in a folder are missing or end before what they announce."""
    kind = "bin" if any((where / f"{name}.bin").is_file() for name in _NEEDED) else "txt"
    for name, step in (_NEEDED | _OPTIONAL).items():
        path = where / f"{name}.{kind}"
        if name in _NEEDED and not path.is_file():
            raise DatasetError(f"{path} is missing: expected it beside the others; export the model again")
        if kind == "bin" and path.is_file():
            _walk(path, step)


def _walk(path: Path, step: Callable[[_Reader], None]) -> None:
    try:
        reader = _Reader(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path} can't be read ({error.strerror}): check its permissions") from error
    try:
        for _ in range(reader.number("Q")):
            step(reader)
    except struct.error as error:
        raise DatasetError(
            f"{path}: expected a file of a COLMAP model, found one of {len(reader.content):,} bytes that is too short "
            "for the records it announces: export the model again"
        ) from error
