"""Operations that something else can compute, where a GPU gets their kernels wrong: see `core.self_check`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_others: Mapping[str, Callable] = {}
"""What computes an operation instead of its kernels, by the operation's name."""


def replaceable(name: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorator of an operation: while `replaced` names it, what is given there is called with its arguments."""

    def decorate(operation: Callable[P, T]) -> Callable[P, T]:
        @wraps(operation)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return (_others.get(name, operation) if _others else operation)(*args, **kwargs)

        return call

    return decorate


def replace_operations(others: Mapping[str, Callable]) -> None:
    """Have these compute the operations of these names from now on, in the whole process; all others run kernels."""
    global _others
    _others = dict(others)


def is_replaced(name: str) -> bool:
    return name in _others


@contextmanager
def replaced(others: Mapping[str, Callable]) -> Iterator[None]:
    """Replace operations inside the `with` block; see `replace_operations`."""
    before = _others
    replace_operations(others)
    try:
        yield
    finally:
        replace_operations(before)
