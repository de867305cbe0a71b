"""Films that a codec compresses frame by frame, through PyAV."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from core.films.base import FilmInfo

BT709 = 1
"""The number of BT.709 among the primaries, the transfer curves and the matrices of H.273."""

LIMITED = 1
"""FFmpeg's number of the range 16 to 235."""

FAILURES = (FFmpegError,)
"""What writing raises beside OSError."""

_SCALING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class StreamFilm:
    """A film in 4:2:0, BT.709, marked as such: browsers, QuickTime and PowerPoint play these.

    Args:
        container, codec: FFmpeg's names.
        options: the codec's; `container_options` are the container's.
    """

    def __init__(
        self,
        path: Path,
        info: FilmInfo,
        container: str,
        codec: str,
        options: dict[str, str],
        container_options: dict[str, str] | None = None,
    ):
        self._container = av.open(str(path), "w", format=container, options=container_options or {})
        rate = Fraction(info.fps).limit_denominator(1001)
        stream = self._container.add_stream(codec, rate=rate, options=options)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        stream.width, stream.height, stream.pix_fmt = info.width, info.height, "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED
        context.thread_count = 1  # rendering needs the others

    def has(self, index: int) -> bool:
        """See `Film`."""
        return False

    def add(self, index: int, pixels: np.ndarray, note: str) -> None:
        """See `Film`."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, interpolation=_SCALING,
            src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.MPEG, threads=1,
        )  # fmt: skip
        frame.pts = index
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """See `Film`."""
        self._container.mux(self._stream.encode(None))
        self._container.close()

    def drop(self) -> None:
        """See `Film`."""
        with suppress(FFmpegError, OSError):
            self._container.close()
