import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from core.datasets.loading import image_file
from core.datasets.loading.image_file import Header, nonzero_pixels, read_header, read_image
from core.errors import DatasetError
from tests.photos import saved

GREY = np.tile(np.linspace(0, 255, 16).astype(np.uint8), (16, 1))


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1", "LA", "RGBA", "PA", "CMYK"])
def test_every_mode_becomes_eight_bits_of_rgb(tmp_path, mode):
    name = {"CMYK": "picture.tif", "PA": "picture.tif"}.get(mode, "picture.png")
    source = Image.fromarray(GREY).convert("RGB")
    if mode in ("P", "PA"):
        source = source.quantize(256)
    path = saved(tmp_path, source.convert(mode), name)
    header = read_header(path)
    pixels = read_image(path, header.has_alpha)
    assert header[:3] == (16, 16, mode in ("LA", "RGBA", "PA"))
    assert pixels.shape == (16, 16, 4 if header.has_alpha else 3)
    assert pixels.dtype == np.uint8
    if mode == "1":
        assert set(np.unique(pixels)) == {0, 255}
    else:
        np.testing.assert_allclose(pixels[..., :3].astype(int), GREY[..., None].repeat(3, -1), atol=4)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    pixels = read_image(saved(tmp_path, Image.fromarray(values)), with_alpha=True)
    np.testing.assert_array_equal(pixels[..., 0], np.arange(256).reshape(16, 16))
    assert (pixels[..., 3] == 255).all()


def test_palette_transparency_becomes_alpha(tmp_path):
    palette = Image.fromarray((GREY > 100).astype(np.uint8), "L").convert("P")
    path = saved(tmp_path, palette, transparency=0)
    assert read_header(path).has_alpha
    alpha = read_image(path, with_alpha=True)[..., 3]
    np.testing.assert_array_equal(alpha > 0, GREY > 100)


def test_floating_point_images_are_refused_with_advice(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.ones((4, 4), np.float32)), "picture.tif")
    with pytest.raises(DatasetError, match=r"picture.tif can't be read.*floating-point"):
        read_image(path, with_alpha=False)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "r_0.png"
    path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_header(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


UPRIGHT = np.zeros((6, 9, 3), np.uint8)
UPRIGHT[:2, :4], UPRIGHT[4:, :2], UPRIGHT[:, 7:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
"""Different in all rotations and mirror images."""

FORMATS = {
    "png": {},
    "jpg": {"quality": 100, "subsampling": 0},
    "webp": {"lossless": True},
    "tif": {},
    "deflated.tif": {"compression": "tiff_adobe_deflate"},
    "avif": {"quality": 100, "subsampling": "4:4:4"},
}


def sideways(tmp_path, orientation: int, ending: str):
    """A file of `UPRIGHT` with its pixels stored for an orientation tag, and these stored pixels."""
    turns = image_file._TURNS
    undone = turns.get({6: 8, 8: 6}.get(orientation, orientation))
    stored = Image.fromarray(UPRIGHT) if undone is None else Image.fromarray(UPRIGHT).transpose(undone)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return saved(tmp_path, stored, f"picture.{ending}", exif=exif, **FORMATS[ending]), np.asarray(stored)


def test_orientation_tags_mean_what_exif_says(tmp_path):
    """Orientation 6: the first stored row is the upright image's right side."""
    _, stored = sideways(tmp_path, 6, "png")
    np.testing.assert_array_equal(stored[0], UPRIGHT[:, -1])
    _, stored = sideways(tmp_path, 2, "png")
    np.testing.assert_array_equal(stored[:, 0], UPRIGHT[:, -1])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", FORMATS)
def test_images_are_read_upright_or_as_stored(tmp_path, ending, orientation):
    path, stored = sideways(tmp_path, orientation, ending)
    header = read_header(path)
    assert (header.size, header.orientation) == ((9, 6), orientation)
    tolerance = 40 if ending in ("jpg", "avif") else 0
    np.testing.assert_allclose(read_image(path, False, header.orientation).astype(int), UPRIGHT, atol=tolerance)
    as_stored = header.as_stored
    assert (as_stored.size, as_stored.orientation) == (stored.shape[1::-1], 1)
    np.testing.assert_allclose(read_image(path, False, as_stored.orientation).astype(int), stored, atol=tolerance)


@pytest.mark.parametrize("tag", [0, 9, 77])
def test_an_invalid_tag_rotates_nothing(tmp_path, tag):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = tag
    assert read_header(saved(tmp_path, Image.new("RGB", (3, 2)), "picture.jpg", exif=exif))[:4] == (3, 2, False, 1)


def test_damaged_exif_rotates_nothing(tmp_path):
    for content in (b"", b"Exif\0\0", b"Exif\0\0II*\0\x08\0\0\0\xff", b"Exif\0\0garbage"):
        path = saved(tmp_path, Image.new("RGB", (3, 2)), "picture.jpg", exif=content)
        assert read_header(path)[:4] == (3, 2, False, 1)
        assert read_image(path, False).shape == (2, 3, 3)


def test_poses_refer_to_stored_pixels_unless_only_upright_ones_fit():
    turned = Header(30, 40, False, 6)
    assert turned.posed((40, 30)) == turned.as_stored == Header(40, 30, False, 1)
    assert turned.posed((30, 40)) == turned.posed((300, 400)) == turned
    assert turned.posed(None) == turned.posed((30, 30)) == turned.as_stored
    assert Header(40, 30, False, 3).posed((40, 30)).orientation == 1
    assert Header(30, 30, False, 6).posed((30, 30)).orientation == 1


def test_transparency_of_16_bit_grey_becomes_alpha(tmp_path):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    values = np.array([[7, 300], [8, 65535]], ">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    (tmp_path / "grey.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 0, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">H", 7))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    assert read_header(tmp_path / "grey.png").has_alpha
    assert read_image(tmp_path / "grey.png", True)[..., 3].tolist() == [[0, 255], [255, 255]]


@pytest.mark.parametrize("mode", ["L", "I;16", "1", "RGB", "P", "LA"])
def test_non_black_pixels_are_marked(tmp_path, mode):
    marked = np.arange(12).reshape(3, 4) % 3 == 0
    if mode == "I;16":
        image = Image.fromarray(marked.astype(np.uint16))
    elif mode == "1":
        image = Image.fromarray(marked)
    else:
        image = Image.fromarray(np.where(marked[..., None], (0, 0, 255), 0).astype(np.uint8)).convert(mode)
    np.testing.assert_array_equal(nonzero_pixels(saved(tmp_path, image)), marked)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(100)


@pytest.mark.parametrize("name", ["photo.heic", "photo.jpg"])
def test_heic_that_cannot_be_read_says_what_to_install(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / name).write_bytes(HEIC)
    with pytest.raises(DatasetError, match=r"found HEIC.*pip install pillow-heif, or convert"):
        read_header(tmp_path / name)


def test_heic_is_read_upright_where_pillow_heif_is_installed(tmp_path):
    """pillow-heif rotates images itself and says so."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif, an optional package")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stored = Image.fromarray(UPRIGHT.repeat(20, 0).repeat(20, 1)).transpose(Image.Transpose.ROTATE_90)
    pillow_heif.from_pillow(stored).save(tmp_path / "photo.heic", exif=exif.tobytes(), quality=100)
    header = read_header(tmp_path / "photo.heic")
    assert (header.size, header.orientation) == ((180, 120), 1)
    pixels = read_image(tmp_path / "photo.heic", False)[10::20, 10::20]
    np.testing.assert_allclose(pixels.astype(int), UPRIGHT, atol=60)
