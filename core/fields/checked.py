"""Checks what a user's code returns for samples: shapes, and that densities are at least 0."""

from typing import Any

import torch
from torch import Tensor

from core.errors import FieldError


def checked_densities(given: Any, n: int, who: str) -> Tensor:
    """Densities (n,) float32, of (n,) or (n, 1) in float32 or a shorter format.

    Args:
        who: what returned them, for the message.

    Raises:
        FieldError: they have another shape or are float64, or one is below 0, which is checked on the CPU only, as it
            would wait for a GPU. NaN passes: training reports it.
    """
    if not isinstance(given, Tensor) or given.shape not in ((n,), (n, 1)):
        raise FieldError(
            f"{who}: expected densities of shape ({n},) or ({n}, 1), found {shape_text(given)}: give one each"
        )
    sigmas = _float32(given, "densities", who).reshape(n)
    if sigmas.device.type == "cpu" and bool((sigmas < 0.0).any()):
        lowest = float(sigmas.detach().min())
        raise FieldError(f"{who}: expected densities of at least 0, found {lowest:g}: end in a softplus, say")
    return sigmas


def checked_alphas(given: Any, n: int, who: str) -> Tensor:
    """Alphas (n,) float32, of (n,) or (n, 1); see `checked_densities`.

    Raises:
        FieldError: they have another shape or are float64, or, on the CPU, one is not from 0 to 1.
    """
    if not isinstance(given, Tensor) or given.shape not in ((n,), (n, 1)):
        raise FieldError(
            f"{who}: expected alphas of shape ({n},) or ({n}, 1), found {shape_text(given)}: give one each"
        )
    alphas = _float32(given, "alphas", who).reshape(n)
    outside = (alphas < 0.0) | (alphas > 1.0)
    if alphas.device.type == "cpu" and bool(outside.any()):
        found = float(alphas.detach()[outside][0])
        raise FieldError(f"{who}: expected alphas from 0 to 1, found {found:g}: end in a sigmoid, say")
    return alphas


def checked_columns(given: Any, n: int, n_columns: int | None, what: str, who: str) -> Tensor:
    """Colours or features (n, n_columns) float32.

    Args:
        n_columns: 3 for colours; None: any number.
        what: what they are; who: what returned them; both for the message.

    Raises:
        FieldError: they have another shape or are float64.
    """
    fits = isinstance(given, Tensor) and given.ndim == 2 and given.shape[0] == n
    if not fits or n_columns not in (None, given.shape[1]):
        expected = f"({n}, {n_columns or 'any'})"
        raise FieldError(f"{who}: expected {what} of shape {expected}, found {shape_text(given)}: give one row each")
    return _float32(given, what, who)


def _float32(given: Tensor, what: str, who: str) -> Tensor:
    if given.dtype == torch.float64:
        raise FieldError(f"{who}: expected {what} in float32, found float64: end in .float()")
    return given.float()


def shape_text(given: Any) -> str:
    """A tensor's shape, or the type of anything else, for messages."""
    if isinstance(given, tuple | list):
        return f"a {type(given).__name__} of {len(given)}"
    return str(tuple(given.shape)) if isinstance(given, Tensor) else type(given).__name__
