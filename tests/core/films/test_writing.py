import struct

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL import Image

from core.errors import FirstlightError
from core.films.base import FilmInfo
from core.films.spherical import _children
from core.films.writing import check_film, new_film

N, WIDTH, HEIGHT = 8, 64, 48
EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def frame(index: int) -> np.ndarray:
    """Smooth, because films halve the resolution of colours."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([40 + 2 * x + 5 * index, 50 + 3 * y, 220 - x - y], axis=-1).astype(np.uint8)


def info(**more) -> FilmInfo:
    return FilmInfo(WIDTH, HEIGHT, 25.0, N, **more)


def written(path, film_info=None, n=N):
    with new_film(check_film(path, film_info or info()), film_info or info()) as film:
        for index in range(n):
            film.add(index, frame(index), "{}")
    return path


def decoded(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        tags = context.color_primaries, context.color_trc, context.colorspace, context.color_range
        shown = [
            f.reformat(
                format="rgb24", src_colorspace=Colorspace.ITU709, src_color_range=ColorRange.MPEG,
                dst_color_range=ColorRange.JPEG, interpolation=EXACT,
            ).to_ndarray()
            for f in container.decode(stream)
        ]  # fmt: skip
        return shown, tags, float(stream.average_rate), context.pix_fmt


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_film_plays_and_shows_its_frames_in_tagged_colours(tmp_path, suffix):
    shown, tags, rate, pixels = decoded(written(tmp_path / f"f{suffix}"))
    assert len(shown) == N and rate == 25.0 and pixels == "yuv420p"
    assert tags == (1, 1, 1, 1), "BT.709, limited range"
    for index, picture in enumerate(shown):
        assert np.abs(picture.astype(int) - frame(index)).mean() < 4.0
        assert np.abs((picture.astype(int) - frame(index)).mean((0, 1))).max() < 1.5, "no tint"


def test_an_mp4_has_its_index_in_front(tmp_path):
    content = written(tmp_path / "f.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_an_animation_loops_and_lasts_as_long_as_its_frames(tmp_path, suffix):
    with Image.open(written(tmp_path / f"f{suffix}")) as picture:
        assert picture.n_frames == N and picture.info["loop"] == 0
        lengths = []
        for index in range(N):
            picture.seek(index)
            difference = np.abs(np.asarray(picture.convert("RGB")).astype(int) - frame(index))
            lengths.append(picture.info["duration"])
            assert difference.mean() < 8.0
    assert sum(lengths) == pytest.approx(1e3 * N / 25.0, abs=11)


def test_a_folder_is_filled_up_and_keeps_what_is_there(tmp_path):
    film_info = info(identity="a")
    written(tmp_path / "frames", film_info, n=3)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "frames").glob("*.png")}
    assert sorted(before) == ["00000.png", "00001.png", "00002.png"]
    (tmp_path / "frames" / ".00003.png.abcd.unfinished").write_bytes(b"half")
    with new_film(check_film(tmp_path / "frames", film_info), film_info) as film:
        missing = [index for index in range(N) if not film.has(index)]
        for index in missing:
            film.add(index, frame(index), "{}")
    assert missing == [3, 4, 5, 6, 7]
    assert all((tmp_path / "frames" / name).stat().st_mtime_ns == at for name, at in before.items())
    assert not list((tmp_path / "frames").glob(".*"))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "frames" / "00005.png")), frame(5))


def test_a_folder_takes_no_frames_of_another_film_or_beside_other_files(tmp_path):
    written(tmp_path / "frames", info(identity="a"), n=1)
    with pytest.raises(FirstlightError, match="another film"):
        written(tmp_path / "frames", info(identity="b"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(FirstlightError, match="not empty"):
        written(tmp_path / "mine")


@pytest.mark.parametrize(
    ("name", "film_info", "words"),
    [
        ("f.avi", info(), "mp4, .webm, .webp, .gif"),
        ("f.mp4", FilmInfo(63, 48, 25.0, N), "choose 64x48"),
        ("f.webm", info(panorama=True), "choose one of them"),
        ("f.gif", FilmInfo(4000, 4000, 25.0, 1000), "too many"),
    ],
)
def test_what_a_film_cannot_be_is_refused_before_the_work(tmp_path, name, film_info, words):
    with pytest.raises(ValueError, match=words):
        check_film(tmp_path / name, film_info)


def test_a_film_is_never_overwritten_and_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(FirstlightError, match="exists"):
        written(written(tmp_path / "f.mp4"))
    with pytest.raises(ZeroDivisionError), new_film(tmp_path / "g.mp4", info()) as film:
        film.add(0, frame(0), "")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["f.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_full_disk_is_named_in_one_line(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"f{suffix}"
    with pytest.raises(FirstlightError, match="can't be written") as caught, new_film(path, info()) as film:
        if suffix == ".gif":
            monkeypatch.setattr("PIL.Image.Image.save", full)
        else:
            monkeypatch.setattr(film, "_container", Full())
        film.add(0, frame(0), "")
        film._stream = Full() if suffix != ".gif" else None
        film.add(1, frame(1), "")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def full(*_, **__):
    raise OSError(28, "No space left on device")


class Full:
    encode = mux = close = staticmethod(full)


@pytest.mark.parametrize("stereo", [False, True])
def test_a_panorama_is_marked_for_players_and_still_plays(tmp_path, stereo):
    path = written(tmp_path / "f.mp4", info(panorama=True, stereo=stereo))
    shown, *_ = decoded(path)
    assert len(shown) == N and np.abs(shown[3].astype(int) - frame(3)).mean() < 4.0
    content = path.read_bytes()
    at = content.index(b"moov") - 4
    moov = content[at : at + struct.unpack(">I", content[at : at + 4])[0]]
    box = moov
    for step in (b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        begin, end, _ = next(child for child in _children(box) if child[2] == step)
        box = box[begin:end]
    inside = {kind: box[begin:end] for begin, end, kind in _children(box)}
    assert inside[b"st3d"][-1] == int(stereo) and b"equi" in inside[b"sv3d"]
    assert b"<GSpherical:ProjectionType>equirectangular" in moov and (b"top-bottom" in moov) == stereo


def test_a_panoramas_stills_say_so_too(tmp_path):
    written(tmp_path / "frames", info(panorama=True), n=1)
    with Image.open(tmp_path / "frames" / "00000.png") as picture:
        picture.load()
        xmp = picture.text["XML:com.adobe.xmp"]
    assert 'GPano:ProjectionType="equirectangular"' in xmp and f'FullPanoWidthPixels="{WIDTH}"' in xmp
