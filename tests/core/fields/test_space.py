import torch

from core.fields.space import in_unit_cube
from core.kernels.hash_grid import hash_encode, level_layout
from core.kernels.space import Space

BOX = (-1.0, 0.0, 2.0, 1.0, 4.0, 3.0)


def places(n=2000, reach=20.0):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(0)) * reach


def test_the_boxes_corners_are_the_cubes():
    corners = torch.tensor([BOX[:3], BOX[3:]])
    torch.testing.assert_close(in_unit_cube(corners, Space(BOX)), torch.tensor([[0.0] * 3, [1.0] * 3]))
    torch.testing.assert_close(in_unit_cube(corners, Space(BOX, True)), torch.tensor([[0.25] * 3, [0.75] * 3]))


def test_contracted_space_stays_inside_and_no_two_places_meet():
    at = in_unit_cube(places(), Space(BOX, True))
    assert bool(((at > 0.0) & (at < 1.0)).all())
    rays = torch.nn.functional.normalize(places(50), dim=-1)
    along = torch.tensor([0.0, 1.5, 2.5]) + torch.linspace(0.1, 500.0, 100)[:, None, None] * rays
    from_centre = (in_unit_cube(along.reshape(-1, 3), Space(BOX, True)) - 0.5).norm(dim=-1).view(100, 50)
    assert bool((from_centre.diff(dim=0) > 0.0).all())


def test_the_hash_grid_has_the_same_places():
    """A table whose entries are their own vertices' places gives back where it was asked."""
    n = 4
    levels = level_layout(1, n, n, 16)
    grid = torch.stack(torch.meshgrid(*[torch.arange(n + 1.0)] * 3, indexing="ij"), dim=-1)
    table = grid.permute(2, 1, 0, 3).reshape(-1, 3)[:, :2].contiguous() / n  # x is the fastest
    for contracted in (False, True):
        space = Space(BOX, contracted)
        positions = places(500, 0.3 if not contracted else 20.0) + torch.tensor([0.0, 2.0, 2.5])
        found = hash_encode(positions, table, levels.info, space)
        torch.testing.assert_close(found, in_unit_cube(positions, space)[:, :2], rtol=0.0, atol=1e-5)
