import numpy as np
import pytest
from PIL import Image

from core.datasets.images import read_header, read_headers, read_image, read_images
from core.datasets.reducing import box_filter
from core.errors import DatasetError


def random_pixels(seed: int, height=13, width=17, channels=4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def reduced_slowly(pixels: np.ndarray, factor: int) -> np.ndarray:
    """The box filter, spelled out pixel by pixel in floating point."""
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    result = np.zeros((height, width, pixels.shape[2]))
    for row in range(height):
        for column in range(width):
            block = pixels[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor].astype(float)
            if pixels.shape[2] == 3:
                result[row, column] = block.mean((0, 1))
                continue
            alpha = block[..., 3:]
            total = alpha.sum()
            result[row, column, :3] = (block[..., :3] * alpha).sum((0, 1)) / total if total else 0.0
            result[row, column, 3] = alpha.mean()
    return result


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("factor", [1, 2, 3, 5, 13])
def test_the_box_filter_is_the_mean_of_premultiplied_colour(channels, factor):
    pixels = random_pixels(factor, channels=channels)
    reduced = box_filter(pixels, factor)
    assert reduced.dtype == np.uint8
    np.testing.assert_allclose(reduced, reduced_slowly(pixels, factor), atol=0.5 + 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_reducing_and_compositing_commute(seed):
    """Over any background, the reduced picture is the mean of the full one; a straight mean would bleed."""
    rng = np.random.default_rng(seed)
    pixels = random_pixels(seed, 12, 12)
    pixels[..., 3] *= rng.integers(0, 2, (12, 12), dtype=np.uint8)
    background = rng.uniform(0, 255, 3)

    def over(picture):
        alpha = picture[..., 3:] / 255.0
        return picture[..., :3] * alpha + background * (1.0 - alpha)

    blocks = over(pixels).reshape(4, 3, 4, 3, 3).mean((1, 3))
    np.testing.assert_allclose(over(box_filter(pixels, 3)), blocks, atol=1.1)


def test_colours_behind_transparent_pixels_do_not_bleed():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[...] = (255, 0, 0, 0)
    pixels[0, 0] = (0, 0, 255, 255)
    assert box_filter(pixels, 2)[0, 0].tolist() == [0, 0, 255, 64]


@pytest.mark.parametrize("factor", [2, 7])
def test_a_flat_picture_stays_flat(factor):
    pixels = np.full((14, 14, 4), (10, 77, 255, 200), np.uint8)
    assert (box_filter(pixels, factor) == (10, 77, 255, 200)).all()


GREY = np.tile(np.linspace(0, 255, 16).astype(np.uint8), (16, 1))


def saved(tmp_path, image: Image.Image, name="picture.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


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


def test_transparency_of_a_palette_is_alpha(tmp_path):
    palette = Image.fromarray((GREY > 100).astype(np.uint8), "L").convert("P")
    path = saved(tmp_path, palette, transparency=0)
    assert read_header(path).has_alpha
    alpha = read_image(path, with_alpha=True)[..., 3]
    np.testing.assert_array_equal(alpha > 0, GREY > 100)


def test_floating_point_pictures_are_refused_with_advice(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.ones((4, 4), np.float32)), "picture.tif")
    with pytest.raises(DatasetError, match=r"picture.tif can't be read.*floating-point"):
        read_image(path, with_alpha=False)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "r_0.png"
    path.write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_header(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pictures_without_alpha_are_opaque_beside_those_with(tmp_path):
    paths = [
        saved(tmp_path, Image.new("RGB", (4, 3), (9, 9, 9)), "a.png"),
        saved(tmp_path, Image.new("RGBA", (4, 3)), "b.png"),
    ]
    headers = list(read_headers(paths, tmp_path / "list.json").values())
    pixels = read_images(paths, headers, True, 1, lambda: None)
    assert tuple(pixels.shape) == (2, 3, 4, 4)
    assert pixels[0, 0, 0].tolist() == [9, 9, 9, 255]
    assert pixels[1, 0, 0].tolist() == [0, 0, 0, 0]


def test_pictures_keep_their_order_and_are_counted(tmp_path):
    paths = [saved(tmp_path, Image.new("RGB", (4, 4), (i, i, i)), f"{i}.png") for i in range(20)]
    counted = []
    pixels = read_images(paths, [read_header(path) for path in paths], False, 2, lambda: counted.append(1))
    assert pixels[:, 0, 0, 0].tolist() == list(range(20))
    assert len(counted) == 20
