"""Where positions lie in what a field covers."""

from torch import Tensor

from core.kernels.hash_grid import Space


def in_unit_cube(positions: Tensor, space: Space) -> Tensor:
    """Positions (n, 3) as shares of what a field covers, (n, 3), 0 to 1 inside it: the twin in torch of what the hash
    grid does, differentiable. See `Space` for the contraction."""
    low, high = positions.new_tensor(space.box[:3]), positions.new_tensor(space.box[3:])
    at = (positions - low) / (high - low)
    if not space.contracted:
        return at
    off = 2.0 * at - 1.0
    furthest = off.abs().amax(-1, keepdim=True).clamp_min(1.0)
    return 0.5 + 0.25 * (2.0 - 1.0 / furthest) / furthest * off
