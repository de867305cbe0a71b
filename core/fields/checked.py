"""Checks what a user's code returns for samples: shapes, and that densities are at least 0."""

from typing import Any

from torch import Tensor

from core.errors import FieldError


def checked_densities(given: Any, n: int, who: str) -> Tensor:
    """Densities (n,) float32, of (n,) or (n, 1) of any number format.

    Args:
        who: what returned them, for the message.

    Raises:
        FieldError: they have another shape, or one is below 0, which is checked on the CPU only, as it would wait for
            a GPU. NaN passes: training reports it.
    """
    if not isinstance(given, Tensor) or given.shape not in ((n,), (n, 1)):
        raise FieldError(
            f"{who}: expected densities of shape ({n},) or ({n}, 1), found {shape_text(given)}: give one each"
        )
    sigmas = given.reshape(n).float()
    if sigmas.device.type == "cpu" and bool((sigmas < 0.0).any()):
        lowest = float(sigmas.detach().min())
        raise FieldError(f"{who}: expected densities of at least 0, found {lowest:g}: end in a softplus, say")
    return sigmas


def checked_columns(given: Any, n: int, n_columns: int | None, what: str, who: str) -> Tensor:
    """Colours or features (n, n_columns) float32.

    Args:
        n_columns: 3 for colours; None: any number.
        what: what they are; who: what returned them; both for the message.

    Raises:
        FieldError: they have another shape.
    """
    fits = isinstance(given, Tensor) and given.ndim == 2 and given.shape[0] == n
    if not fits or n_columns not in (None, given.shape[1]):
        expected = f"({n}, {n_columns or 'any'})"
        raise FieldError(f"{who}: expected {what} of shape {expected}, found {shape_text(given)}: give one row each")
    return given.float()


def shape_text(given: Any) -> str:
    """A tensor's shape, or the type of anything else, for messages."""
    if isinstance(given, tuple | list):
        return f"a {type(given).__name__} of {len(given)}"
    return str(tuple(given.shape)) if isinstance(given, Tensor) else type(given).__name__
