"""Which pixels are used, against a plain list of them."""

import pytest
import torch

from core.datasets.loading.pixel_layout import PixelLayout

AREAS = torch.tensor([70, 1, 200, 64, 33])


def used_of(seed: int, share: float) -> torch.Tensor:
    return torch.rand(int(AREAS.sum()), generator=torch.Generator().manual_seed(seed)) < share


def places(layout: PixelLayout, images: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    return layout.firsts[images] + pixels


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_used_pixels_are_found_by_their_numbers(seed, share):
    used = used_of(seed, share)
    layout, pieces = PixelLayout(AREAS, used), used.split(AREAS.tolist())
    assert layout.counts.tolist() == [int(piece.sum()) for piece in pieces]
    for image, piece in enumerate(pieces):
        listed = piece.nonzero().view(-1)
        numbers = torch.arange(len(listed))
        assert torch.equal(layout.find(torch.full_like(numbers, image), numbers), listed)


def test_without_a_mask_all_pixels_are_used():
    layout = PixelLayout(AREAS, None)
    assert torch.equal(layout.counts, AREAS)
    assert layout.firsts.tolist() == [0, 70, 71, 271, 335]


@pytest.mark.parametrize("among", [None, torch.tensor([3, 0])])
@pytest.mark.parametrize("masked", [False, True])
def test_drawing_is_uniform_over_all_used_pixels(masked, among):
    used = used_of(0, 0.4) if masked else None
    layout = PixelLayout(AREAS, used)
    images, pixels = layout.draw(200_000, torch.Generator().manual_seed(0), among)
    assert ((pixels >= 0) & (pixels < AREAS[images])).all()
    counts = torch.bincount(places(layout, images, pixels), minlength=int(AREAS.sum()))
    may = torch.ones(len(counts), dtype=torch.bool) if used is None else used
    if among is not None:
        of = torch.arange(5).repeat_interleave(AREAS)
        may = may & (of[:, None] == among).any(1)
    assert (counts[~may] == 0).all()
    expected = 200_000 / int(may.sum())
    assert ((counts[may] - expected).abs() < 6.0 * expected**0.5).all()


def test_the_same_generator_draws_the_same():
    first, second = (
        PixelLayout(AREAS, used_of(1, 0.5)).draw(50, torch.Generator().manual_seed(7), None) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
