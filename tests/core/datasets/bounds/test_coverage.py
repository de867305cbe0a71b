"""Which cells cameras see, by the definition of projection, counted in pieces or at once."""

import pytest
import torch

from core.datasets.bounds.coverage import Coverage, cells_seen_by
from core.geometry.cameras import Camera, look_at
from tests.core.datasets.bounds.test_hull import BOX, cell_centres
from tests.core.geometry.test_cameras import project, random_camera

LARGER = (-2.9, -3.2, -2.7, 3.1, 3.4, 3.3)


def cameras(n=6) -> Camera:
    """Cameras all around that only roughly face the scene, so that some see part of it and some nothing."""
    generator = torch.Generator().manual_seed(0)
    drawn = [random_camera(seed, 40, 30) for seed in range(n)]
    targets = 0.5 * torch.randn(n, 3, generator=generator)
    poses = [look_at(drawn[i].c2w[:3, 3], targets[i]) if i % 3 else drawn[i].c2w for i in range(n)]
    return Camera(
        torch.stack(poses), torch.stack([camera.K * torch.tensor([9.0, 9.0, 1.0]) for camera in drawn]), 40, 30
    )


def expected_counts(batch: Camera, box, resolution):
    centers = cell_centres(box, resolution).view(-1, 3)
    counts = torch.zeros(resolution**3, dtype=torch.int32)
    for index in range(len(batch)):
        camera = batch[index]
        columns, rows = project(camera, centers).unbind(-1)
        in_front = ((centers - camera.c2w[:3, 3]) * -camera.c2w[:3, 2]).sum(-1) > 0.0
        counts += in_front & (columns >= 0) & (columns <= camera.width) & (rows >= 0) & (rows <= camera.height)
    return counts.view([resolution] * 3)


@pytest.mark.parametrize("n_pieces", [1, 5, 100])
def test_counts_equal_the_projections_in_pieces_of_any_size(n_pieces):
    batch = cameras()
    coverage = Coverage(batch, [BOX, LARGER], 12)
    shares = [coverage.done]
    while coverage.advance(n_pieces):
        shares.append(coverage.done)
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] == 1.0
    expected = torch.stack([expected_counts(batch, box, 12) for box in (BOX, LARGER)])
    assert expected.max() > 0 and (expected[1] < expected.max()).any()
    assert (coverage.counts != expected).float().mean() < 1e-3  # cell centres on an image's border, by rounding


def test_finishing_counts_the_rest():
    coverage, whole = Coverage(cameras(), [BOX], 8), Coverage(cameras(), [BOX], 8)
    coverage.advance(2)
    assert torch.equal(coverage.finished(), whole.finished()) and coverage.done == 1.0
    assert not coverage.advance()


def test_a_cell_at_the_camera_or_behind_it_is_not_seen():
    """The camera is at the middle cell's centre and looks along +x."""
    camera = Camera(
        look_at((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))[None], torch.tensor([[[9.0, 0, 5], [0, 9, 5], [0, 0, 1]]]), 10, 10
    )
    counts = Coverage(camera, [(-1.5, -1.5, -1.5, 1.5, 1.5, 1.5)], 3).finished()[0]
    assert counts[2, 1, 1] == 1 and counts[:2].sum() == 0


def test_every_cell_that_two_cameras_see_is_reported_as_seen():
    batch = cameras()
    seen = torch.stack([expected_counts(batch, box, 16) >= 2 for box in (BOX, LARGER)])
    reported = cells_seen_by(batch, [BOX, LARGER], 16, 2)
    assert reported.shape == seen.shape
    assert bool((reported | ~seen).all())
    assert not reported[1].all(), "not simply all cells"
