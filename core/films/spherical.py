"""What tells players that a picture or a film is a whole sphere.

Pictures: Google's Photo Sphere XMP. Films: the boxes st3d and sv3d of Spherical Video V2 in the sample's description,
and the XML of V1 in a uuid box of the track, for older players.
"""

import os
import shutil
import struct
from pathlib import Path

_UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
"""The uuid of Spherical Video V1."""

_SAMPLE = (b"mdia", b"minf", b"stbl", b"stsd")
_HEADERS = {b"stsd": 16, b"avc1": 86}
"""Bytes before the first box inside these; inside others they are 8."""

PROGRAM = "Firstlight"

XMP = "XML:com.adobe.xmp"
"""The keyword of XMP among a PNG's texts."""


def panorama_xmp(width: int, height: int) -> str:
    """XMP for an equirectangular picture of a whole sphere. Of a stereo pair, viewers show both halves."""
    sides = "".join(
        f'GPano:{name}="{value}" '
        for name, value in {
            "FullPanoWidthPixels": width, "FullPanoHeightPixels": height,
            "CroppedAreaImageWidthPixels": width, "CroppedAreaImageHeightPixels": height,
            "CroppedAreaLeftPixels": 0, "CroppedAreaTopPixels": 0,
        }.items()
    )  # fmt: skip
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular" '
        f'GPano:UsePanoramaViewer="True" {sides}/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    )


def mark_mp4(path: Path, stereo: bool) -> None:
    """Mark an MP4 file as a panorama, `stereo`: with the left eye's sphere above the right one's.

    Raises:
        OSError: it can't be read or written, or is no such file.
    """
    with path.open("rb") as file:
        begin, moov, size = _find_moov(file, os.path.getsize(path))
        track = _append(moov, (b"trak", *_SAMPLE, b"avc1"), _stereo_box(stereo) + _sphere_box())
        marked = _append(track, (b"trak",), _box(b"uuid", _UUID + _xml(stereo).encode()))
        marked = _shifted(marked, len(marked) - len(moov))
        whole = path.with_name(path.name + ".marked")
        try:
            with whole.open("xb") as out:
                file.seek(0)
                out.write(file.read(begin))
                out.write(marked)
                file.seek(begin + size)
                shutil.copyfileobj(file, out, 1 << 20)
            whole.replace(path)
        finally:
            whole.unlink(missing_ok=True)


def _find_moov(file, length: int) -> tuple[int, bytes, int]:
    """Where the index of a file begins, its bytes and their number. It must lie before the frames."""
    begin = 0
    while begin + 8 <= length:
        file.seek(begin)
        size, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"mdat" or size < 8:
            break
        if kind == b"moov":
            file.seek(begin)
            return begin, file.read(size), size
        begin += size
    raise OSError("expected an MP4 file with its index in front, found none")


def _children(box: bytes) -> list[tuple[int, int, bytes]]:
    """Begin, end and type of the boxes inside a box."""
    found, begin = [], _HEADERS.get(box[4:8], 8)
    while begin + 8 <= len(box):
        size, kind = struct.unpack(">I4s", box[begin : begin + 8])
        if size < 8:
            break
        found.append((begin, begin + size, kind))
        begin += size
    return found


def _append(box: bytes, where: tuple[bytes, ...], more: bytes) -> bytes:
    """A box with bytes appended to the first box that lies at `where` inside it."""
    if not where:
        return _box(box[4:8], box[8:] + more)
    for begin, end, kind in _children(box):
        if kind == where[0]:
            inner = _append(box[begin:end], where[1:], more)
            return _box(box[4:8], box[8:begin] + inner + box[end:])
    raise OSError(f"expected a box {where[0].decode()} in the film's index, found none")


def _shifted(moov: bytes, by: int) -> bytes:
    """The index after the frames have moved: it has their places in the file."""
    index = bytearray(moov)

    def walk(begin: int, end: int) -> None:
        for first, last, kind in _children(bytes(index[begin:end])):
            first, last = begin + first, begin + last
            if kind in (b"stco", b"co64"):
                wide = "Q" if kind == b"co64" else "I"
                n = struct.unpack(">I", index[first + 12 : first + 16])[0]
                places = struct.unpack(f">{n}{wide}", index[first + 16 : last])
                index[first + 16 : last] = struct.pack(f">{n}{wide}", *(place + by for place in places))
            elif kind in (b"trak", b"mdia", b"minf", b"stbl"):
                walk(first, last)

    walk(0, len(index))
    return bytes(index)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _stereo_box(stereo: bool) -> bytes:
    """st3d: 0 one eye, 1 the left eye above."""
    return _box(b"st3d", struct.pack(">IB", 0, int(stereo)))


def _sphere_box() -> bytes:
    source = _box(b"svhd", struct.pack(">I", 0) + PROGRAM.encode() + b"\0")
    facing = _box(b"prhd", struct.pack(">Iiii", 0, 0, 0, 0))
    whole = _box(b"equi", struct.pack(">IIIII", 0, 0, 0, 0, 0))
    return _box(b"sv3d", source + _box(b"proj", facing + whole))


def _xml(stereo: bool) -> str:
    mode = "<GSpherical:StereoMode>top-bottom</GSpherical:StereoMode>" if stereo else ""
    return (
        '<?xml version="1.0"?><rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"><GSpherical:Spherical>true</GSpherical:Spherical>'
        "<GSpherical:Stitched>true</GSpherical:Stitched>"
        f"<GSpherical:StitchingSoftware>{PROGRAM}</GSpherical:StitchingSoftware>"
        f"<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>{mode}</rdf:SphericalVideo>"
    )
